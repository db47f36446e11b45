"""Room for a strip above the middle of a main window: what is said there covers nothing."""

from __future__ import annotations

from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget


def make_room_above(window: QMainWindow, middle: QWidget) -> QVBoxLayout:
    """Return a layout that holds the middle of a window; while a strip above it is hidden it has all room.

    Call it before the middle is filled: a change of parent styles everything in it anew.
    """
    both = QWidget(window)
    layout = QVBoxLayout(both)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    window.takeCentralWidget()
    layout.addWidget(middle, 1)
    window.setCentralWidget(both)
    return layout
