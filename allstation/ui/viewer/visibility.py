"""Measures how long the pixels of fields have been on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Container, Hashable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QWindow
from PySide6.QtWidgets import QWidget

from allstation.core.records import FieldRecord

Clock = Callable[[], float]
Identity = tuple[int, Path, str]

_EXPOSE: Final = QEvent.Type.Expose


def identity(record: FieldRecord) -> Identity:
    """Return the identity of a field: rows are numbered anew in each case, files may be exchanged."""
    return record.id, record.path, record.sha256


def message_key(record: FieldRecord) -> tuple[str, Identity]:
    """Return the key of the sentence that is shown where a field's picture cannot be."""
    return "message", identity(record)


class VisibilityTracker(QObject):
    """Records which pictures a widget has on the screen, and since when.

    A picture counts from the first time its pixels are painted until something else is painted in
    their place, the widget is hidden, or its window is no longer exposed (minimised, another desktop).

    Args:
        widget: Paints the pictures; reports them from its paint event.
        clock: Monotonic seconds.

    Attributes:
        clock: The same; tests replace it.
    """

    def __init__(self, widget: QWidget, clock: Clock = time.monotonic) -> None:
        super().__init__(widget)
        self.clock = clock
        self._widget = widget
        self._window: QWindow | None = None
        self._since: dict[Hashable, float] = {}
        self._longest: dict[Hashable, float] = {}

    def painted(self, keys: Collection[Hashable], *, kept: Container[Hashable] = ()) -> None:
        """Take what the widget has just painted.

        Args:
            keys: Pictures whose pixels were painted.
            kept: Pictures that are still on the screen if they were before: the rest of a partly painted
                widget. Any other one is gone.
        """
        if not self._is_exposed():
            self.hidden()
            return
        now = self.clock()
        for key in [key for key in self._since if key not in keys and key not in kept]:
            self._end(key, now)
        for key in keys:
            self._since.setdefault(key, now)

    def hidden(self) -> None:
        """End the time of every picture: the widget cannot be seen."""
        now = self.clock()
        for key in list(self._since):
            self._end(key, now)

    def clear(self) -> None:
        """Forget everything, for example with another case."""
        self._since.clear()
        self._longest.clear()

    def seconds(self, key: Hashable) -> float | None:
        """Return for how long a picture has been on the screen without a break; None if it is not there."""
        if key not in self._since or not self._is_exposed():
            return None
        return self.clock() - self._since[key]

    def longest(self, key: Hashable) -> float | None:
        """Return the longest time that a picture was on the screen without a break; None if it never was."""
        times = (self._longest.get(key), self.seconds(key))
        return max((each for each in times if each is not None), default=None)

    def shown_for(self, limit: float) -> set[Hashable]:
        """Return every picture that was on the screen for that many seconds without a break."""
        now, exposed = self.clock(), self._is_exposed()
        before = {key for key, seconds in self._longest.items() if seconds >= limit}
        return before | {key for key, since in self._since.items() if exposed and now - since >= limit}

    def _end(self, key: Hashable, now: float) -> None:
        self._longest[key] = max(self._longest.get(key, 0.0), now - self._since.pop(key))

    def _is_exposed(self) -> bool:
        window = self._widget.window().windowHandle()
        if window is not self._window:
            # A dock may float: another window holds the widget then, and the one before may be gone.
            self._window = window
            if window is not None:
                window.installEventFilter(self)
        return window is not None and window.isExposed() and self._widget.isVisible()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """End the time of every picture when the window is covered or minimised."""
        if event.type() == _EXPOSE and watched is self._window and not self._window.isExposed():
            self.hidden()
        return super().eventFilter(watched, event)
