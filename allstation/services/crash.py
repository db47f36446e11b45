"""Crash handler: writes failures of the program to a file and shows them; nothing is ever sent."""

from __future__ import annotations

import logging
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

from allstation import __version__
from allstation.core.times import stamp, utc_clock

_log = logging.getLogger(__name__)
_KEPT: Final = 20
_MAX_REPORTS: Final = 5
"""Reports written in one start; a fault in a timer must not fill the disk."""


def describe(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Return a report that names code, never data: no messages, values, names of files or folders.

    Args:
        kind: Type of the exception; its message may hold a path, so it is left out.
        trace: Where it happened.
    """
    lines = [
        f"ALL Station {__version__}",
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"{kind.__module__}.{kind.__qualname__}",
    ]
    for frame in traceback.extract_tb(trace):
        parts = Path(frame.filename).parts
        name = "/".join(parts[parts.index("allstation") :]) if "allstation" in parts else parts[-1]
        lines.append(f"  {name}:{frame.lineno} in {frame.name}")
    return "\n".join(lines)


class CrashHandler:
    """Takes over from Python's own handling of exceptions nobody caught.

    Args:
        folder: For reports.
        tell: Called with the report's text, on the thread that failed.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._written = 0
        self._hooks = (sys.excepthook, threading.excepthook)
        sys.excepthook = self.handle
        threading.excepthook = self._in_thread

    def close(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._hooks

    def handle(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Note an exception down and go on."""
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        report = describe(kind, trace)
        _log.critical("unexpected fault: %s", report.replace("\n", " | "))
        self._write(report)
        self._tell(report)

    def _in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self.handle(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def _write(self, report: str) -> None:
        if self._written >= _MAX_REPORTS:
            return
        self._written += 1
        moment = stamp(utc_clock()).replace(":", "")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            target = self._folder / f"crash-{moment}-{self._written}.txt"
            target.write_text(report + "\n", "utf-8")
            for old in sorted(self._folder.glob("crash-*.txt"))[:-_KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return
