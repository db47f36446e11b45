"""The counts of a summary agree with a plain walk over all records and reviews."""

from __future__ import annotations

from collections import Counter

import pytest

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.records import FieldState, Review

CHOICES = ("Pro", "Pre", None, "Early", "Benign")


@pytest.fixture
def judged(case, maker):
    """Two slides, most fields classified, two reviewers who decided about some of the same fields."""
    ids = [number for i in range(2) for number in maker.fill(case, 30, slide=f"smear {i}", first=i * 30)]
    maker.classify(case, ids[:50])
    case.queue.fail(ids[55], "broken", "It broke.")
    for index in range(12):
        case.reviews.add(Review(field_id=ids[index * 3], reviewer="Ada", class_name=CHOICES[index % 5]))
    for index in range(12):
        case.reviews.add(Review(field_id=ids[index * 2], reviewer="Bob", class_name=CHOICES[(index * 2) % 5]))
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Early"))
    withdrawn = case.reviews.add(Review(field_id=ids[1], reviewer="Ada", class_name="Pro"))
    case.reviews.withdraw(withdrawn.id, "Ada")
    return case


@pytest.mark.parametrize("slide", [None, 1, 2])
def test_counts_equal_a_plain_walk(judged, slide):
    fields = [field for field in judged.fields.page() if slide in (None, field.slide_id)]
    tally = judged.statistics.tally(slide)
    assert tally.fields == len(fields)
    assert tally.finals == Counter(f.final_name for f in fields if f.final_name is not None)
    assert tally.states == Counter(str(f.state) for f in fields)
    assert tally.cells == sum(f.prediction.cell_count for f in fields if f.prediction)
    assert tally.reviewed == sum(f.review is not None for f in fields)
    another = [f for f in fields if f.review is not None and f.review.class_name is None]
    assert tally.another_look == len(another)
    undecided = [f for f in fields if f.review is None and f.final_name == NEEDS_REVIEW]
    assert tally.open == len(another) + len(undecided)
    reasons = Counter(r for f in another + undecided if f.prediction for r in f.prediction.decision.reasons)
    assert tally.open_reasons == {str(reason): count for reason, count in reasons.items()}
    blurred = sum("blurred" in f.prediction.decision.reasons for f in fields if f.prediction)
    failed = sum(f.state is FieldState.FAILED for f in fields)
    assert tally.poor == {k: v for k, v in (("blurred", blurred), ("failed", failed)) if v}


@pytest.mark.parametrize("slide", [None, 1, 2])
def test_each_reviewers_latest_choice_meets_the_models_and_the_others(judged, slide):
    fields = [field for field in judged.fields.page() if slide in (None, field.slide_id)]
    latest = {
        (f.id, r.reviewer): r.class_name
        for f in fields
        for r in judged.reviews.of_field(f.id)  # the oldest first, withdrawn ones left out
    }
    expected: dict[str, Counter[tuple[str, str]]] = {}
    unnamed: Counter[str] = Counter()
    for f in fields:
        for who in ("Ada", "Bob"):
            name = latest.get((f.id, who))
            if name is None or f.prediction is None:
                continue
            if f.prediction.decision.class_name is None:
                unnamed[who] += 1
            else:
                expected.setdefault(who, Counter())[f.prediction.decision.class_name, name] += 1
    both = Counter(
        (latest[f.id, "Ada"], latest[f.id, "Bob"])
        for f in fields
        if latest.get((f.id, "Ada")) and latest.get((f.id, "Bob"))
    )
    tally = judged.statistics.tally(slide)
    assert tally.with_model == expected
    assert tally.unnamed == unnamed
    assert tally.between == ({("Ada", "Bob"): both} if both else {})


def test_an_empty_case_counts_nothing(case):
    tally = case.statistics.tally()
    assert (tally.fields, tally.read, tally.finals, tally.with_model) == (0, 0, {}, {})
