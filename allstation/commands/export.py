"""``allstation export``: writes a case in formats that other programs read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from allstation.commands import DONE, SOME_FAILED, free_text
from allstation.commands.case_trust import warn_of_history
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot, FieldRecord
from allstation.core.text import shown_name
from allstation.imaging.output_kinds import FHIR, OUTLINES, SHARES_CSV
from allstation.imaging.outputs import Output, check_folder, check_outputs
from allstation.report.content.options import ReportOptions
from allstation.store.case import Case


def run(options: argparse.Namespace) -> int:
    """Write what was asked for.

    Returns:
        ``SOME_FAILED`` when fields had to be left out, named on stderr.

    Raises:
        StationError: If nothing was asked for, or something cannot be written.
    """
    wanted = (options.fhir, options.dicom, options.geojson, options.labelled, options.shares)
    if not any((*wanted, options.slide_pictures, options.list_texts)):
        sentence = (
            "Nothing to export was named. Add --fhir, --dicom, --geojson, --labelled, --shares or "
            "--slide-pictures."
        )
        raise StationError("nothing-to-export", sentence)
    if options.slide_pictures and not options.show_patient:
        sentence = (
            "--slide-pictures writes labels with the names and numbers on them, so no anonymised export has "
            "them. Add --show-patient, or leave it out."
        )
        raise StationError("names-patient", sentence)
    free_text.draw_secret(options.case)
    with Case.open(options.case, read_only=True) as case:
        replaced = _check_first(options, case)
        warn_of_history(case, str(options.case))
        snapshot = case.snapshot()
        chosen, pdf = _report(case, snapshot, options)
    if options.list_texts:
        free_text.list_texts(snapshot, chosen)
    elif chosen.anonymise:
        free_text.name_withheld(snapshot, chosen)
    _check(snapshot, options, chosen)
    if options.fhir:
        from allstation.report.exchange.fhir import write_fhir

        say(f"written: {write_fhir(snapshot, options.fhir, chosen, pdf=pdf)}")
    left_out: list[FieldRecord] = []
    if options.dicom:
        from allstation.report.exchange.dicom import write_dicom

        done = write_dicom(snapshot, options.dicom, chosen, pdf=pdf)
        _remove_stale(replaced, options.dicom, done.written)
        say(f"written: {len(done.written)} DICOM files in {options.dicom}")
        left_out += [field for field, _ in done.refused]
    if options.shares:
        from allstation.report.tables.case_tables import write_shares_csv

        hidden = chosen.anonymity if chosen.anonymise else None
        say(f"written: {write_shares_csv(snapshot, options.shares, anonymise=hidden)}")
    left_out += _folders(snapshot, options, replaced, chosen=chosen)
    failed = _write_slide_pictures(snapshot, options) if options.slide_pictures else 0
    for path in dict.fromkeys(field.path for field in left_out):
        say(f"left out {shown_name(str(path))}: it cannot be read any more", error=True)
    return SOME_FAILED if left_out or failed else DONE


def _write_slide_pictures(snapshot: CaseSnapshot, options: argparse.Namespace) -> int:
    """Write label and macro pictures; return how many slides could not be read."""
    from allstation.report.slide_pictures import write_slide_pictures

    done = write_slide_pictures(snapshot.slides, options.slide_pictures, anonymise=not options.show_patient)
    say(f"written: {len(done.written)} pictures of slides in {options.slide_pictures}")
    for _, error in done.refused:
        say(f"left out: {error.sentence}", error=True)
    return len(done.refused)


def _check(snapshot: CaseSnapshot, options: argparse.Namespace, chosen: ReportOptions) -> None:
    """Refuse what one of the forms cannot hold before the first of them is written.

    Raises:
        StationError: ``bad-case-data``, ``several-patients``, ``nothing-to-share``, ``nothing-reviewed``.
    """
    if options.shares:
        from allstation.report.tables.case_tables import check_shares

        check_shares(snapshot)
    if options.labelled:
        from allstation.report.exchange.labelled import check_reviewed

        check_reviewed(snapshot)
    if not (options.fhir or options.dicom):
        return
    from allstation.report.content.build import build_content
    from allstation.report.exchange import dicom, fhir

    content = build_content(snapshot, chosen)
    if options.fhir:
        fhir.check(content)
    if options.dicom:
        dicom.check(content)


def _check_first(options: argparse.Namespace, case: Case) -> list[Path]:
    """Refuse what would replace something else; return the earlier files that will be replaced."""
    from allstation.report.exchange.dicom import DICOM

    files = (("--fhir", options.fhir, FHIR), ("--shares", options.shares, SHARES_CSV))
    wanted = [Output(name, path, kind) for name, path, kind in files if path]
    folders = (("--dicom", options.dicom, DICOM), ("--geojson", options.geojson, OUTLINES))
    earlier = [one for name, folder, kind in folders if folder for one in check_folder(folder, name, kind)]
    for name, folder in (("--labelled", options.labelled), ("--slide-pictures", options.slide_pictures)):
        if folder:
            check_folder(folder, name)
    inputs = [path for path in (options.case, options.pdf) if path]
    check_outputs([*wanted, *earlier], inputs=inputs, force=options.force, owner=case)
    return [one.target for one in earlier]


def _remove_stale(replaced: list[Path], folder: Path, written: Sequence[Path]) -> None:
    """Remove what an earlier export of this program wrote and this one did not: it shows other fields."""
    suffixes, now = {path.suffix for path in written}, {path.name for path in written}
    for path in replaced:
        if path.parent == folder and path.suffix in suffixes and path.name not in now:
            path.unlink(missing_ok=True)


def _folders(
    snapshot: CaseSnapshot, options: argparse.Namespace, replaced: list[Path], *, chosen: ReportOptions
) -> tuple[FieldRecord, ...]:
    """Write outlines and the labelled folder; return what had to be left out."""
    anonymise = chosen.anonymity if chosen.anonymise else None
    left_out: tuple[FieldRecord, ...] = ()
    if options.geojson:
        from allstation.report.content.anonymise import anonymised_cells
        from allstation.report.exchange.outlines import write_outlines
        from allstation.services.reports.case_cells import cells_of_case

        with Case.open(options.case, read_only=True) as case, case.connection.consistent_read():
            cells = cells_of_case(case)
            shown = cells if anonymise is None else anonymised_cells(cells, snapshot, anonymise)
            done = write_outlines(snapshot, options.geojson, anonymise=anonymise, cells=shown)
        _remove_stale(replaced, options.geojson, done.written)
        left_out += tuple(field for field, _ in done.refused)
        say(f"written: cell outlines in {options.geojson}")
    if options.labelled:
        from allstation.report.exchange.labelled import write_labelled

        left_out += write_labelled(snapshot, options.labelled, anonymise=anonymise).missing
        say(f"written: labelled folder {options.labelled}")
    return left_out


def _report(
    case: Case, snapshot: CaseSnapshot, options: argparse.Namespace
) -> tuple[ReportOptions, bytes | None]:
    """Return the choices of a written report and its bytes; for an anonymised export a copy made for it.

    Raises:
        StationError: ``names-patient`` if the export is anonymised and the report is not.
    """
    anonymise = not options.show_patient
    chosen = ReportOptions(anonymise=anonymise, anonymity=free_text.anonymity(options))
    pdf: Path | None = options.pdf
    if pdf is None:
        return chosen, None
    from allstation.report.verification.verify import embedded_data, options_of
    from allstation.services.reports.reporting import for_exchange

    content = embedded_data(pdf)["content"]
    if not anonymise:
        return options_of({**content, "anonymised": False}), pdf.read_bytes()
    if not content["anonymised"]:
        sentence = f"The report {pdf.name!r} shows patient data. Add --show-patient, or name another report."
        raise StationError("names-patient", sentence)
    draft = replace(chosen, template=content["template"], page_size=content["page_size"])
    return for_exchange(case, snapshot, draft)
