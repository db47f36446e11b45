"""Gives the whole screen to the middle of a main window, and puts everything back."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar, QWidget


class FullScreen(QObject):
    """Hides docks, tool bars, menu and status bar while it is on.

    Args:
        window: The window.

    Signals:
        ended: Escape was pressed.
    """

    ended = Signal()

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._hidden: list[QWidget] = []
        self._in_front: list[QDockWidget] = []
        self._was_maximised = False
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), window)
        self._escape.setEnabled(False)
        self._escape.activated.connect(self.ended)

    @property
    def is_on(self) -> bool:
        """Whether the field has the whole screen."""
        return self._escape.isEnabled()

    def set_on(self, on: bool) -> None:
        """Enter or leave."""
        if on == self.is_on:
            return
        self._escape.setEnabled(on)
        if on:
            self._enter()
        else:
            self._leave()

    def _enter(self) -> None:
        window = self._window
        parts: list[QWidget] = [
            *window.findChildren(QDockWidget),
            *window.findChildren(QToolBar),
            window.menuBar(),
            window.statusBar(),
        ]
        self._hidden = [part for part in parts if part.isVisible()]
        # Behind another tab a dock counts as shown, but not one of its pixels is visible.
        self._in_front = [d for d in window.findChildren(QDockWidget) if not d.visibleRegion().isEmpty()]
        self._was_maximised = window.isMaximized()
        for part in self._hidden:
            part.hide()
        window.showFullScreen()

    def _leave(self) -> None:
        if self._was_maximised:
            self._window.showMaximized()
        else:
            self._window.showNormal()
        for part in self._hidden:
            part.show()
        for dock in self._in_front:
            dock.raise_()
        self._hidden = []
