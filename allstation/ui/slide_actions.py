"""Slides: another shown name, typed in the tree, that can be undone."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from allstation.services.desk import CaseDesk
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.text import short_name, tr

_NAME = 28


class SlideActions(QObject):
    """Lets a person name the slide that is chosen in the tree.

    Args:
        desk: The case.
        browser: Its tree is typed in.
        stack: Where renaming can be undone.
    """

    def __init__(self, desk: CaseDesk, browser: BrowserPanel, *, stack: QUndoStack) -> None:
        super().__init__(browser)
        self._desk = desk
        self._tree = browser.tree
        self._stack = stack
        self._tree.slides.name_typed.connect(self._name_typed)

    @Slot()
    def rename(self) -> None:
        """Open the name of the chosen slide for typing."""
        self._tree.edit_name()

    @Slot(int, str)
    def _name_typed(self, slide_id: int, name: str) -> None:
        self._stack.push(_RenameCommand(self._desk, slide_id, self._tree.name_of(slide_id), name))


class _RenameCommand(QUndoCommand):
    """Another name of a slide; undo gives it the former one."""

    def __init__(self, desk: CaseDesk, slide_id: int, before: str, after: str) -> None:
        super().__init__(tr("Rename {name}", name=short_name(before, _NAME)))
        self._desk = desk
        self._slide_id = slide_id
        self._before, self._after = before, after

    def redo(self) -> None:
        """Give the new name."""
        self._desk.rename_slide(self._slide_id, self._after)

    def undo(self) -> None:
        """Give the former name."""
        self._desk.rename_slide(self._slide_id, self._before)
