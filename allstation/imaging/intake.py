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

from allstation.core.errors import StationError, unexpected
from allstation.core.limits import DecodeLimits
from allstation.core.records import UNPACKED_FROM, NewField
from allstation.core.text import natural_key, shown_name
from allstation.files import free_path
from allstation.imaging import decode
from allstation.imaging.field_file import read_field
from allstation.imaging.field_names import looks_like_field
from allstation.imaging.foreign import PassedOver
from allstation.imaging.slide_finder import SlideFinder

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
    """A file that is a whole slide, or whose pages are fields of their own; not opened yet.

    Attributes:
        path: Absolute path.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was named or dropped and is no field image.

    Attributes:
        path: What it was.
        error: Why, with a code and a sentence.
    """

    path: Path
    error: StationError


def find_fields(
    paths: Iterable[Path],
    *,
    unpack_to: Path | None = None,
    passed: PassedOver | None = None,
) -> Iterator[FieldPath | Refused]:
    """Walk files, folders and archives for fields alone; arguments as those of :func:`find_inputs`."""
    for found in find_inputs(paths, unpack_to=unpack_to, passed=passed, slides=None):
        if not isinstance(found, SlidePath):
            yield found


def find_inputs(
    paths: Iterable[Path],
    *,
    unpack_to: Path | None = None,
    passed: PassedOver | None = None,
    slides: SlideFinder | None,
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
        slides: Tells slides from fields; None to take no slides.
    """
    seen = PassedOver() if passed is None else passed
    for given in paths:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would replace links by targets
        if path.is_dir():
            yield from _walk(path, seen, slides)
        elif slides is not None and path in slides.taken:
            continue
        elif slides is not None and slides.is_one(path):
            slides.take(path)
            yield SlidePath(path)
        elif looks_like_field(path) or (path.is_file() and not _unpacked_here(path, unpack_to)):
            yield FieldPath(path, path.parent)
        elif path.is_file() and unpack_to is not None:
            yield from _find_in_archive(path, unpack_to, seen)
        else:
            sentence = f"{shown_name(path)} is neither a file nor a folder. Check the name and try again."
            yield Refused(path, StationError("not-found", sentence))


def _unpacked_here(path: Path, unpack_to: Path | None) -> bool:
    if unpack_to is None:
        return False
    from allstation.imaging.archive import looks_like_archive

    return looks_like_archive(path)


def _find_in_archive(path: Path, unpack_to: Path, passed: PassedOver) -> Iterator[FieldPath | Refused]:
    """Unpack an archive into a folder of its own and walk that; what it is not believed of is refused."""
    from allstation.imaging.archive import unpack
    from allstation.imaging.archive_members import NO_FIELD

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
    passed.add(unpacked.pictures)
    for name, reason in unpacked.passed_over:
        # Notes and settings are passed over in silence, as in a folder.
        if reason != NO_FIELD:
            sentence = f"Not unpacked from {shown_name(path)}: {reason}"
            yield Refused(Path(name), StationError("archive-entry", sentence))
    if unpacked.fields:
        for found in _walk(target, passed):
            if not isinstance(found, SlidePath):
                yield found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(
    folder: Path, passed: PassedOver, slides: SlideFinder | None = None
) -> Iterator[FieldPath | SlidePath | Refused]:
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
    here = None if slides is None else slides.in_folder(folder)
    for name, is_folder in listed:
        path = folder / name
        if name.startswith(".") or (here is not None and path in here.parts):
            continue
        if here is not None and path in here.slides:
            yield SlidePath(path)
        elif is_folder and not _is_case(path):
            yield from _walk(path, passed, slides)
        elif not is_folder and looks_like_field(path) and not path.is_dir():
            yield FieldPath(path, folder)
        elif not is_folder:
            passed.see(name)


def _is_case(folder: Path) -> bool:
    """Tell whether a folder is a case, whose own pictures are no smears, whatever it is called."""
    return folder.suffix.lower() == ".allcase" or (folder / "case.sqlite").is_file()


def new_field(path: Path, limits: DecodeLimits = decode.DEFAULT_LIMITS) -> NewField:
    """Read a file as a new field of a case: size, pages and SHA-256 of the same bytes.

    Args:
        path: The file.
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
