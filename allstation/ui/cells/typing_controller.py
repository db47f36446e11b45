"""Typing controller: gives selected cells types by key, menu or drop, undoably; edits the list of types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from allstation.core.cell_types import CellType, type_of, types_json
from allstation.core.cells import CellRecord
from allstation.ui.cells.chosen import ChosenCells
from allstation.ui.cells.commands import CellCommands
from allstation.ui.cells.controller import GalleryController
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.cells.tile import key_label
from allstation.ui.cells.types_dialog import TypesDialog
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

_TOPIC: Final = "cells"


class TypingController(QObject):
    """Stores what people say cells are.

    Args:
        context: Services and state.
        panel: The gallery.
        gallery: Lists the cells; knows the list of types.
        chosen: Which cells are meant, and which were seen.
        commands: Pushes undoable changes.
    """

    def __init__(
        self,
        context: AppContext,
        panel: GalleryPanel,
        *,
        gallery: GalleryController,
        chosen: ChosenCells,
        commands: CellCommands,
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._panel = panel
        self._gallery = gallery
        self._chosen = chosen
        self._commands = commands
        view = panel.gallery
        view.key_typed.connect(self.type_by_key)
        view.accept_asked.connect(self.accept)
        view.untype_asked.connect(self.untype)
        view.customContextMenuRequested.connect(self._open_menu)
        panel.dropped.connect(self.type_selected)
        panel.typer.accept_asked.connect(self.accept)
        panel.edit_asked.connect(self.edit_types)

    def actions(self) -> tuple[Action, ...]:
        """Offer types, accepting proposals and the list of types."""
        # fmt: off
        return (
            Action("cells.set_type", "Set T&ype of Selected Cells…", self.open_types, "",
                   "Choose a type for the selected cells; in the gallery its key does the same",
                   menu="C&ells", place=310, enabled_when=self._can_type),
            Action("cells.accept", "&Accept Proposals", self.accept, "Ctrl+Return",
                   "Type the selected cells as proposed: from then on it is your typing", "confirm",
                   menu="C&ells", place=320, enabled_when=self._can_type),
            Action("cells.untype", "Take &Back Types", self.untype, "Ctrl+Backspace",
                   "Take back the types that you gave to the selected cells",
                   menu="C&ells", place=330, enabled_when=self._can_type),
            Action("cells.types", "&Edit Types…", self.edit_types, "",
                   "Change the list of types: names, keys, colours, what they count as",
                   menu="C&ells", place=610, enabled_when=self._context.has_case),
        )
        # fmt: on

    def _can_type(self) -> bool:
        return self._context.can_write() and self._chosen.any()

    # Types

    @Slot(str)
    def type_by_key(self, key: str) -> None:
        """Give the selected cells the type of a key and go on to the next cell."""
        kind = next(
            (one for one in self._gallery.types if one.shortcut and one.shortcut == key.lower()), None
        )
        if kind is None:
            self._refuse(
                tr("No type of cell has the key {key}. The keys stand beside the types.", key=key.upper())
            )
        elif self.type_selected(kind.key):
            self._panel.go_on()

    @Slot(str)
    def type_selected(self, kind: str) -> bool:
        """Give the selected cells a type, or take this person's back; tell whether it was done."""
        wanted = self._chosen.ids()
        if not len(wanted) or not self._may_type():
            return False
        ids = self._on_screen(wanted)
        if not ids:
            return False
        name = tr(type_of(self._gallery.types, kind).name) if kind else tr("no type")
        self._type(ids, kind, tr("{name} on {what}", name=name, what=_cells(len(ids))))
        return True

    @Slot()
    def untype(self) -> None:
        """Take back what this person said of the selected cells."""
        me = self._context.selection.reviewer
        mine = [record.id for record in self._chosen.records() if record.typed_by == me]
        if mine and self._may_type():
            self._type(mine, "", tr("Take back types of {what}", what=_cells(len(mine))))

    @Slot()
    def accept(self) -> None:
        """Give the selected cells the types that are proposed for them."""
        if self._context.selection.is_blind or not self._may_type():
            return
        records = self._chosen.records()
        open_ones = [one for one in records if one.proposed and not one.type]
        if not open_ones:
            self._refuse(tr("None of the selected cells has a proposed type that nobody gave it yet."))
            return
        seen = set(self._on_screen(np.array([record.id for record in open_ones], np.int64)))
        parts = _by_type([record for record in open_ones if record.id in seen])
        if parts:
            text = tr("Accept proposals on {what}", what=_cells(len(seen)))
            self._commands.type_many(parts, self._context.selection.reviewer, text=text)
            self._panel.go_on()

    def _type(self, ids: Sequence[int], kind: str, text: str) -> None:
        self._commands.type_cells(ids, kind, self._context.selection.reviewer, text=text)

    def _on_screen(self, ids: NDArray[np.int64]) -> list[int]:
        seen = self._chosen.shown_before(ids)
        if len(seen) < len(ids):
            self._refuse(self._chosen.refusal(len(ids) - len(seen), len(ids)))
        return seen

    def _may_type(self) -> bool:
        if not self._context.can_write():
            return False
        if not self._context.selection.reviewer:
            self._refuse(tr("Types of cells need a name. Write yours below the review panel."))
            return False
        return True

    def _refuse(self, text: str) -> None:
        self._context.notifier.warn(text, topic=_TOPIC)

    # Menus

    def fill_types(self, menu: QMenu) -> None:
        """Offer every type in a menu; its key is the gallery's, so it is written and not set."""
        for kind in self._gallery.types:
            key = f"\t{key_label(kind)}" if kind.shortcut else ""
            action = QAction(tr(kind.name).replace("&", "&&") + key, menu)
            action.triggered.connect(partial(self._type_from_menu, kind.key))
            menu.addAction(action)

    def _type_from_menu(self, kind: str, _checked: bool = False) -> None:
        self.type_selected(kind)

    def open_types(self) -> None:
        """Open the list of types at the current cell."""
        view = self._panel.gallery
        place = (
            view.visualRect(view.currentIndex()).center() if view.currentIndex().isValid() else QPoint(8, 8)
        )
        menu = QMenu(view)
        self.fill_types(menu)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(view.viewport().mapToGlobal(place))

    @Slot(QPoint)
    def _open_menu(self, at: QPoint) -> None:
        self._panel.menu_asked.emit(at)

    # The list of types

    @Slot()
    def edit_types(self) -> None:
        """Open the list of types."""
        if self._context.has_case():
            dialog = TypesDialog(self._gallery.types, self._panel.window())
            dialog.chosen.connect(self._use_types)
            dialog.open()

    @Slot(object)
    def _use_types(self, types: tuple[CellType, ...]) -> None:
        before = self._gallery.types
        self._context.settings.change(cell_types=types_json(types))
        if self._context.can_write() and types != self._gallery.case_types:
            self._commands.set_types(before, types)
        self._panel.set_types(types)
        self._gallery.relist()


def _by_type(records: Sequence[CellRecord]) -> list[tuple[list[int], str]]:
    parts: dict[str, list[int]] = defaultdict(list)
    for record in records:
        parts[record.proposed].append(record.id)
    return [(ids, kind) for kind, ids in parts.items()]


def _cells(count: int) -> str:
    return tr("1 cell") if count == 1 else tr("{n} cells", n=number(count))
