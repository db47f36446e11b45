"""The queue survives crashes, finds the field that caused them, and obeys wishes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from allstation.core.decision import Decision, Reason
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldState
from allstation.store import Case
from allstation.store.queue import CRASHED_TWICE, UNEXPECTED_TWICE
from allstation.store.salvage import refresh
from tests.makers import end_as_killed


def claimed(case, number):
    return [field.id for field in case.queue.claim(number)]


def test_order_is_the_order_of_adding_and_wishes_come_first(case, maker):
    ids = maker.fill(case, 10)
    assert claimed(case, 2) == ids[:2]
    case.queue.prioritise([ids[7], ids[5]])
    case.queue.prioritise([ids[9]])
    assert claimed(case, 4) == [ids[9], ids[7], ids[5], ids[2]]


def test_wishes_for_what_does_not_wait_change_nothing(case, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids[:1])
    case.queue.prioritise([ids[0], 999])
    assert claimed(case, 5) == ids[1:]


def test_closing_puts_running_fields_back_without_blame(case, folder, maker):
    ids = maker.fill(case, 4)
    for _ in range(3):
        assert claimed(case, 4) == ids
        case.close()
        case = Case.open(folder)
        assert not case.recovered.queued_again
    case.close()


def test_after_a_crash_each_suspect_runs_alone(case, folder, maker):
    ids = maker.fill(case, 6)
    claimed(case, 3)
    end_as_killed(case)
    with Case.open(folder) as again:
        assert again.recovered.queued_again == ids[:3]
        assert claimed(again, 8) == ids[3:]  # the unsuspected first
        assert claimed(again, 8) == []  # suspects wait until nothing else runs
        maker.classify(again, ids[3:])
        assert claimed(again, 8) == ids[:1]
        assert claimed(again, 8) == []
        new = maker.fill(again, 2, slide="new", first=50)
        assert claimed(again, 8) == []  # nor does anything run beside a suspect
        again.queue.save_prediction(ids[0], maker.prediction(1))
        assert claimed(again, 8) == new
        maker.classify(again, new)
        assert claimed(again, 8) == ids[1:2]
        end_as_killed(again)
    with Case.open(folder) as third:
        assert third.recovered.failed == ids[1:2]
        failed = third.fields.get(ids[1])
        assert (failed.state, failed.error_code) == (FieldState.FAILED, CRASHED_TWICE)
        assert "twice" in failed.error
        assert claimed(third, 8) == ids[2:3]
        assert third.queue.requeue() == 1
        third.queue.save_prediction(ids[2], maker.prediction(1))
        assert claimed(third, 8) == ids[1:2]
        assert third.audit.verify() is None


def test_one_poisoned_field_costs_two_crashes(case, folder, maker):
    """A worker that dies whenever it touches one field finishes all others."""
    ids = maker.fill(case, 20)
    poison, crashes = ids[11], 0
    case.close()
    while True:
        case = Case.open(folder)
        while taken := claimed(case, 4):
            if poison in taken:
                break
            maker.classify(case, taken)
        if not taken:
            break
        crashes += 1
        end_as_killed(case)
    assert crashes == 2
    states = case.queue.counts()
    assert (states[FieldState.DONE], states[FieldState.FAILED]) == (19, 1)
    assert case.fields.get(poison).error_code == CRASHED_TWICE
    case.close()


def test_failed_fields_carry_code_and_sentence_and_can_be_retried(case, maker):
    ids = maker.fill(case, 3)
    claimed(case, 3)
    case.queue.fail(ids[0], "unreadable-field", "It cannot be read.")
    assert case.fields.get(ids[0]).error == "It cannot be read."
    assert case.queue.requeue() == 1
    field = case.fields.get(ids[0])
    assert (field.state, field.error_code, field.error) == (FieldState.QUEUED, "", "")
    case.queue.fail(ids[1], "unreadable-field", "It cannot be read.")
    assert case.queue.requeue([ids[1], ids[2]]) == 1  # the third is running


def test_cancelling_takes_what_waits_only(case, maker):
    ids = maker.fill(case, 5)
    claimed(case, 2)
    assert case.queue.cancel() == 3
    counts = case.queue.counts()
    assert (counts[FieldState.RUNNING], counts[FieldState.CANCELLED]) == (2, 3)
    assert case.queue.cancel() == 0
    assert case.queue.requeue(case.fields.ids(FieldFilter(state=FieldState.CANCELLED))) == 3
    assert case.queue.counts()[FieldState.QUEUED] == 3
    assert ids


def test_release_gives_back_some(case, maker):
    ids = maker.fill(case, 4)
    claimed(case, 4)
    case.queue.release(ids[2:])
    assert claimed(case, 4) == ids[2:]


def test_saving_is_all_or_nothing(case, maker):
    ids = maker.fill(case, 3)
    with pytest.raises(StationError) as caught:
        case.queue.save_predictions([(ids[0], maker.prediction(1)), (999, maker.prediction(2))])
    assert caught.value.code == "unknown-field"
    with pytest.raises(StationError) as caught:
        case.queue.save_predictions(
            [(ids[0], maker.prediction(1)), (ids[1], maker.prediction(2, model="other"))]
        )
    assert caught.value.code == "unknown-model"
    assert case.queue.counts()[FieldState.DONE] == 0
    assert case.fields.predictions(ids[0]) == []
    case.queue.save_predictions([])
    assert case.audit.verify() is None


def test_predictions_of_other_models_stay(case, maker):
    ids = maker.fill(case, 2)
    maker.classify(case, ids)
    case.models.add(maker.record("second"))
    case.models.add(maker.record("second"))
    assert [model.name for model in case.models.all()] == ["model", "second"]
    second = case.models.all()[1].sha256
    case.queue.requeue(ids)
    assert case.fields.get(ids[0]).prediction == maker.prediction(ids[0])
    case.queue.save_prediction(ids[0], maker.prediction(9, second))
    assert case.fields.get(ids[0]).prediction == maker.prediction(9, second)
    assert case.fields.predictions(ids[0]) == [maker.prediction(9, second), maker.prediction(ids[0])]
    assert case.fields.count(FieldFilter(model_sha256=second)) == 1
    snapshot = case.snapshot()
    assert {model.name for model in snapshot.models} == {"model", "second"}


def test_exact_numbers_come_back(case, maker):
    """A stored probability is the same double, not a rounded one."""
    ids = maker.fill(case, 1)
    from dataclasses import replace

    import numpy as np

    values = np.array([1 / 3, 0.1 + 0.2, 1e-17, 0.36666666666666664])
    prediction = replace(maker.prediction(1), probabilities=dict(zip(maker.classes, values, strict=True)))
    case.queue.save_prediction(ids[0], prediction)
    stored = case.fields.get(ids[0]).prediction
    assert list(stored.probabilities.values()) == values.tolist()
    assert all(type(value) is float for value in stored.probabilities.values())


def test_other_models_wait_for_their_turn_over_a_restart(case, folder, maker):
    ids = maker.fill(case, 6)
    maker.classify(case, ids[:4])
    assert case.model_queue.add("b" * 64, ids[:3], folder / "b.allmodel") == 3
    assert case.model_queue.add("c" * 64, ids[2:4]) == 2
    assert case.model_queue.add("b" * 64, ids) == 3
    case.close()
    with Case.open(folder) as again:
        assert [(plan.model_sha256[0], plan.fields) for plan in again.model_queue.all()] == [
            ("b", 6),
            ("c", 2),
        ]
        assert again.model_queue.bundle_path("b" * 64) == folder / "b.allmodel"
        assert again.model_queue.bundle_path("c" * 64) is None
        assert again.model_queue.next_model() == ""  # the model in use has two fields left
        assert again.model_queue.start("b" * 64) == 4
        assert [(plan.model_sha256[0], plan.fields) for plan in again.model_queue.all()] == [
            ("c", 2),
            ("b", 2),
        ]
        assert again.queue.counts()[FieldState.QUEUED] == 6
        assert claimed(again, 9) == ids[4:]
        assert again.model_queue.next_model() == "b" * 64
        again.model_queue.drop("b" * 64)
        again.model_queue.drop("b" * 64)
        assert again.queue.counts()[FieldState.DONE] == 4  # they are what they were before
        assert again.model_queue.next_model() == "c" * 64
        assert again.model_queue.next_model(absent=["c" * 64]) is None
        assert again.audit.verify() is None


def test_models_can_change_places(case, maker):
    ids = maker.fill(case, 2)
    for letter in "bcd":
        case.model_queue.add(letter * 64, ids)
    case.model_queue.reorder(["d" * 64, "b" * 64])
    assert [plan.model_sha256[0] for plan in case.model_queue.all()] == ["d", "b", "c"]


def run_all(case, maker, numbers, first):
    """Empty the queue as a worker does: the model in use, then the others in their order."""
    while (model := case.model_queue.next_model()) is not None:
        if model:
            case.model_queue.start(model)
        while fields := case.queue.claim(2, model):
            for field in fields:
                case.queue.save_prediction(
                    field.id, maker.prediction(field.id * numbers[model or first], model or first)
                )


@pytest.mark.parametrize("order", ["in use first", "other first"])
def test_what_a_field_shows_does_not_depend_on_the_order_of_models(case, maker, order):
    ids = maker.fill(case, 5)
    case.models.add(maker.record("second"))
    first, second = (model.sha256 for model in case.models.all())
    numbers = {"": 3, first: 3, second: 7}
    if order == "other first":
        case.queue.cancel()
    case.model_queue.add(second, ids)
    run_all(case, maker, numbers, first)
    case.queue.requeue(ids)
    run_all(case, maker, numbers, first)
    for number in ids:
        shown = case.fields.get(number)
        assert (shown.state, shown.prediction) == (FieldState.DONE, maker.prediction(number * 3, first))
        assert maker.prediction(number * 7, second) in case.fields.predictions(number)
    with case.connection.write() as db:
        refresh(db)
    assert case.fields.get(ids[0]).prediction == maker.prediction(ids[0] * 3, first)
    assert case.audit.verify() is None


def test_a_field_that_crashes_another_model_keeps_what_it_showed(case, folder, maker):
    ids = maker.fill(case, 3)
    maker.classify(case, ids)
    case.models.add(maker.record("second"))
    second = case.models.all()[1].sha256
    case.model_queue.add(second, ids)
    case.model_queue.start(second)
    for _ in range(2):  # it dies whenever it touches the first field
        while (taken := [field.id for field in case.queue.claim(1, second)]) and taken != ids[:1]:
            case.queue.save_prediction(taken[0], maker.prediction(1, second))
        end_as_killed(case)
        case = Case.open(folder)
    assert case.model_queue.next_model() is None
    assert case.fields.get(ids[0]).error_code == CRASHED_TWICE
    assert all(case.fields.get(number).prediction == maker.prediction(number) for number in ids)
    assert case.queue.requeue() == 1
    assert [field.id for field in case.queue.claim(1, second)] == ids[:1]  # again for that model
    case.close()


def test_folders_are_listed_and_can_change_places(case, maker):
    one = maker.fill(case, 3, slide="one")
    two = maker.fill(case, 2, slide="two", first=10)
    assert [(row.name, row.fields) for row in case.queue.slides()] == [("one", 3), ("two", 2)]
    names = {row.name: row.slide_id for row in case.queue.slides()}
    case.queue.order_slides([names["two"], names["one"]])
    assert [row.name for row in case.queue.slides()] == ["two", "one"]
    case.queue.prioritise([one[2]])  # what is looked at still comes before both
    assert claimed(case, 6) == [one[2], *two, *one[:2]]
    case.queue.release()
    assert case.queue.cancel(names["two"]) == 2
    assert [(row.name, row.fields) for row in case.queue.slides()] == [("one", 3)]
    assert case.queue.counts()[FieldState.CANCELLED] == 2


def test_claiming_from_a_long_queue_sorts_nothing(case, maker):
    """The next field is the first of an index, whatever the length of the queue."""
    maker.fill(case, 5)
    asked = []
    case.connection.db.set_trace_callback(asked.append)
    case.queue.claim(2)
    case.queue.prioritise([4, 5])
    case.queue.claim(2)
    case.connection.db.set_trace_callback(None)
    queries = {text for text in asked if text.startswith("SELECT") and "'queued'" in text}
    assert len(queries) == 2
    for query in queries:
        plan = " ".join(row[3] for row in case.connection.db.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert "fields_queued" in plan
        assert "TEMP B-TREE" not in plan


def test_what_runs_for_every_few_fields_reads_no_whole_table(case, maker):
    """A claim that looked at every field made a case of 100,000 a quarter slower."""
    maker.fill(case, 8)
    asked = []
    case.connection.db.set_trace_callback(asked.append)
    running = claimed(case, 4)
    case.queue.prioritise([6])
    case.queue.save_predictions([(number, maker.prediction(number)) for number in running[:2]])
    case.queue.fail(running[2], "unexpected", "A fault.")
    case.queue.release(running[3:])
    assert case.queue.has_queued("")
    assert case.queue.counts()[FieldState.DONE] == 2
    case.connection.db.set_trace_callback(None)
    statements = {text for text in asked if text.startswith(("SELECT", "UPDATE"))}
    assert len(statements) > 10
    scans = set()
    for text in statements:
        steps = [row[3] for row in case.connection.db.execute(f"EXPLAIN QUERY PLAN {text}")]
        scans |= {(text, step) for step in steps if step.startswith("SCAN fields") and "INDEX" not in step}
    assert not scans


def test_an_unexpected_failure_counts_as_an_attempt_until_a_person_retries(case, maker):
    (number,) = maker.fill(case, 1)
    codes = []
    for keep in (True, True, False, True):
        (claimed,) = case.queue.claim(5)
        case.queue.fail(claimed.id, "unexpected", "A fault.")
        codes.append(case.fields.get(number).error_code)
        case.queue.requeue([number], keep_attempts=keep)
    assert codes == ["unexpected", "unexpected-twice", "unexpected", "unexpected"]


def test_a_prediction_that_cannot_be_saved_fails_its_own_field_alone(case, maker):
    ids = maker.fill(case, 4)
    case.queue.claim(4)
    batch = [(number, maker.prediction(place)) for place, number in enumerate(ids)]
    odd = replace(batch[1][1], cell_count="many")
    failed = case.queue.save_or_fail([batch[0], (ids[1], odd), *batch[2:]])
    assert list(failed) == [ids[1]]
    states = [field.state for field in case.fields.records(ids)]
    assert states == [FieldState.DONE, FieldState.FAILED, FieldState.DONE, FieldState.DONE]
    assert case.fields.get(ids[1]).error_code == "unexpected"
    assert case.audit.verify() is None


@pytest.mark.parametrize("name", ["sharpness", "brightness", "clipped", "cell_area", "novelty"])
def test_a_figure_that_is_not_finite_is_kept_as_such(case, maker, name):
    (number,) = maker.fill(case, 1)
    made = maker.prediction(1)
    odd = (
        replace(made, novelty=math.inf) if name == "novelty"
        else replace(made, quality=replace(made.quality, **{name: math.nan}))
    )  # fmt: skip
    case.queue.save_prediction(number, odd)
    kept = case.fields.get(number).prediction
    assert math.isnan(kept.novelty if name == "novelty" else getattr(kept.quality, name))
    assert case.audit.verify() is None


def test_probabilities_that_are_not_finite_are_kept_as_such(case, maker):
    (number,) = maker.fill(case, 1)
    unreadable = replace(
        maker.prediction(1),
        probabilities=dict.fromkeys(maker.classes, math.nan),
        decision=Decision(None, (Reason.UNREADABLE,)),
        evidence=None,
    )
    case.queue.save_prediction(number, unreadable)
    kept = case.fields.get(number).prediction
    assert all(map(math.isnan, kept.probabilities.values()))
    assert tuple(kept.probabilities) == maker.classes
    assert kept.decision == unreadable.decision
    assert case.fields.count(FieldFilter(reason=Reason.UNREADABLE)) == 1
    assert case.check() == []


def test_what_was_running_when_a_fault_stopped_the_work_is_suspected_and_then_left_out(case, maker):
    ids = maker.fill(case, 3)
    assert claimed(case, 2) == ids[:2]
    case.queue.release_suspects(RuntimeError("nobody foresaw this"))
    assert claimed(case, 5) == ids[2:]  # what was not there goes first
    case.queue.save_prediction(ids[2], maker.prediction(1))
    assert claimed(case, 5) == ids[:1]  # then each alone
    case.queue.save_prediction(ids[0], maker.prediction(2))
    assert claimed(case, 5) == ids[1:2]
    case.queue.release_suspects(RuntimeError("nobody foresaw this"))
    assert case.fields.get(ids[1]).error_code == UNEXPECTED_TWICE
    assert claimed(case, 5) == []
    assert case.audit.verify() is None
