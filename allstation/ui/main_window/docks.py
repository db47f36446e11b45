"""Where the panels stand around the viewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QTabWidget, QWidget

from allstation.ui.common.i18n import tr

_DOCKS: Final = (
    ("browser", "Fields", Qt.DockWidgetArea.LeftDockWidgetArea),
    ("review", "Review", Qt.DockWidgetArea.RightDockWidgetArea),
    ("summary", "Summary", Qt.DockWidgetArea.RightDockWidgetArea),
    ("queue", "Queue", Qt.DockWidgetArea.BottomDockWidgetArea),
    ("log", "Log", Qt.DockWidgetArea.BottomDockWidgetArea),
)
_WIDTHS: Final = (400, 310)
_BOTTOM: Final = 150
_SCROLL_BAR: Final = 12


def add_docks(window: QMainWindow, contents: Mapping[str, QWidget]) -> dict[str, QDockWidget]:
    """Make docks around the middle of a window, hidden, and return them by name."""
    docks: dict[str, QDockWidget] = {}
    for name, title, area in _DOCKS:
        dock = QDockWidget(tr(title), window)
        dock.setObjectName(f"dock.{name}")
        contents[name].setProperty("role", "panel")
        contents[name].setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        dock.setWidget(contents[name])
        # Behind another tab Qt only moves a panel away: Tab would walk into it, and Space review unseen.
        dock.visibilityChanged.connect(contents[name].setEnabled)
        window.addDockWidget(area, dock)
        # At once: the window may be on screen already, where a dock would push the page aside.
        dock.hide()
        docks[name] = dock
    window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    window.tabifyDockWidget(docks["review"], docks["summary"])
    window.tabifyDockWidget(docks["queue"], docks["log"])
    return docks


def bring(dock: QDockWidget) -> None:
    """Show a panel in front of those it shares its place with, ready to take the keyboard."""
    dock.show()
    dock.raise_()
    dock.widget().setEnabled(True)


def arrange_docks(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
    """Show the panels the way they are when nobody has moved them."""
    for name, dock in docks.items():
        dock.setVisible(name != "log")
    docks["review"].raise_()
    docks["queue"].raise_()
    window.resizeDocks([docks["browser"], docks["review"]], list(_WIDTHS), Qt.Orientation.Horizontal)
    window.resizeDocks([docks["queue"]], [_BOTTOM], Qt.Orientation.Vertical)


def fit_review(panel: QWidget) -> None:
    """Never let a panel be narrower than what its scroll area holds; it does not scroll sideways."""
    area = panel.findChild(QScrollArea)
    body = area.widget() if area is not None else None
    if body is not None:
        panel.setMinimumWidth(body.minimumSizeHint().width() + _SCROLL_BAR)
