"""What a right click on a field offers: the same actions as everywhere, and the way to its file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QAbstractScrollArea, QMenu, QWidget

from allstation.ui.review.controller import CLASS_PREFIX

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow

_ENTRIES: Final = (
    "review.confirm", CLASS_PREFIX, "review.look", "review.comment", "-",
    "view.evidence", "view.cells", "view.compare", "view.copy", "-",
    "queue.again", "-",
    "field.show_file", "field.copy_path", "-",
    "field.remove", "field.restore",
)  # fmt: skip


class FieldMenu(QObject):
    """Opens over thumbnails, table and viewer, also with the keyboard's menu key."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        panes = (window.viewer.main.canvas, window.viewer.pinned.canvas)
        for view in (window.browser.grid, window.browser.table, *panes):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            view.customContextMenuRequested.connect(partial(self.open, view))

    def open(self, view: QWidget, at: QPoint) -> None:
        """Show the menu at a point of a view; nothing while there is no field."""
        if self._window.browser.current_record() is None:
            return
        table, menu = self._window.actions_table, QMenu(view)
        for entry in _ENTRIES:
            if entry == "-":
                menu.addSeparator()
            elif entry == CLASS_PREFIX:
                menu.addActions(table.starting_with(CLASS_PREFIX))
            else:
                menu.addAction(table[entry])
        menu.aboutToHide.connect(menu.deleteLater)
        # What scrolls reports points of what it shows, not of its frame.
        base = view.viewport() if isinstance(view, QAbstractScrollArea) else view
        menu.popup(base.mapToGlobal(at))

    @Slot()
    def show_file(self) -> None:
        """Open the folder of the current field in the desktop's file manager."""
        record = self._window.browser.current_record()
        if record is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(record.path.parent)))

    @Slot()
    def copy_path(self) -> None:
        """Copy where the selected fields lie, one path a line."""
        browser = self._window.browser
        found = (browser.model.record(number) for number in browser.selected_ids())
        paths = [str(record.path) for record in found if record is not None]
        current = browser.current_record()
        if not paths and current is not None:
            paths = [str(current.path)]
        QGuiApplication.clipboard().setText("\n".join(paths))
