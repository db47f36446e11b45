"""Labelled folders: class sub-folders of fields, or a CSV of path, class and patient.

Whatever is wrong is said in one sentence that names what came in, what was expected and what to do.
Nothing here changes a file.
"""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import class_name_problem
from allstation.core.errors import StationError
from allstation.core.tables import TableRow
from allstation.core.text import natural_key, shown_name
from allstation.imaging.fields.file import FieldFile, read_field
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.table_files import read_table

_COLUMNS: Final = ("path", "class")
RESERVED: Final = frozenset({"part", "file", "field_group", "class", "predicted"})
"""Columns of the tables a run writes beside one column a class."""

_IGNORED: Final = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})


@dataclass(frozen=True, slots=True)
class LabelledField:
    """Labelled field: a file and its class.

    Attributes:
        path: Absolute path.
        class_name: Class as labelled.
        patient: Patient id, or an empty string.
    """

    path: Path
    class_name: str
    patient: str = ""


@dataclass(frozen=True)
class LabelledSet:
    """The fields of a labelled folder, in a stable order.

    Attributes:
        root: The folder, or the folder of the CSV.
        classes: Class names, sorted; their order is the order of the network's outputs.
        fields: By class, then in natural order of their names.
        other_files: Files in the folder that are not images by their suffix.
    """

    root: Path
    classes: tuple[str, ...]
    fields: tuple[LabelledField, ...]
    other_files: tuple[Path, ...] = ()

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class index of every field."""
        places = {name: index for index, name in enumerate(self.classes)}
        return np.array([places[field.class_name] for field in self.fields], np.int64)

    def relative(self, row: int) -> str:
        """Path of a field for lists: below the root, with forward slashes."""
        path = self.fields[row].path
        return Path(os.path.relpath(path, self.root)).as_posix() if path.is_absolute() else path.as_posix()

    def counts(self) -> dict[str, int]:
        """Fields of each class."""
        found = Counter(field.class_name for field in self.fields)
        return {name: found[name] for name in self.classes}

    def sha256(self, digests: Iterable[str]) -> str:
        """Hash of every field's class, name and bytes: the data a run learned from.

        Args:
            digests: SHA-256 of each field's bytes.
        """
        total = hashlib.sha256()
        for row, (field, digest) in enumerate(zip(self.fields, digests, strict=True)):
            total.update(f"{field.class_name}\t{Path(self.relative(row)).name}\t{digest}\n".encode())
        return total.hexdigest()


def read_labelled(source: Path) -> LabelledSet:
    """Read a labelled folder or CSV without opening the fields.

    Args:
        source: A folder with one sub-folder a class, or a CSV with the columns path, class and
            optionally patient (paths relative to the CSV).

    Raises:
        StationError: ``no-folder``, ``no-permission``, ``no-classes``, ``one-class``,
            ``class-case``, ``class-name``, ``empty-class``, ``csv-columns``, ``csv-missing-file`` or
            ``bad-csv``.
    """
    source = source.absolute()
    try:
        if source.is_dir():
            labelled = _read_folder(source)
        elif source.is_file():
            labelled = _read_csv(source)
        else:
            sentence = (
                f"There is no labelled folder {source.name!r} here. "
                "Choose a folder with one sub-folder a class, or a CSV."
            )
            raise StationError("no-folder", sentence)
    except PermissionError as error:
        name = Path(error.filename or source).name
        sentence = (
            f"The folder {name!r} may not be read by this user. Give this user the right to read it, "
            "or copy it to a folder of your own."
        )
        raise StationError("no-permission", sentence) from error
    _check_classes(labelled)
    return labelled


def _read_folder(root: Path) -> LabelledSet:
    folders = sorted(
        (entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")),
        key=lambda entry: natural_key(entry.name),
    )
    fields: list[LabelledField] = []
    other_files: list[Path] = []
    for folder in folders:
        found = sorted(_files(folder), key=lambda path: natural_key(path.relative_to(folder).as_posix()))
        fields.extend(LabelledField(path, folder.name) for path in found if looks_like_field(path))
        other_files.extend(path for path in found if not looks_like_field(path))
    classes = tuple(folder.name for folder in folders)
    return LabelledSet(root, classes, tuple(fields), tuple(other_files))


def _files(folder: Path) -> Iterator[Path]:
    """Walk a class folder; a sub-folder without read permission is an error, not a gap."""
    for entry in os.scandir(folder):
        if entry.name.startswith(".") or entry.name.lower() in _IGNORED:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def _read_csv(path: Path) -> LabelledSet:
    table = read_table(path, _COLUMNS, code="bad-csv", column_code="csv-columns", also=("patient",))
    fields = [_csv_field(path, row) for row in table.rows]
    fields.sort(key=lambda field: (natural_key(field.class_name), natural_key(field.path.name)))
    classes = tuple(sorted({field.class_name for field in fields}, key=natural_key))
    return LabelledSet(path.parent, classes, tuple(fields))


def _csv_field(table: Path, row: TableRow) -> LabelledField:
    name, class_name, line = row["path"], row["class"], row.line
    if not name or not class_name:
        sentence = f"Line {line} of {table.name} lacks a path or a class. Fill it in or delete the line."
        raise StationError("bad-csv", sentence)
    field = _listed_file(table.parent, name)
    if field is None:
        sentence = (
            f"Line {line} of {table.name} names the field {name!r}, which is not there. "
            "Correct the path (relative to the table) or delete the line."
        )
        raise StationError("csv-missing-file", sentence)
    return LabelledField(field.absolute(), class_name, row["patient"])


def _listed_file(folder: Path, name: str) -> Path | None:
    """Find a file as a table spells it: as it stands, with Windows' slashes, with accents apart or not."""
    plain = name.replace("\\", "/")
    spelled = (name, plain, unicodedata.normalize("NFC", plain), unicodedata.normalize("NFD", plain))
    return next((path for one in spelled if (path := folder / one).is_file()), None)


