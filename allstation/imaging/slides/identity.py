"""Fingerprints of slides: what a file is known by before its gigabytes were hashed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.readers import slide_files

_END: Final = 1 << 20
"""Bytes of the beginning and of the end that are read."""
_PIECES: Final = 64
_PIECE: Final = 1 << 16
_WHOLE: Final = 2 * _END + _PIECES * _PIECE
"""A file of at most so many bytes is read whole."""

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, bytes, time of the last change of each file of a slide, and of its entry: a program can set the first
of these times back, not the second."""


def fingerprint(path: Path) -> str:
    """Return the fingerprint of a slide's file or files.

    SHA-256 over a file's size, its first and last MiB and 64 evenly spaced pieces of 64 KiB; of a slide of
    several files over their sorted names with each file's own. It tells slides apart, and a file that was
    cut or written again; a change of single bytes in the middle of a large file is found by the full hash.

    Args:
        path: The slide's file.

    Returns:
        Lower-case hexadecimals.

    Raises:
        StationError: ``not-found``, ``no-permission`` or ``unreadable-slide``.
    """
    return fingerprint_of(path, slide_files(path))


def fingerprint_of(path: Path, files: Sequence[Path]) -> str:
    """Return the fingerprint of a slide whose files are known; errors as :func:`fingerprint`."""
    try:
        if len(files) == 1:
            return _of_file(files[0])
        named = sorted((os.path.relpath(file, path.parent).replace(os.sep, "/"), file) for file in files)
        text = "".join(f"{name}\0{_of_file(file)}\n" for name, file in named)
    except OSError as error:
        raise _unreadable(path, error) from error
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def stamp(path: Path, files: Sequence[Path]) -> Stamp:
    """Return sizes and times of a slide's files, by which a fingerprint is known to hold still.

    Raises:
        StationError: As :func:`fingerprint`.
    """
    try:
        found = [(str(file), file.stat()) for file in files]
    except OSError as error:
        raise _unreadable(path, error) from error
    return tuple((name, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for name, one in found)


def _of_file(file: Path) -> str:
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError("it is no file")  # opening a pipe would wait for ever
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        digest = hashlib.sha256(f"{size}\n".encode("ascii"))
        for at, count in _places(size):
            digest.update(_read(opened, at, count))
    return digest.hexdigest()


def _places(size: int) -> list[tuple[int, int]]:
    if size <= _WHOLE:
        return [(0, size)]
    spaced = [((size - _PIECE) * number // (_PIECES - 1), _PIECE) for number in range(_PIECES)]
    return [(0, _END), *spaced, (size - _END, _END)]


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    data = file.read(count)
    if len(data) != count:
        raise OSError("it became shorter while it was read")
    return data


def _unreadable(path: Path, error: OSError) -> StationError:
    name = shown_name(path.name)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        sentence = f"The slide {name} is not there any more. Put it back, or show where it is now."
        return StationError("not-found", sentence)
    if isinstance(error, PermissionError):
        return StationError(
            "no-permission", f"The slide {name} may not be read. Check the file's permissions."
        )
    reason = error.strerror or str(error)
    return StationError(
        "unreadable-slide", f"The slide {name} cannot be read ({reason}). Check the file and retry."
    )
