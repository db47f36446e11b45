"""Jobs of the training program: what is asked, what its lines say, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from allstation.core import events
from allstation.core.errors import StationError
from allstation.core.events import Event, Failed, Finished


class JobState(StrEnum):
    """State of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    DISCARDED = "discarded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Command for the training program.

    Attributes:
        number: Unique in this window.
        command: Subcommand, such as ``fit`` or ``check``.
        arguments: What follows it.
        title: For people.
        folder: Run folder of a ``fit``.
    """

    number: int
    command: str
    arguments: tuple[str, ...]
    title: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ended.

    Attributes:
        job: The job.
        state: FINISHED, STOPPED, DISCARDED or FAILED.
        code: What went wrong, else empty.
        sentence: What went wrong, for the person at the window, else empty.
        summary: What the child said at its end.
    """

    job: Job
    state: JobState
    code: str = ""
    sentence: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


class JobLines:
    """Reads the lines of one job and remembers what they say of its end.

    Attributes:
        refused: A line made no sense: nothing of this program counts.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._failed: Failed | None = None
        self._finished: Finished | None = None
        self.refused = False

    def take(self, line: str) -> Event | None:
        """Return the event of a line; None for one that is refused, and all after it."""
        if self.refused:
            return None
        try:
            event = events.decode(line)
        except StationError as error:
            self.refuse(error.sentence)
            return None
        if isinstance(event, Failed):
            self._failed = event
        elif isinstance(event, Finished):
            self._finished = event
        return event

    def refuse(self, sentence: str) -> None:
        """Two editions that do not understand each other must not train in silence."""
        self._failed, self._finished, self.refused = Failed("protocol", sentence), None, True

    def ending(self, died: Failed, *, discarding: bool = False) -> Ending:
        """Return how the job ended.

        Args:
            died: What is said if the program said nothing of its end.
            discarding: Its run was not wanted any more.
        """
        if discarding:
            return self._made(JobState.DISCARDED, None)
        if self._finished is not None and self._finished.state != JobState.FAILED:
            return self._made(JobState(self._finished.state), None)
        return self._made(JobState.FAILED, self._failed or died)

    def _made(self, state: JobState, failed: Failed | None) -> Ending:
        summary = dict(self._finished.summary) if self._finished is not None else {}
        code, sentence = (failed.code, failed.sentence) if failed is not None else ("", "")
        return Ending(job=self._job, state=state, code=code, sentence=sentence, summary=summary)
