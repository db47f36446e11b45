"""Button of the data page that leads to the labelling window: a folder, the open case, what is unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from allstation.core.text import shown_name
from allstation.services.training.labelling import Unfinished
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr


class SortButton(QPushButton):
    """Offers what can be sorted into classes.

    Signals:
        folder_asked: Choose a folder.
        case_asked: The fields of the open case.
        resumed: :class:`~allstation.services.training.labelling.Unfinished` to go on with.
    """

    folder_asked = Signal()
    case_asked = Signal()
    resumed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Sort Fields into Classes"), parent)
        self.setToolTip(tr("Give fields a class by key, then train on them; the files stay as they are"))
        self._menu = QMenu(self)
        self._folder = self._menu.addAction(tr("A Folder of Fields…"))
        self._folder.triggered.connect(self.folder_asked)
        self._case = self._menu.addAction("")
        self._case.triggered.connect(self.case_asked)
        self._menu.addSeparator()
        self._unfinished: list[tuple[QAction, Unfinished]] = []
        self.setMenu(self._menu)
        self.set_case(None)

    def set_case(self, folder: Path | None) -> None:
        """Offer the fields of the open case, if one is open."""
        self._case.setVisible(folder is not None)
        if folder is not None:
            name = shown_name(folder.name.removesuffix(".allcase")).replace("&", "&&")
            self._case.setText(tr("The Open Case, {name}", name=name))

    def set_unfinished(self, found: Sequence[Unfinished]) -> None:
        """Offer to go on with what was begun."""
        for action, _ in self._unfinished:
            self._menu.removeAction(action)
            action.deleteLater()
        self._unfinished = []
        for one in found:
            name = shown_name(one.place.name.removesuffix(".allcase")).replace("&", "&&")
            done, total = number(one.labelled), number(one.total)
            words = tr("Go On with {name}, {done} of {total}", name=name, done=done, total=total)
            action = self._menu.addAction(words)
            action.triggered.connect(self._resume)
            self._unfinished.append((action, one))

    @Slot()
    def _resume(self) -> None:
        sender = self.sender()
        for action, one in self._unfinished:
            if action is sender:
                self.resumed.emit(one)
