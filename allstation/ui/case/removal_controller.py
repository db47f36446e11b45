"""Removal of fields and slides from the case, and bringing them back; both can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand

from allstation.processing.status_types import ImportStatus
from allstation.services.case.field_requests import RemoveFields, UndoRemoval
from allstation.services.case.session import CaseSession
from allstation.services.case.undo_log import Removal
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import field_name, number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import FIELDS, Level, Notification
from allstation.ui.context import AppContext

_NAME = 28


class RemovalController(QObject):
    """Removes what is selected, and says what became of it.

    Args:
        context: Services and state.
        browser: Knows what is selected.
    """

    def __init__(self, context: AppContext, browser: BrowserPanel) -> None:
        super().__init__(browser)
        self._context = context
        self._session = context.session
        self._browser = browser
        self._tokens = count(1)
        self._added: Sequence[int] = ()
        context.session.worker.fields_removed.connect(self._removed)
        context.session.worker.fields_restored.connect(self._restored)
        context.session.worker.import_changed.connect(self._import_changed)

    def actions(self) -> tuple[Action, ...]:
        """Offer to remove, and to bring back."""
        # fmt: off
        return (
            Action("field.remove", "Re&move from Case", self.remove, "Del",
                   "Take the selected fields out of the case; their files stay, and they can be brought back",
                   "trash", menu="&Edit", place=310, field_menu=510, enabled_when=self._context.can_review),
            Action("field.restore", "Bring &Back into Case", self.restore, "Ins",
                   "Bring fields back that were removed, with everything that is known of them", "undo",
                   menu="&Edit", place=320, field_menu=520, enabled_when=self._can_restore),
            Action("slide.remove", "Remove &Slide from Case", self.remove_slide, "Ctrl+Del",
                   "Take all fields of the slide chosen in the tree out of the case",
                   menu="&Edit", place=420, enabled_when=self._can_remove_slide),
        )
        # fmt: on

    def _can_restore(self) -> bool:
        field = self._context.selection.field
        return self._context.can_write() and field is not None and field.removed

    def _can_remove_slide(self) -> bool:
        return self._context.can_write() and self._context.selection.slide is not None

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
            what = short_name(field_name(record.path), _NAME)
        else:
            what = tr("{n} fields", n=number(len(ids)))
        text = tr("Bring back {what}", what=what) if back else tr("Remove {what}", what=what)
        self._push(Removal(tuple(ids), back=back), text)

    @Slot(object)
    def _import_changed(self, status: ImportStatus) -> None:
        """Let what a person added be taken back; what a watched folder brings is nobody's last step."""
        if not status.ids or status.ids is self._added or self._context.watcher.status.folder is not None:
            return
        self._added = status.ids
        text = tr("Add {n} fields", n=number(status.added)) if status.added != 1 else tr("Add 1 field")
        wanted = Removal(tuple(status.ids))
        self._context.undo.push(_AdditionCommand(self._session, next(self._tokens), wanted, text))

    def _push(self, wanted: Removal, text: str) -> None:
        self._context.undo.push(_RemovalCommand(self._session, next(self._tokens), wanted, text))

    @Slot(list)
    def _removed(self, ids: list[int]) -> None:
        if len(ids) == 1:
            text = tr(
                "1 field was removed from the case. Its file was not touched; "
                "Undo, or the filter “removed”, brings it back."
            )
        else:
            text = tr(
                "{n} fields were removed from the case. Their files were not touched; "
                "Undo, or the filter “removed”, brings them back.",
                n=number(len(ids)),
            )
        self._tell(text)

    @Slot(list)
    def _restored(self, ids: list[int]) -> None:
        if len(ids) == 1:
            self._tell(tr("1 field is in the case again."))
        else:
            self._tell(tr("{n} fields are in the case again.", n=number(len(ids))))

    def _tell(self, text: str) -> None:
        self._context.notifier.post(Notification(Level.INFO, text, topic=FIELDS))


class _RemovalCommand(QUndoCommand):
    """Fields taken out or brought back; undo does the opposite with the same ones."""

    def __init__(self, session: CaseSession, token: int, wanted: Removal, text: str) -> None:
        super().__init__(text)
        self._session = session
        self._token = token
        self._wanted = wanted

    def redo(self) -> None:
        """Do it."""
        self._session.submit(RemoveFields(self._token, self._wanted))

    def undo(self) -> None:
        """Take it back."""
        self._session.submit(UndoRemoval(self._token))


class _AdditionCommand(QUndoCommand):
    """Fields that were added; undo takes them out of the case, where they can be brought back."""

    def __init__(self, session: CaseSession, token: int, added: Removal, text: str) -> None:
        super().__init__(text)
        self._session = session
        self._token = token
        self._added = added
        self._is_done = True

    def redo(self) -> None:
        """Bring them back; they are there when the command is pushed."""
        if not self._is_done:
            self._session.submit(UndoRemoval(self._token))
        self._is_done = True

    def undo(self) -> None:
        """Take them out."""
        self._session.submit(RemoveFields(self._token, self._added))
        self._is_done = False
