"""Entries of ``.zip`` and ``.tar`` archives, one by one, and what is thought of their names.

Used on both sides: by the child that reads an archive and by the parent that writes what comes out of it.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, Self

from allstation.core.text import shown_name
from allstation.imaging.formats.suffixes import looks_like_field

NO_FIELD: Final = "no field image by its name"
READ_ERRORS: Final = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    NotImplementedError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a damaged archive raises."""
_LONGEST_PART: Final = 120
RESERVED_NAMES: Final = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"com{digit}" for digit in range(10)),
        *(f"lpt{digit}" for digit in range(10)),
    }
)
"""Names that Windows gives to devices, whatever the suffix."""
_MAC_FOLDER: Final = "__macosx"
"""Where macOS puts the other halves of files; each begins with ``._`` and has its file's suffix."""


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of either kind of archive."""

    name: str
    problem: str
    open: Callable[[], IO[bytes] | None]


@contextmanager
def members(file: BinaryIO) -> Iterator[Iterator[Member]]:
    """Open an archive, judged by its content, and yield its entries one by one.

    Args:
        file: Open for reading, seekable.
    """
    if zipfile.is_zipfile(file):
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            yield (_zip_member(archive, info) for info in archive.infolist() if not info.is_dir())
    else:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r|*", tarinfo=_StrictInfo) as stream:
            yield (_tar_member(stream, info) for info in stream if not info.isdir())


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    kind = stat.S_IFMT(info.external_attr >> 16)
    problem = "" if kind in {0, stat.S_IFREG} else "a link or special file"
    return Member(info.filename, problem, lambda: archive.open(info))


class _StrictInfo(tarfile.TarInfo):
    """A header that does not pass for the archive's end when it is cut off in the middle."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next header.

        Raises:
            tarfile.ReadError: If the archive ends inside it; ``TarFile`` would stop without a word.
        """
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if "truncated" in str(error):
                raise tarfile.ReadError(str(error)) from error
            raise


def _tar_member(stream: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    problem = "" if info.isreg() else "a link or special file"
    return Member(info.name, problem, lambda: stream.extractfile(info))


def judged(name: str, problem: str) -> tuple[PurePosixPath | None, str]:
    """Return where an entry goes, or why it is passed over.

    Args:
        name: As the archive has it.
        problem: What else speaks against it, if anything.

    Returns:
        A path without any part that could climb; else None and the reason.
    """
    relative = _safe_name(name)
    if problem or relative is None:
        return None, problem or "a name that leads out of the folder"
    return (relative, "") if looks_like_field(Path(relative.name)) else (None, NO_FIELD)


def hidden(name: str) -> bool:
    """Return whether a folder would hide an entry: it is ignored silently there too."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return any(part.startswith(".") or part.lower() == _MAC_FOLDER for part in parts)


def _safe_name(name: str) -> PurePosixPath | None:
    """Return a relative path without any part that could climb, or None if there was one."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    leads_out = name.startswith(("/", "\\")) or any(part == ".." for part in parts) or ":" in name
    if leads_out or not parts or any(part.startswith(".") for part in parts):
        return None
    return PurePosixPath(*(_safe_part(part) for part in parts))


def _safe_part(part: str) -> str:
    """Return one part of a path as every file system takes it."""
    shown = "".join("_" if char in '<>"|?*\ufffd' else char for char in shown_name(part)).rstrip(". ")
    stem, dot, suffix = shown.rpartition(".")
    if (stem or suffix).split(".")[0].lower() in RESERVED_NAMES:
        stem = f"_{stem}"
    return f"{stem[:_LONGEST_PART]}{dot}{suffix[:_LONGEST_PART]}" or "_"
