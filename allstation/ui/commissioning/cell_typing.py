"""Hands out one cell after the other, stores what it is called, has the figures measured after every ten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellRecord
from allstation.processing.status_types import Problem
from allstation.services.images.crop_loader import FieldPlace
from allstation.services.site.commissioning import CommissioningService
from allstation.store.site.commissioning_record import CommissioningRecord
from allstation.ui.cells.commands import CellCommands
from allstation.ui.cells.crops import CropScale
from allstation.ui.cells.listing import blind_record
from allstation.ui.cells.tile import key_label
from allstation.ui.cells.typer_strip import ENOUGH
from allstation.ui.commissioning.typing_page import BETWEEN, TypingPage
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

if TYPE_CHECKING:
    from allstation.services.site.commissioning_cells import AskedCells, Measured

UNIDENTIFIED: Final = "unidentified"
"""Type of a cell that a person looked at and could not tell."""
_PAGE: Final = 10
_FEW: Final = 3
"""Cells left from which on further ones are asked for."""
_EVERY: Final = 10_000
_RECENT: Final = 30
"""Cells named last: their types may still be on the way to the session."""


@dataclass(frozen=True, slots=True)
class _Done:
    """Cell that was named or passed; ``undo_at`` is the place of its command in the undo stack."""

    cell: int
    type: str
    undo_at: int


class CellTyping(QObject):
    """Drives the page on which cells are typed.

    Args:
        context: Services and state.
        page: Shows the cells.
        service: Knows which cells come next.
        commands: Pushes undoable changes.

    Signals:
        test_ended: Every cell of the test is typed, or no longer.
    """

    test_ended = Signal(bool)

    def __init__(
        self, context: AppContext, page: TypingPage, *, service: CommissioningService, commands: CellCommands
    ) -> None:
        super().__init__(page)
        self._context, self._page = context, page
        self._service, self._commands = service, commands
        self._types: tuple[CellType, ...] = ()
        self._record = CommissioningRecord()
        self._reviewer = ""
        self._running = False
        self._forget()
        page.key_typed.connect(self._name)
        page.unsure.connect(self._cannot_tell)
        page.passed.connect(self._pass)
        page.taken_back.connect(self._take_back)
        service.asked.connect(self._take_cells)
        service.measured.connect(self._take_figures)
        service.problem.connect(self._refused)
        context.session.worker.cells_changed.connect(self._types_written)
        context.session.worker.problem.connect(self._not_written)

    def _forget(self) -> None:
        self._queue: list[int] = []
        self._records: dict[int, CellRecord] = {}
        self._places: dict[int, FieldPlace] = {}
        self._done: list[_Done] = []
        self._skipped: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._since = self._tested = self._due = 0
        self._asking = self._exhausted = False
        self._is_measured = False
        self._advice = ""
        self._unwritten: set[int] = set()
        self._taken: set[int] = set()
        self._measured_at = 0
        self._after: Callable[[], None] | None = None

    # Beginning and ending

    def begin(
        self, record: CommissioningRecord, types: Sequence[CellType], *, reviewer: str, done: int
    ) -> None:
        """Hand out cells for learning, or for the frozen test of the record.

        Args:
            record: What is told apart; its frozen test.
            types: The list that cells are typed by.
            reviewer: Who types.
            done: Cells of the test that are typed already.
        """
        self._forget()
        self._record, self._types, self._reviewer = record, tuple(types), reviewer
        self._tested = done
        self._running = True
        self._commands.types = self._types
        shown = [kind for kind in self._types if kind.key in record.types]
        self._page.set_types(shown)
        self._page.types.set_counts({})
        self._page.show_latest("")
        self._page.stage.show_message(tr("Choosing cells…"))
        if record.frozen is None:
            self._page.standing.show_advice(tr("Measuring what is typed…"))
            self._measure()
        self._show_counts()
        self._ask()

    def end(self) -> None:
        """Hand out no more cells; what was typed is kept."""
        self._running = False
        self._forget()
        self._page.stage.crops.clear()
        self._page.stage.show_message("")

    @property
    def current(self) -> int | None:
        """The cell that is to be named; None where there is none."""
        return self._queue[0] if self._queue else None

    @property
    def is_measured(self) -> bool:
        """Whether there are figures, so that a test can be begun."""
        return self._is_measured

    @property
    def advice(self) -> str:
        """Advice of the latest measurement."""
        return self._advice

    @property
    def _total(self) -> int:
        return len(self._record.frozen.cells) if self._record.frozen is not None else 0

    # Cells to come

    def _ask(self) -> None:
        if not self._asking and self._running:
            self._asking = True
            count = _EVERY if self._record.frozen is not None else _PAGE
            named = {one.cell for one in self._done[-_RECENT:] if one.type}
            self._service.ask(count, {*self._queue, *self._skipped, *named})

    @Slot(object)
    def _take_cells(self, asked: AskedCells) -> None:
        if not self._running:
            return
        self._asking = False
        known = {*self._queue, *self._skipped, *(one.cell for one in self._done if one.type)}
        fresh = [blind_record(record) for record in asked.records if record.id not in known]
        if fresh and not self._records:
            self._page.stage.set_scale(CropScale.around(fresh))
        self._exhausted = not fresh or self._record.frozen is not None
        self._records |= {record.id: record for record in fresh}
        self._places |= asked.places
        self._queue += [record.id for record in fresh]
        self._show_cell()

    @Slot(object)
    def _refused(self, _problem: Problem) -> None:
        self._asking = False

    def _show_cell(self) -> None:
        stage = self._page.stage
        if not self._queue:
            stage.show_message(self._nothing_left())
        else:
            record = self._records[self._queue[0]]
            stage.show_cell(record, self._places.get(record.field_id))
            coming = [self._records[cell] for cell in self._queue[1 : 1 + _FEW]]
            places = self._places
            stage.prepare([(one, places[one.field_id]) for one in coming if one.field_id in places])
        if self._record.frozen is not None:
            self.test_ended.emit(self._exhausted and not self._queue)
        elif len(self._queue) <= _FEW and not self._exhausted:
            self._ask()

    def _nothing_left(self) -> str:
        if not self._exhausted:
            return tr("Choosing cells…")
        if self._record.frozen is not None:
            return tr("Every cell of the test is typed. Open it with Ctrl+Return.")
        return tr("There are no more cells to type. Add slides, or freeze and test with Ctrl+Return.")

    # Naming

    @Slot(str)
    def _name(self, key: str) -> None:
        kind = next((one for one in self._types if one.shortcut == key.lower()), None)
        if kind is None:
            self._page.show_latest(tr("No type has the key {key}.", key=key.upper()))
        else:
            self._type(kind, key_label(kind))

    @Slot()
    def _cannot_tell(self) -> None:
        self._type(type_of(self._types, UNIDENTIFIED), "?")

    def _type(self, kind: CellType, label: str) -> None:
        cell, page = self.current, self._page
        if cell is None:
            return
        visible = page.stage.visibility.seconds(cell)
        if visible is None or visible < self._context.settings.value.seconds_on_screen:
            page.show_latest(tr("Not typed: look at the cell first."))
            return
        self._queue.pop(0)
        self._done.append(_Done(cell, kind.key, self._context.undo.index() + 1))
        self._unwritten.add(cell)
        name = tr(kind.name)
        self._commands.type_cells([cell], kind.key, self._reviewer, text=tr("Type {name}", name=name))
        self._add(kind.key, 1)
        if self._record.frozen is None and self._since >= BETWEEN:
            # Measured once this one is on the disk, and with it those before.
            self._since, self._due = 0, cell
        words = tr("{key}: {name}", key=label, name=name)
        if kind.key not in self._record.types:
            words = tr("{what} – kept, not learned from", what=words)
        page.show_latest(words)
        self._show_counts(latest=kind.key)
        self._show_cell()

    @Slot()
    def _pass(self) -> None:
        """Leave the cell for later: in the test behind the others, else for another session."""
        cell = self.current
        if cell is None:
            return
        self._queue.pop(0)
        if self._record.frozen is not None:
            self._queue.append(cell)
        else:
            self._skipped.add(cell)
            self._done.append(_Done(cell, "", 0))
        self._page.show_latest(tr("Left for later"))
        self._show_cell()

    @Slot()
    def _take_back(self) -> None:
        """Take the latest cell back; it is the current one again."""
        if not self._done:
            return
        taken = self._done.pop()
        self._skipped.discard(taken.cell)
        if taken.type:
            self._taken.add(taken.cell)
            if self._context.undo.index() == taken.undo_at:
                self._context.undo.undo()
            else:  # something else was done in the window meanwhile, which stays
                self._commands.type_cells([taken.cell], "", self._reviewer, text=tr("Take back a type"))
            self._add(taken.type, -1)
        self._queue.insert(0, taken.cell)
        name = tr(type_of(self._types, taken.type).name) if taken.type else ""
        self._page.show_latest(tr("Taken back: {name}", name=name) if name else tr("Taken back"))
        self._show_counts()
        self._show_cell()

    def _add(self, kind: str, step: int) -> None:
        self._tested += step if self._record.frozen is not None else 0
        if kind in self._record.types:
            self._counts[kind] += step
            self._since += step

    @Slot(list)
    def _types_written(self, cells: list[int]) -> None:
        """Learn what is on the disk, undone or typed elsewhere as well, and measure after every ten."""
        if not self._running:
            return
        self._service.refresh(cells)
        foreign = set(cells) - self._unwritten - self._taken
        self._unwritten.difference_update(cells)
        self._taken.difference_update(cells)
        if self._due in cells or (foreign and self._record.frozen is None):
            self._measure()
        if self._after is not None and not self._unwritten:
            after, self._after = self._after, None
            after()

    def _measure(self) -> None:
        self._due, self._measured_at = 0, len(self._done)
        self._service.measure()

    def when_written(self, run: Callable[[], None]) -> None:
        """Run something once every cell that was named is on the disk and taken by the session."""
        if self._unwritten:
            self._after = run
        else:
            run()

    @Slot()
    def _not_written(self) -> None:
        """Want nothing any more that waits for what could not be written; that is told elsewhere."""
        self._unwritten.clear()
        self._after = None

    # What is shown

    def _show_counts(self, *, latest: str = "") -> None:
        page = self._page
        page.types.set_counts(self._counts, latest=latest)
        missing = ENOUGH - sum(self._counts.values())
        if not self._is_measured and missing > 0:
            page.standing.show_advice(
                tr(
                    "Type {n} more cells: {least} are needed before anything is measured.",
                    n=number(missing),
                    least=ENOUGH,
                )
            )
        if self._record.frozen is not None:
            page.show_test(self._tested, self._total, reviewer=self._reviewer)
        else:
            page.show_learning(sum(self._counts.values()), since=self._since, reviewer=self._reviewer)

    @Slot(object)
    def _take_figures(self, measured: Measured) -> None:
        if not self._running or self._record.frozen is not None:
            return
        standing = measured.standing
        # What was undone or typed elsewhere is in the session as well.
        later = [one.type for one in self._done[self._measured_at :] if one.type in self._record.types]
        self._counts = Counter(dict(standing.types)) + Counter(later)
        self._is_measured, self._advice = standing.figures is not None, standing.advice
        if standing.figures is None:
            self._page.standing.show_advice(standing.advice)
        else:
            self._page.standing.show_standing(standing, measured.curve, wanted=self._record.lowest_balanced)
        self._show_counts()
        self._page.set_ready(ready=standing.enough, enabled=self._is_measured)
