"""Strip above the middle of a main window: what is said there covers nothing."""

from __future__ import annotations

from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget


def place_above(window: QMainWindow, middle: QWidget, strip: QWidget) -> None:
    """Put a strip above the middle of a window; while it is hidden the middle has all the room."""
    both = QWidget(window)
    layout = QVBoxLayout(both)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    window.takeCentralWidget()
    layout.addWidget(strip)
    layout.addWidget(middle, 1)
    window.setCentralWidget(both)
