"""``allstation audit``, ``allstation repair`` and ``allstation trace``."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import say, say_lines
from allstation.core.errors import StationError
from allstation.core.pseudonyms import is_beginning, traced_patient
from allstation.core.text import shown_name
from allstation.store import maintenance
from allstation.store.case import Case


def run(options: argparse.Namespace) -> int:
    """Run the named command on one case; status 1 when something is wrong with it."""
    if options.command == "trace":
        return _trace(options)
    if options.command == "repair":
        report = maintenance.repair_case(options.case)
        say_lines(report.text())
        return DONE if report.kept is not None or report.broken is None else SOME_FAILED
    if options.accept:
        _accept(options.case, options.accept)
    finding = maintenance.audit_case(options.case)
    say_lines(finding.text())
    status = DONE if finding.intact else SOME_FAILED
    if options.compare:
        compared = maintenance.compare_with_anchor(options.case, options.compare)
        say(compared.text)
        status = max(status, DONE if compared.holds else SOME_FAILED)
    if options.slides:
        status = max(status, _slides(options.case))
    if options.anchor:
        say(maintenance.write_anchor(options.case, options.anchor))
    return status


def _accept(folder: Path, reason: str) -> None:
    with Case.open(folder) as case:
        case.provenance.accept(reason)
    say("accepted: the trail keeps who went on with this copy, and why")


def _slides(folder: Path) -> int:
    """Read every byte of the case's whole slides and say which are those that were hashed when added."""
    from allstation.processing.slide_hashing import whole_hash

    with Case.open(folder, read_only=True) as case:
        files = case.slide_files.all()
    status = DONE
    for file in files:
        name = shown_name(file.path.name)
        try:
            same = not file.full_hash or whole_hash(file.path) == file.full_hash
        except StationError as error:
            say(error.sentence)
            status = SOME_FAILED
            continue
        if not same:
            say(f"{name}: its bytes are others than those that were added. Its fields are not to be trusted.")
            status = SOME_FAILED
        elif file.full_hash:
            say(f"{name}: every byte is as it was added")
        else:
            say(f"{name}: not hashed yet; open the case and let the program run")
    return status


def _trace(options: argparse.Namespace) -> int:
    """Print the file of each code of an anonymised export; status 1 for a code of another case.

    A report prints the beginnings of codes: they are looked for under the ids of the case beside them.
    """
    with Case.open(options.case, read_only=True) as case:
        paths = {field.sha256: str(field.path) for field in case.snapshot().fields}
        patients = [slide.patient for slide in case.slides.all()]
        ids = [code for code in options.codes if case.issued(code)]
        found: dict[str, str] = dict.fromkeys(ids, "is this case")
        for code in options.codes:
            sha256 = next(filter(None, (case.trace(code, case_id=one) for one in ids or [""])), "")
            if sha256:
                found[code] = paths.get(sha256, "a field that was taken out of the case")
            patient = next(
                filter(None, (traced_patient(case.secret, one, code, patients) for one in ids)), ""
            )
            if patient:
                found[code] = f"is the patient {patient}"
    for code in options.codes:
        short = is_beginning(code) and not ids
        unknown = "is the beginning of a code: name the case's id in that report too (anon-…)"
        say(f"{code}  {found.get(code, unknown if short else 'is not of this case')}")
    return DONE if all(code in found for code in options.codes) else SOME_FAILED
