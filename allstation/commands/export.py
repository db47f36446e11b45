"""``allstation export``: a case in the forms that other programs read."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.commands import DONE
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.report.options import ReportOptions
from allstation.store.case import Case


def run(options: argparse.Namespace) -> int:
    """Write what was asked for.

    Raises:
        StationError: If nothing was asked for, or something cannot be written.
    """
    wanted = (options.fhir, options.dicom, options.geojson, options.labelled)
    if not any(wanted):
        sentence = "Nothing to export was named. Add --fhir, --dicom, --geojson or --labelled."
        raise StationError("nothing-to-export", sentence)
    with Case.open(options.case, read_only=True) as case:
        snapshot = case.snapshot()
    chosen = ReportOptions(anonymise=not options.show_patient)
    if options.fhir:
        from allstation.report.fhir import write_fhir

        print(f"written: {write_fhir(snapshot, options.fhir, chosen, pdf=options.pdf)}")
    if options.dicom:
        _dicom(snapshot, options.dicom, options.pdf, chosen)
    if options.geojson:
        from allstation.report.outlines import write_outlines

        write_outlines(snapshot, options.geojson)
        print(f"written: cell outlines in {options.geojson}")
    if options.labelled:
        from allstation.report.labelled import write_labelled

        write_labelled(snapshot, options.labelled)
        print(f"written: labelled folder {options.labelled}")
    return DONE


def _dicom(snapshot: CaseSnapshot, folder: Path, pdf: Path | None, chosen: ReportOptions) -> None:
    """Write every readable field as a secondary capture, and the report if one was named."""
    from allstation.report.dicom import write_dicom_field, write_dicom_pdf

    folder.mkdir(parents=True, exist_ok=True)
    if pdf:
        print(f"written: {write_dicom_pdf(snapshot, pdf, folder / 'report.dcm', chosen)}")
    for number, field in enumerate(snapshot.fields, start=1):
        if field.prediction is not None:
            print(f"written: {write_dicom_field(snapshot, number, folder / f'field-{number}.dcm', chosen)}")
