"""Filters, sorts, counts and pages agree with a plain walk over all records."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from threading import Thread

import pytest

from allstation.core.decision import WITHOUT_PROBABILITIES, Decision, Reason
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldState, Review
from allstation.core.text import fold, natural_key


@pytest.fixture
def mixed(case, maker):
    """Three slides; fields of every state, decision and kind of review."""
    ids = [number for i in range(3) for number in maker.fill(case, 20, slide=f"smear {i}", first=i * 20)]
    maker.classify(case, ids[5:50])
    case.queue.fail(ids[50], "broken", "It broke.")
    case.queue.claim(2)
    for index, choice in enumerate(["Pro", "Pre", None, "Early", None, "Pro"]):
        case.reviews.add(
            Review(field_id=ids[4 + index * 5], reviewer="Ada" if index % 2 else "Bob", class_name=choice)
        )
    case.queue.requeue(ids[20:22])
    return case


def needs(field):
    if field.review is not None:
        return field.review.class_name is None
    return field.prediction is not None and field.prediction.decision.class_name is None


def quality(field, test):
    return field.prediction is not None and test(field.prediction)


FILTERS = {
    "slide": (FieldFilter(slide_id=2), lambda f: f.slide_id == 2),
    "decision": (FieldFilter(decision="Pro"), lambda f: quality(f, lambda p: p.decision.name == "Pro")),
    "undecided": (
        FieldFilter(decision="needs review"),
        lambda f: quality(f, lambda p: p.decision.class_name is None),
    ),
    "final": (FieldFilter(final="Pre"), lambda f: f.final_name == "Pre"),
    "needs": (FieldFilter(needs_review=True), needs),
    "settled": (FieldFilter(needs_review=False), lambda f: not needs(f)),
    "reason": (
        FieldFilter(reason=Reason.BLURRED),
        lambda f: quality(f, lambda p: Reason.BLURRED in p.decision.reasons),
    ),
    "other reason": (FieldFilter(reason=Reason.UNREADABLE), lambda f: False),
    "reviewed": (FieldFilter(reviewed=True), lambda f: f.review is not None),
    "not reviewed": (FieldFilter(reviewed=False), lambda f: f.review is None),
    "by": (FieldFilter(reviewer="Ada"), lambda f: f.review is not None and f.review.reviewer == "Ada"),
    "poor": (
        FieldFilter(poor_quality=True),
        lambda f: (
            f.state == "failed"
            or quality(f, lambda p: {"blurred", "no white cells"} & set(p.decision.reasons))
        ),
    ),
    "state": (FieldFilter(state=FieldState.DONE), lambda f: f.state is FieldState.DONE),
    "text": (FieldFilter(text="FIELD 1"), lambda f: "field 1" in fold(f.path.name)),
    "slide text": (FieldFilter(text="smear 1"), lambda f: f.slide_id == 2),
    "percent": (FieldFilter(text="%"), lambda f: False),
    "blurred": (FieldFilter(max_sharpness=14), lambda f: quality(f, lambda p: p.quality.sharpness <= 14)),
    "unsure": (FieldFilter(max_probability=0.7), lambda f: quality(f, lambda p: p.top_probability <= 0.7)),
    "close": (FieldFilter(max_margin=0.5), lambda f: quality(f, lambda p: p.margin <= 0.5)),
    "both": (
        FieldFilter(slide_id=1, needs_review=True, state=FieldState.DONE),
        lambda f: f.slide_id == 1 and needs(f) and f.state is FieldState.DONE,
    ),
}


@pytest.mark.parametrize("group", list(FieldGroup))
@pytest.mark.parametrize("descending", [False, True])
def test_groups_stand_together_and_keep_the_order_within(mixed, group, descending):
    where = FieldFilter(text="field")
    groups = mixed.fields.groups(where, group)
    listed = mixed.fields.ids(where, FieldSort.SHARPNESS, descending=descending, group=group)
    plain = list(mixed.fields.ids(where, FieldSort.SHARPNESS, descending=descending))
    assert sorted(listed) == sorted(plain)
    if group is FieldGroup.NONE:
        assert groups == []
        assert list(listed) == plain
        return
    assert len(groups) > 2
    start = 0
    for key, count in groups:
        part = list(listed[start : start + count])
        fields = mixed.fields.records(part)
        assert {f.slide_id if group is FieldGroup.SLIDE else f.final_name for f in fields} == {key}
        assert part == [number for number in plain if number in set(part)]
        start += count
    assert start == len(listed)


def test_a_field_says_when_it_was_added(mixed):
    assert all(field.added.endswith("Z") for field in mixed.fields.page(limit=3))


@pytest.mark.parametrize("name", FILTERS)
def test_filters(mixed, name):
    where, test = FILTERS[name]
    wanted = [field.id for field in mixed.fields.page() if test(field)]
    assert list(mixed.fields.ids(where)) == wanted
    assert [field.id for field in mixed.fields.page(where)] == wanted
    assert mixed.fields.count(where) == len(wanted)
    if name not in ("other reason", "percent"):
        assert 0 < len(wanted) < mixed.fields.count()


def test_filter_by_model(mixed, maker):
    assert mixed.fields.count(FieldFilter(model_sha256=maker.model)) == 45
    assert mixed.fields.count(FieldFilter(model_sha256="other")) == 0


MISSING = float("-inf")
CERTAINTY = (FieldSort.PROBABILITY, FieldSort.MARGIN)
KEYS = {
    FieldSort.SLIDE: lambda f: (f.slide_id, natural_key(f.path.name)),
    FieldSort.NAME: lambda f: natural_key(f.path.name),
    FieldSort.DECISION: lambda f: f.prediction.decision.name if f.prediction else "",
    FieldSort.FINAL: lambda f: f.final_name or "",
    FieldSort.PROBABILITY: lambda f: f.prediction.top_probability if f.prediction else math.inf,
    FieldSort.MARGIN: lambda f: f.prediction.margin if f.prediction else math.inf,
    FieldSort.NOVELTY: lambda f: f.prediction.novelty if f.prediction else MISSING,
    FieldSort.SHARPNESS: lambda f: f.prediction.quality.sharpness if f.prediction else MISSING,
    FieldSort.CELLS: lambda f: f.prediction.cell_count if f.prediction else MISSING,
    FieldSort.REVIEWED: lambda f: f.review is not None,
    FieldSort.STATE: lambda f: f.state.value,
    FieldSort.SIZE: lambda f: f.id,
    FieldSort.ADDED: lambda f: f.id,
}


@pytest.mark.parametrize("sort", FieldSort)
def test_sorts_and_pages(mixed, sort):
    everything = mixed.fields.page(sort=sort)
    assert [field.id for field in everything] == [
        field.id
        for field in sorted(mixed.fields.page(sort=FieldSort.ADDED), key=lambda f: (KEYS[sort](f), f.id))
    ]
    certain = [field for field in everything if field.prediction] if sort in CERTAINTY else everything
    downwards = mixed.fields.page(sort=sort, descending=True)
    assert downwards[: len(certain)] == certain[::-1]
    assert sorted(field.id for field in downwards) == sorted(field.id for field in everything)
    paged = [field for start in range(0, 60, 7) for field in mixed.fields.page(None, sort, start, 7)]
    assert paged == everything
    assert list(mixed.fields.ids(None, sort)) == [field.id for field in everything]


def test_counts_by_slide(mixed):
    for slide in mixed.slides.all():
        fields = mixed.fields.page(FieldFilter(slide_id=slide.id))
        counts = mixed.slides.counts()[slide.id]
        assert counts.total == len(fields) == 20
        assert counts.reviewed == sum(field.review is not None for field in fields)
        assert counts.needs_review == sum(needs(field) for field in fields)
        for name, number in counts.finals.items():
            assert number == sum(field.final_name == name for field in fields)
        assert sum(counts.finals.values()) == sum(field.final_name is not None for field in fields)
        assert sum(counts.states.values()) == 20
        predicted = [field.prediction.decision.name for field in fields if field.prediction]
        assert counts.decisions == {name: predicted.count(name) for name in set(predicted)}


def test_empty_slide_is_counted(case):
    slide = case.slides.add("empty")
    assert case.slides.counts()[slide.id].total == 0


def test_fields_of_keeps_the_order_asked_for(mixed):
    assert [field.id for field in mixed.fields.records([9, 3, 999, 5])] == [9, 3, 5]
    assert len(mixed.fields.records(range(1, 61))) == 60


def test_unknown_field(case):
    with pytest.raises(StationError) as caught:
        case.fields.get(1)
    assert caught.value.code == "unknown-field"


def test_snapshot_agrees_with_the_pages(mixed):
    snapshot = mixed.snapshot()
    assert list(snapshot.fields) == mixed.fields.page()
    assert list(snapshot.slides) == mixed.slides.all()
    assert snapshot.audit_head == mixed.audit.head()
    assert [review.id for review in snapshot.reviews] == [1, 2, 3, 4, 5, 6]


def test_fields_read_as_they_are_asked_for_are_those_of_the_snapshot(mixed):
    snapshot = mixed.snapshot()
    with mixed.reading() as lazy:
        # One read transaction: what is written meanwhile is not part of it.
        with closing(sqlite3.connect(mixed.folder / "case.sqlite")) as other, other:
            other.execute("UPDATE fields SET error = 'later'")
        assert list(lazy.fields) == list(snapshot.fields)
        assert (len(lazy.fields), lazy.fields[-1]) == (len(snapshot.fields), snapshot.fields[-1])
        assert lazy.fields[2:5] == list(snapshot.fields[2:5])
        assert replace(lazy, fields=(), taken_at="") == replace(snapshot, fields=(), taken_at="")
    assert {field.error for field in mixed.snapshot().fields} == {"later"}


def test_a_snapshot_of_one_model_shows_its_newest_predictions_only(mixed, maker):
    second = maker.record("second")
    mixed.models.add(second)
    first, other, *_ = (field.id for field in mixed.fields.page())
    mixed.model_queue.add(second.sha256, [first, other])
    mixed.queue.save_predictions([(first, maker.prediction(5, second.sha256))])
    mixed.queue.save_predictions([(first, maker.prediction(6, second.sha256))])
    snapshot = mixed.snapshot(second.sha256)
    assert [field.id for field in snapshot.fields] == [field.id for field in mixed.fields.page()]
    made = {field.id: field.prediction for field in snapshot.fields if field.prediction is not None}
    assert made == {first: maker.prediction(6, second.sha256)}
    assert snapshot.models == (second,)
    assert mixed.snapshot("0" * 64).models == ()


def test_prediction_without_evidence(case, maker):
    ids = maker.fill(case, 1)
    plain = replace(maker.prediction(1), evidence=None)
    case.queue.save_prediction(ids[0], plain)
    assert case.fields.get(ids[0]).prediction == plain


def test_many_threads_on_one_case(case, maker):
    """Each sees whole batches only, and none is refused."""
    ids = maker.fill(case, 200)
    problems = []

    def read():
        try:
            for _ in range(40):
                done = case.fields.count(FieldFilter(state=FieldState.DONE))
                assert done % 10 == 0
                assert len(case.fields.page(FieldFilter(state=FieldState.DONE), limit=5)) <= 5
        except BaseException as error:
            problems.append(error)

    threads = [Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 200, 10):
        maker.classify(case, ids[start : start + 10])
    for thread in threads:
        thread.join()
    assert problems == []
    assert case.audit.verify() is None


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "sort", [sort for sort in FieldSort if sort not in (FieldSort.NOVELTY, FieldSort.CELLS)]
)
def test_a_page_of_a_large_case_sorts_nothing(case, sort, descending):
    """What the browser sorts by is walked along an index."""
    asked = []
    case.connection.db.set_trace_callback(asked.append)
    case.fields.page(None, sort, 50, 10, descending=descending)
    case.connection.db.set_trace_callback(None)
    query = next(text for text in asked if text.startswith("SELECT id"))
    plan = " ".join(row[3] for row in case.connection.db.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize("reason", sorted(WITHOUT_PROBABILITIES))
def test_percentages_that_mean_nothing_are_neither_sorted_nor_filtered_by(case, maker, reason):
    ids = maker.fill(case, 6)
    maker.classify(case, ids[:5])
    strange = replace(maker.prediction(1), decision=Decision(None, (reason,)))
    blurred = replace(strange, decision=Decision(None, (Reason.BLURRED,)))
    for number, made in ((ids[1], strange), (ids[3], blurred)):
        case.queue.requeue([number])
        case.queue.save_prediction(number, made)
    for sort in CERTAINTY:
        for descending in (False, True):
            listed = list(case.fields.ids(sort=sort, descending=descending))
            assert set(listed[-2:]) == {ids[1], ids[5]}
    assert case.fields.count(FieldFilter(max_probability=1.0)) == 4
    assert case.fields.count(FieldFilter(max_margin=1.0)) == 4
    assert case.fields.get(ids[1]).prediction == strange
