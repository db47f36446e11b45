"""Checks where an output may be written, before any work is done.

No output takes the place of an input, bears a field's suffix, or replaces a file that this program did
not write. A file that it did write is replaced when it is an earlier output of the same case, or when
the person asked for it (``--force``, or the question of a file dialog).
"""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from allstation.core.errors import StationError
from allstation.core.pseudonyms import CASE_ID
from allstation.core.text import shown_name
from allstation.files import read_toml
from allstation.imaging.field_names import looks_like_field
from allstation.imaging.foreign import foreign_kind

PROGRAM_MARK: Final = "ALL Station"
"""What files of this program name as their creator."""
CODE: Final = "bad-output"
_HEAD: Final = 1 << 16
_SCANNED: Final = 1 << 20
_PSEUDONYM: Final = 64
"""More bytes than the id of a case in an anonymised file has."""
_OWN_SUFFIXES: Final = (".allmodel", ".allcase", ".sqlite", ".sqlite-wal", ".sqlite-shm")
_ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".rar", ".7z")
_CASE_SUFFIX: Final = ".allcase"
_CASE_FILE: Final = "case.sqlite"
_CASE_FOLDERS: Final = ("reports", "backups", "unpacked")


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


@dataclass(frozen=True, slots=True)
class Output:
    """File that is to be written.

    Attributes:
        option: What it was named with, such as ``--csv``.
        target: The file.
        kind: What will be in it.
    """

    option: str
    target: Path
    kind: OutputKind


def check_outputs(
    outputs: Iterable[Output],
    *,
    inputs: Iterable[Path] = (),
    force: bool = False,
    owner: Owner | None = None,
    remedy: str = ", or add --force to replace it",
) -> None:
    """Refuse outputs that would destroy something, before any work is done.

    Args:
        outputs: The files that will be written.
        inputs: Files and folders that are read, or made, by the same command.
        force: Replace files that this program wrote for another run too.
        owner: The case they are written from; its own earlier outputs are replaced.
        remedy: What else a person may do about an earlier output of another run.

    Raises:
        StationError: ``bad-output``, or ``not-written`` for a folder that is not there.
    """
    wanted = list(outputs)
    given = [Path(path) for path in inputs]
    for place, output in enumerate(wanted):
        for other in wanted[:place]:
            if _same_file(output.target, other.target):
                raise _refused(output, f"is {other.option} too: each output needs a file of its own.")
        _check_name(output)
        for path in given:
            if _same_file(output.target, path):
                raise _refused(output, "is an input. Name another file: an input is never replaced.")
        _check_place(output, made=given)
        if _is_of_another_run(output, owner) and not force:
            why = f"is there already, from another run. Name another file{remedy}."
            raise _refused(output, why)


def check_folder(folder: Path, option: str, kind: OutputKind | None = None) -> list[Output]:
    """Look at a folder that files are to be written to.

    Args:
        folder: It need not be there.
        option: What it was named with.
        kind: Of the files; None where the folder must be new or empty.

    Returns:
        The files of the kind's suffix that are there: they would be replaced, so :func:`check_outputs` is
        asked about them.

    Raises:
        StationError: ``bad-output`` if a file stands in its place or it would get a field's suffix,
            ``not-empty``.
    """
    name = shown_name(folder)
    if not os.path.lexists(folder):
        if looks_like_field(folder):
            raise StationError(CODE, f"{option}: {name} has the name of a field. Name a folder without it.")
        return []
    if not folder.is_dir():
        raise StationError(CODE, f"{option}: {name} is not a folder. Name a new folder.")
    there = sorted(folder.iterdir())
    if kind is None and there:
        raise StationError("not-empty", f"{option}: the folder {name} is not empty. Name a new folder.")
    return [Output(option, path, kind) for path in there if kind and path.suffix.lower() == kind.suffix]


def _refused(output: Output, why: str) -> StationError:
    return StationError(CODE, f"{output.option}: {shown_name(output.target)} {why}")


def _same_file(one: Path, other: Path) -> bool:
    """Compare by identity where both are there, else by names as a careless file system compares them."""
    with suppress(OSError, ValueError):
        return one.samefile(other)
    return _place(one) == _place(other)


def _place(path: Path) -> str:
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _check_name(output: Output) -> None:
    target, kind = output.target, output.kind
    # Windows drops dots and spaces at the end of a name.
    kept = Path(target.name.rstrip(". "))
    if not kept.name:
        raise StationError(CODE, f"{output.option}: no file is named. Name one that ends in {kind.suffix}.")
    name, suffix = kept.name.lower(), kept.suffix.lower()
    looks_like_picture = looks_like_field(kept) or bool(foreign_kind(name))
    if looks_like_picture and not (kind.picture and suffix == kind.suffix):
        said = f"has the name of a field. Name a file that ends in {kind.suffix}: {kind.name} is written."
        raise _refused(output, said)
    if name.endswith((*_ARCHIVES, *_OWN_SUFFIXES)) and suffix != kind.suffix:
        said = f"has the name of another kind of file. Name a file that ends in {kind.suffix}."
        raise _refused(output, said)
    if _is_of_a_case(target.absolute()):
        raise _refused(output, "is a place of the case's own files. Name a file outside the case.")


def _is_of_a_case(target: Path) -> bool:
    """Return whether a path lies where a case keeps its own files."""
    for folder in target.parents:
        if folder.suffix.lower() == _CASE_SUFFIX or (folder / _CASE_FILE).is_file():
            first = target.relative_to(folder).parts[0].lower()
            return first in _CASE_FOLDERS or first.startswith("case.")
    return False


def _check_place(output: Output, *, made: Sequence[Path]) -> None:
    """Refuse a folder that cannot be written to; one that the command itself makes may be missing."""
    folder = output.target.absolute().parent
    problem = ""
    if not folder.is_dir():
        problem = "" if _place(folder) in map(_place, made) else "there is no such folder"
    elif not os.access(folder, os.W_OK):
        problem = "it is not open for writing"
    if problem:
        sentence = (
            f"{shown_name(output.target)} could not be written to {shown_name(str(folder))}: {problem}. "
            "Choose another folder or make space."
        )
        raise StationError("not-written", sentence)


def _is_of_another_run(output: Output, owner: Owner | None) -> bool:
    """Return whether an output would replace what another run of this program wrote.

    Raises:
        StationError: ``bad-output`` for whatever else is there.
    """
    target, kind = output.target, output.kind
    if not os.path.lexists(target):
        return False
    try:
        found = target.stat()
    except OSError as error:
        raise _refused(output, "is a link to nothing. Name another file.") from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
        raise _refused(output, f"is {what}. Name another file.")
    if not found.st_size:
        return False
    if not _judged(kind.written_by_us, target):
        said = f"is there already and is not {kind.name} of this program, so it is kept. Name another file."
        raise _refused(output, said)
    return owner is None or not _judged(kind.of_case, target, owner)


def _judged(judge: Callable[..., bool], *given: object) -> bool:
    """Ask a judge; a file that it cannot read is not of its kind."""
    try:
        return judge(*given)
    except (OSError, ValueError, KeyError, TypeError, csv.Error, zipfile.BadZipFile, RecursionError):
        return False


# What this program writes


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
