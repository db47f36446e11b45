"""Jobs of the export: kinds of files, options, target, and the check of that target."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.report.free_text import FreeText
from allstation.report.options import ReportOptions

if TYPE_CHECKING:
    from allstation.services.reporting import MadeReport


class ExportKind(StrEnum):
    """Kind of an export."""

    PDF = "pdf"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"
    FHIR = "fhir"
    DICOM = "dicom"
    GEOJSON = "geojson"
    LABELLED = "labelled"
    CELLS = "cells"
    COCO = "coco"

    @property
    def suffix(self) -> str:
        """Suffix of the file; empty for a folder."""
        if self.is_folder:
            return ""
        others = {ExportKind.FHIR: ".json", ExportKind.COCO: ".json", ExportKind.CELLS: ".csv"}
        return others.get(self, f".{self.value}")

    @property
    def is_folder(self) -> bool:
        """Whether a folder of files is written."""
        return self in (ExportKind.DICOM, ExportKind.GEOJSON, ExportKind.LABELLED)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of an export that a person chooses.

    Attributes:
        anonymise: Leave out patient and request data, folders and free text, with pseudonyms for ids, hashes
            and reviewers, and years for dates.
        keep: Free text that goes all the same.
        byte_order_mark: Begin a CSV so that Excel reads it as UTF-8 on a double click.
        delimiter: Between the values of a CSV: ``,``, ``;`` or a tab.
        decimal: Decimal sign of a CSV: ``.`` or ``,``.
        thumbnails: Put a small picture of each field into a workbook.
        with_report: Let the report travel with FHIR and DICOM.
        report: For a report that is made now, and for one that travels.
    """

    anonymise: bool = True
    keep: frozenset[FreeText] = frozenset()
    byte_order_mark: bool = False
    delimiter: str = ","
    decimal: str = "."
    thumbnails: bool = False
    with_report: bool = True
    report: ReportOptions = field(default_factory=ReportOptions)


@dataclass(frozen=True, slots=True)
class ExportJob:
    """Target of an export: a file or a folder.

    Attributes:
        kind: What.
        case_folder: From which case.
        target: Where to.
        options: How.
        made: A report that was looked at; its very bytes are written.
        stop: Set to give up.
        asked: The person was asked whether a file that is there may be replaced.
    """

    kind: ExportKind
    case_folder: Path
    target: Path
    options: ExportOptions = field(default_factory=ExportOptions)
    made: MadeReport | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    asked: bool = True


def check_target(job: ExportJob) -> None:
    """Refuse a file that is not an earlier output of this kind, before any work is done.

    Raises:
        StationError: ``bad-output``, or ``not-written`` for a folder that is not there.
    """
    from allstation.imaging import output_kinds, outputs

    kinds = {
        ExportKind.PDF: output_kinds.REPORT,
        ExportKind.CSV: output_kinds.FIELDS_CSV,
        ExportKind.XLSX: output_kinds.WORKBOOK,
        ExportKind.JSON: output_kinds.FIELDS_JSON,
        ExportKind.FHIR: output_kinds.FHIR,
        ExportKind.CELLS: output_kinds.CELLS_CSV,
        ExportKind.COCO: output_kinds.COCO,
    }
    if job.kind in kinds:
        output = outputs.Output("Export", job.target, kinds[job.kind])
        outputs.check_outputs([output], inputs=[job.case_folder], force=job.asked, remedy="")
