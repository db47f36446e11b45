"""Export of reviewed fields as a labelled folder, so that a person's work can train the next model."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot, FieldRecord
from allstation.core.slide_part import PART_SUFFIX
from allstation.core.text import shown_name
from allstation.imaging.archives.members import RESERVED_NAMES
from allstation.imaging.bare import bare_field
from allstation.imaging.fields.file import read_field
from allstation.imaging.similarity import same_field_groups
from allstation.report.atomic import make_folder, write_whole
from allstation.report.content.field_rows import shown_case
from allstation.report.content.free_text import Anonymity
from allstation.report.content.wording import PROGRAM
from allstation.report.export_types import Progress, no_progress
from allstation.report.tables.case_tables import safe_text

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
_CODE: Final = "code"
"""Further column of an anonymised folder."""
_LISTS: Final = ("part", "class", "file", "field_group", "patient")
"""As a training run writes them."""
_SHARES: Final = (("train", 0.7), ("validation", 0.15), ("test", 0.15))
_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class LabelledExport:
    """Files and counts of an exported labelled folder.

    Attributes:
        table: ``labels.csv`` with path, class and patient of every field.
        lists: ``lists.csv`` with the part and the same-field group of every field.
        counts: Class to number of fields.
        missing: Fields whose file is gone or no longer the one that was reviewed.
    """

    table: Path
    lists: Path
    counts: dict[str, int]
    missing: tuple[FieldRecord, ...]


def write_labelled(
    snapshot: CaseSnapshot,
    folder: Path,
    *,
    anonymise: Anonymity | None = None,
    progress: Progress = no_progress,
) -> LabelledExport:
    """Copy every field that a person gave a class to ``folder/CLASS`` and list them in two tables.

    Of fields that are parts of whole slides the pixels are written as PNG.

    Only reviewed classes are exported: what a model decided by itself must not train the next one.
    ``labels.csv`` has the columns that the training panel reads, with the patient of each slide. Where no
    slide has one the case stands for the patient, so that a split by patient keeps the fields of one case
    together; where only some have, the others' stays empty. ``lists.csv`` divides the fields
    of this case, those that show the same cells kept together; a recipe takes it for its groups.
    An anonymised folder holds bare files (:mod:`allstation.imaging.bare`) that bear their field's code.

    Args:
        snapshot: The case.
        folder: Made if it is not there; must be empty.
        anonymise: Number slides, files and reviewers, put codes for hashes and years for dates, strip the
            files of everything but their pixels; None to copy everything as it is.
        progress: Told of each field, once for its copy and once for its comparison.

    Raises:
        StationError: ``nothing-reviewed`` if no field has a reviewed class, ``not-empty`` if the
            folder holds something, ``not-written`` if it cannot be written to.
    """
    reviewed = check_reviewed(snapshot)
    if any(make_folder(folder).iterdir()):
        raise StationError("not-empty", f"The folder {folder.name!r} is not empty. Choose a new one.")
    shown = shown_case(snapshot, anonymise)
    said = {field.id: named for field, named in zip(snapshot.fields, shown.fields, strict=True)}
    slides = {slide.id: slide for slide in shown.slides}
    known = any(slide.patient for slide in shown.slides)
    copies: list[tuple[FieldRecord, Path]] = []
    missing: list[FieldRecord] = []
    for done, (field, target) in enumerate(_targets(reviewed, folder, said)):
        progress(done, 2 * len(reviewed))
        made = _copied(field, target) if anonymise is None else _stripped(field, target, said[field.id])
        if made is None:
            missing.append(field)
        else:
            copies.append((said[field.id], made))
    paths = [target for _, target in copies]
    patients = [slides[field.slide_id].patient if known else shown.case_id for field, _ in copies]
    hidden = anonymise is not None
    places = [(who, slides[field.slide_id].name) for who, (field, _) in zip(patients, copies, strict=True)]
    rows = [
        _row(*copy, folder=folder, place=place, hidden=hidden)
        for copy, place in zip(copies, places, strict=True)
    ]
    table = _table(folder / "labels.csv", (*_COLUMNS, *((_CODE,) if hidden else ())), rows)
    groups = same_field_groups(paths, progress=lambda done, of: progress(of + done, 2 * of))
    parts = _parts(paths, groups, folder=folder, patients=patients)
    lists = _table(folder / "lists.csv", _LISTS, parts)
    return LabelledExport(table, lists, dict(Counter(path.parent.name for path in paths)), tuple(missing))


def check_reviewed(snapshot: CaseSnapshot) -> list[FieldRecord]:
    """Return the fields with a class set by a person, which a labelled folder holds.

    Raises:
        StationError: ``nothing-reviewed`` if there is none.
    """
    reviewed = [one for one in snapshot.fields if one.review is not None and one.review.class_name]
    if not reviewed:
        sentence = "No field of this case has a class set by a person. Review some fields first."
        raise StationError("nothing-reviewed", sentence)
    return reviewed


def _table(target: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe_text(value) for value in row] for row in rows)
    return write_whole(target, text.getvalue().encode())


def _parts(
    paths: Sequence[Path], groups: Sequence[int], *, folder: Path, patients: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """Deal whole groups to the part that lacks most fields of their class, the largest group first."""
    members: dict[tuple[str, int], list[Path]] = {}
    for path, group in zip(paths, groups, strict=True):
        members.setdefault((path.parent.name, group), []).append(path)
    totals = Counter(path.parent.name for path in paths)
    dealt: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, int], str] = {}
    for (name, group), found in sorted(members.items(), key=lambda one: (-len(one[1]), one[0])):
        other = next((places[key] for key in places if key[1] == group), "")
        lack = {part: share * totals[name] - dealt[name, part] for part, share in _SHARES}
        places[name, group] = part = other or max(lack, key=lambda one: lack[one])
        dealt[name, part] += len(found)
    for path, group, patient in zip(paths, groups, patients, strict=True):
        name = path.parent.name
        first = paths[group].relative_to(folder).as_posix()
        yield places[name, group], name, path.relative_to(folder).as_posix(), first, patient


def _targets(
    reviewed: list[FieldRecord], folder: Path, said: Mapping[int, FieldRecord]
) -> Iterator[tuple[FieldRecord, Path]]:
    """Name each copy: as the export names the field, with the beginning of its hash where two agree."""
    taken: set[str] = set()
    for field in reviewed:
        named = said[field.id]
        class_name = _file_name(field.review.class_name or "" if field.review else "")
        name = _file_name(named.path.stem)
        suffix = _file_name(named.path.suffix) if named.path.suffix else ""
        if field.part is not None:  # whatever it is called, its pixels are written
            name, suffix = _file_name(_part_stem(named)), ".png"
        if f"{class_name}/{name}{suffix}".casefold() in taken:
            name = f"{name}_{named.sha256[:8]}"
        if f"{class_name}/{name}{suffix}".casefold() in taken:
            name = f"{name}_{field.id}"
        taken.add(f"{class_name}/{name}{suffix}".casefold())
        yield field, folder / class_name / f"{name}{suffix}"


def _part_stem(named: FieldRecord) -> str:
    """Return the name of a part's picture: slide and place, or what an anonymised export calls it."""
    if named.path.suffix != PART_SUFFIX:
        return named.path.stem
    return f"{named.path.parent.stem} {named.path.stem}".strip()


