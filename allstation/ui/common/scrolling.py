"""Scroll areas without a frame, as panels and dialogs have them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QWidget


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
