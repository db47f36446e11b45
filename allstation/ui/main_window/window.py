"""Main window: a shell with the start page at first; the workbench fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMainWindow

from allstation.services.settings import SettingsFile
from allstation.ui.main_window.start_page_layout import show_start_page

if TYPE_CHECKING:
    # What the start page does not need would delay the first paint.
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent


class Contents(Protocol):
    """Protocol of what fills the window."""

    def may_close(self) -> bool:
        """Tell whether the window may close now; if not, the person is asked."""

    def take_drop(self, data: QMimeData) -> None:
        """Open or add what was dropped on the window."""

    def show_drop(self, data: QMimeData | None) -> None:
        """Say what would become of what is dragged over the window, or (None) no longer."""


class MainWindow(QMainWindow):
    """Shell that is on screen before the program is loaded.

    Args:
        settings: The user's settings.

    Attributes:
        start_layout: The start page between bars that are filled later.
        workbench: What fills the window; None until it is built.

    Signals:
        closing: The window was closed for good; the program should end.
        contents_wanted: The contents are needed now, whatever that costs.
    """

    closing = Signal()
    contents_wanted = Signal()

    def __init__(self, settings: SettingsFile) -> None:
        super().__init__()
        self.setObjectName("MainWindow")
        self.setWindowTitle("ALL Station")
        self.start_layout = show_start_page(self, settings.value)
        self.start = self.start_layout.start
        self.workbench: Contents | None = None

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and folders from anywhere."""
        if event.mimeData().hasUrls():
            self._show_drop(event.mimeData())
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Show the start page as before."""
        self._show_drop(None)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Pass on what was dropped; the worker looks at it."""
        self._show_drop(None)
        event.acceptProposedAction()
        if self.workbench is not None:
            self.workbench.take_drop(event.mimeData())

    def _show_drop(self, data: QMimeData | None) -> None:
        self.start.set_drop_active(data is not None)
        if self.workbench is not None:
            self.workbench.show_drop(data)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask if work still goes on, else close."""
        self.contents_wanted.emit()
        if self.workbench is not None and not self.workbench.may_close():
            event.ignore()
            return
        event.accept()
        self.closing.emit()
