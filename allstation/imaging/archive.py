"""Unpacking ``.zip`` and ``.tar`` archives of fields that came from anywhere.

Nothing is written outside the target folder: names are rebuilt from their safe parts, links and
special files are passed over, and what an archive claims about its sizes is never believed but
counted while it is unpacked.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final, Self

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.decode import looks_like_field
from allstation.imaging.foreign import PassedOver

SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_CHUNK: Final = 1 << 18
_TAIL: Final = 66_000
"""Bytes at the end of a zip file that hold its end records and the longest comment."""

_MAX_DIRECTORY: Final = 64 << 20
"""Bytes of a zip file's list of entries; 100,000 entries with long names have 30 MiB."""

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


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Upper limits of an archive.

    Attributes:
        max_members: Entries, of any kind.
        max_bytes: Bytes of all unpacked fields together.
        max_file_bytes: Bytes of one unpacked field.
        max_ratio: Unpacked bytes per byte of the archive, once more than 1 MiB is unpacked.
    """

    max_members: int = 100_000
    max_bytes: int = 20 << 30
    max_file_bytes: int = 256 << 20
    max_ratio: float = 200.0


DEFAULT_LIMITS: Final = ArchiveLimits()
NO_FIELD: Final = "no field image by its name"
_MAC_FOLDER: Final = "__macosx"
"""Where macOS puts the other halves of files; each begins with ``._`` and has its file's suffix."""


@dataclass(slots=True)
class Unpacked:
    """Result of unpacking an archive.

    Attributes:
        fields: Files written, in the archive's order.
        passed_over: Names of entries that were not unpacked, with the reason; nothing is said of what
            folders do not show either (names that begin with a dot, and what macOS adds to its archives).
        pictures: Those among them that are pictures of kinds that are not read.
    """

    fields: list[Path] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    pictures: PassedOver = field(default_factory=PassedOver)


@dataclass(frozen=True, slots=True)
class _Member:
    """An entry of either kind of archive."""

    name: str
    problem: str
    open: Callable[[], IO[bytes] | None]


def looks_like_archive(path: Path) -> bool:
    """Return whether a file is by its name an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(path: Path, folder: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> Unpacked:
    """Unpack the field images of an archive into a folder, keeping its sub-folders.

    Args:
        path: ``.zip`` or ``.tar``, also compressed.
        folder: Made if missing. Files that are there are never overwritten.
        limits: What to accept.

    Raises:
        StationError: ``unreadable-archive`` if it is damaged, encrypted or no archive, and
            ``archive-too-large`` if it goes over a limit; what was unpacked until then is removed.
    """
    result = Unpacked()
    budget = _Budget(path, limits)
    try:
        with _members(path) as members:
            for member in members:
                budget.count_member()
                _unpack_member(member, folder, result, budget)
    except StationError:
        _remove(result.fields)
        raise
    except _READ_ERRORS as error:
        _remove(result.fields)
        sentence = (
            f"The archive {shown_name(path.name)} cannot be read ({_reason(error)}). "
            "Copy it again, or unpack it with another program and add the folder."
        )
        raise StationError("unreadable-archive", sentence) from error
    return result


_READ_ERRORS: Final = (
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


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError) and "password" in str(error):
        return "it is encrypted"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it is damaged or of an unknown kind"


@contextmanager
def _members(path: Path) -> Iterator[Iterator[_Member]]:
    """Open an archive, judged by its content, and yield its entries one by one."""
    if not path.is_file():
        raise StationError("not-found", f"The archive {shown_name(path.name)} is not a file. Check the name.")
    if zipfile.is_zipfile(path):
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            yield (_zip_member(archive, info) for info in archive.infolist() if not info.is_dir())
    else:
        with tarfile.open(path, "r|*", tarinfo=_StrictInfo) as stream:
            yield (_tar_member(stream, info) for info in stream if not info.isdir())


def _check_directory(path: Path) -> None:
    """Refuse a zip file whose list of entries alone would fill the memory.

    ``zipfile`` reads the whole list at once. Its size stands in the end record, or in the zip64 end
    record where that says 0xFFFFFFFF (APPNOTE.TXT 4.3.14 and 4.3.16).
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        tail = file.read()
    end, end64 = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    if size == 0xFFFF_FFFF and end64 >= 0:  # noqa: PLR2004
        size = int.from_bytes(tail[end64 + 40 : end64 + 48], "little")
    if size > _MAX_DIRECTORY:
        sentence = (
            f"The archive {shown_name(path.name)} lists more files than can be handled. "
            "Unpack it with another program and add the folder."
        )
        raise StationError("archive-too-large", sentence)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    kind = stat.S_IFMT(info.external_attr >> 16)
    problem = "" if kind in {0, stat.S_IFREG} else "a link or special file"
    return _Member(info.filename, problem, lambda: archive.open(info))


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


def _tar_member(stream: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    problem = "" if info.isreg() else "a link or special file"
    return _Member(info.name, problem, lambda: stream.extractfile(info))


class _Budget:
    """Counts what comes out of an archive against its limits."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self._name = shown_name(path.name)
        self._limits = limits
        self._packed = max(path.stat().st_size, 1) if path.is_file() else 1
        self._members = 0
        self._bytes = 0

    def count_member(self) -> None:
        """Count an entry.

        Raises:
            StationError: ``archive-too-large``.
        """
        self._members += 1
        if self._members > self._limits.max_members:
            raise self._refusal(f"more than {self._limits.max_members:,} entries")

    def count_bytes(self, count: int, of_file: int) -> None:
        """Count unpacked bytes, ``of_file`` of them in the current file so far.

        Raises:
            StationError: ``archive-too-large``.
        """
        self._bytes += count
        if of_file > self._limits.max_file_bytes:
            raise self._refusal(f"a file of more than {self._limits.max_file_bytes / 2**20:,.0f} MiB")
        if self._bytes > self._limits.max_bytes:
            raise self._refusal(f"more than {self._limits.max_bytes / 2**30:,.0f} GiB of fields")
        if self._bytes > 1 << 20 and self._bytes > self._packed * self._limits.max_ratio:
            raise self._refusal(
                f"data that grows more than {self._limits.max_ratio:.0f} times, which no field does"
            )

    def _refusal(self, what: str) -> StationError:
        sentence = (
            f"The archive {self._name} holds {what}. Unpack it with another program and add the folder."
        )
        return StationError("archive-too-large", sentence)


def _unpack_member(member: _Member, folder: Path, result: Unpacked, budget: _Budget) -> None:
    """Write one entry, or note why it is passed over."""
    if _hidden(member.name):
        return
    relative = _safe_name(member.name)
    problem = member.problem or ("" if relative else "a name that leads out of the folder")
    if not problem and relative and not looks_like_field(Path(relative.name)):
        problem = NO_FIELD
    source = None if problem or relative is None else member.open()
    if source is None or relative is None:
        result.passed_over.append((shown_name(member.name), problem or "not readable"))
        if problem == NO_FIELD:
            result.pictures.see(member.name)
        return
    with source, _new_file(folder / relative) as target:
        result.fields.append(Path(target.name))
        written = 0
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            budget.count_bytes(len(chunk), written)
            target.write(chunk)


def _hidden(name: str) -> bool:
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


def _new_file(path: Path) -> IO[bytes]:
    """Create a file that is not there yet; a second one of the same name gets a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        free = path if number == 1 else path.with_stem(f"{path.stem} ({number})")
        try:
            return free.open("xb")
        except FileExistsError:
            continue
    raise OSError(f"more than 10,000 files named {path.name}")


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
