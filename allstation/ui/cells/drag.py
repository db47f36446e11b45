"""Label that follows the pointer while cells are dragged: how many, and where they would go."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QWidget

from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr


class DragLabel(QLabel):
    """Says what a drop would do. Drawn by the window itself: no drag of the desktop, which would wait."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._room = parent
        self.setProperty("role", "drag")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAutoFillBackground(True)
        self.setContentsMargins(9, 5, 9, 5)
        self.hide()

    def follow(self, at: QPoint, *, cells: int, target: str) -> None:
        """Show the label beside a point of the screen.

        Args:
            at: Global position of the pointer.
            cells: How many are dragged.
            target: Name of what they would be dropped on; empty for nothing.
        """
        what = tr("1 cell") if cells == 1 else tr("{n} cells", n=number(cells))
        self.setText(tr("{what} → {target}", what=what, target=target) if target else what)
        self.adjustSize()
        place = self._room.mapFromGlobal(at) + QPoint(14, 16)
        room = self._room.rect()
        place.setX(max(0, min(place.x(), room.width() - self.width())))
        place.setY(max(0, min(place.y(), room.height() - self.height())))
        self.move(place)
        self.raise_()
        self.show()
