"""Proposals: tells how far a dropped slide is looked through and how many fields were proposed of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import QInputDialog, QWidget

from allstation.core.slide_file import EVERYTHING, PAGES, SlideFile
from allstation.processing.slide_import import SlideOptions
from allstation.processing.status_types import ImportStatus
from allstation.services.case.requests import AddPaths, CancelImport
from allstation.services.case.session import CaseSession
from allstation.services.case.slide_requests import CancelProposed, SetFieldCount, SlideFileOf, UndoCut
from allstation.services.tasks import LatestOnly
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.browser.slide_model import Place
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import FIELDS, Level, Notification
from allstation.ui.context import AppContext
from allstation.ui.slide import proposal_bar
from allstation.ui.slide.controller import SlideController

_MOST: Final = 20_000
_MOST_FILES: Final = 50
"""Dropped files that are looked at for further pages."""
_SECONDS_KNOWN: Final = 2.0
"""Seconds of a search after which its pace says how long the rest takes."""
_PAGED: Final = frozenset({".tif", ".tiff"})


class ProposalController(QObject):
    """Drives the strip about slides that were added.

    Args:
        context: Services and state.
        bar: The strip.
        slide: Shows a slide.
        browser: Chooses a slide.
        window: Parent of the dialog.
    """

    def __init__(
        self,
        context: AppContext,
        bar: proposal_bar.ProposalBar,
        *,
        slide: SlideController,
        browser: BrowserPanel,
        window: QWidget,
    ) -> None:
        super().__init__(bar)
        self._context = context
        self._session = context.session
        self._bar = bar
        self._slide = slide
        self._browser = browser
        self._window = window
        self._searched: set[str] = set()
        self._notes: dict[str, str] = {}
        self._began = "", 0.0
        self._file: SlideFile | None = None
        self._tokens = count(-1, -1)  # those of drawn fields count up
        self._cuts: dict[int, _CutCommand] = {}
        self._number_for = 0
        self._given: Sequence[Path] = ()
        self._paged: tuple[tuple[Path, int], ...] = ()
        self._pages = LatestOnly(self)
        self._pages.done.connect(self._pages_counted)
        worker = context.session.worker
        worker.import_changed.connect(self._import_changed)
        worker.slide_file_changed.connect(self._slide_changed)
        worker.proposal_cut.connect(self._proposal_cut)
        worker.closed.connect(self._forget)
        context.session.reader.slide_file_read.connect(self._slide_read)
        bar.asked.connect(self._asked)

    def actions(self) -> tuple[Action, ...]:
        """Offer other numbers of fields for the slide of the current field."""
        return (
            Action(
                "slide.propose",
                "Propose &More Fields of Slide…",
                self.ask_number,
                "",
                "Look for the best places on this slide again and add more of them as fields",
                menu="&Case",
                place=225,
                enabled_when=self._may_propose,
            ),
            Action(
                "slide.cancel",
                "Take &Back Waiting Fields of Slide",
                self.cancel_rest,
                "",
                "Add no more proposed fields of this slide, and take back those that were not read yet",
                menu="&Queue",
                place=125,
                enabled_when=self._may_propose,
            ),
        )

    def _may_propose(self) -> bool:
        return self._slide.has_slide() and self._context.can_write()

    @Slot(list)
    def note_given(self, paths: list[Path]) -> None:
        """Remember what is being added, to offer the pages of files that have several."""
        self._given = [path for path in paths if path.suffix.lower() in _PAGED][:_MOST_FILES]

    # What the import says

    @Slot(object)
    def _import_changed(self, status: ImportStatus) -> None:
        self._notes = {note.name: note.sentence for note in status.notes}
        if status.running and status.looking:
            self._searched.add(status.looking)
            self._bar.show_search(status.looking, status.looked, self._seconds_left(status))
        elif self._bar.is_searching:
            self._bar.hide()
        if not status.running and status.paged and self._given:
            given, self._given = self._given, ()
            self._pages.run(_CountPages(given))

    def _seconds_left(self, status: ImportStatus) -> float | None:
        """Return how long the rest takes at the pace so far; None of one that began just now."""
        name, began = self._began
        if name != status.looking or not status.looked:
            self._began = name, began = status.looking, time.monotonic()
        past = time.monotonic() - began
        known = past >= _SECONDS_KNOWN and status.looked > 0
        return past * (1 - status.looked) / status.looked if known else None

    @Slot(int)
    def _slide_changed(self, slide_id: int) -> None:
        if self._searched:
            self._session.ask(SlideFileOf(slide_id))

    @Slot(int, int, object)
    def _slide_read(self, generation: int, _slide_id: int, file: SlideFile | None) -> None:
        if generation != self._session.generation or file is None or not file.wanted:
            return
        if file.path.name not in self._searched or file.wanted == PAGES:
            return
        self._searched.discard(file.path.name)
        self._file = file
        self._bar.show_proposal(
            file.path.name,
            file.proposed,
            note=self._notes.pop(file.path.name, ""),
            all_taken=file.wanted == EVERYTHING,
        )

    @Slot(object)
    def _pages_counted(self, found: tuple[tuple[Path, int], ...]) -> None:
        if found and self._context.can_write():
            self._paged = found
            self._bar.show_pages(found[0][0].name, found[0][1])

    # What the person wants

    @Slot(str)
    def _asked(self, key: str) -> None:
        file = self._file
        if key == proposal_bar.STOP:
            self._session.submit(CancelImport())
        elif key == proposal_bar.PAGES:
            self._submit([path for path, _ in self._paged], SlideOptions(pages=True))
            self._bar.hide()
        elif file is None:
            return
        elif key == proposal_bar.SHOW:
            self._show(file.slide_id)
        elif key == proposal_bar.ALL:
            self._submit([file.path], SlideOptions(fields=None))
        elif key == proposal_bar.CANCEL:
            self._cut(CancelProposed(file.slide_id, next(self._tokens)), tr("Cancel fields of a slide"))
        elif key == proposal_bar.OTHER:
            self._ask(file.slide_id, file.path, file.proposed)

    def _show(self, slide_id: int) -> None:
        place = Place(slide_id=slide_id)
        if self._slide.show_soon(slide_id):
            self._bar.hide()
        elif self._browser.tree.has(place):  # else the strip stays: the tree lists it in a moment
            self._bar.hide()
            self._browser.filters.clear()
            self._browser.tree.choose(place)

    @Slot()
    def ask_number(self) -> None:
        """Ask how many fields of the current field's slide are wanted."""
        if self._slide.file is not None:
            self._ask(self._slide.slide_id, self._slide.file, self._slide.count)

    @Slot()
    def cancel_rest(self) -> None:
        """Take back what was proposed of the current field's slide and not read yet."""
        if self._slide.slide_id:
            request = CancelProposed(self._slide.slide_id, next(self._tokens))
            self._cut(request, tr("Cancel fields of a slide"))

    def _ask(self, slide_id: int, path: Path, now: int) -> None:
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(tr("Fields of the slide"))
        dialog.setLabelText(
            tr(
                "How many of the best fields of {name} should the case have?\n"
                "With fewer, the last proposed ones go that were not read yet.",
                name=short_name(path.name),
            )
        )
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setIntRange(1, _MOST)
        dialog.setIntValue(min(max(2 * now, 1), _MOST))
        dialog.setObjectName("slide.number")
        self._number_for = slide_id
        dialog.intValueSelected.connect(self._number_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(int)
    def _number_chosen(self, wanted: int) -> None:
        request = SetFieldCount(self._number_for, wanted, next(self._tokens))
        self._cut(request, tr("Fewer fields of a slide"))

    def _cut(self, request: SetFieldCount | CancelProposed, text: str) -> None:
        if self._context.can_write():
            self._cuts[request.token] = _CutCommand(self._session, request, text)
            self._session.submit(request)

    @Slot(int, int, int, int)
    def _proposal_cut(self, token: int, _slide_id: int, taken_back: int, left: int) -> None:
        command = self._cuts.pop(token, None)  # done again, it is on the undo stack already
        if command is None:
            return
        self._bar.hide()
        wanted = command.request.count if isinstance(command.request, SetFieldCount) else left
        words = cut_sentence(taken_back, left, left - wanted)
        self._context.notifier.post(Notification(Level.INFO, words, topic=FIELDS))
        if taken_back:
            self._context.undo.push(command)

    def _submit(self, paths: list[Path], options: SlideOptions) -> None:
        if paths and self._context.can_write():
            self._session.submit(AddPaths(paths, options))

    @Slot()
    def _forget(self) -> None:
        self._pages.drop()
        self._searched.clear()
        self._cuts.clear()
        self._notes.clear()
        self._file, self._given, self._paged = None, (), ()
        self._bar.hide()

    def close(self) -> None:
        """Wait for what is being counted; call before the window goes."""
        self._pages.close()


def cut_sentence(taken_back: int, left: int, too_many: int) -> str:
    """Return what became of proposed fields that were to be taken back.

    Args:
        taken_back: How many were.
        left: How many fields the slide has in the case.
        too_many: How many of these are more than were asked for.
    """
    if taken_back == 1:
        words = tr("1 proposed field was taken back. Undo brings it back.")
    elif taken_back:
        words = tr("{n} proposed fields were taken back. Undo brings them back.", n=number(taken_back))
    else:
        words = tr("Nothing was taken back.")
    words += " " + tr("Fields of the slide now: {n}.", n=number(left))
    if too_many > 0 or not taken_back:
        words += " " + tr(
            "What was classified, reviewed or placed by a person stays; remove it by hand (Del)."
        )
    return words


class _CutCommand(QUndoCommand):
    """Proposed fields that were taken back; undo brings them back, and goes on adding."""

    def __init__(self, session: CaseSession, request: SetFieldCount | CancelProposed, text: str) -> None:
        super().__init__(text)
        self._session = session
        self.request = request
        self._is_done = True

    def redo(self) -> None:
        """Take them back again; they are when the command is pushed."""
        if not self._is_done:
            self._session.submit(self.request)
        self._is_done = True

    def undo(self) -> None:
        """Bring them back."""
        self._session.submit(UndoCut(self.request.token, self.request.slide_id))
        self._is_done = False


class _CountPages:
    """Counts the pages of files. Runs on another thread."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)

    def __call__(self) -> tuple[tuple[Path, int], ...]:
        from allstation.imaging.readers import is_slide, pages_of

        counted = ((path, pages_of(path)) for path in self._paths if not is_slide(path))
        return tuple((path, pages) for path, pages in counted if pages > 1)
