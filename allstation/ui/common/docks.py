"""Docks: a panel is brought to the front of those it shares its place with, or given another width."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget


def raise_dock(panel: QWidget) -> None:
    """Show the dock of a panel in front, ready to take the keyboard.

    Behind another tab what is typed for a box of the panel would be taken for keys of actions.
    """
    dock = panel.parent()
    if isinstance(dock, QDockWidget):
        dock.show()
        dock.raise_()
        panel.setEnabled(True)


def dock_width(panel: QWidget) -> int:
    """Return the width of the dock of a panel; 0 where it is in none."""
    dock = panel.parent()
    return dock.width() if isinstance(dock, QDockWidget) else 0


def set_dock_width(panel: QWidget, width: int) -> None:
    """Give the dock of a panel another width, at the cost of its neighbours."""
    dock = panel.parent()
    window = dock.parent() if isinstance(dock, QDockWidget) else None
    if isinstance(dock, QDockWidget) and isinstance(window, QMainWindow) and not dock.isFloating():
        window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
