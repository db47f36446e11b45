"""From what a person dropped or named to field images: walk, refuse, hash.

The window and the command line share this, so that both find the same fields in the same order.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import NewField
from allstation.core.text import natural_key, shown_name
from allstation.imaging import decode

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file that looks like a field image, not opened yet.

    Attributes:
        path: Absolute path.
        folder: The folder that becomes its slide.
    """

    path: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was named or dropped and is no field image.

    Attributes:
        path: What it was.
        error: Why, with a code and a sentence.
    """

    path: Path
    error: StationError


def find_fields(paths: Iterable[Path]) -> Iterator[Found | Refused]:
    """Walk files and folders in natural order.

    Inside a folder only files with a field image's suffix are taken and everything else is passed
    over, as a lab's folders hold notes and settings too; a file named directly is always judged.
    Links to folders are not followed inside a folder, so loops end.

    Args:
        paths: Files and folders, in the order they were given.
    """
    for given in paths:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would replace links by targets
        if path.is_dir():
            yield from _walk(path)
        elif decode.looks_like_field(path) or path.is_file():
            yield Found(path, path.parent)
        else:
            sentence = f"{shown_name(path)} is neither a file nor a folder. Check the name and try again."
            yield Refused(path, StationError("not-found", sentence))


def _walk(folder: Path) -> Iterator[Found | Refused]:
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
    for name, is_folder in listed:
        if name.startswith("."):
            continue
        path = folder / name
        if is_folder and path.suffix != ".allcase":
            yield from _walk(path)
        elif not is_folder and decode.looks_like_field(path) and not path.is_dir():
            yield Found(path, folder)


def read_field(path: Path, limits: DecodeLimits = decode.DEFAULT_LIMITS) -> NewField:
    """Check a field's header and hash its bytes.

    Args:
        path: The file.
        limits: What to accept.

    Raises:
        StationError: If it is not a readable field image within the limits.
    """
    info = decode.probe(path, limits)
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        sentence = (
            f"The field {shown_name(path)} cannot be read ({error.strerror}). Check the file and retry."
        )
        raise StationError("unreadable-field", sentence) from error
    return NewField(
        path,
        digest.hexdigest(),
        info.bytes,
        info.width,
        info.height,
        info.frames,
        channels_left_out=info.channels_left_out,
    )
