"""SQLite connections to ``case.sqlite``: opening, upgrading, checking, error translation."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.store import schema
from allstation.store.schema_match import drop_programs, require_same_schema, schema_difference

DATABASE: Final = "case.sqlite"
UNFINISHED: Final = f"{DATABASE}.creating"
"""Name of a case file while it is created."""
_BUSY_SECONDS: Final = 15.0
_SETTINGS: Final = (
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "temp_store = MEMORY",
    "cache_size = -32000",
    "wal_autocheckpoint = 4000",
    "synchronous = FULL",
)

FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
"""Error numbers of no room: no space, the quota, the largest file the system allows."""

_FULL: Final = (
    "The disk is full: nothing of this step was saved and nothing else was lost. Make space and try again."
)
_DAMAGED: Final = (
    "The case file is damaged ({error!s}). "
    "Run “allstation repair” on the case folder; it salvages what can be read and keeps the damaged file."
)
_NO_TEXT: Final = "Could not decode to UTF-8"
"""How Python's sqlite3 begins its message, without a code, on text that is none."""
_BY_CODE: Final = {
    sqlite3.SQLITE_FULL: ("disk-full", _FULL),
    sqlite3.SQLITE_IOERR_SHMSIZE: ("disk-full", _FULL),  # no room for the file beside the log
    sqlite3.SQLITE_CORRUPT: ("damaged-case", _DAMAGED),
    sqlite3.SQLITE_NOTADB: ("damaged-case", _DAMAGED),
    sqlite3.SQLITE_READONLY: (
        "read-only-case",
        "The case is on a read-only place: it can be looked at, not changed.",
    ),
    sqlite3.SQLITE_BUSY: ("case-busy", "Another program holds the case file: close it there and try again."),
    sqlite3.SQLITE_IOERR: (
        "case-unreachable",
        "The disk with the case did not answer as expected ({error!s}): check the drive or the network and "
        "try again.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "case-unreachable",
        "The case file could not be opened ({error!s}): check that the folder is there and may be used.",
    ),
}


_OTHER_TABLES: Final = (
    "no such column",
    "no such table",
    "malformed database schema",
    "unsupported file format",
)
"""How SQLite says that a file's tables are not those that are asked for: an altered or damaged schema."""


def station_error(error: sqlite3.Error) -> StationError | None:
    """Translate an error of the disk or the file; None for an error in the program."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    if not code and str(error).startswith(_NO_TEXT):
        return damaged("a text in it is not valid")
    if str(error).startswith(_OTHER_TABLES):
        return damaged("its tables are not those of a case")
    found = _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF)
    return StationError(found[0], found[1].format(error=error)) if found else None


def holds_case(folder: Path) -> bool:
    """Tell whether there is a case to open at a path: its folder, or the database in it."""
    return folder.name == DATABASE or (folder / DATABASE).is_file()


def damaged(what: str) -> StationError:
    """Return the error for a file whose structure or contents are broken."""
    return StationError("damaged-case", _DAMAGED.format(error=what))


@contextmanager
def plain_errors() -> Iterator[None]:
    """Translate errors of the disk or the file into a :class:`StationError`.

    Raises:
        StationError: ``disk-full``, ``damaged-case``, ``read-only-case``, ``case-busy`` or
            ``case-unreachable``.
    """
    try:
        yield
    except sqlite3.Error as error:
        known = station_error(error)
        if known is None:
            raise
        raise known from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes a schema that is no text
        raise damaged("its list of tables is not valid") from error
    except OSError as error:
        full = error.errno in FULL
        code, sentence = _BY_CODE[sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_CANTOPEN]
        reason = error.strerror or "the system refused"
        raise StationError(code, sentence.format(error=reason)) from error


def move_into_place(made: Path, place: Path) -> None:
    """Rename a finished file over its target and sync the folder before anything builds on it."""
    made.replace(place)
    if os.name == "posix":
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def connect(path: Path, *, mode: str) -> sqlite3.Connection:
    """Open a connection with the settings every connection shares.

    Args:
        path: The database file.
        mode: ``rw``, ``rwc`` (create), ``ro``, or ``immutable`` for a file that nobody can write.
    """
    options = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_SECONDS,
        cached_statements=256,
    )
    try:
        # A case may come from elsewhere: what its schema holds must not be able to call functions.
        # FULL: what was shown as saved must survive a power cut, not only a crash of the program.
        for pragma in _SETTINGS:
            db.execute(f"PRAGMA {pragma}")
        if hasattr(db, "setconfig"):  # from Python 3.12
            db.setconfig(getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE"), True)  # noqa: B009 - typed for 3.11
    except BaseException:
        db.close()
        raise
    return db


def create_file(path: Path, steps: Sequence[schema.Step]) -> None:
    """Create an empty case file under a temporary name and rename it, complete or not at all."""
    fresh = path.with_name(path.name + UNFINISHED.removeprefix(DATABASE))
    remove_file(fresh)
    with plain_errors():
        db = connect(fresh, mode="rwc")
        try:
            # Without a log first: closing moves a log into the file, and says nothing if the disk is full.
            schema.upgrade(db, steps)
            db.execute("PRAGMA journal_mode = WAL")
        finally:
            db.close()
    move_into_place(fresh, path)


def remove_file(path: Path) -> None:
    """Remove a database file with its log and journal."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()


