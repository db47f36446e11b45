"""Files that are written whole or not at all, and names that are not taken yet."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

_PRIVATE: Final = 0o600
_LARGEST_TOML: Final = 1 << 20
PART_SUFFIX = ".part"
"""Suffix of unfinished files; their names begin with a dot."""


def create_private(path: Path) -> BinaryIO:
    """Create a file that on POSIX its owner alone can read; one that is there is an error."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, _PRIVATE), "wb")


def part_path(target: Path) -> Path:
    """Return a hidden path beside the target that nothing else uses, on the same disk and never too long."""
    return target.parent / f".{os.urandom(8).hex()}{PART_SUFFIX}"


@contextmanager
def replacing(target: Path, *, sync: bool = True) -> Iterator[Path]:
    """Let a file be written beside its target and rename it to the target when the block ends well.

    What stands at the target stays until then, and for good when anything fails; the unfinished file
    is removed. A file that is replaced passes its mode on.

    Args:
        target: The file wanted; its folder exists.
        sync: Wait until the bytes are on the disk before renaming, so that a power cut leaves the old
            file or the new one. Without it the file may be empty after a power cut on some systems.

    Yields:
        The path to write to.

    Raises:
        OSError: What the system answered.
    """
    part = part_path(target)
    try:
        yield part
        if sync:
            with part.open("r+b") as file:
                os.fsync(file.fileno())
        with suppress(OSError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_atomically(
    target: Path, data: bytes | Iterable[bytes], *, sync: bool = True, private: bool = False
) -> None:
    """Write a file whole or not at all; see :func:`replacing`.

    Args:
        target: The file wanted; its folder exists.
        data: Its content, whole or in parts that are asked for one after the other.
        sync: As for :func:`replacing`.
        private: On POSIX a new file is its owner's alone; one that is replaced passes its mode on.

    Raises:
        OSError: What the system answered.
    """
    with replacing(target, sync=sync) as part, create_private(part) if private else part.open("xb") as file:
        file.writelines([data] if isinstance(data, bytes) else data)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a small TOML file, such as a recipe.

    Raises:
        OSError: What the system answered.
        ValueError: If it is no TOML, too large, or nested too deeply.
    """
    if path.stat().st_size > _LARGEST_TOML:
        raise ValueError(f"it has {path.stat().st_size >> 20} MB; at most {_LARGEST_TOML >> 20} are read")
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def free_path(
    folder: Path, stem: str, suffix: str = "", *, separator: str = " ", taken: Collection[Path] = ()
) -> Path:
    """Return the first of ``stem``, ``stem 2``, ``stem 3``, ... in a folder that is neither there nor taken.

    Args:
        folder: Where the file or folder is to be made.
        stem: Name without suffix.
        suffix: With its dot.
        separator: What stands between stem and number.
        taken: Paths that somebody is about to make.
    """
    path, number = folder / f"{stem}{suffix}", 1
    while path in taken or path.exists():
        number += 1
        path = folder / f"{stem}{separator}{number}{suffix}"
    return path
