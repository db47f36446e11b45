"""Case on disk: ``NAME.allcase/case.sqlite``, opened by one writer and any number of readers."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Self

from allstation.core.audit import canonical
from allstation.core.closing import Closing
from allstation.core.errors import StationError
from allstation.core.pseudonyms import (
    Pseudonyms,
    is_beginning,
    is_issued,
    new_secret,
    nonce_of,
    traced,
    traced_beginning,
)
from allstation.core.records import CaseSnapshot, FieldCopy
from allstation.core.text import shown_name, storable
from allstation.core.times import Clock, stamp, utc_clock
from allstation.keys.station import station_key
from allstation.paths import login_name
from allstation.store import schema
from allstation.store.audit.contents import BEFORE, CONTENT, details_content
from allstation.store.audit.log import AuditLog
from allstation.store.audit.seal import KEY, has_seal_table
from allstation.store.cells.later import LaterCells
from allstation.store.cells.repository import Cells
from allstation.store.connection import CaseConnection, CaseContext
from allstation.store.copies import Copies
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
from allstation.store.field_files import FieldFiles
from allstation.store.fields import Fields, StoredFields
from allstation.store.lock import LOCK_FILE, CaseLock, Holder, refuse_links
from allstation.store.model_queue import ModelQueue
from allstation.store.models import Models
from allstation.store.provenance import Provenance
from allstation.store.queue import Queue, RecoveryReport
from allstation.store.reports import Reports
from allstation.store.reviews import Reviews
from allstation.store.rows import required_name, texts
from allstation.store.salvage import REPAIRED, exchange
from allstation.store.schema_match import ALTERED
from allstation.store.site.case_site import CaseSite
from allstation.store.site.control_releases import ControlReleases
from allstation.store.slides.files import SlideFiles
from allstation.store.slides.repository import Slides
from allstation.store.slides.sizes import SlidePixelSizes
from allstation.store.statistics import Statistics

SUFFIX = ".allcase"
_ALWAYS_CHECKED = 32 * 2**20
"""Bytes up to which a case that was closed well is checked on opening too: 3 to 4 ms a megabyte."""


_KEY_OF_PSEUDONYMS: Final = "pseudonyms"
"""Key in ``info``: what the pseudonyms of anonymised exports are made with, hexadecimal."""
_PRIVATE: Final = 0o700 if os.name == "posix" else 0o777
"""Rights of a new case folder: it may hold patient data. Who shares cases widens them."""


class Case(Closing):
    """Case: one patient's work, a folder that can be moved to another machine.

    Open it with :meth:`create` or :meth:`open`, close it with :meth:`close` or a ``with`` block. Any
    thread may use it and its repositories; one statement or transaction runs at a time.

    Attributes:
        connection: What the repositories share.
        slides: Slides and their counts.
        slide_files: Files of whole slides: identity, proposed fields, hash, place.
        fields: Fields: listed, read, added, removed.
        files: Files of the fields: missing and moved ones.
        queue: States of the fields: what is claimed, saved, failed.
        later_cells: Fields that wait for their cells.
        models: Models the case knows.
        model_queue: Further models and the fields queued for them.
        reviews: Reviews by named people.
        cells: Cells of the fields, and the types that people gave them.
        control: Releases of control days of the case's site.
        site: Where its fields were taken.
        reports: Signed reports and amendments.
        statistics: Counts behind a summary.
        audit: The audit log.
        provenance: Who sealed the audit log, and whether a later one was seen.
        held_by: Who has the case open for writing, when this opening is read-only for that reason.
        recovered: What opening recovered after a program that died.
    """

    def __init__(self, db: sqlite3.Connection, context: CaseContext) -> None:
        self.connection = connection = CaseConnection(db, context)
        self.slides = Slides(connection)
        self.slide_files = SlideFiles(connection, self.slides)
        self.copies = Copies(connection)
        self.fields = Fields(connection, self.copies)
        self.files = FieldFiles(connection, self.fields, self.slide_files)
        self.later_cells = LaterCells(connection, self.fields)
        self.queue = Queue(connection, self.fields, self.later_cells)
        self.models = Models(connection)
        self.model_queue = ModelQueue(connection, self.queue)
        self.reviews = Reviews(connection)
        self.cells = Cells(connection)
        self.reports = Reports(connection)
        self.control = ControlReleases(connection)
        self.site = CaseSite(connection)
        self.slide_sizes = SlidePixelSizes(connection)
        self.statistics = Statistics(connection)
        self.audit = AuditLog(connection)
        self.provenance = Provenance(connection)
        self.held_by: Holder | None = None
        self.recovered = RecoveryReport()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        name: str | None = None,
        clock: Clock = utc_clock,
        user: str | None = None,
        remembered: bool = True,
    ) -> Self:
        """Make a new, empty case.

        Args:
            folder: The case folder, ``NAME.allcase``; made if it does not exist, on POSIX for its owner
                alone. One that is there keeps its rights.
            name: Shown name; by default the folder's name without the suffix.
            clock: Source of times.
            user: Name for the audit log; by default the login name.
            remembered: The profile keeps the heads of its audit log; not of one that is soon gone.

        Raises:
            StationError: ``case-exists``, ``unsafe-case``, or ``case-unwritable`` if the folder cannot be
                made.
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
            context = CaseContext(folder, clock, user or login_name(), lock, remembered=remembered)
            return cls._created(context, storable(name or "").strip())
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _created(cls, context: CaseContext, name: str) -> Self:
        """Open the empty case file and enter the case's id and name."""
        case = cls(open_writable(context.folder / DATABASE, schema.STEPS), context)
        try:
            case._initialise(name or shown_name(context.folder.name.removesuffix(SUFFIX)) or "case")
            case.provenance.start(created=True)
        except BaseException:
            case.connection.db.close()
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
            clock: Source of times.
            user: Name for the audit log; by default the login name.
            steps: Schema steps to bring the file to; another list only in tests.

        Raises:
            StationError: ``no-case``, ``not-a-case``, ``newer-case``, ``damaged-case``, ``unsafe-case``, or
                what the disk answered.
        """
        folder = folder.parent if folder.name == DATABASE else folder
        if not any((folder / file).is_file() for file in (DATABASE, REPAIRED)):
            raise StationError(
                "no-case", f"There is no case in {shown_name(folder)}: choose a folder that holds {DATABASE}."
            )
        refuse_links(folder)
        taken = None if read_only else CaseLock.take(folder, since=stamp(clock()))
        context = CaseContext(folder, clock, user or login_name())
        if not isinstance(taken, CaseLock):
            case = cls._readable(context, steps, _why_read_only(taken, asked=read_only))
            case.held_by = taken
            return case
        try:
            return cls._opened(replace(context, lock=taken), steps, thoroughly=taken.unclean)
        except StationError as error:
            taken.release()
            if error.code != ALTERED:
                raise
            return cls._readable(context, steps, error.sentence)
        except BaseException:
            taken.release()
            raise

    @classmethod
    def _readable(cls, context: CaseContext, steps: Sequence[schema.Step], why: str) -> Self:
        """Open for looking only."""
        db = open_readable(context.folder / DATABASE, steps)
        case = cls(db, replace(context, why_read_only=why))
        case.provenance.start()
        return case

    @classmethod
    def _opened(cls, context: CaseContext, steps: Sequence[schema.Step], *, thoroughly: bool) -> Self:
        """Open for writing and finish what a program that died left unfinished."""
        path = context.folder / DATABASE
        if not path.exists():  # a repair was interrupted at its last step
            with plain_errors():
                exchange(context.folder, stamp(context.clock()))
        case = cls(open_writable(path, steps), context)
        try:
            if thoroughly or path.stat().st_size < _ALWAYS_CHECKED:
                case._require_sound()
            if not case.case_id:  # ... or between making the file and its first entry
                case._initialise(shown_name(context.folder.name.removesuffix(SUFFIX)))
            case._ensure_secret()
            case.provenance.start()
            case.recovered = case.queue.recover()
        except BaseException:
            case.connection.db.close()
            raise
        return case

    def _initialise(self, name: str) -> None:
        created = {"case_id": str(uuid.uuid4()), "name": name, "created": self.connection.now()}
        with self.connection.write():
            for key, value in created.items():
                self.connection.set_info(key, value)
            self._ensure_secret()
            details = {"name": name, "case_id": self.case_id}
            if has_seal_table(self.connection.db):
                details[KEY] = station_key().public.fingerprint
            self.connection.audit("case-created", "case", details)

    def _ensure_secret(self) -> None:
        """Draw the key of pseudonyms, which cases of earlier versions lack."""
        if not self.connection.info(_KEY_OF_PSEUDONYMS):
            self.connection.set_info(_KEY_OF_PSEUDONYMS, new_secret().hex())

    def _require_sound(self) -> None:
        problems = quick_check(self.connection.db)
        if problems:
            raise damaged(problems[0])

    @property
    def folder(self) -> Path:
        """The case folder."""
        return self.connection.context.folder

    @property
    def read_only(self) -> bool:
        """Whether this opening cannot write."""
        return self.connection.read_only

    @property
    def why_read_only(self) -> str:
        """A sentence for the user, empty when the case can be changed."""
        return self.connection.context.why_read_only

    @property
    def user(self) -> str:
        """Name for entries of the audit log and, unless another is given, for reviews."""
        return self.connection.user

    @user.setter
    def user(self, name: str) -> None:
        self.connection.user = name

    @property
    def case_id(self) -> str:
        """Stable id (UUID) of the case; a copy or a moved case keeps it."""
        return self.connection.info("case_id")

    @property
    def name(self) -> str:
        """Shown name."""
        return self.connection.info("name")

    def rename(self, name: str) -> None:
        """Give the case another shown name; its folder keeps the name it has."""
        new = required_name(name, "case")
        with self.connection.write():
            self.connection.audit("case-renamed", "case", {"from": self.name, "to": new})
            self.connection.set_info("name", new)

    def details(self) -> dict[str, str]:
        """Return the optional texts about patient, request and specimen."""
        try:
            return dict(json.loads(self.connection.info("details", "{}")))
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged("the case data cannot be understood") from error

    def set_details(self, details: Mapping[str, str]) -> None:
        """Replace the optional texts. The audit log names the keys that changed, never their texts."""
        with self.connection.write():
            old, new = self.details(), texts(details)
            changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            if changed:
                entry = {"keys": changed, BEFORE: details_content(old), CONTENT: details_content(new)}
                self.connection.audit("details-changed", "case", entry)
                self.connection.set_info("details", canonical(new))

    def reader(self) -> Case:
        """Return a second, read-only connection: it sees what was saved and never waits for the writer."""
        clock, why = self.connection.context.clock, "This view of the case is for looking only."
        context = CaseContext(self.folder, clock, self.user, None, why)
        return Case(open_readable(self.folder / DATABASE, schema.STEPS), context)

    def snapshot(self, model: str | None = None) -> CaseSnapshot:
        """Return everything a report or a table needs, read in one transaction.

        Args:
            model: Show what this model (hash) predicted, instead of what each field shows.
        """
        with self.reading(model) as snapshot:
            return replace(snapshot, fields=tuple(snapshot.fields))

    @contextmanager
    def reading(self, model: str | None = None) -> Iterator[CaseSnapshot]:
        """Open a snapshot with lazily read fields: memory does not grow with their number.

        Only inside the block, which is one read transaction and keeps this opening to itself.

        Args:
            model: As for :meth:`snapshot`.
        """
        with self.connection.consistent_read():
            used = self.models.used(model)
            removed = self.fields.removed_counts()
            yield CaseSnapshot(
                case_id=self.case_id,
                name=self.name,
                taken_at=self.connection.now(),
                details=self.details(),
                slides=tuple(self.slides.all()),
                fields=StoredFields(self.fields.ids(), partial(self.fields.predicted_by, model)),
                models=tuple(model for model in self.models.all() if model.sha256 in used),
                audit_head=self.audit.head(),
                reviews=tuple(self.reviews.counting()),
                removed=removed.by_hand,
                moved=removed.moved,
                taken_back=removed.taken_back,
                copies=self._shown_copies(),
                audit_at=self.audit.last_at(),
                secret=self.secret or new_secret(),
                cells=self.cells.summary(),
                control=self.control.all(),
                sizes=self.site.known_sizes(),
            )

    @property
    def secret(self) -> bytes:
        """Key of the pseudonyms in anonymised exports; empty where none was drawn yet."""
        try:
            return bytes.fromhex(self.connection.info(_KEY_OF_PSEUDONYMS))
        except ValueError:
            return b""

    def holds(self, hashes: Collection[str]) -> bool:
        """Tell whether all of these bytes were added to the case, also if they were removed.

        Args:
            hashes: SHA-256 of files, or the codes that stand for them in anonymised exports.
        """
        others = {one for one in hashes if not self.fields.hold([one])}
        nonces = {nonce_of(one) for one in others}
        if not others or len(nonces) > 1 or not self.secret:
            return not others
        names = Pseudonyms(self.secret, nonces.pop())
        return others <= {names.code(one) for one in self.fields.hashes()}

    def issued(self, case_id: str) -> bool:
        """Tell whether this is the id of the case, or one that an anonymised export gave it."""
        return case_id == self.case_id or (bool(self.secret) and is_issued(self.secret, case_id))

    def trace(self, code: str, *, case_id: str = "") -> str:
        """Return the SHA-256 that a code of an anonymised export stands for; empty if it is of no field.

        Args:
            code: The code; with ``case_id`` also its beginning, as a report prints it.
            case_id: Id of the case in that export.
        """
        if self.secret and is_beginning(code):
            return traced_beginning(self.secret, case_id, code, self.fields.hashes())
        return traced(self.secret, code, self.fields.hashes()) if self.secret and nonce_of(code) else ""

    def _shown_copies(self) -> tuple[FieldCopy, ...]:
        """Return the copies on slides that are shown: a slide that was taken out takes its copies along."""
        shown = {slide.id for slide in self.slides.all()}
        return tuple(copy for copy in self.copies.all() if copy.slide_id in shown)

    def backup(self, target: Path | None = None) -> Path:
        """Write a checked copy of the case file while the case stays in use.

        Args:
            target: The file to write; by default a dated one in the case's ``backups`` folder.

        Raises:
            StationError: ``backup-failed``, or what the disk answered. What was there before stays.
        """
        moment = stamp(self.connection.context.clock()).replace(":", "").replace("-", "")
        path = target or self.folder / "backups" / f"case-{moment}.sqlite"
        with self.connection.read() as db:
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
        with self.connection.read() as db:
            return full_check(db)

    def close(self) -> None:
        """Put unfinished fields back into the queue, close the file and leave the case to others."""
        with self.connection.lock:
            if self.connection.closed:
                return
            if not self.read_only:
                with suppress(StationError):  # a full disk must not keep the window from closing
                    self.queue.release()
            self.connection.close()


def holds_other_things(folder: Path) -> bool:
    """Return whether a folder holds anything but the remains of a case whose creation failed."""
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
