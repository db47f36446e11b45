"""Write lock of a case folder: an advisory lock of one process that dies with it."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import FileIO as RawFile
from pathlib import Path
from typing import Final

from allstation.paths import login_name

LOCK_FILE: Final = "case.lock"
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
        """
        try:
            handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError:
            return None
        file = os.fdopen(handle, "r+b", buffering=0)
        if not _lock(file):
            holder = _read(file)
            file.close()
            return holder or Holder("an unknown machine", 0, "someone", "an unknown time")
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


def _read(file: RawFile) -> Holder | None:
    try:
        file.seek(0)
        found = json.loads(file.read(4096))
        return Holder(str(found["host"]), int(found["pid"]), str(found["user"]), str(found["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: RawFile) -> bool:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: RawFile) -> None:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: RawFile) -> bool:
        # flock, not lockf: a second opening inside one process must be refused as well.
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return _left_by_the_dead(file)
        return True

    def _unlock(file: RawFile) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)

    def _left_by_the_dead(file: RawFile) -> bool:
        """Decide by the process id where the file system knows no locks (some network shares)."""
        holder = _read(file)
        if holder is None:
            return True
        if holder.host != socket.gethostname():
            return False
        try:
            os.kill(holder.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False
