"""Cells that follow their predictions: who waits for them, also after a restart, and what the trail holds."""

from __future__ import annotations

import sqlite3

import pytest

from allstation.store import Case
from allstation.store.maintenance import audit_case
from tests.makers import new_cell

SUPPORT = {"Benign": 0.1, "Early": 0.7, "Pre": 0.2, "Pro": 0.3}


def cells(place, count=2):
    return [new_cell(10 * place + i, support=SUPPORT) for i in range(count)]


@pytest.fixture
def waiting(case, maker):
    """Three fields whose cells follow, and an earlier one for whose prediction nobody looked."""
    earlier, *ids = maker.fill(case, 4)
    maker.classify(case, [earlier])
    case.queue.save_predictions([(n, maker.prediction(n)) for n in ids], dict.fromkeys(ids))
    return ids


def test_fields_wait_once_and_in_order(case, maker, waiting):
    first = case.later_cells.waiting(maker.model, 2)
    assert [one.field.id for one in first] == waiting[:2]
    assert first[0].field.prediction == case.fields.get(waiting[0]).prediction
    rest = case.later_cells.waiting(maker.model, 5, after=first[-1].prediction_id)
    assert [one.field.id for one in rest] == waiting[2:]
    assert case.later_cells.waiting("ff" * 32, 5) == []


def test_saved_cells_are_those_of_their_prediction(case, maker, waiting):
    found = case.later_cells.waiting(maker.model, 5)
    assert case.cells.count() == 0
    assert case.fields.get(waiting[1]).white_cells == maker.prediction(waiting[1]).cell_count
    # The middle one is found first: numbers in the trail need not follow one another.
    assert case.later_cells.save([(found[1].prediction_id, [])]) == [waiting[1]]
    both = [(found[0].prediction_id, cells(1)), (found[2].prediction_id, cells(2, 3))]
    assert case.later_cells.save(both) == [waiting[0], waiting[2]]
    assert case.later_cells.save(both) == []
    assert case.later_cells.waiting(maker.model, 5) == []
    assert [case.fields.get(number).white_cells for number in waiting] == [2, 0, 3]
    assert case.cells.records(case.cells.ids())[0].support == pytest.approx(SUPPORT, abs=0.01)
    assert case.statistics.tally().cells == 5 + maker.prediction(1).cell_count
    assert case.audit.verify() is None


def test_what_waits_is_known_after_a_restart(case, maker, waiting, folder):
    found = case.later_cells.waiting(maker.model, 1)
    case.later_cells.save([(found[0].prediction_id, cells(1))])
    case.close()
    with Case.open(folder) as again:
        left = again.later_cells.waiting(maker.model, 9)
        assert [one.field.id for one in left] == waiting[1:]


@pytest.mark.parametrize(
    "change",
    [
        ["DROP TRIGGER cells_no_update", "UPDATE cells SET area = area + 1"],
        ["DROP TRIGGER prediction_cells_no_update", "UPDATE prediction_cells SET found = x''"],
        ["DROP TRIGGER prediction_cells_no_delete", "DELETE FROM prediction_cells"],
    ],
)
def test_cells_changed_past_the_trail_are_named(case, maker, waiting, folder, change):
    found = case.later_cells.waiting(maker.model, 5)
    case.later_cells.save([(one.prediction_id, cells(one.field.id)) for one in found])
    case.close()
    assert audit_case(folder).broken is None
    db = sqlite3.connect(folder / "case.sqlite")
    for statement in change:
        db.execute(statement)
    db.commit()
    db.close()
    assert "Cells that entry" in audit_case(folder).broken.sentence


def test_a_field_that_is_classified_again_keeps_what_people_said_until_its_cells_follow(case, maker):
    [field] = maker.fill(case, 1)
    case.queue.save_predictions([(field, maker.prediction(1))], {field: cells(1)})
    first, second = case.cells.ids()
    case.cells.set_type([second], "blast", "Ada")
    case.queue.save_predictions([(field, maker.prediction(2))], {field: None})
    assert list(case.cells.ids()) == [second]
    assert case.audit.verify() is None
    [one] = case.later_cells.waiting(maker.model, 5)
    case.later_cells.save([(one.prediction_id, [*cells(1, 1), *cells(4, 1)])])
    assert list(case.cells.ids()) == [first, second, 3]
    assert case.audit.verify() is None


def test_a_further_model_leaves_the_cells_that_are_shown(case, maker):
    [field] = maker.fill(case, 1)
    case.queue.save_predictions([(field, maker.prediction(1))], {field: cells(1)})
    other = maker.record("other")
    case.models.add(other)
    case.model_queue.add(other.sha256, [field])
    case.model_queue.start(other.sha256)
    case.queue.claim(1, other.sha256)
    case.queue.save_predictions([(field, maker.prediction(2, other.sha256))], {field: None})
    assert case.cells.count() == 2
    assert case.later_cells.waiting(other.sha256, 5) == []
    assert case.audit.verify() is None
