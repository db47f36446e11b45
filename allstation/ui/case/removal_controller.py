"""Taking fields and slides out of the case, and bringing them back; both can be undone."""

from __future__ import annotations

from itertools import count

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from allstation.core.text import shown_name
from allstation.services.desk import CaseDesk
from allstation.services.removal_book import Removal
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr

_NAME = 28


class RemovalActions(QObject):
    """Removes what is selected, and says what became of it.

    Args:
        desk: The case.
        browser: Knows what is selected.
        stack: Where removing can be undone.

    Signals:
        told: What was removed or brought back, in a sentence.
    """

    told = Signal(str)

    def __init__(self, desk: CaseDesk, browser: BrowserPanel, *, stack: QUndoStack) -> None:
        super().__init__(browser)
        self._desk = desk
        self._browser = browser
        self._stack = stack
        self._tokens = count(1)
        desk.worker.fields_removed.connect(self._removed)
        desk.worker.fields_restored.connect(self._restored)

    @Slot()
    def remove(self) -> None:
        """Take the selected fields out of the case; the chosen slide if the tree has the keyboard."""
        if self._browser.tree.hasFocus():
            self.remove_slide()
        else:
            self._on_fields(back=False)

    @Slot()
    def restore(self) -> None:
        """Bring the selected fields back."""
        self._on_fields(back=True)

    @Slot()
    def remove_slide(self) -> None:
        """Take all fields of the chosen slide out of the case."""
        tree = self._browser.tree
        slide_id = tree.current_place().slide_id
        if slide_id is not None:
            name = short_name(tree.name_of(slide_id), _NAME)
            self._push(Removal(slide_id=slide_id), tr("Remove slide {name}", name=name))

    def _on_fields(self, *, back: bool) -> None:
        ids = self._browser.selected_ids()
        record = self._browser.current_record()
        if len(ids) <= 1 and record is not None:
            ids = [record.id]
        if len(ids) == 1 and record is not None:
            what = short_name(shown_name(record.path.name), _NAME)
        else:
            what = tr("{n} fields", n=number(len(ids)))
        text = tr("Bring back {what}", what=what) if back else tr("Remove {what}", what=what)
        self._push(Removal(tuple(ids), back=back), text)

    def _push(self, wanted: Removal, text: str) -> None:
        self._stack.push(_RemovalCommand(self._desk, next(self._tokens), wanted, text))

    @Slot(list)
    def _removed(self, ids: list[int]) -> None:
        if len(ids) == 1:
            self.told.emit(
                tr(
                    "1 field is out of the case. Its file was not touched; "
                    "Undo, or the filter “removed”, brings it back."
                )
            )
        else:
            text = tr(
                "{n} fields are out of the case. Their files were not touched; "
                "Undo, or the filter “removed”, brings them back.",
                n=number(len(ids)),
            )
            self.told.emit(text)

    @Slot(list)
    def _restored(self, ids: list[int]) -> None:
        if len(ids) == 1:
            self.told.emit(tr("1 field is in the case again."))
        else:
            self.told.emit(tr("{n} fields are in the case again.", n=number(len(ids))))


class _RemovalCommand(QUndoCommand):
    """Fields taken out or brought back; undo does the opposite with the same ones."""

    def __init__(self, desk: CaseDesk, token: int, wanted: Removal, text: str) -> None:
        super().__init__(text)
        self._desk = desk
        self._token = token
        self._wanted = wanted

    def redo(self) -> None:
        """Do it."""
        self._desk.remove_fields(self._token, self._wanted)

    def undo(self) -> None:
        """Take it back."""
        self._desk.undo_removal(self._token)
