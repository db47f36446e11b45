"""Qt's application, which also hears what a Mac's desktop hands over: there a double click is no argument."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Sequence
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

    def __init__(self, arguments: Sequence[str]) -> None:
        """Start Qt; ``arguments`` are the program's, its name first."""
        _speak_utf8()
        super().__init__(list(arguments))

    def event(self, event: QEvent) -> bool:
        """Tell of a file that the desktop opens; leave everything else to Qt."""
        if isinstance(event, QFileOpenEvent) and event.file():
            self.handed_over.emit(Path(event.file()))
            return True
        return super().event(event)


def _speak_utf8() -> None:
    """Choose a locale that can spell every file's name; Qt would choose the same one and complain."""
    if sys.platform.startswith("linux") and locale.getencoding().upper().replace("-", "") != "UTF8":
        os.environ["LC_ALL"] = "C.UTF-8"
