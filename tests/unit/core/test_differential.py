"""Differential counts against scipy, the printed table of Ruemke and counts done by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core.cell_types import SHIPPED_TYPES, CellType, Counts
from allstation.core.differential import (
    cells_to_count,
    compare_readers,
    differential,
    ruemke_limits,
    stop_sentence,
)
from allstation.core.statistics import beta_cdf, clopper_pearson

COUNTED = {"blast": 40, "lymphocyte": 100, "segmented": 60, "nucleated-red-cell": 10, "smudge-cell": 4}


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.floats(0, 1))
def test_exact_interval_is_scipys(n, share):
    stats = pytest.importorskip("scipy.stats")
    k = round(share * n)
    expected = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    found = clopper_pearson(k, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.5, 5000), st.floats(0.5, 5000), st.floats(1e-9, 1))
def test_beta_distribution_is_scipys(a, b, x):
    special = pytest.importorskip("scipy.special")
    assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), abs=1e-9)


def test_interval_of_a_million_cells():
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(200_000, 1_000_000).proportion_ci(0.95, "exact")
    found = clopper_pearson(200_000, 1_000_000)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_interval_of_nothing():
    assert (clopper_pearson(0, 0).low, clopper_pearson(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="received 3 of 2"):
        clopper_pearson(3, 2)


# Column n = 100 of the printed table, percentages 0 to 50.
RUEMKE_100 = {
    0: (0, 4),
    1: (0, 6),
    2: (0, 8),
    3: (0, 9),
    4: (1, 10),
    5: (1, 12),
    6: (2, 13),
    7: (2, 14),
    8: (3, 16),
    9: (4, 17),
    10: (4, 18),
    15: (8, 24),
    20: (12, 30),
    25: (16, 35),
    30: (21, 40),
    35: (25, 46),
    40: (30, 51),
    45: (35, 56),
    50: (39, 61),
}


@pytest.mark.parametrize("percent", RUEMKE_100)
def test_limits_are_those_of_the_printed_table(percent):
    assert ruemke_limits(percent, 100) == RUEMKE_100[percent]
    low, high = ruemke_limits(100 - percent, 100)
    assert (100 - high, 100 - low) == RUEMKE_100[percent]


def test_shares_are_of_the_white_cells_and_others_stand_beside():
    found = differential(COUNTED, SHIPPED_TYPES, reader="Ada")
    assert found.n == 200
    assert found.share_of("blast").share == 0.2
    assert sum(one.count for one in found.white) == 200
    assert found.share_of("nucleated-red-cell").per_hundred == 5.0
    assert found.share_of("smudge-cell").per_hundred == 2.0
    assert found.share_of("monocyte").count == 0
    assert found.note == ""
    assert (found.missing(100), found.missing(400)) == (0, 200)


def test_ratio_interval_of_cells_counted_beside():
    """Ten per 200, against the exact conditional interval that scipy's binomial gives."""
    stats = pytest.importorskip("scipy.stats")
    found = differential(COUNTED, SHIPPED_TYPES, reader="Ada").share_of("nucleated-red-cell")
    exact = stats.binomtest(10, 210).proportion_ci(0.95, "exact")
    expected = [end / (1 - end) for end in (exact.low, exact.high)]
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected), abs=1e-9)


def test_small_counts_say_so():
    assert differential({"blast": 37}, SHIPPED_TYPES, reader="Ada").note.startswith(
        "Fewer than 100 cells: 37"
    )
    empty = differential({}, SHIPPED_TYPES, reader="Ada")
    assert empty.note == "No white cells were counted."
    assert math.isnan(empty.share_of("blast").share)
    beside = differential({"nucleated-red-cell": 3}, SHIPPED_TYPES, reader="Ada")
    assert beside.share_of("nucleated-red-cell").interval.high == math.inf


def test_laboratory_that_counts_smudge_cells():
    types = [
        CellType(key="smudge-cell", name="Smudge cell", colour="#999999", counts=Counts.WHITE),
        CellType(key="artefact", name="Artefact", colour="#555555", counts=Counts.NO),
    ]
    found = differential({"smudge-cell": 3, "artefact": 7, "strange": 2}, types, reader="Ada")
    assert (found.n, found.left_out) == (5, 7)
    assert [one.type.key for one in found.white] == ["smudge-cell", "strange"]


def test_proposals_are_counted_only_when_given_and_then_named():
    found = differential({"blast": 30}, SHIPPED_TYPES, reader="Ada", proposed={"blast": 10, "artefact": 4})
    assert (found.n, found.proposed, found.left_out) == (40, 10, 4)


def test_two_readers_by_the_table_and_by_kappa():
    first = differential({"blast": 20, "lymphocyte": 80}, SHIPPED_TYPES, reader="Ada")
    near = differential({"blast": 30, "lymphocyte": 70}, SHIPPED_TYPES, reader="Bob")
    far = differential({"blast": 31, "lymphocyte": 68, "monocyte": 1}, SHIPPED_TYPES, reader="Eve")
    pairs = {("blast", "blast"): 18, ("blast", "lymphocyte"): 2, ("lymphocyte", "lymphocyte"): 80}
    found = compare_readers(first, near, pairs)
    assert [one.type.key for one in found.types] == ["blast", "lymphocyte"]
    assert found.apart == ()
    assert found.types[0].limits == (12, 30)
    metrics = pytest.importorskip("sklearn.metrics")
    names = [(one, other) for (one, other), number in pairs.items() for _ in range(number)]
    expected = metrics.cohen_kappa_score(*zip(*names, strict=True))
    assert found.common.kappa == pytest.approx(expected)
    apart = compare_readers(first, far, {})
    assert [one.type.key for one in apart.apart] == ["blast", "lymphocyte"]
    assert apart.types[-1].type.key == "monocyte"
    assert apart.common is None


def test_kappa_that_means_nothing_is_not_there():
    one = differential({"blast": 100}, SHIPPED_TYPES, reader="Ada")
    found = compare_readers(one, one, {("blast", "blast"): 100})
    assert found.common.kappa is None
    found = compare_readers(one, one, {("blast", "blast"): 90, ("blast", "monocyte"): 10})
    assert (found.common.kappa, found.common.agreed) == (None, 90)
    nothing = differential({}, SHIPPED_TYPES, reader="Bob")
    assert [kind.agrees for kind in compare_readers(one, nothing, {}).types] == [None]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.floats(0, 1), st.floats(0.01, 0.99))
def test_stop_is_the_first_size_that_tells(n, share, other):
    count = round(share * n)
    more = cells_to_count(count, n, other)
    if more is None:
        assert abs(count / n - other) < 0.002
        return
    assert other not in clopper_pearson(count / n * (n + more), n + more)
    if more:
        assert other in clopper_pearson(count / n * (n + more - 1), n + more - 1)


def test_stop_in_words():
    assert stop_sentence(20, 100, 0.3) == "100 cells tell 20 % from 30 %."
    assert stop_sentence(10, 50, 0.3) == "Count 37 more cells to tell 20 % from 30 %."
    assert stop_sentence(30, 100, 0.3).startswith("No count")
    assert stop_sentence(0, 0, 0.3) == ""
