"""Docks of the panels around the viewer, and their layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QStyle,
    QTabWidget,
    QToolButton,
    QWidget,
)

from allstation.ui.common.i18n import tr

_DOCKS: Final = (
    ("browser", "Fields", Qt.DockWidgetArea.LeftDockWidgetArea),
    ("review", "Review", Qt.DockWidgetArea.RightDockWidgetArea),
    ("summary", "Summary", Qt.DockWidgetArea.RightDockWidgetArea),
    ("queue", "Queue", Qt.DockWidgetArea.BottomDockWidgetArea),
    ("log", "Log", Qt.DockWidgetArea.BottomDockWidgetArea),
)
_WIDTHS: Final = (280, 250)
"""Of browser and review: the field has more than half of a window of 1280."""
_BOTTOM: Final = 220
_LAYOUT_VERSION: Final = 2
_ON_DEMAND: Final = frozenset({"queue", "log"})
"""Shown when somebody asks for them: how the queue stands is in the status line."""
_BUTTON: Final = 14
_NARROW_VIEWS: Final = ("grid", "table")
"""Views of the browser that need no more width than it had."""
_WIDE: Final = 0.46
"""Share of the window's width of the others."""
_TRIES: Final = 5
_LAYOUT_PAUSE: Final = 30
"""Milliseconds until a panel that is still too wide is made narrower again."""


