"""Reference atlas: reviewed fields that a laboratory keeps, as bare pictures with notes beside them.

A folder with two files a field, both named by the SHA-256 of the file that was reviewed: the picture, bare of
everything but its pixels (:mod:`allstation.imaging.bare`), and a note with class, reviewer and date. Nothing
in it is ever overwritten or removed; several stations may add to one folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.classes import class_name_problem
from allstation.core.errors import StationError
from allstation.core.field_distance import ReviewedField
from allstation.core.limits import DecodeLimits
from allstation.core.plain_json import json_text
from allstation.core.records import FieldRecord
from allstation.core.text import shown_name, storable
from allstation.files import part_path
from allstation.imaging.bare import bare_field
from allstation.imaging.fields.file import read_field

_FORMAT: Final = "ALL Station atlas"
_VERSION: Final = 1
_MARK: Final = "atlas.json"
_NOTE: Final = re.compile(r"[0-9a-f]{64}\.json")
_SUFFIXES: Final = (".jpg", ".png")
_LARGEST_NOTE: Final = 1 << 14
_LONGEST_NAME: Final = 200
_LONGEST_SIDE: Final = 1 << 30
_MOST: Final = 5_000
"""Fields that are read: the first ones by hash, so that it is the same ones each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasField:
    """Field of an atlas.

    Attributes:
        reviewed: Who called it what.
        path: Its picture.
        picture_sha256: Of the picture's bytes, which are others than those that were reviewed.
        width: Pixels.
        height: Pixels.
    """

    reviewed: ReviewedField
    path: Path
    picture_sha256: str
    width: int
    height: int


class Atlas:
    """Atlas in a folder. Reading makes nothing in it; each call reads the folder anew.

    Args:
        folder: Made when something is first added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fields(self, *, most: int = _MOST) -> list[AtlasField]:
        """Return the fields, by hash; notes that cannot be read are left out. Empty without the folder.

        Args:
            most: Notes that are read.

        Raises:
            StationError: ``not-an-atlas`` if the folder holds something else, or one of a later version.
        """
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder) if _NOTE.fullmatch(entry.name))
        except OSError:
            return []
        if names or (self.folder / _MARK).exists():
            self._require_mark()
        found = (self._field(name.removesuffix(".json")) for name in names[:most])
        return [one for one in found if one is not None]

    def add(self, field: FieldRecord, *, limits: DecodeLimits | None = None) -> bool:
        """Add a copy of a field that a named person reviewed.

        Args:
            field: With the review that counts.
            limits: Of what is read.

        Returns:
            Whether it was added; False if the atlas holds it already, with whichever class.

        Raises:
            StationError: ``not-reviewed``, ``not-an-atlas``, ``not-written``, or why the file cannot be read.
        """
        review = field.review
        if review is None or not review.class_name or not review.reviewer.strip():
            sentence = (
                f"{shown_name(field.path.name)} has no class set by a named person, so it is no reference. "
                "Review it first."
            )
            raise StationError("not-reviewed", sentence)
        try:
            self._begin()
            if self._path(field.sha256, ".json").exists():
                return False
            file = read_field(field.path, limits or DecodeLimits(), sha256=field.sha256)
            picture, suffix = bare_field(file, note="Reference atlas of ALL Station")
            note = {
                "class": storable(review.class_name),
                "reviewer": storable(review.reviewer).strip(),
                "reviewed": review.at[:10],
                "sha256": field.sha256,
                "picture": suffix,
                "picture_sha256": hashlib.sha256(picture).hexdigest(),
                "width": field.width,
                "height": field.height,
            }
            _write_new(self._path(field.sha256, suffix), picture)
            # Last: a picture without its note counts nowhere, and is taken as it is when it is added again.
            return _write_new(self._path(field.sha256, ".json"), json_text(note).encode())
        except OSError as error:
            sentence = f"The atlas {shown_name(self.folder)} could not be written: {error.strerror}. "
            raise StationError("not-written", sentence + "Check the folder, or choose another.") from error

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / _MARK).exists():
            if any(self.folder.iterdir()):
                raise _no_atlas(self.folder, "it holds other files")
            _write_new(self.folder / _MARK, json_text({"format": _FORMAT, "version": _VERSION}).encode())
        self._require_mark()

    def _require_mark(self) -> None:
        try:
            mark = _read_json(self.folder / _MARK)
        except (OSError, ValueError) as error:
            raise _no_atlas(self.folder, f"its {_MARK} is missing or cannot be read") from error
        if mark.get("format") != _FORMAT or mark.get("version") != _VERSION:
            raise _no_atlas(self.folder, f"its {_MARK} is of another program or a later version")

    def _path(self, sha256: str, suffix: str) -> Path:
        return self.folder / f"{sha256}{suffix}"

    def _field(self, sha256: str) -> AtlasField | None:
        try:
            note = _read_json(self._path(sha256, ".json"))
            texts = {key: note[key] for key in ("class", "reviewer", "reviewed", "picture", "picture_sha256")}
            width, height = note["width"], note["height"]
        except (OSError, ValueError, KeyError):
            return None
        whole = all(isinstance(one, str) and 0 < len(one) <= _LONGEST_NAME for one in texts.values())
        sized = all(type(one) is int and 0 < one <= _LONGEST_SIDE for one in (width, height))
        if not whole or not sized or texts["picture"] not in _SUFFIXES or note.get("sha256") != sha256:
            return None
        if class_name_problem(texts["class"]):
            return None
        reviewed = ReviewedField(
            sha256=sha256,
            class_name=shown_name(texts["class"]),
            reviewer=shown_name(texts["reviewer"]),
            at=shown_name(texts["reviewed"]),
        )
        path = self._path(sha256, texts["picture"])
        return AtlasField(
            reviewed=reviewed, path=path, picture_sha256=texts["picture_sha256"], width=width, height=height
        )


def _read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON object.

    Raises:
        OSError: What the system answered.
        ValueError: If it is none.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_NOTE:
        raise ValueError("it is a link or a pipe, or too large")
    try:
        found = json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - damage of a file, not of a call
    return found


def _write_new(target: Path, data: bytes) -> bool:
    """Write a file whole if there is none; return whether it was written."""
    part = part_path(target)
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, target)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if target.exists():
                return False
            part.rename(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def _no_atlas(folder: Path, why: str) -> StationError:
    sentence = f"The folder {shown_name(folder)} is no reference atlas: {why}."
    return StationError("not-an-atlas", f"{sentence} Choose an empty folder or an atlas.")
