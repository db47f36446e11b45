"""Docks: a panel is brought to the front of those it shares its place with."""

from __future__ import annotations

from PySide6.QtWidgets import QDockWidget, QWidget


def raise_dock(panel: QWidget) -> None:
    """Show the dock of a panel in front, ready to take the keyboard.

    Behind another tab what is typed for a box of the panel would be taken for keys of actions.
    """
    dock = panel.parent()
    if isinstance(dock, QDockWidget):
        dock.show()
        dock.raise_()
        panel.setEnabled(True)
