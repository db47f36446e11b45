"""Qt's application, which also hears what a Mac's desktop hands over: there a double click is no argument."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication


class Application(QApplication):
    """Takes files that the desktop opens while the program runs.

    Signals:
        handed_over: A path (:class:`~pathlib.Path`) to open or to add.
    """

    handed_over = Signal(object)

    def event(self, event: QEvent) -> bool:
        """Tell of a file that the desktop opens; leave everything else to Qt."""
        if isinstance(event, QFileOpenEvent) and event.file():
            self.handed_over.emit(Path(event.file()))
            return True
        return super().event(event)
