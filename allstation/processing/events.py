"""Events of the processing of a case: what changed, after it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import ModelError, StationError
from allstation.processing.importer import ImportBatch
from allstation.processing.status_types import ImportStatus, Problem, QueueStatus
from allstation.store.field_files import LocateReport


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the case."""


@dataclass(frozen=True, slots=True)
class ProblemRaised(Event):
    """Something a person should read."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class QueueHalted(Event):
    """The queue pauses, as the case cannot be written or read now."""

    error: StationError


@dataclass(frozen=True, slots=True)
class ModelFailed(Event):
    """A model cannot be used; its fields go on waiting.

    Attributes:
        model_sha256: The model; empty for the one in use.
        error: Why.
    """

    model_sha256: str
    error: ModelError


@dataclass(frozen=True, slots=True)
class BatchImported(Event):
    """A batch of the importer was added to the case, with what was refused on the way."""

    batch: ImportBatch


@dataclass(frozen=True, slots=True)
class ImportProgressed(Event):
    """Counts of the import that runs, or that has ended."""

    status: ImportStatus


@dataclass(frozen=True, slots=True)
class FieldsAdded(Event):
    """Fields that are new in the case, or in it again."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class FieldFailure:
    """Field without a prediction, and why."""

    field_id: int
    path: Path
    error: StationError


@dataclass(frozen=True, slots=True)
class FieldsWritten(Event):
    """Fields whose results were written just now, those that failed among them."""

    ids: Sequence[int]
    failed: Sequence[FieldFailure] = ()


@dataclass(frozen=True, slots=True)
class FieldsChanged(Event):
    """Fields with a new state, prediction or review; a few times a second at most."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class QueueEdited(Event):
    """Many fields changed their place in the queue at once."""


@dataclass(frozen=True, slots=True)
class ModelStarted(Event):
    """Another model than the one in use begins with its fields."""

    model_sha256: str


@dataclass(frozen=True, slots=True)
class QueueChanged(Event):
    """State of the queue."""

    status: QueueStatus


@dataclass(frozen=True, slots=True)
class FieldsLocated(Event):
    """Outcome of a search for moved fields."""

    report: LocateReport


@dataclass(frozen=True, slots=True)
class SlideFileChanged(Event):
    """File of a slide that is new in the case, or has a plan, a hash or a place now."""

    slide_id: int
