"""The log: a file without names or paths of patients' data, and the last lines in memory for the dock."""

from __future__ import annotations

import logging
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

LINES: Final = 2000
_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_FILE_BYTES: Final = 1_000_000


class LogRing(logging.Handler):
    """Keeps the last lines. The dock polls :attr:`total`, so a burst of lines costs no events.

    Attributes:
        total: Lines ever seen; a change means there is something new.
    """

    def __init__(self, size: int = LINES) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))
        self._lines: deque[tuple[int, str]] = deque(maxlen=size)
        self.total = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self._lines.append((record.levelno, self.format(record)))
        self.total += 1

    def lines(self, level: int = logging.NOTSET, text: str = "") -> list[str]:
        """Return the lines of at least a level that hold a text."""
        wanted = text.casefold()
        self.acquire()
        try:
            kept = list(self._lines)
        finally:
            self.release()
        return [line for number, line in kept if number >= level and wanted in line.casefold()]

    def clear(self) -> None:
        """Forget the lines."""
        self.acquire()
        try:
            self._lines.clear()
            self.total += 1
        finally:
            self.release()


class ProgramLog:
    """Sends the program's log to a ring and a file, and stops doing so.

    Args:
        folder: For ``allstation.log``; without a writable folder there is only the ring.
    """

    def __init__(self, folder: Path) -> None:
        self.ring = LogRing()
        self.folder = folder
        self._logger = logging.getLogger("allstation")
        self._level = self._logger.level
        self._handlers: list[logging.Handler] = [self.ring]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = RotatingFileHandler(
                folder / "allstation.log", maxBytes=_FILE_BYTES, backupCount=3, encoding="utf-8", delay=True
            )
        except OSError:
            file = None
        if file is not None:
            file.setFormatter(logging.Formatter(_FORMAT))
            self._handlers.append(file)
        self._logger.setLevel(logging.INFO)
        for handler in self._handlers:
            self._logger.addHandler(handler)

    def close(self) -> None:
        """Take the handlers off again."""
        for handler in self._handlers:
            self._logger.removeHandler(handler)
            handler.close()
        self._logger.setLevel(self._level)
