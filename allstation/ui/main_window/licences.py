"""The licences of everything that ships, as the packer wrote them."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontDatabase, QTextCursor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from allstation import paths
from allstation.core.errors import StationError
from allstation.ui.common.i18n import tr
from allstation.ui.common.window_size import resize_on_screen

NOTICES = "notices/THIRD-PARTY-NOTICES.txt"
"""Where the packer puts them, below ``resources/``."""

_LINES_AT_ONCE = 400
"""The text of a full edition has tens of thousands of lines; this many take a few milliseconds."""


def notices() -> str:
    """Return the notices, or one sentence where the program was not packed and there are none."""
    try:
        return paths.resource(NOTICES).read_text("utf-8")
    except StationError:
        return tr(
            "This program runs from its sources, so nothing was packed with it. The licence of each library "
            "lies beside the library; the installed program shows them all here."
        )


class LicencesDialog(QDialog):
    """Every licence and notice, to read and to copy. Opened with ``open()``, never waited for."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Licences"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QPlainTextEdit(self, readOnly=True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(tr("Licences of everything that ships with the program"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addWidget(buttons)
        resize_on_screen(self, 860, 640)
        self._parts = _in_parts(notices())
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._fill)
        self._timer.start()

    def _fill(self) -> None:
        """Put in the next lines; all at once would hold the window for tens of milliseconds."""
        part = next(self._parts, None)
        if part is None:
            self._timer.stop()
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
        else:
            self.text.appendPlainText(part)


def _in_parts(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield "\n".join(lines[start : start + _LINES_AT_ONCE])
