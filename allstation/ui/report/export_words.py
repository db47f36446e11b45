"""Words about each kind of export: titles, what it is, endings of names, and free text it has room for."""

from __future__ import annotations

from typing import Final

from allstation.report.content.free_text import FreeText
from allstation.services.reports.export_kinds import ExportKind

TITLES: Final = {
    ExportKind.CSV: "CSV table",
    ExportKind.XLSX: "Excel workbook",
    ExportKind.JSON: "JSON table",
    ExportKind.FHIR: "FHIR bundle",
    ExportKind.DICOM: "DICOM files",
    ExportKind.GEOJSON: "Cell outlines",
    ExportKind.LABELLED: "Labelled folder",
    ExportKind.CELLS: "Table of cells",
    ExportKind.COCO: "Cells for detectors",
    ExportKind.SLIDE_PICTURES: "Label and macro pictures",
}
ABOUT: Final = {
    ExportKind.CSV: "One line a field with probabilities, decision, review and quality.",
    ExportKind.XLSX: "Fields, summary and models on a sheet each, with the same figures as the report.",
    ExportKind.JSON: "One object a field, as the published schema describes.",
    ExportKind.FHIR: "For a hospital’s system that reads FHIR R4: report, figures and model in one file.",
    ExportKind.DICOM: "A folder with every field and its probabilities as a secondary capture.",
    ExportKind.GEOJSON: (
        "A folder with one file a field that QuPath reads: the outlines of its cells with their types."
    ),
    ExportKind.CELLS: "One line a cell: place, size, type, proposed type, and who gave the type.",
    ExportKind.COCO: "Every cell with its type, box and mask in COCO's format, to train detectors.",
    ExportKind.SLIDE_PICTURES: (
        "A folder with what the scanner photographed of each slide's label and glass. The pictures show "
        "names and numbers that were written there: they are in no other export, and in no anonymised one."
    ),
    ExportKind.LABELLED: (
        "A folder to train from: a copy of every field to which a person gave a class, in one sub-folder a "
        "class, with tables of labels, parts and same-field groups."
    ),
}
FILTERS: Final = {
    ExportKind.CSV: "CSV (*.csv)",
    ExportKind.XLSX: "Excel (*.xlsx)",
    ExportKind.JSON: "JSON (*.json)",
    ExportKind.FHIR: "FHIR (*.json)",
    ExportKind.CELLS: "CSV (*.csv)",
    ExportKind.COCO: "COCO (*.json)",
}
ENDINGS: Final = {
    ExportKind.FHIR: " FHIR",
    ExportKind.DICOM: " DICOM",
    ExportKind.GEOJSON: " outlines",
    ExportKind.LABELLED: " labelled",
    ExportKind.CELLS: " cells",
    ExportKind.COCO: " COCO",
    ExportKind.SLIDE_PICTURES: " label pictures",
}
FREE_TEXT: Final = {
    ExportKind.CSV: (FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS),
    ExportKind.JSON: (FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS, FreeText.MODELS),
    ExportKind.XLSX: (FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS, FreeText.MODELS),
    ExportKind.GEOJSON: (FreeText.NAMES, FreeText.REVIEWERS),
    ExportKind.LABELLED: (FreeText.NAMES, FreeText.REVIEWERS),
    ExportKind.CELLS: (FreeText.NAMES, FreeText.REVIEWERS),
    ExportKind.COCO: (FreeText.NAMES,),
}
"""Free text that a kind has room for; all of it where nothing is said."""
