"""A case on disk: ``NAME.allcase/case.sqlite``, opened by one writer and any number of readers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.records import CaseSnapshot
from allstation.core.text import shown_name, storable
from allstation.core.times import Clock, stamp, utc_clock
from allstation.store import schema
from allstation.store.base import Desk
from allstation.store.browse import StoredFields
from allstation.store.content import ContentPart
from allstation.store.database import (
    DATABASE,
    FULL,
    UNFINISHED,
    copy_database,
    create_file,
    damaged,
    full_check,
    open_readable,
    open_writable,
    plain_errors,
    quick_check,
    remove_file,
)
from allstation.store.lock import LOCK_FILE, CaseLock, Holder, login_name
from allstation.store.plans import PlanPart
from allstation.store.queue import RecoveryReport
from allstation.store.reporting import ReportPart
from allstation.store.reviewing import ReviewPart
from allstation.store.rows import REVIEW_COLUMNS, review_of
from allstation.store.salvage import REPAIRED, exchange
from allstation.store.summing import SummingPart
from allstation.store.trail import TrailPart

SUFFIX = ".allcase"
_QUICKLY_CHECKED = 32 * 2**20
"""Bytes up to which a case that was closed well is checked on opening too: 3 to 4 ms a megabyte."""


_PRIVATE: Final = 0o700 if os.name == "posix" else 0o777
"""Rights of a new case folder: it may hold patient data. Who shares cases widens them."""


class Case(ContentPart, PlanPart, ReviewPart, ReportPart, SummingPart, TrailPart):
    """One patient's work, as a folder that can be moved to another machine.

    Open it with :meth:`create` or :meth:`open`, close it with :meth:`close` or a ``with`` block.

    Attributes:
        held_by: Who has the case open for writing, when this opening is read-only for that reason.
        recovered: What opening found after a program that died.
    """

    held_by: Holder | None = None
    recovered: RecoveryReport = RecoveryReport()

    @classmethod
    def create(
        cls, folder: Path, *, name: str | None = None, clock: Clock = utc_clock, user: str | None = None
    ) -> Self:
        """Make a new, empty case.

        Args:
            folder: The case folder, ``NAME.allcase``; made if it does not exist, on POSIX for its owner
                alone. One that is there keeps its rights.
            name: Shown name; by default the folder's name without the suffix.
            clock: Where times come from.
            user: Name for the audit trail; by default the login name.

        Raises:
            StationError: ``case-exists``, or ``case-unwritable`` if the folder cannot be made.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=_PRIVATE, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error.strerror) from error
        lock = CaseLock.take(folder, since=stamp(clock()))
        if not isinstance(lock, CaseLock):
            raise _unwritable(folder, "it is read-only" if lock is None else f"it is open at {lock}")
        try:
            _refuse_existing(folder)
            create_file(folder / DATABASE, schema.STEPS)
        except BaseException:
            lock.release()
            with suppress(OSError):
                remove_file(folder / UNFINISHED)
            raise
        try:
            desk = Desk(folder, clock, user or login_name(), lock)
            return cls._begun(desk, storable(name or "").strip())
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _begun(cls, desk: Desk, name: str) -> Self:
        """Open the empty case file and enter the case's id and name."""
        case = cls(open_writable(desk.folder / DATABASE, schema.STEPS), desk)
        try:
            case._begin(name or shown_name(desk.folder.name.removesuffix(SUFFIX)) or "case")
        except BaseException:
            case._db.close()
            raise
        return case

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        read_only: bool = False,
        clock: Clock = utc_clock,
        user: str | None = None,
        steps: Sequence[schema.Step] = schema.STEPS,
    ) -> Self:
        """Open a case; for writing if nobody else has it, else read-only.

        Args:
            folder: The case folder, or the ``case.sqlite`` in it.
            read_only: Do not even try to become the writer.
            clock: Where times come from.
            user: Name for the audit trail; by default the login name.
            steps: Schema steps to bring the file to; another list only in tests.

        Raises:
            StationError: ``no-case``, ``not-a-case``, ``newer-case``, ``damaged-case``, or what the
                disk answered.
        """
        folder = folder.parent if folder.name == DATABASE else folder
        if not any((folder / file).is_file() for file in (DATABASE, REPAIRED)):
            raise StationError(
                "no-case", f"There is no case in {shown_name(folder)}: choose a folder that holds {DATABASE}."
            )
        taken = None if read_only else CaseLock.take(folder, since=stamp(clock()))
        name = user or login_name()
        if not isinstance(taken, CaseLock):
            desk = Desk(folder, clock, name, None, _why_read_only(taken, asked=read_only))
            case = cls(open_readable(folder / DATABASE, steps), desk)
            case.held_by = taken
            return case
        try:
            return cls._take_over(Desk(folder, clock, name, taken), steps, thoroughly=taken.unclean)
        except BaseException:
            taken.release()
            raise

    @classmethod
    def _take_over(cls, desk: Desk, steps: Sequence[schema.Step], *, thoroughly: bool) -> Self:
        """Open for writing and finish what a program that died left unfinished."""
        path = desk.folder / DATABASE
        if not path.exists():  # a repair was interrupted at its last step
            with plain_errors():
                exchange(desk.folder, stamp(desk.clock()))
        case = cls(open_writable(path, steps), desk)
        try:
            if thoroughly or path.stat().st_size < _QUICKLY_CHECKED:
                case._look_over()
            if not case.case_id:  # ... or between making the file and its first entry
                case._begin(shown_name(desk.folder.name.removesuffix(SUFFIX)))
            case.recovered = case.recover()
        except BaseException:
            case._db.close()
            raise
        return case

    def _begin(self, name: str) -> None:
        with self._write():
            for key, value in (("case_id", str(uuid.uuid4())), ("name", name), ("created", self._now())):
                self._set_info(key, value)
            self._audit("case-created", "case", {"name": name, "case_id": self.case_id})

    def _look_over(self) -> None:
        problems = quick_check(self._db)
        if problems:
            raise damaged(problems[0])

    def reader(self) -> Case:
        """Return a second, read-only connection: it sees what was saved and never waits for the writer."""
        desk = Desk(
            self.folder, self._desk.clock, self.user, None, "This view of the case is for looking only."
        )
        return Case(open_readable(self.folder / DATABASE, schema.STEPS), desk)

    def snapshot(self, model: str | None = None) -> CaseSnapshot:
        """Return everything a report or a table needs, read in one transaction.

        Args:
            model: Show what this model (hash) predicted, instead of what each field shows.
        """
        with self.reading(model) as snapshot:
            return replace(snapshot, fields=tuple(snapshot.fields))

    @contextmanager
    def reading(self, model: str | None = None) -> Iterator[CaseSnapshot]:
        """Give the same with fields that are read as they are asked for: memory does not grow with them.

        Only inside the block, which is one read transaction and keeps this opening to itself.

        Args:
            model: As for :meth:`snapshot`.
        """
        with self._still() as db:
            used = self._models_of(model)
            reviews = db.execute(
                f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE r.withdrawn = 0 "  # noqa: S608
                "AND r.field_id NOT IN (SELECT id FROM fields WHERE removed = 1) ORDER BY r.id"
            ).fetchall()
            yield CaseSnapshot(
                case_id=self.case_id,
                name=self.name,
                taken_at=self._now(),
                details=self.details(),
                slides=tuple(self.slides()),
                fields=StoredFields(self.field_ids(), partial(self._fields_by, model)),
                models=tuple(model for model in self.models() if model.sha256 in used),
                audit_head=self.audit_head(),
                reviews=tuple(review_of(row) for row in reviews),
                removed=self.count(FieldFilter(removed=True)),
                audit_at=self.audit_at(),
            )

    def backup(self, target: Path | None = None) -> Path:
        """Write a checked copy of the case file while the case stays in use.

        Args:
            target: The file to write; by default a dated one in the case's ``backups`` folder.

        Raises:
            StationError: ``backup-failed``, or what the disk answered. What was there before stays.
        """
        moment = stamp(self._desk.clock()).replace(":", "").replace("-", "")
        path = target or self.folder / "backups" / f"case-{moment}.sqlite"
        with self._read() as db:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                copy_database(db, path)
            except OSError as error:
                if error.errno in FULL:
                    raise
                reason = error.strerror or "the system refused"
                raise StationError(
                    "backup-failed", f"No backup could be written to {shown_name(path)} ({reason})."
                ) from error
        return path

    def check(self) -> list[str]:
        """Return what is wrong with the file's structure, in SQLite's words; empty when it is sound."""
        with self._read() as db:
            return full_check(db)

    def close(self) -> None:
        """Put unfinished fields back into the queue, close the file and leave the case to others."""
        with self._lock:
            if self._closed:
                return
            if not self.read_only:
                with suppress(StationError):  # a full disk must not keep the window from closing
                    self.release()
            self._closed = True
            self._db.close()
            if self._desk.lock is not None:
                self._desk.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def holds_other_things(folder: Path) -> bool:
    """Tell whether a folder has anything in it but what a case leaves that could not be made to its end."""
    known = (LOCK_FILE, UNFINISHED)
    return any(not path.name.startswith(known) for path in folder.iterdir())


def _refuse_existing(folder: Path) -> None:
    if (folder / DATABASE).exists():
        raise StationError("case-exists", f"{shown_name(folder)} already holds a case: open it instead.")


def _why_read_only(holder: Holder | None, *, asked: bool) -> str:
    if asked:
        return "The case was opened for looking only."
    if holder is None:
        return "The case is on a read-only place: it can be looked at, not changed."
    return f"The case is open at {holder}: here it can be looked at, not changed."


def _unwritable(folder: Path, reason: str | None) -> StationError:
    why = reason or "the system refused"
    return StationError(
        "case-unwritable", f"No case can be made in {shown_name(folder)} ({why}): choose another folder."
    )