class DockTitle(QWidget):
    """Title bar of a dock: its title, unless a tab says it already, and buttons under the pointer.

    Args:
        dock: The dock.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self.setProperty("role", "dock-title")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._dock = dock
        self._label = QLabel(dock.windowTitle(), self)
        self._buttons = (
            self._button(QStyle.StandardPixmap.SP_TitleBarNormalButton, tr("Detach or attach"), self._float),
            self._button(QStyle.StandardPixmap.SP_TitleBarCloseButton, tr("Close"), dock.close),
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self._label)
        layout.addStretch(1)
        for button in self._buttons:
            layout.addWidget(button)
        dock.topLevelChanged.connect(self.refresh)
        self._show_buttons(shown=False)

    def _button(self, icon: QStyle.StandardPixmap, name: str, does: Callable[[], object]) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(self._dock.style().standardIcon(icon, None, self._dock))
        button.setIconSize(QSize(_BUTTON, _BUTTON))
        button.setAutoRaise(True)
        button.setToolTip(name)
        button.setAccessibleName(tr("{what}: {panel}", what=name, panel=self._dock.windowTitle()))
        # As Qt's own: with Tab one walks through what the panel holds.
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(does)
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
        return button

    @Slot()
    def _float(self) -> None:
        self._dock.setFloating(not self._dock.isFloating())

    @Slot()
    def refresh(self) -> None:
        """Say the title, unless a tab does."""
        window = self._dock.parent()
        tabbed = isinstance(window, QMainWindow) and any(
            not other.isHidden() for other in window.tabifiedDockWidgets(self._dock)
        )
        self._label.setVisible(self._dock.isFloating() or not tabbed)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the buttons."""
        super().enterEvent(event)
        self._show_buttons(shown=True)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the buttons."""
        super().leaveEvent(event)
        self._show_buttons(shown=False)

    def _show_buttons(self, *, shown: bool) -> None:
        for button in self._buttons:
            button.setVisible(shown)


def make_docks(window: QMainWindow) -> dict[str, QDockWidget]:
    """Return empty docks by name, hidden.

    A panel is best made with its dock as parent: each change of parent styles everything in it anew.
    """
    docks: dict[str, QDockWidget] = {}
    for name, title, _area in _DOCKS:
        docks[name] = dock = QDockWidget(tr(title), window)
        dock.setObjectName(f"dock.{name}")
        # At once: the window may be on screen already, where a dock would push the page aside.
        dock.hide()
    return docks


def add_docks(window: QMainWindow, docks: Mapping[str, QDockWidget], contents: Mapping[str, QWidget]) -> None:
    """Fill docks with their panels and put them around the middle of a window."""
    for name, _title, area in _DOCKS:
        dock = docks[name]
        contents[name].setProperty("role", "panel")
        contents[name].setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        dock.setWidget(contents[name])
        dock.setTitleBarWidget(DockTitle(dock))
        # Behind another tab Qt only moves a panel away: Tab would walk into it, and Space review unseen.
        dock.visibilityChanged.connect(contents[name].setEnabled)
        window.addDockWidget(area, dock)
        dock.hide()
    # Whether one has a tab changes with the others, which come and go one after the other.
    bars = [dock.titleBarWidget() for dock in docks.values()]
    for dock in docks.values():
        for bar in bars:
            if isinstance(bar, DockTitle):
                dock.visibilityChanged.connect(bar.refresh)
    window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    window.tabifyDockWidget(docks["review"], docks["summary"])
    window.tabifyDockWidget(docks["queue"], docks["log"])


def arrange_docks(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
    """Show the panels the way they are when nobody has moved them."""
    for name, dock in docks.items():
        dock.setVisible(name not in _ON_DEMAND)
    docks["review"].raise_()
    window.resizeDocks([docks["browser"], docks["review"]], list(_WIDTHS), Qt.Orientation.Horizontal)
    window.resizeDocks([docks["queue"]], [_BOTTOM], Qt.Orientation.Vertical)


class DockLayout(QObject):
    """Docks of the panels; hidden while there is no case, otherwise as they were left.

    Args:
        window: The window.
        docks: Docks by name, of :func:`make_docks`.
        contents: Panels by name.
        stored: Layout of the last start; empty if nobody ever moved them.

    Attributes:
        docks: By name.
    """

    def __init__(
        self,
        window: QMainWindow,
        docks: dict[str, QDockWidget],
        contents: Mapping[str, QWidget],
        stored: str,
    ) -> None:
        super().__init__(window)
        self._window = window
        self.docks = docks
        add_docks(window, docks, contents)
        self._narrow = self._wanted = self._tries = self._side_tries = 0
        self._scale = 1.0
        self._widths: dict[float, tuple[int, int]] = {}
        # While the panels are hidden, how they were left.
        self._kept: QByteArray | None = QByteArray.fromBase64(stored.encode())

    def set_visible(self, visible: bool) -> None:
        """Show the panels as they were left, or hide them all."""
        if visible and self._kept is not None:
            if not self._window.restoreState(self._kept, _LAYOUT_VERSION):
                arrange_docks(self._window, self.docks)
            self._kept = None
        elif not visible and self._kept is None:
            self._kept = self._window.saveState(_LAYOUT_VERSION)
            for dock in self.docks.values():
                dock.hide()

    @Slot(str)
    def follow_view(self, name: str) -> None:
        """Give a wide view of the browser its share of the window, and the field its own when it is left."""
        browser, wide = self.docks["browser"], name not in _NARROW_VIEWS
        if wide == bool(self._narrow) or browser.isHidden():
            return
        before, self._narrow = self._narrow, browser.width() if wide else 0
        self._wanted = max(browser.width(), round(self._window.width() * _WIDE)) if wide else before
        self._tries = 0 if wide else _TRIES
        if wide:
            self._resize()
        else:
            # Once the layouts know that the wide view is gone.
            QTimer.singleShot(0, self, self._resize)

    @Slot()
    def _resize(self) -> None:
        self._window.resizeDocks([self.docks["browser"]], [self._wanted], Qt.Orientation.Horizontal)
        if self._tries:
            self._tries -= 1
            QTimer.singleShot(_LAYOUT_PAUSE, self, self._resize_again)

    @Slot()
    def _resize_again(self) -> None:
        """Try once more where the layouts did not know in time what the panel needs now."""
        if self._tries and self.docks["browser"].width() > self._wanted:
            self._resize()

    def follow_text(self, scale: float) -> None:
        """Give the panels beside the field the width that they had at a size of text when it comes back.

        Larger text widens them; Qt would leave them wide.
        """
        if scale == self._scale:
            return
        sides = [self.docks[name] for name in ("browser", "review")]
        self._widths[self._scale] = (sides[0].width(), sides[1].width())
        self._scale = scale
        self._side_tries = _TRIES
        if scale in self._widths and not self._narrow:
            QTimer.singleShot(_LAYOUT_PAUSE, self, self._resize_sides)

    @Slot()
    def _resize_sides(self) -> None:
        """Try until the layouts know what the smaller text needs."""
        sides, wanted = [self.docks[name] for name in ("browser", "review")], self._widths[self._scale]
        self._window.resizeDocks(sides, list(wanted), Qt.Orientation.Horizontal)
        self._side_tries -= 1
        if self._side_tries and any(one.width() > width for one, width in zip(sides, wanted, strict=True)):
            QTimer.singleShot(_LAYOUT_PAUSE, self, self._resize_sides)

    def state(self) -> QByteArray:
        """Return the layout to remember."""
        return self._kept if self._kept is not None else self._window.saveState(_LAYOUT_VERSION)
