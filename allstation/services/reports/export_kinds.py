"""Kinds of exports, and the options that a person chooses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from allstation.report.content.free_text import FreeText
from allstation.report.content.options import ReportOptions


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
    SLIDE_PICTURES = "slide-pictures"

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
        folders = (ExportKind.DICOM, ExportKind.GEOJSON, ExportKind.LABELLED, ExportKind.SLIDE_PICTURES)
        return self in folders


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
