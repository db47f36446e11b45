"""Unpacking ``.zip`` and ``.tar`` archives of fields that came from anywhere.

Nothing is written outside the target folder: names are rebuilt from their safe parts, links and
special files are passed over, and what an archive claims about its sizes is never believed but
counted while it is unpacked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.frozen import child_command
from allstation.imaging.archives.members import NO_FIELD, hidden, judged
from allstation.imaging.formats.foreign import PassedOver
from allstation.isolation.child import Budget, Child, ChildError, ChildStartError, ChildTooSlowError
from allstation.isolation.frames import Header

_log = logging.getLogger(__name__)
SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_BUDGET: Final = Budget(memory=1 << 30, cpu_seconds=4 * 3600)
"""Also bounds the list of entries, of which ``zipfile`` reads all at once."""
_SILENCE: Final = 600.0
"""Seconds that the child may work without a byte to show for it, as on a large entry that is no field."""
_CHUNK: Final = 1 << 20


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
    if not path.is_file():
        raise StationError("not-found", f"The archive {shown_name(path.name)} is not a file. Check the name.")
    result = Unpacked()
    try:
        with path.open("rb") as file, closing(Child(child_command("archive"), _BUDGET, source=file)) as child:
            _take_all(_frames(child), folder, result, _Budget(path, limits))
    except StationError:
        _remove(result.fields)
        raise
    except OSError as error:
        _remove(result.fields)
        raise _unreadable(path, error.strerror or "it cannot be written") from error
    except ChildError as error:
        _remove(result.fields)
        _log.warning("the isolated reader of an archive ended: %s", error.how)
        raise _failure(path, error) from error
    except _RefusedError as refusal:
        _remove(result.fields)
        raise _refusal(path, str(refusal)) from refusal
    return result


class _RefusedError(Exception):
    """The child cannot read the archive; its text is the reason."""


_Frames = Iterator[tuple[Header, bytearray]]


def _frames(child: Child) -> _Frames:
    """Yield what the child sends until it is done.

    Raises:
        _RefusedError: If it cannot read the archive.
    """
    while True:
        header, payload = child.receive(seconds=_SILENCE, most=_CHUNK)
        if "refused" in header:
            raise _RefusedError(str(header["refused"]))
        if "done" in header:
            return
        yield header, payload


def _take_all(frames: _Frames, folder: Path, result: Unpacked, budget: _Budget) -> None:
    """Write the entries that are fields, and note why the others are passed over."""
    for header, _ in frames:
        budget.count_member()
        name, problem = str(header.get("member", "")), shown_name(str(header.get("problem", "")))
        if hidden(name):
            continue
        relative, problem = judged(name, problem)
        if relative is not None:
            _write(frames, folder / relative, result, budget)
            continue
        result.passed_over.append((shown_name(name), problem))
        if problem == NO_FIELD:
            result.pictures.see(name)


def _write(frames: _Frames, path: Path, result: Unpacked, budget: _Budget) -> None:
    with _new_file(path) as target:
        result.fields.append(Path(target.name))
        written = 0
        for header, chunk in frames:
            if "end" in header:
                return
            written += len(chunk)
            budget.count_bytes(len(chunk), written)
            target.write(chunk)
    raise _RefusedError


def _unreadable(path: Path, why: str) -> StationError:
    sentence = (
        f"The archive {shown_name(path.name)} cannot be read ({why}). "
        "Copy it again, or unpack it with another program and add the folder."
    )
    return StationError("unreadable-archive", sentence)


def _refusal(path: Path, why: str) -> StationError:
    if why == "memory":
        return _too_large(path.name, "more files than can be listed")
    return _unreadable(
        path, "it is encrypted" if why == "encrypted" else "it is damaged or of an unknown kind"
    )


def _failure(path: Path, error: ChildError) -> StationError:
    if isinstance(error, ChildStartError):
        sentence = (
            f"The archive {shown_name(path.name)} cannot be read: the program's own part that unpacks does "
            f"not start ({error.how}). Unpack it with another program and add the folder."
        )
        return StationError("unpacking-missing", sentence)
    if isinstance(error, ChildTooSlowError):
        return _unreadable(path, f"nothing came out of it for {_SILENCE:,.0f} seconds")
    return _unreadable(path, f"unpacking it ended with {error.how}; nothing else was harmed")


def _too_large(name: str, what: str) -> StationError:
    sentence = (
        f"The archive {shown_name(name)} holds {what}. Unpack it with another program and add the folder."
    )
    return StationError("archive-too-large", sentence)


class _Budget:
    """Counts what comes out of an archive against its limits."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self._name = path.name
        self._limits = limits
        self._packed = max(path.stat().st_size, 1)
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
        return _too_large(self._name, what)


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
