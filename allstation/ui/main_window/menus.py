"""Menus and toolbar, filled from the actions by their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolBar, QToolButton

from allstation.core.text import shown_name
from allstation.ui.common import icons
from allstation.ui.common.actions import GROUP, Action, ActionTable
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.main_window.start_page_layout import ICON, StartLayout

RECENT: Final = "&Case/Open &Recent"
CLASSES: Final = "&Review/Set C&lass"
PANELS: Final = "&View/&Panels"
_SUBMENUS: Final = {
    RECENT: 130,
    CLASSES: 120,
    PANELS: 910,
    "&Case/Se&veral Folders Dropped": 240,
    "&Case/E&xport": 340,
}
"""Submenus and their places in the menus above them."""
_WITH_TEXT: Final = ("case.add_folder", "case.report")


class Menus:
    """Fills the menu bar and the toolbar of the window.

    Args:
        table: The actions.
        layout: Empty menus and the toolbar.
        panels: Actions that show and hide the panels.
    """

    def __init__(self, table: ActionTable, layout: StartLayout, panels: Iterable[QAction]) -> None:
        self._table = table
        self._toolbar = layout.toolbar
        self.submenus = {path: QMenu(tr(path.partition("/")[2]), layout.menus[path.partition("/")[0]])
                         for path in _SUBMENUS}  # fmt: skip
        for title, menu in layout.menus.items():
            menu.setToolTipsVisible(True)
            entries = table.ordered(partial(_place, title))
            entries += [
                (place, self.submenus[path].menuAction())
                for path, place in _SUBMENUS.items()
                if path.partition("/")[0] == title
            ]
            fill_grouped(menu, sorted(entries, key=lambda entry: entry[0]))
        for path, menu in self.submenus.items():
            fill_grouped(menu, table.ordered(partial(_place, path)))
        self.submenus[PANELS].addActions(list(panels))
        self._fill_toolbar()
        self.scale_icons()

    def _fill_toolbar(self) -> None:
        bar = self._toolbar
        bar.clear()
        fill_grouped(bar, self._table.ordered(lambda action: action.toolbar))
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
        menu = self.submenus[CLASSES]
        menu.clear()
        fill_grouped(menu, self._table.ordered(partial(_place, CLASSES)))

    def fill_recent(self, folders: Sequence[Path], open_folder: Callable[[Path], None]) -> None:
        """List recent cases. Whether one is still there is found out when it is opened."""
        menu = self.submenus[RECENT]
        menu.clear()
        for folder in folders:
            action = menu.addAction(shown_name(folder.name.removesuffix(".allcase")))
            action.setToolTip(tip(str(folder)))
            action.triggered.connect(partial(_open, open_folder, folder))
        menu.setEnabled(bool(folders))


def fill_grouped(target: QMenu | QToolBar, entries: Iterable[tuple[int, QAction]]) -> None:
    """Add actions in the order of their places, with a line between groups."""
    before = None
    for place, action in entries:
        if before is not None and place // GROUP != before:
            target.addSeparator()
        before = place // GROUP
        target.addAction(action)


def _place(path: str, action: Action) -> int:
    return action.place if action.menu == path else 0


def _open(open_folder: Callable[[Path], None], folder: Path, _checked: bool = False) -> None:
    open_folder(folder)
