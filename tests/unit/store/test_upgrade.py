"""Files of earlier versions with any rows: every step keeps what stands in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.store import schema

_NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
_VALID_CERTAINTY = schema.STEPS.index(schema.step_valid_certainty) + 1
_WORTHLESS = ("unlike the training data", "no white cells found")
_REASONS = st.lists(st.sampled_from([*_WORTHLESS, "low confidence", "blurred"]), unique=True, max_size=3).map(
    lambda chosen: "".join(f"|{one}|" for one in chosen)
)

_FIELD = st.fixed_dictionaries(
    {
        "name": _TEXT,
        "search": _TEXT,
        "bytes": st.integers(0, 2**40),
        "state": st.sampled_from(["queued", "running", "done", "failed", "cancelled"]),
        "error": _TEXT,
        "attempts": st.integers(0, 9),
        "priority": st.integers(-9, 9),
        "decision": st.none() | st.sampled_from(["Benign", "Pro", "needs review"]),
        "reasons": _REASONS,
        "probability": _NUMBER,
        "margin": _NUMBER,
        "novelty": _NUMBER,
        "cells": st.none() | st.integers(0, 99),
    }
)
_REVIEW = st.fixed_dictionaries(
    {
        "reviewer": _TEXT,
        "class_name": st.none() | st.sampled_from(["Benign", "Pre"]),
        "comment": _TEXT,
        "withdrawn": st.integers(0, 1),
    }
)


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


def _fill(db: sqlite3.Connection, fields: list[dict[str, Any]], reviews: list[dict[str, Any]]) -> None:
    _insert(db, "folders", {"id": 1, "absolute": "/smears"})
    _insert(db, "slides", {"id": 1, "name": "s", "name_key": "s", "search": "s", "folder_id": 1})
    fixed = {"slide_id": 1, "slide_key": "s", "folder_id": 1, "name_key": "k", "added": "then"}
    for number, field in enumerate(fields, 1):
        size = {"sha256": f"{number:064x}", "width": 4, "height": 3}
        _insert(db, "fields", {"id": number, **fixed, **size, **field})
    for number, review in enumerate(reviews, 1):
        _insert(db, "reviews", {"id": number, "field_id": number % len(fields) + 1, "at": "then", **review})


def _rows(db: sqlite3.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    for table in ("folders", "slides", "fields", "reviews", "audit"):
        for row in db.execute(f"SELECT * FROM {table} ORDER BY id"):  # noqa: S608
            yield table, dict(row)


def _shape(db: sqlite3.Connection) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in db.execute("SELECT type, name FROM sqlite_master")}


@settings(max_examples=30, deadline=None)
@given(
    version=st.integers(1, len(schema.STEPS) - 1),
    fields=st.lists(_FIELD, min_size=1, max_size=5),
    reviews=st.lists(_REVIEW, max_size=4),
)
def test_every_row_of_every_earlier_version_is_there_after_the_upgrade(version, fields, reviews):
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as db,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as new,
    ):
        db.row_factory = sqlite3.Row
        schema.upgrade(db, schema.STEPS[:version])
        _fill(db, fields, reviews)
        before = list(_rows(db))
        schema.upgrade(db, schema.STEPS)
        after = list(_rows(db))
        assert [table for table, _ in after] == [table for table, _ in before]
        for (table, old), (_, kept) in zip(before, after, strict=True):
            worthless = table == "fields" and version < _VALID_CERTAINTY
            if worthless and any(f"|{one}|" in old["reasons"] for one in _WORTHLESS):
                # Version 4: the percentages of such a field mean nothing.
                old |= {"probability": None, "margin": None}
            assert {key: kept[key] for key in old} == old
            assert (kept.get("removed", 0), kept.get("for_model", "")) == (0, "")
        schema.upgrade(new, schema.STEPS)
        assert _shape(db) == _shape(new)
        assert schema.version_of(db) == len(schema.STEPS)
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
