"""Scroll areas without a frame, as panels and dialogs have them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget


def scroll_area(
    body: QWidget | None, parent: QWidget, *, sideways: bool = False, focusable: bool = True
) -> QScrollArea:
    """Make a scroll area around a widget, which takes the area's width.

    Args:
        body: What is scrolled; None where it comes later.
        parent: Owner.
        sideways: It scrolls to the side, too, where the widget cannot be as narrow.
        focusable: Keys may scroll it.
    """
    area = QScrollArea(parent)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    if not sideways:
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    if not focusable:
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    if body is not None:
        area.setWidget(body)
    return area


class VerticalScrollArea(QScrollArea):
    """Scrolls up and down, and is never narrower than its content: nothing is cut off at its side.

    Args:
        body: The content.
        parent: Owner.
        least: Least size, logical pixels.
    """

    def __init__(self, body: QWidget, parent: QWidget, *, least: tuple[int, int] = (0, 60)) -> None:
        super().__init__(parent)
        self._least = QSize(*least)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(body)

    def minimumSizeHint(self) -> QSize:
        """As wide as the content and its scroll bar."""
        body = self.widget()
        width = body.minimumSizeHint().width() if body is not None else 0
        return QSize(width + self.verticalScrollBar().sizeHint().width(), 0).expandedTo(self._least)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for another width when the content needs one."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
