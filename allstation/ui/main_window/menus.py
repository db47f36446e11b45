"""Menus and toolbar, filled from the action table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QToolBar, QToolButton

from allstation.core.text import shown_name
from allstation.ui.common import icons
from allstation.ui.common.actions import EXPORTS, MENUS, TOOLBAR, ActionTable
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.main_window.start_page_layout import ICON, FirstPage
from allstation.ui.review.controller import CLASS_PREFIX
from allstation.ui.viewer.commands import VIEWER_ACTIONS

_WITH_TEXT = ("case.add_folder", "case.report")
_SUBMENUS = {"recent": "Open &Recent", "docks": "&Panels", "classes": "Set C&lass", "exports": "E&xport"}


class Menus:
    """Fills the menu bar and the toolbar of the window."""

    def __init__(self, window: QMainWindow, table: ActionTable, first: FirstPage) -> None:
        self._window = window
        self._table = table
        self._named: dict[str, QMenu] = {}
        for title, entries in MENUS:
            menu = first.menus[title]
            menu.setToolTipsVisible(True)
            for entry in entries:
                self._add(menu, entry)
        self._toolbar = first.toolbar
        self._fill_toolbar(first.toolbar)
        self.scale_icons()
        self.fill_classes()
        self._named["exports"].addActions([table[key] for key in EXPORTS])
        for dock in window.findChildren(QDockWidget):
            self._named["docks"].addAction(dock.toggleViewAction())

    def _add(self, menu: QMenu, entry: str) -> None:
        if entry == "-":
            menu.addSeparator()
        elif entry in self._table:
            menu.addAction(self._table[entry])
        elif entry in _SUBMENUS:
            self._named[entry] = menu.addMenu(tr(_SUBMENUS[entry]))
        else:
            keys = [spec.id for spec in VIEWER_ACTIONS] if entry == "viewer" else []
            menu.addActions([self._table[key] for key in keys])

    def _fill_toolbar(self, bar: QToolBar) -> None:
        bar.clear()
        for entry in TOOLBAR:
            if entry == "-":
                bar.addSeparator()
            elif entry in self._table:
                bar.addAction(self._table[entry])
        for entry in _WITH_TEXT:
            shown = bar.widgetForAction(self._table[entry])
            if isinstance(shown, QToolButton):
                shown.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for button in bar.findChildren(QToolButton):
            action = button.defaultAction()
            if action is not None:
                button.setAccessibleName(action.text().replace("&", ""))

    def scale_icons(self) -> None:
        """Give the toolbar's icons the size of the text beside them."""
        side = icons.scaled(ICON)
        self._toolbar.setIconSize(QSize(side, side))

    def fill_classes(self) -> None:
        """Offer the classes of the model in use."""
        self._named["classes"].clear()
        self._named["classes"].addActions(self._table.starting_with(CLASS_PREFIX))

    def fill_recent(self, folders: Sequence[Path], open_folder: Callable[[Path], None]) -> None:
        """List recent cases. Whether one is still there is found out when it is opened."""
        menu = self._named["recent"]
        menu.clear()
        for folder in folders:
            action = menu.addAction(shown_name(folder.name.removesuffix(".allcase")))
            action.setToolTip(tip(str(folder)))
            action.triggered.connect(partial(_open, open_folder, folder))
        menu.setEnabled(bool(folders))


def _open(open_folder: Callable[[Path], None], folder: Path, _checked: bool = False) -> None:
    open_folder(folder)
