"""Reviewed fields as a labelled folder, so that a person's work can train the next model."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot, FieldRecord
from allstation.core.text import shown_name
from allstation.report.atomic import write_whole
from allstation.report.tables import safe_text

_COLUMNS: Final = (
    "path",
    "class",
    "patient",
    "slide",
    "sha256",
    "predicted",
    "reviewer",
    "reviewed_at",
    "source",
)
_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
_LONGEST: Final = 100
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)


@dataclass(frozen=True, slots=True)
class LabelledExport:
    """What was written.

    Attributes:
        table: ``labels.csv`` with path, class and patient of every field.
        counts: Class to number of fields.
        missing: Fields whose file is gone or no longer the one that was reviewed.
    """

    table: Path
    counts: dict[str, int]
    missing: tuple[FieldRecord, ...]


def write_labelled(snapshot: CaseSnapshot, folder: Path, *, patient: str = "") -> LabelledExport:
    """Copy every field that a person gave a class to ``folder/CLASS`` and list them in a table.

    Only reviewed classes are exported: what a model decided by itself must not train the next one.
    The table has the columns that the training panel reads, with the case as the patient, so that
    a split by patient keeps the fields of one case together.

    Args:
        snapshot: The case.
        folder: Made if it is not there; must be empty.
        patient: Stands for the patient in the table; the case's id without it.

    Raises:
        StationError: ``nothing-reviewed`` if no field has a reviewed class, ``not-empty`` if the
            folder holds something, ``not-written`` if it cannot be written to.
    """
    reviewed = [one for one in snapshot.fields if one.review is not None and one.review.class_name]
    if not reviewed:
        sentence = "No field of this case has a class set by a person. Review some fields first."
        raise StationError("nothing-reviewed", sentence)
    if folder.exists() and any(folder.iterdir()):
        raise StationError("not-empty", f"The folder {folder.name!r} is not empty. Choose a new one.")
    rows: list[list[str]] = []
    counts: dict[str, int] = {}
    missing: list[FieldRecord] = []
    slides = {slide.id: slide.name for slide in snapshot.slides}
    for field, target in _targets(reviewed, folder):
        if not _copied(field, target):
            missing.append(field)
            continue
        class_name = target.parent.name
        counts[class_name] = counts.get(class_name, 0) + 1
        rows.append(_row(field, f"{class_name}/{target.name}", patient or snapshot.case_id, slides))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    writer.writerows([safe_text(value) for value in row] for row in rows)
    table = write_whole(folder / "labels.csv", text.getvalue().encode())
    return LabelledExport(table, counts, tuple(missing))


def _targets(reviewed: list[FieldRecord], folder: Path) -> Iterator[tuple[FieldRecord, Path]]:
    """Name each copy: the field's own name, with the beginning of its hash where two agree."""
    taken: set[str] = set()
    for field in reviewed:
        class_name = _file_name(field.review.class_name or "" if field.review else "")
        name = _file_name(field.path.stem)
        suffix = _file_name(field.path.suffix) if field.path.suffix else ""
        if f"{class_name}/{name}{suffix}".casefold() in taken:
            name = f"{name}_{field.sha256[:8]}"
        if f"{class_name}/{name}{suffix}".casefold() in taken:
            name = f"{name}_{field.id}"
        taken.add(f"{class_name}/{name}{suffix}".casefold())
        yield field, folder / class_name / f"{name}{suffix}"


def _file_name(text: str) -> str:
    """Return a name that every file system takes, on one level."""
    name = "".join("_" if c in _FORBIDDEN else c for c in shown_name(text)).strip(" ")[:_LONGEST]
    name = name.rstrip(". ") or "_"
    return f"_{name}" if name.casefold() in _RESERVED else name


def _copied(field: FieldRecord, target: Path) -> bool:
    """Copy the bytes that were reviewed; a file that changed since then is another field."""
    import hashlib

    try:
        data = field.path.read_bytes()
    except OSError:
        return False
    if hashlib.sha256(data).hexdigest() != field.sha256:
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data)
        shutil.copystat(field.path, target)
    except OSError as error:
        sentence = f"{target.name!r} could not be written: {error.strerror}. Choose another folder."
        raise StationError("not-written", sentence) from error
    return True


def _row(field: FieldRecord, path: str, patient: str, slides: dict[int, str]) -> list[str]:
    review, made = field.review, field.prediction
    return [
        path,
        path.split("/", 1)[0],
        patient,
        slides.get(field.slide_id, ""),
        field.sha256,
        made.decision.name if made else "",
        review.reviewer if review else "",
        review.at if review else "",
        field.path.name,
    ]
