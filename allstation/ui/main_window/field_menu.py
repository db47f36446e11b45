"""Context menu of a field: the same actions as everywhere, by their places in it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QMenu, QWidget

from allstation.ui.common.actions import ActionTable
from allstation.ui.context import AppContext
from allstation.ui.main_window.menus import fill_grouped


class FieldMenu(QObject):
    """Opens over the views of fields, also with the keyboard's menu key.

    Args:
        context: Knows whether there is a field.
        table: The actions.
        views: Thumbnails, table and canvases.
        parent: Owner.
    """

    def __init__(
        self, context: AppContext, table: ActionTable, views: Iterable[QWidget], *, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._table = table
        for view in views:
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            view.customContextMenuRequested.connect(partial(self.open, view))

    def open(self, view: QWidget, at: QPoint) -> None:
        """Show the menu at a point of a view; nothing while there is no field."""
        if not self._context.has_field():
            return
        menu = QMenu(view)
        fill_grouped(menu, self._table.ordered(lambda action: action.field_menu))
        menu.aboutToHide.connect(menu.deleteLater)
        # What scrolls reports points of what it shows, not of its frame.
        base = view.viewport() if isinstance(view, QAbstractScrollArea) else view
        menu.popup(base.mapToGlobal(at))