def _check_classes(labelled: LabelledSet) -> None:
    names = labelled.classes
    where = labelled.root.name
    if not names:
        sentence = (
            f"The folder {where!r} has no sub-folders, so no class is known. "
            "Put the fields of each class into a sub-folder with the class's name."
        )
        raise StationError("no-classes", sentence)
    same = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if same:
        twins = ", ".join(repr(name) for name in names if name.casefold() == same[0])
        sentence = f"The classes {twins} differ only in case. Join them, or give them different names."
        raise StationError("class-case", sentence)
    reserved = [name for name in names if name in RESERVED]
    if reserved:
        sentence = f"The class {reserved[0]!r} has the name of a table's column. Give the class another name."
        raise StationError("class-name", sentence)
    odd = [(name, problem) for name in names if (problem := class_name_problem(name))]
    if odd:
        sentence = f"The class {shown_name(odd[0][0])!r} {odd[0][1]}. Give the class another name."
        raise StationError("class-name", sentence)
    empty = [name for name, count in labelled.counts().items() if count == 0]
    if empty:
        sentence = (
            f"The class {empty[0]!r} has no fields; every class needs some. "
            "Add fields to its sub-folder or remove the sub-folder."
        )
        raise StationError("empty-class", sentence)
    if len(names) == 1:
        sentence = (
            f"There is only one class, {names[0]!r}; telling classes apart needs at least two. "
            "Add a second class."
        )
        raise StationError("one-class", sentence)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Problem of one field: an error that forbids training, or a warning.

    Attributes:
        path: The field.
        code: Short identifier.
        sentence: For the person at the window.
        error: True when training cannot use the field, False for a note.
    """

    path: Path
    code: str
    sentence: str
    error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedField:
    """A field that was opened whole.

    Attributes:
        size: Width and height, or None when it cannot be read.
        sha256: Of its bytes, empty when it cannot be read.
        problems: Errors as the decoder words them; notes where 16 bits, CMYK, transparency or frames are
            converted.
    """

    size: tuple[int, int] | None
    sha256: str
    problems: tuple[FieldProblem, ...]


def inspect_field(path: Path) -> tuple[InspectedField, FieldFile | None]:
    """Open one field whole, once.

    Returns:
        What was found, and the decoded file, None when it cannot be read.
    """
    try:
        file = read_field(path)
        return inspect_file(file), file
    except StationError as error:
        problem = FieldProblem(path, error.code, error.sentence, error=True)
        return InspectedField(size=None, sha256="", problems=(problem,)), None


def inspect_file(file: FieldFile) -> InspectedField:
    """Decode a file that was read.

    Raises:
        StationError: If it cannot be decoded.
    """
    header = file.header
    file.pixels  # noqa: B018 - decodes
    notes = (FieldProblem(file.path, code, text, error=False) for code, text in _conversions(file))
    return InspectedField(size=(header.width, header.height), sha256=file.sha256, problems=tuple(notes))


def _conversions(file: FieldFile) -> Iterator[tuple[str, str]]:
    """List the conversions by which the decoder gets 8-bit RGB out of a field."""
    mode, shown = _pillow_mode(file.content), shown_name(file.path)
    frames = max(file.header.frames, mode[1])
    if frames > 1:
        yield (
            "animated",
            f"The field {shown} has {frames} frames; only the first is used. Export single fields.",
        )
    if mode[0] in {"I;16", "I;16B", "I;16L", "I", "F"} or mode[2] > 8:  # noqa: PLR2004 - bits
        yield (
            "sixteen-bit",
            f"The field {shown} has 16 bits a channel; it is scaled to 8. Export 8 bits to be sure.",
        )
    if mode[0] == "CMYK":
        yield (
            "cmyk",
            f"The field {shown} is CMYK; it is converted to RGB. Export RGB from the camera program.",
        )
    if mode[0] in {"RGBA", "LA", "PA"}:
        yield (
            "alpha",
            f"The field {shown} has transparency; it is laid over white. Export without transparency.",
        )


def _pillow_mode(content: bytes) -> tuple[str, int, int]:
    """Pixel mode, frames and bits a channel as Pillow reads them from the header."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            bits = image.tag_v2.get(258, (8,)) if hasattr(image, "tag_v2") else (8,)
            depth = max(bits) if isinstance(bits, tuple) else int(bits)
            return image.mode, getattr(image, "n_frames", 1), max(depth, _png_depth(content))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return "", 1, 8


def _png_depth(content: bytes) -> int:
    """Bits a channel of a PNG (byte 24 of the file), 8 for everything else: Pillow hides it for RGB."""
    return content[24] if content.startswith(b"\x89PNG") and len(content) > 24 else 8  # noqa: PLR2004 - PNG header


def require_readable(problems: Sequence[FieldProblem]) -> None:
    """Refuse to train on a folder with unreadable fields.

    Raises:
        StationError: ``unreadable-fields`` with the first one's own sentence.
    """
    errors = [problem for problem in problems if problem.error]
    if errors:
        others = f" ({len(errors) - 1} more fields have such problems.)" if len(errors) > 1 else ""
        raise StationError("unreadable-fields", errors[0].sentence + others)