def _file_name(text: str) -> str:
    """Return a name that every file system takes, on one level."""
    name = "".join("_" if c in _FORBIDDEN else c for c in shown_name(text)).strip(" ")[:_LONGEST]
    name = name.rstrip(". ") or "_"
    return f"_{name}" if name.casefold() in RESERVED_NAMES else name


def _copied(field: FieldRecord, target: Path) -> Path | None:
    """Copy the bytes that were reviewed; None if the file changed since then: it is another field."""
    if field.part is not None:
        return _part_copied(field, target)
    try:
        data = field.path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() != field.sha256:
        return None
    _write(data, target)
    with suppress(OSError):
        shutil.copystat(field.path, target)
    return target


def _part_copied(field: FieldRecord, target: Path) -> Path | None:
    """Write the pixels of a part of a whole slide as PNG; None if the slide is gone or changed."""
    try:
        return _write(read_field(field.path, sha256=field.sha256).content, target)
    except StationError as error:
        if error.code == "not-written":
            raise
        return None


def _stripped(field: FieldRecord, target: Path, said: FieldRecord) -> Path | None:
    """Write the pixels that were reviewed and the field's code; None if the file changed or is gone."""
    try:
        file = read_field(field.path, sha256=field.sha256)
        data, suffix = bare_field(file, note=f"Anonymised by {PROGRAM}, code {said.sha256}")
    except StationError:
        return None
    name = target.name.removesuffix(target.suffix)
    bare = target.with_name(name + suffix)
    return _write(data, target.with_name(f"{name}_{said.sha256[:8]}{suffix}") if bare.exists() else bare)


def _write(data: bytes, target: Path) -> Path:
    try:
        return write_whole(make_folder(target.parent) / target.name, data)
    except OSError as error:
        sentence = f"{shown_name(target)} could not be written: {error.strerror}. Choose another folder."
        raise StationError("not-written", sentence) from error


def _row(
    field: FieldRecord, target: Path, *, folder: Path, place: tuple[str, str], hidden: bool
) -> list[str]:
    """Return the row of a field as the export names it.

    Args:
        field: As the export names it.
        target: Its copy.
        folder: The labelled folder.
        place: Patient and name of the slide.
        hidden: The hash is that of the copy, and a code stands for the original's. The hash of a part of a
            whole slide is that of its picture, too.
    """
    review, made = field.review, field.prediction
    written = hidden or field.part is not None
    digest = hashlib.sha256(target.read_bytes()).hexdigest() if written else field.sha256
    path = target.relative_to(folder).as_posix()
    return [
        path,
        path.split("/", 1)[0],
        *place,
        digest,
        made.decision.name if made else "",
        review.reviewer if review else "",
        review.at if review else "",
        field.path.name if field.part is None else f"{field.path.parent.name}/{field.path.name}".lstrip("/"),
        *((field.sha256,) if hidden else ()),
    ]
