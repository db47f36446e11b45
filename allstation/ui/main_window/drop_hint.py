"""Drop hint: says over the field what becomes of files that are dragged over the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import CaseInfo
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr

_MARGIN = 12
_NAME = 40


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

    def show_for(self, info: CaseInfo, *, slides: Sequence[str] = (), parts: bool = False) -> None:
        """Say what becomes of what is dropped while a case is open.

        Args:
            info: The open case.
            slides: Names of the files of whole slides among what is dragged.
            parts: It may become several cases, which is asked or settled.
        """
        name = shown_name(info.name)
        if info.read_only:
            words = tr("{name} is open for looking only: nothing can be added to it.", name=name)
        elif parts:
            words = tr("Drop the folders: they are added to {name} or become cases of their own", name=name)
        elif len(slides) == 1:
            slide = short_name(shown_name(slides[0]), _NAME)
            words = tr("Drop to add fields of {slide} to {name}", slide=slide, name=name)
        elif slides:
            words = tr("Drop to add fields of {n} slides to {name}", n=number(len(slides)), name=name)
        else:
            words = tr("Drop to add to {name}", name=name)
        self._words.setText(words)
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
