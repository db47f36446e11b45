"""Layout of the first paint: the start page between bars that are filled later.

The window is on screen in little more time than Qt needs for a bare one; everything else is built
afterwards (``workbench``). So nothing here loads a case, a decoder or the model's runtime,
and nothing touches ``PySide6.QtCore.Qt``: making that namespace's enumerations takes 20 to 35 ms, a
fifth of the time in which a bare window is up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from PySide6.QtCore import QByteArray, QSize
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QLabel, QMainWindow, QMenu, QStackedWidget, QToolBar, QToolButton

from allstation.services.settings import Settings
from allstation.ui.common.i18n import tr
from allstation.ui.main_window.start_page import StartPage

MENU_TITLES: Final = ("&Case", "&Edit", "&Go", "&Review", "C&ells", "&Queue", "&View", "&Model", "&Help")
"""Titles of the menus, so that the menu bar has its height and looks from the beginning."""
ICON: Final = 20
_WIDEST: Final = 400
"""Logical pixels that the middle takes at least: beside both panels it fits a screen of 1280, at any text."""


class Middle(QStackedWidget):
    """Middle of the window; a page that is not shown does not keep the window wide, large text does not."""

    def minimumSizeHint(self) -> QSize:
        """Return that of the page that is shown, within bounds."""
        shown = self.currentWidget()
        hint = shown.minimumSizeHint() if shown is not None else super().minimumSizeHint()
        return hint.boundedTo(QSize(_WIDEST, hint.height()))


class StartLayout(NamedTuple):
    """Parts of the window that are painted first.

    Attributes:
        middle: Holds the page, and later the viewer.
        start: The page.
        menus: By title, empty.
        toolbar: Holds nothing but its height.
    """

    middle: QStackedWidget
    start: StartPage
    menus: dict[str, QMenu]
    toolbar: QToolBar


def show_start_page(window: QMainWindow, stored: Settings) -> StartLayout:
    """Fill a window with the start page."""
    window.resize(1440, 900)
    if stored.geometry:
        window.restoreGeometry(QByteArray.fromBase64(stored.geometry.encode()))
    menus = {title: window.menuBar().addMenu(tr(title)) for title in MENU_TITLES}
    toolbar = _add_toolbar(window)
    _add_status(window)
    middle = Middle(window)
    start = StartPage(window, recent=[Path(text) for text in stored.recent])
    middle.addWidget(start)
    window.setCentralWidget(middle)
    return StartLayout(middle, start, menus, toolbar)


def _add_status(window: QMainWindow) -> None:
    bar = window.statusBar()
    bar.setSizeGripEnabled(False)
    use = QLabel(tr("For Research Use Only"), bar)
    use.setProperty("role", "research")
    # As high as the highest part of the line that comes later.
    use.setMinimumHeight(QToolButton().sizeHint().height())
    bar.addPermanentWidget(use)


def _add_toolbar(window: QMainWindow) -> QToolBar:
    bar = QToolBar(tr("Main toolbar"), window)
    bar.setObjectName("toolbar.main")
    bar.setMovable(False)
    bar.setIconSize(QSize(ICON, ICON))
    # Keeps the height free that the buttons will have, so that nothing jumps when they come.
    stand_in = QToolButton(bar)
    nothing = QPixmap(ICON, max(ICON, stand_in.fontMetrics().height()))
    nothing.fill(QColor(0, 0, 0, 0))
    stand_in.setIcon(QIcon(nothing))
    stand_in.setIconSize(nothing.size())
    stand_in.setEnabled(False)
    bar.addWidget(stand_in)
    window.addToolBar(bar)
    return bar
