"""Progress line with rate and time left, on stderr of a terminal only."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

_INTERVAL: Final = 0.1
_BAR: Final = 24


class ProgressLine:
    """Shows ``[####----] 12/40  118 fields/s  0:02 left`` and rewrites it in place.

    Args:
        total: Fields to do; may be set later.
        stream: Where to write; nothing is written unless it is a terminal.
        what: Is done, in the plural.
    """

    def __init__(self, total: int, stream: TextIO | None = None, *, what: str = "fields") -> None:
        self.total = total
        self._what = what
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._started = time.monotonic()
        self._next = 0.0

    def update(self, done: int) -> None:
        """Show that ``done`` fields are finished, at most ten times a second."""
        now = time.monotonic()
        if self._shown and self.total > 0 and (now >= self._next or done == self.total):
            self._next = now + _INTERVAL
            self._stream.write(
                "\r" + progress_text(done, self.total, now - self._started, what=self._what) + "\x1b[K"
            )
            self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()


def progress_text(done: int, total: int, seconds: float, *, what: str = "fields") -> str:
    """Return the line's text.

    Args:
        done: Finished fields.
        total: All fields, at least 1.
        seconds: Time since the first began.
        what: Is done, in the plural.
    """
    filled = _BAR * done // total
    bar = "#" * filled + "-" * (_BAR - filled)
    if not done or seconds <= 0:
        return f"[{bar}] {done}/{total}"
    rate = done / seconds
    left = round((total - done) / rate)
    return f"[{bar}] {done}/{total}  {rate:.0f} {what}/s  {left // 60}:{left % 60:02d} left"
