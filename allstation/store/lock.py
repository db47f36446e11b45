"""Write lock of a case folder: an advisory lock of one process that dies with it."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from io import FileIO as RawFile
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.paths import login_name

LOCK_FILE: Final = "case.lock"
_OPENED: Final = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
"""Never through a link, and never waiting for the other end of a pipe."""
_DATABASE: Final = "case.sqlite"
_FILES: Final = (
    LOCK_FILE,
    *(
        f"{name}{suffix}"
        for name in (_DATABASE, f"{_DATABASE}.creating", f"{_DATABASE}.repaired")
        for suffix in ("", "-wal", "-shm", "-journal")
    ),
)
_FOLDERS: Final = ("backups", "reports", "unpacked")
_STALE: Final = 5.0
"""Seconds after which the mark of a process that decides is one of a process that died."""
_LOCKED_BYTE: Final = 1 << 20
"""Far behind the text, because Windows also keeps others from reading a locked byte."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Process that has a case open for writing.

    Attributes:
        host: Machine name.
        pid: Process id on that machine.
        user: Login name.
        since: ISO 8601 UTC time with seconds.
    """

    host: str
    pid: int
    user: str
    since: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host} (process {self.pid}, since {self.since})"


class CaseLock:
    """Lock of one case folder; the operating system frees it when the process ends, however it ends."""

    def __init__(self, file: RawFile, *, unclean: bool) -> None:
        self._file = file
        self.unclean = unclean

    @classmethod
    def take(cls, folder: Path, *, since: str) -> CaseLock | Holder | None:
        """Try to become the writer.

        Returns:
            The lock; or who holds it; or None where the folder cannot be written at all.

        Raises:
            StationError: ``unsafe-case`` if a file of the case is a link: see :func:`refuse_links`.
        """
        refuse_links(folder)
        try:
            handle = os.open(folder / LOCK_FILE, _OPENED, 0o666)
        except OSError:
            return None
        file = os.fdopen(handle, "r+b", buffering=0)
        try:
            _require_own(folder / LOCK_FILE, os.fstat(handle), writing=True)
            refuse_links(folder, writing=True)
            lock = cls._taken(file, folder, since)
        except BaseException:
            file.close()
            raise
        if lock is None:
            holder = _read(file)
            file.close()
            return holder or Holder("an unknown machine", 0, "someone", "an unknown time")
        return lock

    @classmethod
    def _taken(cls, file: RawFile, folder: Path, since: str) -> CaseLock | None:
        free = _lock(file)
        # Without locks in the file system, looking and writing down must not be two steps.
        with nullcontext() if free is not None else _alone(folder):
            if not (_left_by_the_dead(file) if free is None else free):
                return None
            lock = cls(file, unclean=_read(file) is not None)
            lock._write(json.dumps(asdict(Holder(socket.gethostname(), os.getpid(), login_name(), since))))
        return lock

    def release(self) -> None:
        """Leave the case to others. The file stays, empty: removing it would race with the next opener."""
        if not self._file.closed:
            self._write("")
            _unlock(self._file)
            self._file.close()

    def _write(self, text: str) -> None:
        # The lock is what counts; the text only says who, and a full disk may keep it back.
        with suppress(OSError):
            self._file.seek(0)
            self._file.truncate()
            self._file.write(text.encode())


@contextmanager
def exclusive(path: Path, *, seconds: float = 2.0) -> Iterator[bool]:
    """Hold the lock of a small file that several programs write.

    Args:
        path: A file for the lock alone; made if it is not there.
        seconds: To wait for others, at most.

    Yields:
        Whether the lock is held; a file system without locks counts as held.

    Raises:
        OSError: If the file cannot be opened.
    """
    given_up = time.monotonic() + seconds
    with os.fdopen(os.open(path, _OPENED, 0o600), "r+b", buffering=0) as file:
        while (free := _lock(file)) is False and time.monotonic() < given_up:
            time.sleep(0.005)
        try:
            yield free is not False
        finally:
            if free:
                _unlock(file)


def refuse_links(folder: Path, *, writing: bool = False) -> None:
    """Refuse a case folder whose files are links: what is written to the case would go elsewhere.

    A case travels by stick and share, so whoever made it chooses where a link points.

    Args:
        folder: The case folder.
        writing: Also refuse files with a second name somewhere (hard links), which would change with them.

    Raises:
        StationError: ``unsafe-case`` with the name of the file.
    """
    for name in (*_FILES, *_FOLDERS):
        path = folder / name
        try:
            found = path.lstat()
        except OSError:
            continue
        if name in _FILES or stat.S_ISLNK(found.st_mode):
            _require_own(path, found, writing=writing)


def _require_own(path: Path, found: os.stat_result, *, writing: bool) -> None:
    if stat.S_ISREG(found.st_mode) and (found.st_nlink <= 1 or not writing):
        return
    what = "a link to another place" if stat.S_ISLNK(found.st_mode) else "not a plain file"
    what = "the same file as one elsewhere (a hard link)" if stat.S_ISREG(found.st_mode) else what
    sentence = (
        f"In the case {shown_name(path.parent)} the part {path.name!r} is {what}, so that using the case "
        "could change files that are not its own. Nothing was touched. Ask where the case is from; to use "
        "it, copy the folder with the contents of its links."
    )
    raise StationError("unsafe-case", sentence)


def _read(file: RawFile) -> Holder | None:
    try:
        file.seek(0)
        found = json.loads(file.read(4096))
        return Holder(str(found["host"]), int(found["pid"]), str(found["user"]), str(found["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: RawFile) -> bool | None:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: RawFile) -> None:
        with suppress(OSError):
            os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: RawFile) -> bool | None:
        """Take the lock; None where the file system knows no locks (some network shares)."""
        # flock, not lockf: a second opening inside one process must be refused as well.
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True

    def _unlock(file: RawFile) -> None:
        # Closing the file frees it too; a file system without locks has nothing to free.
        with suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def _left_by_the_dead(file: RawFile) -> bool:
    """Decide by the process id, where the file system knows no locks."""
    holder = _read(file)
    if holder is None:
        return True
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out for the moment of the block: making a folder succeeds for one of them only.

    A folder that a process left behind when it died is removed after :data:`_STALE` seconds.

    Raises:
        StationError: ``case-held`` if it stays another's.
    """
    mark = folder / f"{LOCK_FILE}.deciding"
    given_up = time.monotonic() + 2 * _STALE
    while True:
        try:
            mark.mkdir()
            break
        except FileExistsError:
            with suppress(OSError):
                if time.time() - mark.stat().st_mtime > _STALE:
                    mark.rmdir()
        if time.monotonic() > given_up:
            sentence = f"The case {shown_name(folder)} is being opened by another program: try again."
            raise StationError("case-held", sentence)
        time.sleep(0.01)
    try:
        yield
    finally:
        with suppress(OSError):
            mark.rmdir()
