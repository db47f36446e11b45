"""Kinds of files that this program writes, and how one that is there already is told from others."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from allstation.core.pseudonyms import CASE_ID
from allstation.files import read_toml

PROGRAM_MARK: Final = "ALL Station"
"""What files of this program name as their creator."""
_HEAD: Final = 1 << 16
_SCANNED: Final = 1 << 20
_PSEUDONYM: Final = 64
"""More bytes than the id of a case in an anonymised file has."""


class Owner(Protocol):
    """The case whose earlier outputs may be replaced."""

    @property
    def case_id(self) -> str:
        """Stable id of the case."""

    def issued(self, case_id: str) -> bool:
        """Return whether this is the id of the case, or one that an anonymised export gave it."""

    def holds(self, hashes: Collection[str]) -> bool:
        """Return whether all of these SHA-256, or codes that stand for them, are fields of the case."""


@dataclass(frozen=True, slots=True)
class OutputKind:
    """Kind of file that this program writes.

    Attributes:
        name: For sentences: "a table of fields".
        suffix: The usual one, for sentences.
        written_by_us: Judges an existing file by its content.
        of_case: Tells whether such a file came from this case; never by default.
        picture: It is a picture, so a picture's suffix is its own.
    """

    name: str
    suffix: str
    written_by_us: Callable[[Path], bool]
    of_case: Callable[[Path, Owner], bool] = field(default=lambda _path, _owner: False)
    picture: bool = False


def _head(path: Path, size: int = _HEAD) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _contains(path: Path, *wanted: bytes) -> bool:
    """Search a file of any size for each of some short texts."""
    missing, keep, tail = set(wanted), max(map(len, wanted)), b""
    with path.open("rb") as file:
        while missing and (block := file.read(_SCANNED)):
            window = tail + block
            missing = {one for one in missing if one not in window}
            tail = window[-keep:]
    return not missing


def _contains_case(path: Path, owner: Owner) -> bool:
    return _contains(path, owner.case_id.encode()) or any(map(owner.issued, _pseudonyms(path)))


def _pseudonyms(path: Path) -> Iterator[str]:
    """Yield the ids of cases in an anonymised file of any size."""
    tail = b""
    with path.open("rb") as file:
        while block := file.read(_SCANNED):
            window = tail + block
            yield from (found.decode() for found in set(CASE_ID.findall(window)))
            tail = window[-_PSEUDONYM:]


def _rows(path: Path) -> Iterable[list[str]]:
    """Yield the rows of a CSV table of ours, whichever separator it was written with."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline(_HEAD)
        told = line.startswith("sep=")
        if told:
            line = file.readline(_HEAD)
        separator = max(",;\t", key=line.count)
        file.seek(0)
        rows = csv.reader(file, delimiter=separator)
        if told:
            next(rows, None)
        yield from rows


def _header(path: Path) -> list[str]:
    return [cell.strip() for cell in next(iter(_rows(path)), [])]


_FIELDS_HEADER: Final = ["number", "slide", "field", "status"]


def _is_fields_csv(path: Path) -> bool:
    header = _header(path)
    return header[: len(_FIELDS_HEADER)] == _FIELDS_HEADER and bool({"sha256", "code"} & set(header))


def _fields_csv_of(path: Path, owner: Owner) -> bool:
    rows = iter(_rows(path))
    header = [cell.strip() for cell in next(rows)]
    place = header.index("code" if "code" in header else "sha256")
    return owner.holds({row[place] for row in rows if row})


_FIELDS_JSON: Final = re.compile(rb'\{\s*"schema":\s*\d+,\s*"program":\s*"ALL Station"')
_FIGURES_JSON: Final = re.compile(rb'\{\s*"schema":\s*\d+,\s*"app_version":')
_PDF_MADE_BY: Final = re.compile(rb"/(?:Creator|Author|Producer)\s*\(ALL Station")


def _is_pdf(path: Path) -> bool:
    return _head(path, 5) == b"%PDF-" and bool(_PDF_MADE_BY.search(path.read_bytes()))


def _is_site_model(path: Path) -> bool:
    with zipfile.ZipFile(path) as bundle:
        return bool(json.loads(bundle.read("bundle.json"))["kind"] == "site")


def _is_statistics(path: Path) -> bool:
    return "statistics.json" in zipfile.ZipFile(path).namelist()


def _is_workbook(path: Path) -> bool:
    with zipfile.ZipFile(path) as book:
        return f"<dc:creator>{PROGRAM_MARK}".encode() in book.read("docProps/core.xml")


def _workbook_of(path: Path, owner: Owner) -> bool:
    with zipfile.ZipFile(path) as book:
        core = book.read("docProps/core.xml")
    found = CASE_ID.search(core)
    return owner.issued(found[0].decode()) if found else owner.case_id.encode() in core


def _is_fhir(path: Path) -> bool:
    begins = re.match(rb'\{\s*"resourceType":\s*"Bundle"', _head(path))
    return bool(begins) and _contains(path, b"urn:allstation:codes")


