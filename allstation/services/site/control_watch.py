"""Watch over a site's control: measures the fields that were classified, and judges their days."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.control_chart import ControlStanding
from allstation.core.errors import StationError
from allstation.keys.people import Naming, People
from allstation.processing import control
from allstation.processing.status_types import Problem, QueuePhase, QueueStatus
from allstation.services.case import case_events
from allstation.services.case.requests import CaseRequest
from allstation.services.case.session import CaseSession
from allstation.services.tasks import LatestOnly
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.services.case.worker import OpenedCase


@dataclass(frozen=True, slots=True)
class ControlReading:
    """Control of the open case's site.

    Attributes:
        site: Id of the site; empty where the case belongs to none.
        name: That people know it by.
        standing: Its charts.
        held: Days of the case's own fields that break a rule and are not released.
        to_note: Releases that the case does not hold yet.
        needs_pin: Whoever releases a day is asked for a PIN.
        marks: What was measured of each day; a day whose fields are the same is not measured again.
    """

    site: str = ""
    name: str = ""
    standing: ControlStanding = field(default_factory=ControlStanding)
    held: tuple[str, ...] = ()
    to_note: int = 0
    needs_pin: bool = False
    marks: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Reason why signing may be held; empty where no rule is broken."""
        return self._held_sentence() if self.held else ""

    def _held_sentence(self) -> str:
        return control.held_sentence(self.site, self.held, self.standing, name=self.name)


@dataclass(frozen=True)
class NoteReleases(CaseRequest):
    """Keep the site's releases of days of the case's own fields in the case."""

    def change(self, target: OpenedCase) -> None:
        """Keep them. Called on the writer's thread.

        Raises:
            StationError: If the case cannot be written.
        """
        if control.note_releases(target.case, control.site_id(target.case), control.control_log()):
            target.emit(case_events.ReleasesNoted())


class ControlWatch(QObject):
    """Measures and judges on a thread of its own.

    Args:
        session: The open case.
        parent: Owner.

    Signals:
        judged: A :class:`ControlReading`.
        problem: A :class:`Problem`.
    """

    judged = Signal(object)
    problem = Signal(object)

    def __init__(self, session: CaseSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._changed: set[int] = set()
        self._due = False
        self._marks: Mapping[str, tuple[int, int]] = {}
        self._latest = LatestOnly(self)
        self._latest.done.connect(self._judged)
        self._latest.failed.connect(self._failed)
        session.opened.connect(self.look)
        worker = session.worker
        worker.closed.connect(self._closed)
        worker.site_changed.connect(self._site_changed)
        worker.fields_changed.connect(self._fields_changed)
        worker.queue_changed.connect(self._queue_changed)

    def close(self) -> None:
        """Want no answer any more and wait for the thread."""
        self._latest.close()

    @Slot()
    def look(self) -> None:
        """Judge the site of the open case anew, without measuring."""
        self._run(frozenset())

    def release(self, site: str, day: str, *, by: str, reason: str, pin: str) -> None:
        """Release a day; ``judged`` or ``problem`` follows."""
        if self._session.info is not None:
            folder = self._session.info.folder
            self._latest.run(partial(_release, folder, site, day, by=by, reason=reason, pin=pin))

    def _run(self, changed: AbstractSet[int]) -> None:
        if self._session.info is not None:
            work = partial(read_control, self._session.info.folder, frozenset(changed), seen=self._marks)
            self._latest.run(work)

    @Slot(object)
    def _site_changed(self, _site: object) -> None:
        self._marks = {}
        self.look()

    @Slot(list)
    def _fields_changed(self, ids: list[int]) -> None:
        self._changed.update(ids)

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        self._due = self._due or (status.phase is QueuePhase.IDLE and bool(self._changed))
        self._measure()

    def _measure(self) -> None:
        """Measure what was classified, unless something is being judged: then afterwards."""
        if self._due and not self._latest.running:
            changed, self._changed, self._due = self._changed, set(), False
            self._run(changed)

    @Slot()
    def _closed(self) -> None:
        self._changed.clear()
        self._due, self._marks = False, {}
        self._latest.drop()

    @Slot(object)
    def _judged(self, reading: ControlReading) -> None:
        if reading.to_note and self._session.info is not None and not self._session.info.read_only:
            self._session.submit(NoteReleases())
        self._marks = {**self._marks, **reading.marks}
        self.judged.emit(reading)
        self._measure()

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self.problem.emit(Problem.of(error))


def read_control(
    folder: Path,
    changed: AbstractSet[int] = frozenset(),
    *,
    seen: Mapping[str, tuple[int, int]] | None = None,
) -> ControlReading:
    """Measure the days of some fields of a case, and judge every day of its site.

    Args:
        folder: Of the case.
        changed: Fields that changed; days that have none of them are not measured again.
        seen: What was measured of each day before; a review changes nothing of it.

    Raises:
        StationError: If case or log cannot be read.
    """
    with Case.open(folder, read_only=True) as case:
        site = control.site_id(case)
        if not site:
            return ControlReading()
        log = control.control_log()
        own = case.control.days()
        marks = {
            day: mark
            for day, mark in case.control.marks().items()
            if mark != (seen or {}).get(day) and not changed.isdisjoint(own[day])
        }
        control.measure_case(case, site, log, days=list(marks))
        known = case.control.all()
        return ControlReading(
            site,
            control.site_name(case),
            log.standing(site),
            tuple(control.held_days(case, site, log)),
            sum(one.day in own and one not in known for one in log.releases(site)),
            People.load().naming is Naming.PIN,
            marks,
        )


def _release(folder: Path, site: str, day: str, *, by: str, reason: str, pin: str) -> ControlReading:
    named = People.load().identify(by, pin)
    control.control_log().release(site, day, by=named, reason=reason)
    return read_control(folder)
