"""Text of ``allstation classify``: progress, notes and failures, from the events of the processor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from allstation.commands.printing import say
from allstation.commands.progress import ProgressLine
from allstation.core.errors import StationError
from allstation.core.records import UNPACKED, NewField
from allstation.core.text import shown_name
from allstation.processing.events import (
    BatchImported,
    Event,
    FieldFailure,
    FieldsWritten,
    ImportProgressed,
    ModelFailed,
    ModelStarted,
    ProblemRaised,
    QueueHalted,
)

if TYPE_CHECKING:
    from allstation.imaging.intake import Refused
    from allstation.processing.status_types import ImportStatus
    from allstation.store.case import Case

_PERCENT: Final = 100
_NAMED: Final = 20
"""Files with the same bytes as a field that are named one by one; the tables have all of them."""


def name_copies(case: Case) -> int:
    """Print which files have the same bytes as a field; return how many.

    They have rows of their own in every table, with the field's prediction.
    """
    if not case.copies.all():
        return 0
    from allstation.report.content.field_rows import copies_of
    from allstation.report.content.wording import mix_up_sentences

    with case.reading() as snapshot:
        copies = list(copies_of(snapshot))
        paths = [copy.path for copy in snapshot.copies]
    for path, copy in zip(paths[:_NAMED], copies, strict=False):
        same = f"the same bytes as field {copy.same_as}, {copy.field}"
        say(f"note     {shown_name(str(path))}: {same}", error=True)
    if len(copies) > _NAMED:
        say(f"note     and {len(copies) - _NAMED} more files like these", error=True)
    for sentence in mix_up_sentences(copies):
        say(f"warning  {sentence}", error=True)
    return len(copies)


def _name_partly_read(fields: Iterable[NewField]) -> None:
    """Print the files of which not everything is classified."""
    for field in fields:
        name = shown_name(str(field.path))
        if field.pages > 1:
            say(f"note     {name}: the first of {field.pages} pages is classified", error=True)
        if field.channels_left_out:
            left_out = f"further channels in it are left out: {field.channels_left_out}"
            say(f"note     {name}: {left_out}", error=True)


class ClassifyOutput:
    """Prints what happens to the fields of one run.

    Args:
        case: The case they are in.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._line = ProgressLine(0)
        self._done = 0
        self._passed: list[str] = []
        self._looking = ""
        self._notes: dict[str, None] = {}
        self._halted: StationError | None = None
        self._latest: list[FieldFailure] = []
        self.refused: list[Refused] = []
        self.failed: list[FieldFailure] = []
        self.failed_models: list[StationError] = []
        self.written: set[int] = set()

    def take(self, event: Event) -> None:
        """Print an event of the processor, or keep it for later."""
        match event:
            case BatchImported(batch):
                self.refused += batch.refused
                self._passed += batch.passed.sentences() if batch.passed is not None else []
                _name_partly_read(batch.fields)
            case ImportProgressed(status):
                self._look(status)
            case FieldsWritten(ids, failed):
                self._latest += failed
                self.written.update(ids)
                for _ in ids:
                    self._done += 1
                    self._line.update(self._done)
            case ModelStarted(model):
                self.begin(model)
            case QueueHalted(error) | ModelFailed("", error):
                self._halted = error
            case ModelFailed(_, error):
                self.failed_models.append(error)
            case ProblemRaised(problem):
                self._halted = StationError(problem.code, problem.sentence)

    def _look(self, status: ImportStatus) -> None:
        """Name a slide when the search for its fields begins, and show how far that is."""
        if status.looking and status.looking != self._looking:
            self._line.close()
            say(f"slide    {shown_name(status.looking)}: looking for fields", error=True)
            self._line = ProgressLine(_PERCENT, what="%")
        if status.looking:
            self._line.update(round(_PERCENT * status.looked))
        self._looking = status.looking or self._looking
        for note in status.notes:
            self._notes.setdefault(f"{shown_name(note.name)}: {note.sentence}")

    def raise_problem(self) -> None:
        """Raise what the processor cannot go on with."""
        if self._halted is not None:
            raise self._halted

    def begin(self, model: str) -> None:
        """Show the progress of one model; empty for the one in use."""
        self.close()
        self._done = 0
        self._line = ProgressLine(
            sum(row.fields for row in self._case.queue.slides() if row.model_sha256 == model)
        )

    def close(self) -> None:
        """End the line of progress, and put the failures of its model in the order of the fields."""
        self._line.close()
        self.failed += sorted(self._latest, key=lambda failure: failure.field_id)
        self._latest.clear()

    def name_passed(self, *, kept: bool) -> None:
        """Name what was passed over."""
        for sentence in (*self._notes, *self._passed):
            say(f"note     {sentence}", error=True)
        if not kept and (self._case.folder / UNPACKED).is_dir():
            note = "archives were unpacked for this run only: --case keeps their fields"
            say(f"note     {note}", error=True)

    def name_failures(self) -> None:
        """Name what was refused, and what failed."""
        for refused in self.refused:
            say(f"refused  {shown_name(str(refused.path))}: {refused.error.sentence}", error=True)
        for error in self.failed_models:
            say(f"failed   {error.sentence}", error=True)
        for failure in self.failed:
            say(f"failed   {shown_name(str(failure.path))}: {failure.error.sentence}", error=True)
