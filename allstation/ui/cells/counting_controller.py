"""Counting controller: hands out one cell after the other, stores what it is called, keeps the tally."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication, QWidget

from allstation.core.cell_count import CellCount, spread
from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellFilter, CellRecord
from allstation.services.case.gallery_questions import (
    CountStart,
    OtherCount,
    ReadCountCells,
    ReadOtherCounts,
    StartCount,
)
from allstation.services.images.crop_loader import FieldPlace
from allstation.services.images.field_cache import FieldCache
from allstation.services.tasks import LatestOnly
from allstation.ui.cells.commands import CellCommands
from allstation.ui.cells.controller import GalleryController
from allstation.ui.cells.count_shares import CountQuestion, CountShares, shares_of
from allstation.ui.cells.counting import CountingWindow
from allstation.ui.cells.crops import CropScale
from allstation.ui.cells.listing import blind_record
from allstation.ui.cells.tally import rows_of
from allstation.ui.cells.tile import key_label
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

_AHEAD: Final = 3
"""Cells that are got ready while one is looked at."""
_PAGE: Final = 60
_PAUSE: Final = 150
"""Milliseconds after a key before shares are worked out: who types fast waits for nothing."""


class CountingController(QObject):
    """Counts the cells that the gallery shows, by one person who sees nobody else's types.

    Args:
        context: Services and state.
        window: Owner of the counting window.
        gallery: Says which cells and which list of types.
        commands: Pushes undoable changes.
        files: Reads fields.
    """

    def __init__(
        self,
        context: AppContext,
        *,
        window: QWidget,
        gallery: GalleryController,
        commands: CellCommands,
        files: FieldCache,
    ) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._owner = window
        self._gallery = gallery
        self._commands = commands
        self._files = files
        self._window: CountingWindow | None = None
        self._count: CellCount | None = None
        self._listed: tuple[int, ...] = ()
        self._reviewer = ""
        self._records: dict[int, CellRecord] = {}
        self._places: dict[int, FieldPlace] = {}
        self._asked: set[int] = set()
        self._undo_at: list[int] = []
        self._where = CellFilter()
        self._others: tuple[OtherCount, ...] = ()
        self._compares = False
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE)
        self._soon.timeout.connect(self._work_out)
        self._figures = LatestOnly(self)
        self._figures.done.connect(self._take_shares)
        self._figures.failed.connect(self._not_worked_out)
        reader = self._session.reader
        reader.count_started.connect(self._start)
        reader.other_counts_read.connect(self._take_others)
        reader.count_cells_read.connect(self._take_cells)
        self._session.worker.cells_changed.connect(self._types_written)
        self._session.opened.connect(self._case_changed)
        self._session.worker.closed.connect(self._case_changed)

    def actions(self) -> tuple[Action, ...]:
        """Offer counting."""
        # fmt: off
        return (
            Action("cells.count", "&Count Cells…", self.open, "F6",
                   "Name one cell after the other by its key, and see the shares grow", "review",
                   menu="C&ells", place=220, enabled_when=self._context.can_write),
        )
        # fmt: on

    @property
    def window(self) -> CountingWindow | None:
        """The counting window, once it was opened."""
        return self._window

    @property
    def current_cell(self) -> int | None:
        """Id of the cell that is to be named; None where nothing is counted or no cell is left."""
        return self._count.current if self._count is not None else None

    def close(self) -> None:
        """End counting and wait for what is being read."""
        self._soon.stop()
        self._figures.close()
        if self._window is not None:
            self._window.blockSignals(True)
            self._window.stage.crops.stop()
            self._window.close()

    # Beginning and ending

    @Slot()
    def open(self) -> None:
        """Open the counting window and ask for the cells."""
        if not self._context.can_write():
            return
        self._reviewer = self._context.selection.reviewer
        if not self._reviewer:
            self._context.notifier.warn(
                tr("A count needs a name. Write yours below the review panel."), topic="cells"
            )
            return
        window = self._shown_window()
        window.stage.show_message(tr("Reading the cells…"))
        window.show()
        window.activateWindow()
        window.stage.setFocus()
        where = replace(
            self._gallery.where(), reviewer=self._reviewer, types=(), typed=None, proposed=None, removed=False
        )
        self._where = where
        self._session.ask(StartCount(where))

    def _shown_window(self) -> CountingWindow:
        if self._window is None:
            window = self._window = CountingWindow(self._owner, files=self._files)
            window.key_typed.connect(self._name)
            window.passed.connect(self._pass)
            window.taken_back.connect(self._take_back)
            window.target_changed.connect(self._target_changed)
            window.order_changed.connect(self._order_changed)
            window.question_changed.connect(self._work_out)
            window.sound_changed.connect(self._sound_changed)
            window.closed.connect(self._closed)
        stored = self._context.settings.value
        self._window.set_choices(target=stored.count_target, sound=stored.count_sound)
        return self._window

    @Slot(int, object)
    def _start(self, generation: int, start: CountStart) -> None:
        window = self._window
        if generation != self._session.generation or window is None or not window.isVisible():
            return
        types = start.types if start.typed else self._context.settings.value.types
        window.set_types(types)
        self._listed = tuple(start.ids)
        self._begin(start.before.typed, types)

    @Slot()
    def _types_written(self) -> None:
        """Begin again with what was still on its way to the disk when the count began."""
        window = self._window
        if window is not None and window.isVisible() and self._count is not None and not self._count.done:
            self._session.ask(StartCount(self._where))

    def _begin(self, before: Mapping[str, int], types: Sequence[CellType]) -> None:
        window = self._window
        if window is None:
            return
        done = {one.cell_id for one in self._count.done} if self._count is not None else set()
        rest = [cell for cell in self._listed if cell not in done]
        queue = spread(rest) if window.is_spread() else rest
        self._count = CellCount(queue, before, tuple(types), window.target())
        self._others, self._compares = (), False
        self._undo_at.clear()
        window.show_latest("")
        self._show()

    @Slot()
    def _closed(self) -> None:
        self._count = None
        self._records.clear()
        self._places.clear()
        self._asked.clear()
        self._soon.stop()
        self._figures.drop()
        if self._window is not None:
            self._window.stage.crops.clear()
            self._window.stage.show_message("")

    @Slot()
    def _case_changed(self) -> None:
        if self._window is not None and self._window.isVisible():
            self._window.close()

    # Cells to come

    def _show(self) -> None:
        """Show the current cell and the tally, and get the next cells ready."""
        count, window = self._count, self._window
        if count is None or window is None:
            return
        counts = count.counts()
        latest = count.done[-1].type if count.done else ""
        window.show_count(
            rows_of(counts, count.types), white=count.white(), latest=latest, reader=self._reviewer
        )
        self._show_cell(count, window)
        self._soon.start()

    def _show_cell(self, count: CellCount, window: CountingWindow) -> None:
        self._compare(over=count.is_full or count.current is None)
        if count.is_full:
            window.stage.show_message(
                tr(
                    "{n} white cells are counted. Raise the number to go on, or end with Escape.",
                    n=count.target,
                )
            )
            return
        if count.current is None:
            window.stage.show_message(
                tr("There are no more cells to count. Take filters off, or add fields.")
            )
            return
        coming = [count.current, *count.following(_AHEAD)]
        self._ask_for([count.current, *count.following(_PAGE)])
        record = self._records.get(count.current)
        place = self._places.get(record.field_id) if record is not None else None
        if record is not None and place is not None:
            window.stage.show_cell(record, place)
        else:
            window.stage.show_message("")
        known = [self._records[cell] for cell in coming[1:] if cell in self._records]
        ready = [(one, self._places[one.field_id]) for one in known if one.field_id in self._places]
        window.stage.prepare(ready)

    def _compare(self, *, over: bool) -> None:
        """Show other readers' counts when this one is over, never before and never in blind review."""
        if not over or self._context.selection.is_blind:
            self._others, self._compares = (), False
        elif not self._compares:
            self._compares = True
            # Behind the types that are on their way to the writer: a little later they are written.
            QTimer.singleShot(_PAUSE, self, self._ask_for_others)

    @Slot()
    def _ask_for_others(self) -> None:
        if self._compares and self._context.has_case():
            self._session.ask(ReadOtherCounts(self._where))

    @Slot(int, list)
    def _take_others(self, generation: int, others: list[OtherCount]) -> None:
        if generation == self._session.generation and self._compares:
            self._others = tuple(others)
            self._work_out()

    def _ask_for(self, cells: Sequence[int]) -> None:
        missing = [cell for cell in cells if cell not in self._asked]
        if missing and (cells[0] in missing or len(missing) > _PAGE // 2):
            self._asked.update(missing)
            self._session.ask(ReadCountCells(missing, self._reviewer))

    @Slot(int, list, object)
    def _take_cells(self, generation: int, records: list[CellRecord], places: dict[int, FieldPlace]) -> None:
        if generation != self._session.generation or self._count is None or self._window is None:
            return
        mine = [blind_record(record) for record in records]
        if mine and not self._records:
            self._window.stage.set_scale(CropScale.around(mine))
        self._records |= {record.id: record for record in mine}
        self._places |= places
        self._show()

    # Naming

    @Slot(str)
    def _name(self, key: str) -> None:
        count, window = self._count, self._window
        if count is None or window is None or count.current is None or count.is_full:
            return
        kind = next((one for one in count.types if one.shortcut == key.lower()), None)
        if kind is None:
            window.show_latest(tr("No type has the key {key}.", key=key.upper()))
            return
        seen = window.stage.visibility.seconds(count.current)
        if seen is None or seen < self._context.settings.value.seconds_on_screen:
            window.show_latest(tr("Not counted: look at the cell first."))
            return
        cell = count.name(kind.key)
        if cell is None:
            return
        self._undo_at.append(self._context.undo.index() + 1)
        name = tr(kind.name)
        text = tr("Count {name}", name=name)
        self._commands.type_cells([cell], kind.key, self._reviewer, text=text)
        if self._context.settings.value.count_sound:
            QApplication.beep()
        window.show_latest(tr("{key}: {name}", key=key_label(kind), name=name))
        self._show()

    @Slot()
    def _pass(self) -> None:
        """Leave the cell out of the count and go on."""
        count, window = self._count, self._window
        if count is not None and window is not None and not count.is_full and count.name("") is not None:
            self._undo_at.append(0)
            window.show_latest(tr("Passed over"))
            self._show()

    @Slot()
    def _take_back(self) -> None:
        """Take the latest cell back; it is the current one again."""
        count, window = self._count, self._window
        taken = count.take_back() if count is not None else None
        if count is None or window is None or taken is None:
            return
        at = self._undo_at.pop()
        if taken.type:
            if self._context.undo.index() == at:
                self._context.undo.undo()
            else:  # something else was done in the window meanwhile, which stays
                text = tr("Take back types of {what}", what=tr("1 cell"))
                self._commands.type_cells([taken.cell_id], "", self._reviewer, text=text)
            name = tr(type_of(count.types, taken.type).name)
            window.show_latest(tr("Taken back: {name}", name=name))
        else:
            window.show_latest(tr("Taken back"))
        self._show()

    # Choices

    @Slot(int)
    def _target_changed(self, target: int) -> None:
        self._context.settings.change(count_target=target)
        if self._count is not None:
            self._count.target = target
            self._show()

    @Slot(bool)
    def _order_changed(self, _spread: bool) -> None:
        if self._count is not None:
            self._begin(self._count.counts(), self._count.types)

    @Slot(bool)
    def _sound_changed(self, on: bool) -> None:
        self._context.settings.change(count_sound=on)

    # Shares

    @Slot()
    def _work_out(self) -> None:
        if self._count is not None and self._window is not None:
            kind, other = self._window.question()
            count = self._count
            asked = CountQuestion(
                count.counts(), tuple(count.types), self._reviewer, kind, other, self._others
            )
            work = partial(shares_of, asked)
            self._figures.run(work)

    @Slot(object)
    def _take_shares(self, shares: CountShares) -> None:
        count, window = self._count, self._window
        if count is None or window is None or count.counts() != shares.counts:
            return
        latest = count.done[-1].type if count.done else ""
        rows = rows_of(shares.counts, count.types, shares.found)
        window.show_count(rows, white=shares.found.n, latest=latest, reader=self._reviewer)
        window.show_sentences(note=shares.found.note, stop=shares.stop)
        window.show_comparison(shares.others if self._compares else "")

    @Slot(object)
    def _not_worked_out(self, error: Exception) -> None:
        raise error