def _has_json_keys(*keys: str) -> Callable[[Path], bool]:
    def judge(path: Path) -> bool:
        found = json.loads(path.read_text("utf-8"))
        return isinstance(found, dict) and found.keys() >= set(keys)

    return judge


def _is_drawing(path: Path) -> bool:
    head = _head(path)
    if head.startswith(b"\x89PNG"):
        return b"Software\0" + PROGRAM_MARK.encode() in head
    return (b"<svg" in head and PROGRAM_MARK.encode() in head) or _is_pdf(path)


def _is_reproduction(path: Path) -> bool:
    return _contains(path, b"python -m training")


def _is_curves(path: Path) -> bool:
    return _header(path)[:1] == ["epoch"]


def _is_comparison_csv(path: Path) -> bool:
    return b"confusion matrix (rows true)" in _head(path)


def _is_recipe(path: Path) -> bool:
    found = read_toml(path)
    return isinstance(found.get("method"), dict) and "kind" in found["method"]


_CELLS_HEADER: Final = ["field", "cell", "x", "y"]


def _is_cells_csv(path: Path) -> bool:
    header = _header(path)
    return header[: len(_CELLS_HEADER)] == _CELLS_HEADER and bool({"sha256", "code"} & set(header))


_SHARES_HEADER: Final = ["level", "name", "patient", "slides", "counted"]
_COCO: Final = re.compile(rb'\{"info":\s*\{"description":\s*"Cells of a case of ALL Station ')


def _is_outlines(path: Path) -> bool:
    about = json.loads(path.read_text("utf-8"))["properties"]
    return {"image", "probabilities"} <= set(about) and bool({"sha256", "code"} & set(about))


def _outlines_of(path: Path, owner: Owner) -> bool:
    about = json.loads(path.read_text("utf-8"))["properties"]
    return owner.holds({about["code" if "code" in about else "sha256"]})


FIELDS_CSV: Final = OutputKind("a table of fields", ".csv", _is_fields_csv, _fields_csv_of)
SHARES_CSV: Final = OutputKind(
    "a table of shares", ".csv", lambda path: _header(path)[: len(_SHARES_HEADER)] == _SHARES_HEADER
)
FIELDS_JSON: Final = OutputKind(
    "a JSON table of fields", ".json", lambda path: bool(_FIELDS_JSON.match(_head(path))), _contains_case
)
WORKBOOK: Final = OutputKind("a workbook", ".xlsx", _is_workbook, _workbook_of)
REPORT: Final = OutputKind("a report", ".pdf", _is_pdf, _contains_case)
FHIR: Final = OutputKind("a FHIR bundle", ".json", _is_fhir, _contains_case)
OUTLINES: Final = OutputKind("cell outlines", ".geojson", _is_outlines, _outlines_of)
CELLS_CSV: Final = OutputKind("a table of cells", ".csv", _is_cells_csv, _fields_csv_of)
COCO: Final = OutputKind(
    "cells in COCO", ".json", lambda path: bool(_COCO.match(_head(path))), _contains_case
)
FIGURES_JSON: Final = OutputKind(
    "an evaluation", ".json", lambda path: bool(_FIGURES_JSON.match(_head(path)))
)
FIGURES_PDF: Final = OutputKind("an evaluation", ".pdf", _is_pdf)
SITE_MODEL: Final = OutputKind("a site's model", ".allmodel", _is_site_model)
STATISTICS: Final = OutputKind("statistics of typed cells", ".allstats", _is_statistics)
CHECK_JSON: Final = OutputKind("a dataset check", ".json", _has_json_keys("folder", "findings", "errors"))
CHECKED_TABLE: Final = OutputKind("the table of a check", ".json", _has_json_keys("checked", "fields"))
CHECK_PDF: Final = OutputKind("a dataset check", ".pdf", _is_pdf)
COMPARISON_JSON: Final = OutputKind("a comparison of runs", ".json", _has_json_keys("runs", "pairs"))
REPRODUCTION_JSON: Final = OutputKind("a table of a paper", ".json", _has_json_keys("table", "provenance"))
REPRODUCTION_TEXT: Final = OutputKind("a table of a paper", ".md", _is_reproduction)
DRAWING: Final = OutputKind("a figure", ".png", _is_drawing, picture=True)
DRAWING_PDF: Final = OutputKind("figures", ".pdf", _is_pdf)
DRAWING_SVG: Final = OutputKind("a figure", ".svg", _is_drawing)
CURVES_CSV: Final = OutputKind("a table of curves", ".csv", _is_curves)
COMPARISON_CSV: Final = OutputKind("a comparison of runs", ".csv", _is_comparison_csv)
RECIPE: Final = OutputKind("a recipe", ".toml", _is_recipe)


def drawing_kind(target: Path) -> OutputKind:
    """Return the kind of a figure by its suffix."""
    kinds: Sequence[OutputKind] = (DRAWING_PDF, DRAWING_SVG)
    return next((kind for kind in kinds if kind.suffix == target.suffix.lower()), DRAWING)
