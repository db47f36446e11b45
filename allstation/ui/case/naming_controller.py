"""Names of the case and of its slides: typed, kept in the case, undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QInputDialog

from allstation.core.text import shown_name
from allstation.services.desk import CaseDesk
from allstation.services.messages import CaseInfo
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow

_NAME: Final = 28


class Naming(QObject):
    """Lets a person name the case, and the slide that is chosen in the tree.

    Args:
        desk: The case.
        window: Its title says the name, its tree is typed in.
        stack: Where renaming can be undone.
    """

    def __init__(self, desk: CaseDesk, window: MainWindow, *, stack: QUndoStack) -> None:
        super().__init__(window)
        self._desk = desk
        self._window = window
        self._tree = window.browser.tree
        self._stack = stack
        self._tree.slides.name_typed.connect(self._slide_named)
        desk.renamed.connect(self.show)

    @Slot(object)
    def show(self, info: CaseInfo | None) -> None:
        """Say in the window's title which case is open."""
        name = shown_name(info.name) if info is not None else ""
        looking = tr(" (looking only)") if info is not None and info.read_only else ""
        self._window.setWindowTitle(f"{name}{looking} — ALL Station" if name else "ALL Station")

    @Slot()
    def rename_slide(self) -> None:
        """Open the name of the chosen slide for typing."""
        self._tree.edit_name()

    @Slot()
    def rename_case(self) -> None:
        """Ask for another name of the case; its folder keeps the name it has."""
        if self._desk.info is None:
            return
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(tr("Rename case"))
        dialog.setLabelText(
            tr("Name of the case, as the window and its reports show it. Its folder keeps its own.")
        )
        dialog.setTextValue(self._desk.info.name)
        dialog.textValueSelected.connect(self._case_named)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _case_named(self, typed: str) -> None:
        info, name = self._desk.info, typed.strip()
        if info is not None and name not in {"", info.name}:
            self._push(self._desk.rename_case, info.name, name)

    @Slot(int, str)
    def _slide_named(self, slide_id: int, name: str) -> None:
        self._push(partial(self._desk.rename_slide, slide_id), self._tree.name_of(slide_id), name)

    def _push(self, give: Callable[[str], None], before: str, after: str) -> None:
        self._stack.push(_RenameCommand(give, before, after))


class _RenameCommand(QUndoCommand):
    """Another name; undo gives the former one back."""

    def __init__(self, give: Callable[[str], None], before: str, after: str) -> None:
        super().__init__(tr("Rename {name}", name=short_name(before, _NAME)))
        self._give = give
        self._before, self._after = before, after

    def redo(self) -> None:
        """Give the new name."""
        self._give(self._after)

    def undo(self) -> None:
        """Give the former name."""
        self._give(self._before)
