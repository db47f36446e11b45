"""Shares of slides, patients and cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from allstation.core.cell_types import SHIPPED_TYPES
from allstation.core.place_shares import PlaceCounts, other_share, too_few_statement
from allstation.core.records import Slide

CLASSES = ("Benign", "Early")
SLIDES = [
    Slide(id=1, name="a", folder=Path("/a"), patient="P1"),
    Slide(id=2, name="b", folder=Path("/b"), patient="P2"),
    Slide(id=3, name="c", folder=Path("/c"), patient="P1"),
    Slide(id=4, name="d", folder=Path("/d")),
]
FINALS = {1: {"Benign": 3, "needs review": 1}, 2: {"Early": 5}, 3: {"Benign": 1, "Early": 5}}
CELLS = {1: {"blast": 20, "lymphocyte": 80}, 3: {"blast": 10, "smudge-cell": 4}}


def counts(slides=SLIDES, finals=FINALS):
    return PlaceCounts(slides=slides, finals=finals, cells=CELLS, classes=CLASSES, types=SHIPPED_TYPES)


def test_slides_of_one_patient_are_pooled_with_exact_intervals():
    first, second = counts().by_patient()
    assert (first.patient, first.slides, first.read) == ("P1", 2, 10)
    assert {one.name: one.count for one in first.fields} == {"Benign": 4, "Early": 5, "needs review": 1}
    exact = stats.binomtest(4, 10).proportion_ci(method="exact")
    assert (first.fields[0].interval.low, first.fields[0].interval.high) == pytest.approx(tuple(exact))
    blast = first.cells.share_of("blast")
    assert (blast.count, first.cells.n) == (30, 110)
    exact = stats.binomtest(30, 110).proportion_ci(method="exact")
    assert (blast.interval.low, blast.interval.high) == pytest.approx(tuple(exact))
    assert first.cells.share_of("smudge-cell").count == 4
    assert (second.patient, second.cells) == ("P2", None)


def test_every_slide_has_shares_and_one_without_a_patient_is_in_no_patient():
    made = counts().by_slide()
    assert [(one.name, one.patient, one.read) for one in made] == [
        ("a", "P1", 4),
        ("b", "P2", 5),
        ("c", "P1", 6),
        ("d", "", 0),
    ]


def test_a_case_says_how_many_patients_only_where_all_are_known():
    assert counts().of_case().patient == "patients unknown"
    assert counts(SLIDES[:3]).of_case().patient == "2 patients"


@pytest.mark.parametrize(
    ("share", "other"), [(0.2, 0.3), (0.18, 0.3), (0.0, 0.1), (0.85, 0.7), (0.9, 0.8), (1.0, 0.9)]
)
def test_the_other_share_is_a_whole_ten_at_least_ten_points_away(share, other):
    assert other_share(share) == pytest.approx(other)


def test_a_statement_says_how_much_more_it_takes():
    said = too_few_statement({"blast": 8, "lymphocyte": 2}, 10)
    assert said.startswith("Count ")
    assert said.endswith(" more cells to tell 80 % from 90 %.")
    more = int(said.split()[1])
    assert stats.binomtest(round(0.8 * (10 + more)), 10 + more).proportion_ci(method="exact").high < 0.9
    assert too_few_statement({"blast": 800, "lymphocyte": 200}, 1000) == ""
    assert too_few_statement({}, 0) == ""


def test_needs_review_is_no_leading_class():
    made = counts(SLIDES[:1], {1: {"Benign": 1, "needs review": 9}}).by_slide()
    assert made[0].fields_statement.endswith("more fields to tell 10 % from 20 %.")
