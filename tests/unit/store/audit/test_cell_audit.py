"""Cells and their types changed past the program are named; a damaged case gives them back."""

from __future__ import annotations

import sqlite3

import pytest

from allstation.store import Case
from allstation.store.maintenance import audit_case, repair_case
from tests.makers import new_cell

SUPPORT = {"Benign": 0.1, "Early": 0.7, "Pre": 0.2, "Pro": 0.3}


@pytest.fixture
def typed(case, maker, folder):
    ids = maker.fill(case, 2)
    cells = {number: [new_cell(10 * number + i, support=SUPPORT) for i in range(3)] for number in ids}
    case.queue.save_predictions([(number, maker.prediction(number)) for number in ids], cells)
    one, two, three, *_ = case.cells.ids()
    case.cells.set_type([one, two], "blast", "Ada")
    second = case.cells.set_type([two], "monocyte", "Bob")
    case.cells.withdraw_type(second)
    case.cells.remove([three], "Ada")
    case.cells.add(ids[0], new_cell(77), "Ada")
    case.cells.save_proposals([(one, "blast", 0.8)], "t" * 64)
    assert case.audit.verify() is None
    case.close()
    return folder


CHANGES = {
    "Cells that entry": ["DROP TRIGGER cells_no_update", "UPDATE cells SET area = area + 1 WHERE id = 2"],
    "Cells that entry 5 saved": [
        "DROP TRIGGER prediction_cells_no_update",
        "UPDATE prediction_cells SET found = x'' WHERE id = 1",
    ],
    " made were changed": [
        "DROP TRIGGER cells_no_update",
        "UPDATE cells SET runs = x'00' WHERE made_by = 'Ada'",
    ],
    "Types of cells": [
        "DROP TRIGGER cell_reviews_no_update",
        "UPDATE cell_reviews SET type = 'x' WHERE id = 1",
    ],
    "rows of cell_reviews": [
        "INSERT INTO cell_reviews (cell_id, reviewer, type, at) VALUES (1, 'Eve', 'blast', '')"
    ],
    "The type 3 was withdrawn": ["UPDATE cell_reviews SET withdrawn = 0 WHERE id = 3"],
    "Cell 3 was removed": ["UPDATE cells SET removed = 0 WHERE id = 3"],
    "Cell 1 was removed": ["UPDATE cells SET removed = 1 WHERE id = 1"],
    "proposed types": ["UPDATE cell_proposals SET type = 'x'"],
    "Cell 1 is listed": ["UPDATE cell_list SET type = 'monocyte' WHERE id = 1"],
    "Cell 2 is listed": ["UPDATE cell_types SET type = 'monocyte' WHERE cell_id = 2"],
    "Cell 4 is listed": ["UPDATE cell_list SET support_class = 'Pro' WHERE id = 4"],
    "Cell 5 is listed": ["DELETE FROM cell_list WHERE id = 5"],
}


@pytest.mark.parametrize("word", CHANGES)
def test_changes_past_the_program_are_named(typed, word):
    db = sqlite3.connect(typed / "case.sqlite")
    for statement in CHANGES[word]:
        assert db.execute(statement).rowcount != 0
    db.commit()
    db.close()
    with Case.open(typed, read_only=True) as case:
        broken = case.audit.verify()
    assert broken is not None
    assert word in broken.sentence


@pytest.mark.parametrize("table", ["cells", "prediction_cells", "cell_reviews"])
def test_history_of_cells_is_append_only(typed, table):
    db = sqlite3.connect(typed / "case.sqlite")
    for form in ("DELETE FROM {0}", "REPLACE INTO {0} SELECT * FROM {0}"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(form.format(table))
    db.close()


def test_repair_brings_cells_and_types_back(typed):
    with Case.open(typed) as case:
        before, counts = case.cells.page(), case.cells.counts_by_type()
        features = [(before[0].id, [0.5] * 576)]
        case.cells.save_features(features, "n" * 64)
    db = sqlite3.connect(typed / "case.sqlite")
    db.execute("UPDATE cell_list SET type = 'x'")
    db.execute("DELETE FROM cell_types")
    db.commit()
    db.close()
    report = repair_case(typed)
    assert report.problems
    assert report.broken is None
    assert report.lost["cells"] == 0
    with Case.open(typed) as case:
        assert case.cells.page() == before
        assert case.cells.counts_by_type() == counts
        assert list(case.cells.features([before[0].id])[0]) == [before[0].id]
        assert case.cells.get(before[0].id).prediction_id is not None
    assert audit_case(typed).intact


def test_backup_holds_the_cells(typed, tmp_path):
    with Case.open(typed) as case:
        copy = case.backup(tmp_path / "copy.allcase" / "case.sqlite")
        cells = case.cells.page()
    with Case.open(copy, read_only=True) as case:
        assert case.cells.page() == cells
        assert case.audit.verify() is None


def test_damaged_case_of_an_earlier_version_is_repaired(case, maker, folder):
    from allstation.store import schema

    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    case.close()
    db = sqlite3.connect(folder / "case.sqlite")
    tables = "SELECT name FROM sqlite_master WHERE name LIKE '%cell%' AND type = 'table'"
    for (name,) in db.execute(tables).fetchall():
        db.execute(f"DROP TABLE {name}")
    db.execute(f"PRAGMA user_version = {schema.STEPS.index(schema.step_cells)}")
    db.execute("CREATE TABLE planted (id INTEGER)")
    db.commit()
    db.close()
    report = repair_case(folder)
    assert report.problems
    with Case.open(folder) as opened:
        assert list(opened.fields.ids()) == ids
        assert opened.cells.count() == 0
        assert opened.audit.verify() is None
