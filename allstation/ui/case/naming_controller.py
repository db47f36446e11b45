"""Renaming of the case and of its slides, undoably."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import QInputDialog

from allstation.services.case.requests import RenameCase, RenameSlide, Request
from allstation.services.case.session import CaseSession
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import short_name
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

_NAME: Final = 28


class NamingController(QObject):
    """Renames the case, and the slide that is chosen in the tree.

    Args:
        context: Services and state.
        browser: Its tree is typed in.
    """

    def __init__(self, context: AppContext, browser: BrowserPanel) -> None:
        super().__init__(browser)
        self._context = context
        self._session = context.session
        self._tree = browser.tree
        self._tree.slides.name_typed.connect(self._slide_named)

    def actions(self) -> tuple[Action, ...]:
        """Offer other names."""
        # fmt: off
        return (
            Action("case.rename", "Re&name Case…", self.rename_case, "",
                   "Give the case another name in the window and in reports; its folder keeps its own",
                   menu="&Case", place=310, enabled_when=self._context.can_write),
            Action("slide.rename", "Re&name Slide", self.rename_slide, "F2",
                   "Give the slide chosen in the tree another name; its folder keeps its own",
                   menu="&Edit", place=410, enabled_when=self._can_rename_slide),
        )
        # fmt: on

    def _can_rename_slide(self) -> bool:
        return self._context.can_write() and self._context.selection.slide is not None

    @Slot()
    def rename_slide(self) -> None:
        """Open the name of the chosen slide for typing."""
        self._tree.edit_name()

    @Slot()
    def rename_case(self) -> None:
        """Ask for another name of the case; its folder keeps the name it has."""
        if self._session.info is None:
            return
        dialog = QInputDialog(self._tree.window())
        dialog.setWindowTitle(tr("Rename case"))
        dialog.setLabelText(
            tr("Name of the case, as the window and its reports show it. Its folder keeps its own.")
        )
        dialog.setTextValue(self._session.info.name)
        dialog.textValueSelected.connect(self._case_named)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _case_named(self, typed: str) -> None:
        info, name = self._session.info, typed.strip()
        if info is not None and name not in {"", info.name}:
            self._push(RenameCase, info.name, name)

    @Slot(int, str)
    def _slide_named(self, slide_id: int, name: str) -> None:
        self._push(partial(RenameSlide, slide_id), self._tree.name_of(slide_id), name)

    def _push(self, rename: Callable[[str], Request], before: str, after: str) -> None:
        self._context.undo.push(_RenameCommand(self._session, rename, before, after))


class _RenameCommand(QUndoCommand):
    """Renaming; undo gives the former name back."""

    def __init__(
        self, session: CaseSession, rename: Callable[[str], Request], before: str, after: str
    ) -> None:
        super().__init__(tr("Rename {name}", name=short_name(before, _NAME)))
        self._session = session
        self._rename = rename
        self._before, self._after = before, after

    def redo(self) -> None:
        """Give the new name."""
        self._session.submit(self._rename(self._after))

    def undo(self) -> None:
        """Give the former name."""
        self._session.submit(self._rename(self._before))
