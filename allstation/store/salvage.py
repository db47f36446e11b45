"""Salvage of a damaged case file: every readable row is copied into a fresh one."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from allstation.core.audit import details_text
from allstation.core.text import shown_name
from allstation.core.times import Clock, stamp
from allstation.paths import login_name
from allstation.store import schema
from allstation.store.audit.contents import other_copy
from allstation.store.audit.seal import Sealer
from allstation.store.cells.derived_tables import other_cell_copy, rebuild_copies
from allstation.store.connection import AuditNote, append_entry
from allstation.store.database import (
    DATABASE,
    connect,
    copy_database,
    create_file,
    full_check,
    move_into_place,
)
from allstation.store.prediction_saving import shown_copy
from allstation.store.rows import PREDICTION_COLUMNS, Row, decision_of, prediction_of, probabilities_of
from allstation.store.schema_match import schema_difference

REPAIRED: Final = DATABASE + ".repaired"
"""Name of a repaired, complete case file before it replaces the damaged one."""

REPAIR_ACTION: Final = "case-repaired"

TABLES: Final = (
    "info",
    "folders",
    "slides",
    "models",
    "fields",
    "predictions",
    "reviews",
    "plans",
    "reports",
    "audit",
    "seals",
    "cells",
    "prediction_cells",
    "cell_reviews",
    "cell_proposals",
    "cell_features",
    "slide_files",
    "slide_plans",
    "moved_folders",
)
"""All tables but those that only repeat others; referenced ones before the tables that refer to them."""
_FIRST_TABLES: Final = TABLES[:10]
"""Tables that every case has; later ones came with later versions."""

_HEADER: Final = 100
_PROBE_PAST_END: Final = 100_000
_COPIES: Final = frozenset({"prediction_id", "review_id"})


def salvage(damaged: Path, fresh: Path) -> dict[str, tuple[int, int]]:
    """Copy every readable row whose references hold.

    Args:
        damaged: A copy of the damaged file with its log; its first page may be replaced.
        fresh: An empty case file.

    Returns:
        Per table the number of copied rows and of readable rows whose references do not hold.
    """
    for template in _templates(fresh):
        if _readable(damaged):
            break
        _replace_first_page(damaged, template)
    if not _readable(damaged):
        return dict.fromkeys(TABLES, (0, 0))
    old, new = connect(damaged, mode="rw"), connect(fresh, mode="rw")
    try:
        old.execute("PRAGMA cell_size_check = OFF")  # more of a damaged page can be read without it
        new.execute("BEGIN IMMEDIATE")
        counts = {table: _copy_table(old, new, table) for table in TABLES}
        refresh(new)
        new.execute("COMMIT")
    finally:
        old.close()
        new.close()
    return counts


def _templates(fresh: Path) -> Iterator[Path]:
    """Yield empty cases of this version, then of earlier ones: a small file ends before later tables."""
    yield fresh
    for version in range(len(schema.STEPS) - 1, 0, -1):
        template = fresh.with_name(f"version-{version}.sqlite")
        create_file(template, schema.STEPS[:version])
        yield template


def _replace_first_page(damaged: Path, fresh: Path) -> None:
    """Give a file whose list of tables is unreadable the first page of an empty case.

    The tables of every case are made by the same statements in the same order, so they start on
    the same pages.
    """
    with fresh.open("rb") as file:
        page_size = int.from_bytes(file.read(_HEADER)[16:18], "big") or 65536
        file.seek(0)
        first = bytearray(file.read(page_size))
    pages = damaged.stat().st_size // page_size
    first[28:32] = pages.to_bytes(4, "big")
    first[92:96] = first[24:28]  # the page count holds for this change counter
    with damaged.open("r+b") as file:
        file.write(first)


def _readable(path: Path) -> bool:
    try:
        db = connect(path, mode="rw")
        try:
            found = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            db.close()
    except sqlite3.DatabaseError:
        return False
    return found.issuperset(_FIRST_TABLES)


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[int, int]:
    older = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})") if row[1] in older]
    if not columns:  # the file is of a version before this table
        return 0, 0
    copies = _COPIES if table == "fields" else frozenset()
    marks = ", ".join("NULL" if name in copies else "?" for name in columns)
    kept = [index for index, name in enumerate(columns) if name not in copies]
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of the schema
    copied = lost = 0
    for row in _rows(old, table, ", ".join(columns)):
        if table == "predictions" and not _sensible(*row[4:7]):
            lost += 1
            continue
        try:
            new.execute(insert, [row[index] for index in kept])
            copied += 1
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
            lost += 1
    return copied, lost


def _rows(old: sqlite3.Connection, table: str, columns: str) -> Iterator[Row]:
    """Yield every readable row: in one scan while that works, then one by one around the damage."""
    if table == "info":
        with suppress(sqlite3.DatabaseError):
            yield from old.execute("SELECT key, value FROM info")
        return
    last = 0
    query = f"SELECT id, {columns} FROM {table} NOT INDEXED ORDER BY id"  # noqa: S608 - names of the schema
    try:
        for row in old.execute(query):
            last = int(row[0])
            yield row[1:]
    except (sqlite3.DatabaseError, TypeError, ValueError):
        yield from _single_rows(old, table, columns, last + 1)


def _single_rows(old: sqlite3.Connection, table: str, columns: str, first: int) -> Iterator[Row]:
    query = f"SELECT {columns} FROM {table} NOT INDEXED WHERE id = ?"  # noqa: S608 - names of the schema
    for number in range(first, _last_id(old, table, first) + 1):
        with suppress(sqlite3.DatabaseError):
            row = old.execute(query, (number,)).fetchone()
            if row is not None:
                yield row


def _last_id(old: sqlite3.Connection, table: str, first: int) -> int:
    for query, values in (
        (f"SELECT max(id) FROM {table}", ()),  # noqa: S608 - names of the schema
        ("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)),
    ):
        with suppress(sqlite3.DatabaseError, TypeError, ValueError):
            return min(int(old.execute(query, values).fetchone()[0]), first + 100 * _PROBE_PAST_END)
    return first + _PROBE_PAST_END


def refresh(db: sqlite3.Connection) -> None:
    """Rebuild what ``fields`` repeats from predictions and reviews. Needs an open write transaction."""
    db.execute(
        "UPDATE fields SET slide_key = (SELECT s.name_key FROM slides s WHERE s.id = fields.slide_id), "
        "prediction_id = (SELECT p.id FROM predictions p WHERE p.field_id = fields.id "
        "ORDER BY p.beside, p.id DESC LIMIT 1), "
        "review_id = (SELECT max(r.id) FROM reviews r WHERE r.field_id = fields.id AND r.withdrawn = 0), "
        "model_id = NULL, decision = NULL, reasons = '', probability = NULL, margin = NULL, novelty = NULL, "
        "sharpness = NULL, cells = NULL"
    )
    db.execute(
        "UPDATE fields SET "
        "review_class = (SELECT r.class_name FROM reviews r WHERE r.id = fields.review_id), "
        "model_id = (SELECT p.model_id FROM predictions p WHERE p.id = fields.prediction_id)"
    )
    rows = db.execute(
        f"SELECT {PREDICTION_COLUMNS}, f.id FROM fields f JOIN predictions p ON p.id = f.prediction_id "  # noqa: S608
        "JOIN models m ON m.id = p.model_id"
    ).fetchall()
    db.executemany(
        "UPDATE fields SET decision = ?, reasons = ?, probability = ?, margin = ?, novelty = ?, "
        "sharpness = ?, cells = ? WHERE id = ?",
        [(*shown_copy(prediction_of(row[:-1])), row[-1]) for row in rows],
    )
    db.execute(
        "UPDATE fields SET state = 'queued', attempts = 0 "
        "WHERE state = 'running' OR (state = 'done' AND prediction_id IS NULL)"
    )
    rebuild_copies(db)


def case_problems(path: Path) -> tuple[str, ...]:
    """Return the problems of structure, references and contents; empty for a sound case."""
    if not path.is_file():
        return ("The case file is missing.",)
    try:
        db = connect(path, mode="rw")
        try:
            return tuple(full_check(db)) or _altered(db) or tuple(_unreadable_rows(db))
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        return (str(error),)


def _altered(db: sqlite3.Connection) -> tuple[str, ...]:
    """Return what another program changed and a fresh file would not have."""
    difference = schema_difference(db, schema.STEPS)
    if difference:
        return (f"The file was altered by another program: {difference}.",)
    newest = schema.version_of(db) == len(schema.STEPS)
    copy = (other_copy(db) or other_cell_copy(db)) if newest else ""
    return (copy,) if copy else ()


def _unreadable_rows(db: sqlite3.Connection) -> Iterator[str]:
    for number, probabilities, class_name, reasons in db.execute(
        "SELECT id, probabilities, class_name, reasons FROM predictions"
    ):
        if not _sensible(probabilities, class_name, reasons):
            yield f"Prediction {number} cannot be understood."


def _sensible(probabilities: str, class_name: str | None, reasons: str) -> bool:
    try:
        decision_of(class_name, reasons)
        return all(isinstance(value, float) for value in probabilities_of(probabilities).values())
    except (ValueError, AttributeError, TypeError):
        return False


def salvage_into(place: Path, folder: Path, *, problems: Sequence[str], clock: Clock) -> None:
    """Build the repaired case file next to the damaged one, complete or not at all.

    Args:
        place: An empty folder for the work, on the same disk.
        folder: The case folder.
        problems: What was found, for the audit log.
        clock: Source of the audit entry's time.
    """
    path, copied, fresh = folder / DATABASE, place / "damaged.sqlite", place / "fresh.sqlite"
    for suffix in ("", "-wal"):
        if path.with_name(path.name + suffix).is_file():
            shutil.copyfile(path.with_name(path.name + suffix), copied.with_name(copied.name + suffix))
    create_file(fresh, schema.STEPS)
    rows = salvage(copied, fresh)
    db = connect(fresh, mode="rw")
    try:
        db.execute("BEGIN IMMEDIATE")
        _identify(db, folder)
        details = {
            "rows": {table: list(numbers) for table, numbers in rows.items()},
            "problems": list(problems[:5]),
        }
        note = AuditNote(stamp(clock()), login_name(), REPAIR_ACTION, "case", details_text(details))
        sealer = Sealer()
        sealer.takes_over(db)
        sealer.appended(append_entry(db, note))
        sealer.seal(db)
        db.execute("COMMIT")
        copy_database(db, folder / REPAIRED)
    finally:
        db.close()


def _identify(db: sqlite3.Connection, folder: Path) -> None:
    """Restore the case's id and name from the audit log if they were lost."""
    row = db.execute("SELECT details FROM audit WHERE action = 'case-created' ORDER BY id LIMIT 1").fetchone()
    known = json.loads(row[0]) if row else {}
    wanted = {
        "case_id": str(known.get("case_id") or uuid.uuid4()),
        "name": str(known.get("name") or shown_name(folder.name.removesuffix(".allcase"))),
    }
    db.executemany("INSERT INTO info VALUES (?, ?) ON CONFLICT DO NOTHING", list(wanted.items()))


def exchange(folder: Path, moment: str) -> Path | None:
    """Replace the damaged file by the repaired one and keep it; may be called again after a crash.

    The order matters. The damaged file goes first, so that a crash leaves no case file and not an
    old one that looks sound; its log goes second, because SQLite would replay it into the fresh file.

    Returns:
        Where the damaged file is, or None if there was none.
    """
    path = folder / DATABASE
    kept = folder / f"case.damaged-{re.sub('[^0-9]', '', moment)}.sqlite"
    if path.exists():
        path.replace(kept)
    else:
        kept = max(folder.glob("case.damaged-*.sqlite"), default=kept)
    log = path.with_name(path.name + "-wal")
    if log.exists():
        log.replace(kept.with_name(kept.name + "-wal"))
    for suffix in ("-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    move_into_place(folder / REPAIRED, path)
    return kept if kept.exists() else None
