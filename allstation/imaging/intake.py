"""Import of files, folders and archives: walks them, refuses what is no field, hashes the rest.

The window and the command line share this, so that both find the same fields in the same order.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from allstation.core.errors import StationError, unexpected
from allstation.core.limits import DecodeLimits
from allstation.core.records import UNPACKED_FROM, NewField
from allstation.core.slide_part import Frame, part_path
from allstation.core.text import natural_key, shown_name
from allstation.files import free_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats import decode
from allstation.imaging.formats.foreign import PassedOver
from allstation.imaging.formats.suffixes import SLIDE_SUFFIXES, looks_like_field
from allstation.imaging.readers import find_slides, pages_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A file that looks like a field image, not opened yet.

    Attributes:
        path: Absolute path.
        folder: The folder that becomes its slide.
    """

    path: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class SlidePath:
    """A whole slide, not opened yet.

    Attributes:
        path: Absolute path of the file that opens it, which is the folder of its fields.
        files: Every file that it consists of.
    """

    path: Path
    files: frozenset[Path]


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was named or dropped and is no field image.

    Attributes:
        path: What it was.
        error: Why, with a code and a sentence.
    """

    path: Path
    error: StationError


@overload
def find_fields(
    paths: Iterable[Path],
    *,
    unpack_to: Path | None = None,
    passed: PassedOver | None = None,
    pages: bool = False,
) -> Iterator[FieldPath | Refused]: ...


@overload
def find_fields(
    paths: Iterable[Path],
    *,
    unpack_to: Path | None = None,
    passed: PassedOver | None = None,
    pages: bool = False,
    slides: Literal[True],
) -> Iterator[FieldPath | SlidePath | Refused]: ...


def find_fields(
    paths: Iterable[Path],
    *,
    unpack_to: Path | None = None,
    passed: PassedOver | None = None,
    pages: bool = False,
    slides: bool = False,
) -> Iterator[FieldPath | SlidePath | Refused]:
    """Walk files, folders and archives in natural order.

    Inside a folder only files with a field image's suffix are taken and everything else is passed
    over, as a lab's folders hold notes and settings too; a file named directly is always judged.
    Links to folders are not followed inside a folder, so loops end.

    Args:
        paths: Files and folders, in the order they were given.
        unpack_to: Folder below which archives that are named directly are unpacked; None to judge them
            as fields, which they are not.
        passed: Counts the pictures of other kinds that folders and archives hold.
        pages: Give every page of a TIFF, and every frame of a DICOM file, as a field of its own, whose
            folder is the file; without it the first page is the field.
        slides: Give whole slides, each once, with all its files; without it they are judged as fields.
    """
    walk = _Walk(PassedOver() if passed is None else passed, slides=slides)
    for found in _walked(paths, unpack_to, walk):
        yield from _pages_of(found) if pages and isinstance(found, FieldPath) else (found,)


def _walked(
    paths: Iterable[Path], unpack_to: Path | None, walk: _Walk
) -> Iterator[FieldPath | SlidePath | Refused]:
    # resolve() would replace links by their targets
    given = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100
    walk.look_for_slides(path for path in given if path.is_file())
    for path in given:
        if path.is_dir():
            yield from walk.folder(path)
        elif (slide := walk.slide_with(path)) is not None:
            yield from slide
        elif walk.is_damaged_slide(path):
            yield SlidePath(path, frozenset({path}))
        elif looks_like_field(path) or (path.is_file() and not _unpacked_here(path, unpack_to)):
            yield FieldPath(path, path.parent)
        elif path.is_file() and unpack_to is not None:
            yield from _find_in_archive(path, unpack_to, walk)
        else:
            sentence = f"{shown_name(path)} is neither a file nor a folder. Check the name and try again."
            yield Refused(path, StationError("not-found", sentence))


def _pages_of(found: FieldPath) -> Iterator[FieldPath]:
    """Yield a field for each page of a file that has several; else the field itself."""
    try:
        pages = decode.probe(found.path).frames
    except StationError:
        pages = pages_of(found.path)
    if pages < 2:  # noqa: PLR2004 - several
        yield found
        return
    for number in range(1, pages + 1):
        yield FieldPath(part_path(found.path, Frame(number=number)), found.path)


def _unpacked_here(path: Path, unpack_to: Path | None) -> bool:
    if unpack_to is None:
        return False
    from allstation.imaging.archives.unpack import looks_like_archive

    return looks_like_archive(path)


def _find_in_archive(path: Path, unpack_to: Path, walk: _Walk) -> Iterator[FieldPath | SlidePath | Refused]:
    """Unpack an archive into a folder of its own and walk that; what it is not believed of is refused."""
    from allstation.imaging.archives.members import NO_FIELD
    from allstation.imaging.archives.unpack import unpack

    try:
        target = free_path(unpack_to, path.name.split(".")[0] or "archive")
        unpacked = unpack(path, target)
        if unpacked.fields:
            (target / UNPACKED_FROM).write_text(_digest(path), "ascii")
    except StationError as error:
        yield Refused(path, error)
        return
    except OSError as error:
        why = error.strerror
        sentence = f"The archive {shown_name(path)} cannot be unpacked ({why}). Make space and try again."
        yield Refused(path, StationError("unreadable-archive", sentence))
        return
    walk.passed.add(unpacked.pictures)
    for name, reason in unpacked.passed_over:
        # Notes and settings are passed over in silence, as in a folder.
        if reason != NO_FIELD:
            sentence = f"Not unpacked from {shown_name(path)}: {reason}"
            yield Refused(Path(name), StationError("archive-entry", sentence))
    if unpacked.fields:
        yield from walk.folder(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Walk:
    """Walk through folders.

    Args:
        passed: Counts the pictures of other kinds.
        slides: Whether whole slides are looked for.
    """

    def __init__(self, passed: PassedOver, *, slides: bool) -> None:
        self.passed = passed
        self._slides = slides
        self._slide_at: dict[Path, tuple[SlidePath, ...]] = {}

    def folder(self, folder: Path) -> Iterator[FieldPath | SlidePath | Refused]:
        """Yield what lies in a folder and those below it."""
        try:
            with os.scandir(folder) as entries:
                listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            sentence = (
                f"The folder {shown_name(folder)} cannot be read ({error.strerror}). Check its permissions."
            )
            yield Refused(folder, StationError("unreadable-folder", sentence))
            return
        # Names, not paths: a folder may hold 100,000 of them.
        listed.sort(key=lambda pair: (natural_key(pair[0]), pair[0]))
        listed = [(name, is_folder) for name, is_folder in listed if not name.startswith(".")]
        self.look_for_slides(folder / name for name, is_folder in listed if not is_folder)
        for name, is_folder in listed:
            path = folder / name
            if is_folder and not _is_case(path):
                yield from self.folder(path)
            elif not is_folder:
                yield from self._file(path)

    def _file(self, path: Path) -> Iterator[FieldPath | SlidePath]:
        slide = self.slide_with(path)
        if slide is not None:
            yield from slide
        elif self.is_damaged_slide(path):
            yield SlidePath(path, frozenset({path}))
        elif looks_like_field(path) and not path.is_dir():
            yield FieldPath(path, path.parent)
        else:
            self.passed.see(path.name)

    def look_for_slides(self, files: Iterable[Path]) -> None:
        """Find the slides among some files, so that the files they consist of are known beforehand."""
        if not self._slides:
            return
        for slide in find_slides(path for path in files if path not in self._slide_at):
            self._slide_at.update(dict.fromkeys(slide.files, ()))
            self._slide_at[slide.path] = (SlidePath(slide.path, slide.files),)

    def is_damaged_slide(self, path: Path) -> bool:
        """Tell whether a file that is no slide bears a slide's suffix: opening it says what is wrong."""
        return self._slides and path.suffix.lower() in SLIDE_SUFFIXES and path.is_file()

    def slide_with(self, path: Path) -> tuple[SlidePath, ...] | None:
        """Return the slide that a file opens, once; nothing for its other files, None for those of none."""
        found = self._slide_at.get(path)
        if found:
            self._slide_at[path] = ()
        return found


def _is_case(folder: Path) -> bool:
    """Tell whether a folder is a case, whose own pictures are no smears, whatever it is called."""
    return folder.suffix.lower() == ".allcase" or (folder / "case.sqlite").is_file()


def new_field(path: Path, limits: DecodeLimits = decode.DEFAULT_LIMITS) -> NewField:
    """Read a file as a new field of a case: size, pages and SHA-256 of the same bytes.

    Args:
        path: The file, or the path of a part of a slide.
        limits: What to accept.

    Raises:
        StationError: If it is not a readable field image within the limits; ``unexpected`` for whatever
            else reading it raised.
    """
    try:
        file = read_field(path, limits)
        header = file.header
    except StationError:
        raise
    except Exception as error:
        _log.exception("a field could not be looked at")
        raise unexpected(shown_name(path), error) from error
    return NewField(
        path=path,
        sha256=file.sha256,
        bytes=header.bytes,
        width=header.width,
        height=header.height,
        pages=header.frames,
        channels_left_out=header.channels_left_out,
    )