def open_writable(path: Path, steps: Sequence[schema.Step]) -> sqlite3.Connection:
    """Open a case file for the one writer, after a copy and an upgrade if it is older.

    Raises:
        StationError: ``altered-case`` if the schema is not what the steps make; nothing was run then.
    """
    with plain_errors():
        db = connect(path, mode="rw")
        try:
            version = _checked_version(db, steps)
            require_same_schema(db, steps)
            db.execute("PRAGMA journal_mode = WAL")
            if version < len(steps):
                copy_database(db, path.with_name(f"{path.stem}.before-version-{len(steps)}.sqlite"))
                schema.upgrade(db, steps)
        except BaseException:
            db.close()
            raise
    return db


def open_readable(path: Path, steps: Sequence[schema.Step]) -> sqlite3.Connection:
    """Open a case file without ever writing to it; an older one is upgraded in memory."""
    with plain_errors():
        db = _connect_readable(path)
        try:
            version = _checked_version(db, steps)
            if version == len(steps):
                return db
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            db.backup(copy)
            if schema_difference(db, steps):
                drop_programs(copy)
            schema.upgrade(copy, steps)
        except BaseException:
            db.close()
            raise
        db.close()
        return copy


def _connect_readable(path: Path) -> sqlite3.Connection:
    """Open for reading, also where SQLite may not create its shared-memory file (a CD, a locked share)."""
    try:
        db = connect(path, mode="ro")
    except sqlite3.OperationalError:
        return _connect_unwritable(path)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        db.close()
        return _connect_unwritable(path)
    return db


def _connect_unwritable(path: Path) -> sqlite3.Connection:
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return connect(path, mode="immutable")
    # The log holds newer pages than the file: read both from a copy that may be written.
    import shutil
    import tempfile

    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with tempfile.TemporaryDirectory(prefix="allstation-") as folder:
        copied = Path(folder) / path.name
        shutil.copyfile(path, copied)
        shutil.copyfile(log, copied.with_name(log.name))
        db = connect(copied, mode="rw")
        db.backup(memory)
        db.close()
    return memory


def _checked_version(db: sqlite3.Connection, steps: Sequence[schema.Step]) -> int:
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    version = schema.version_of(db)
    if application != schema.APPLICATION_ID:
        raise StationError(
            "not-a-case",
            "The file case.sqlite in this folder was not made by ALL Station: choose another folder.",
        )
    if version > len(steps):
        raise StationError(
            "newer-case",
            f"This case was written by a newer ALL Station (case version {version}, this program reads up to "
            f"{len(steps)}): update the program to open it.",
        )
    return version


def quick_check(db: sqlite3.Connection) -> list[str]:
    """Return SQLite's problems with the file's structure; empty when it is sound."""
    try:
        found = [str(row[0]) for row in db.execute("PRAGMA quick_check(20)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def full_check(db: sqlite3.Connection) -> list[str]:
    """Return SQLite's problems with structure, indexes and references; slower than the quick check."""
    try:
        found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
        orphans = [
            f"A row of {row[0]} refers to a missing row of {row[2]}."
            for row in db.execute("PRAGMA foreign_key_check")
        ]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return ([] if found == ["ok"] else found) + orphans[:20]


def copy_database(db: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy: under a temporary name, checked, then renamed over the target.

    Raises:
        StationError: ``backup-failed`` if the copy does not pass its check.
    """
    part = target.with_name(target.name + ".part")
    remove_file(part)
    copy = connect(part, mode="rwc")
    try:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        problems = quick_check(copy)
    finally:
        copy.close()
    if problems:
        remove_file(part)
        raise StationError(
            "backup-failed",
            f"The copy {shown_name(target)} did not pass its check ({problems[0]}): nothing was changed.",
        )
    move_into_place(part, target)
