"""Context menu of the gallery: types with their keys, then the actions of cells."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtWidgets import QMenu

from allstation.ui.cells.feature import CellsFeature
from allstation.ui.common.actions import ActionTable
from allstation.ui.common.i18n import tr

_ACTIONS: Final = (
    ("cells.accept", "cells.untype"),
    ("cells.show_field",),
    ("cells.join", "cells.part", "cells.remove", "cells.restore"),
    ("browse.all",),
)


class CellMenu(QObject):
    """Opens over the gallery, also with the keyboard's menu key.

    Args:
        table: The actions.
        cells: Knows the gallery and the types.
    """

    def __init__(self, table: ActionTable, cells: CellsFeature) -> None:
        super().__init__(cells)
        self._table = table
        self._cells = cells
        cells.panel.menu_asked.connect(self.open)

    @Slot(QPoint)
    def open(self, at: QPoint) -> None:
        """Show the menu at a point of the gallery; nothing where no cell is selected."""
        gallery = self._cells.panel.gallery
        if not gallery.selected_rows():
            return
        menu = QMenu(gallery)
        types = menu.addMenu(tr("Set &Type"))
        self._cells.typing.fill_types(types)
        for group in _ACTIONS:
            menu.addSeparator()
            menu.addActions([self._table[key] for key in group])
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(gallery.viewport().mapToGlobal(at))
