"""Drop hint: says over the field what becomes of files that are dragged over the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import CaseInfo
from allstation.ui.common.i18n import tr

_MARGIN = 12


class DropHint(QFrame):
    """Frame over a widget with one sentence; takes no clicks and no drops itself.

    Args:
        over: The widget that it covers while it is shown.
    """

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setObjectName("drop.hint")
        self.setProperty("role", "drop")
        self.setProperty("active", True)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._over = over
        self._words = QLabel(self, alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._words.setProperty("role", "heading")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.addWidget(self._words)
        over.installEventFilter(self)
        self.hide()

    def show_for(self, info: CaseInfo) -> None:
        """Say what becomes of what is dropped while a case is open."""
        name = shown_name(info.name)
        self._words.setText(
            tr("{name} is open for looking only: nothing can be added to it.", name=name)
            if info.read_only
            else tr("Drop to add to {name}", name=name)
        )
        self._cover()
        self.raise_()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of what is covered."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._cover()
        return super().eventFilter(watched, event)

    def _cover(self) -> None:
        self.setGeometry(self._over.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN))
