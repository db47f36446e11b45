"""Comparison of a case file's schema with what the steps of its version make.

A case comes from elsewhere: a trigger, view or changed table in it would run, or answer, with every
statement of this program.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.store import schema

ALTERED: Final = "altered-case"
"""Code of the error for a file with another schema than its version's."""
_LONGEST: Final = 60
_FIRST_STATES: Final = ("'cancelled', 'skipped')", "'cancelled')")
"""Version 0.1.0 allowed a state that no field ever had, so ``fields`` may be made with or without it."""
_Entry = tuple[str, str, str, str]
"""Kind, name, table and SQL of one entry of ``sqlite_master``."""


def schema_difference(db: sqlite3.Connection, steps: Sequence[schema.Step]) -> str:
    """Return how a file's schema differs from its version's, as part of a sentence; empty if it does not.

    Args:
        db: The file; its version is at most the number of steps.
        steps: Schema steps of this program.
    """
    expected = _made_by(tuple(steps[: schema.version_of(db)]))
    found = _entries(db)
    strange = sorted(found - expected)
    if strange:
        kind, name, table, _ = strange[0]
        return f"the {kind} “{_short(name)}” on “{_short(table)}” is not of this program"
    gone = sorted(expected - found)
    return f"the {gone[0][0]} “{gone[0][1]}” is missing" if gone else ""


def require_same_schema(db: sqlite3.Connection, steps: Sequence[schema.Step]) -> None:
    """Refuse to write to a file whose schema is not its version's.

    Raises:
        StationError: ``altered-case``.
    """
    difference = schema_difference(db, steps)
    if difference:
        raise StationError(ALTERED, altered_sentence(difference))


def altered_sentence(difference: str) -> str:
    """Return the sentence for a difference of :func:`schema_difference`."""
    return (
        f"The case file was altered by another program ({difference}): what it shows may be false, so it can "
        "only be looked at. Run “allstation repair” on the case folder; it builds a clean file from it."
    )


def drop_programs(db: sqlite3.Connection) -> None:
    """Drop every trigger and view of a copy in memory, so that none runs when the copy is upgraded."""
    rows = db.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall()
    for kind, name in rows:
        quoted = str(name).replace('"', '""')
        db.execute(f'DROP {kind} "{quoted}"')


@cache
def _made_by(steps: tuple[schema.Step, ...]) -> frozenset[_Entry]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in steps:
            step(db)
        return _entries(db)


def _entries(db: sqlite3.Connection) -> frozenset[_Entry]:
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return frozenset((str(kind), str(name), str(table), _plain(sql)) for kind, name, table, sql in rows)


def _plain(sql: object) -> str:
    """Return SQL in one spelling; empty for what SQLite makes by itself."""
    return " ".join(str(sql).split()).replace(*_FIRST_STATES) if sql is not None else ""


def _short(name: str) -> str:
    return shown_name(name)[:_LONGEST]
