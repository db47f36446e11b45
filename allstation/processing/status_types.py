"""Status values that services send to the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import FieldState, ModelRecord


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """The case that is open.

    Attributes:
        folder: Its ``.allcase`` folder.
        name: Shown name.
        read_only: Someone else writes to it, or the place cannot be written.
        why_read_only: A sentence for the person, empty when the case can be changed.
    """

    folder: Path
    name: str
    read_only: bool = False
    why_read_only: str = ""


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """Progress of an import: files and folders added and refused so far.

    Attributes:
        added: New fields, and fields that had been removed and are back.
        duplicates: Fields that were in the case already.
        same: Which they were, the first ones.
        paged: Files of several pages, of which only the first is a field.
        refused: Problems, the first ones in full.
        refused_count: All of them.
        mix_ups: Fields that lie on another slide of the case as well, which is what a mix-up looks like.
        passed: Pictures of kinds that are not read, a sentence a kind.
        running: More is being looked at.
        ids: Of the fields added, told at the end.
        looking: Name of the slide that is looked through for fields; empty for none.
        looked: How far that is, 0 to 1.
        notes: About slides, such as the scale that was assumed.
        cancelled: A person ended it before all was looked at.
    """

    added: int = 0
    duplicates: int = 0
    same: tuple[Problem, ...] = ()
    paged: int = 0
    refused: tuple[Problem, ...] = ()
    refused_count: int = 0
    mix_ups: int = 0
    passed: tuple[Problem, ...] = ()
    running: bool = True
    ids: Sequence[int] = ()
    looking: str = ""
    looked: float = 0.0
    notes: tuple[Problem, ...] = ()
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that did not work and what to do about it.

    Attributes:
        code: Stable identifier.
        sentence: For the person.
        name: The file it is about, or empty.
    """

    code: str
    sentence: str
    name: str = ""

    @classmethod
    def of(cls, error: StationError, name: str = "") -> Problem:
        """Return the problem an error describes."""
        return cls(error.code, error.sentence, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownModel(Problem):
    """A model bundle that a person has to accept first.

    Attributes:
        path: The bundle file.
        title: Name and version, as the bundle calls itself.
        sha256: Of the file.
        maker: What is known of its maker, in a few words.
        impostor: It bears the name of a model that ships.
    """

    path: Path
    title: str
    sha256: str
    maker: str
    impostor: bool


class QueuePhase(StrEnum):
    """Phase of the queue."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    NO_MODEL = "no model"


@dataclass(frozen=True, slots=True)
class QueueJob:
    """Fields that wait together.

    Attributes:
        model_sha256: The model they wait for; empty for the one in use.
        model: Its name and version for people.
        fields: How many.
        slide_id: Their slide; 0 for all fields of a model whose turn has not come.
        slide: Its name.
    """

    model_sha256: str
    model: str
    fields: int
    slide_id: int = 0
    slide: str = ""


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """One of the laboratory's machines that works on the queue.

    Attributes:
        name: For people.
        rate: Fields a second over the last seconds; 0 while unknown.
        memory: Bytes that its worker holds; 0 while unknown.
        used: Whether it gets work; not one of another version.
    """

    name: str
    rate: float = 0.0
    memory: int = 0
    used: bool = True


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The batch queue at one moment.

    Attributes:
        phase: What it is doing.
        counts: Fields per state.
        rate: Fields a second over the last seconds; 0 while unknown.
        memory: Bytes that the program holds in memory; 0 while unknown.
        model: The model at work, if it is another than the one in use.
        jobs: What waits, in the order in which it comes.
        machines: Of the laboratory, that work on it; empty where this machine works alone.
        cells: Fields whose cells are still to be found, while that goes on.
    """

    phase: QueuePhase = QueuePhase.IDLE
    counts: Mapping[FieldState, int] = field(default_factory=dict)
    rate: float = 0.0
    memory: int = 0
    model: str = ""
    jobs: tuple[QueueJob, ...] = ()
    machines: tuple[MachineStatus, ...] = ()
    cells: int = 0

    @property
    def later(self) -> int:
        """Fields that wait for the turn of another model."""
        return sum(job.fields for job in self.jobs if not job.slide_id)

    @property
    def total(self) -> int:
        """All fields of the case."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Fields still to do."""
        return self.counts.get(FieldState.QUEUED, 0) + self.counts.get(FieldState.RUNNING, 0)

    @property
    def finished(self) -> int:
        """Fields that need no more work."""
        return self.total - self.waiting

    @property
    def failed(self) -> int:
        """Fields that failed."""
        return self.counts.get(FieldState.FAILED, 0)

    @property
    def seconds_left(self) -> float | None:
        """Estimate, or None while nothing can be said."""
        return self.waiting / self.rate if self.rate > 0 and self.waiting else None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model the queue works with.

    Attributes:
        record: As the case remembers it.
        path: The bundle file.
        size: Height and width at which it looks at a field and its cells are counted.
        aspect: Width over height of the frames that it learned from, before they were squashed to that size;
            None if nobody says it.
    """

    record: ModelRecord
    path: Path
    size: tuple[int, int]
    aspect: float | None = None
