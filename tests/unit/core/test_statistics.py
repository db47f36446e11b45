"""Intervals and tests against SciPy and published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from allstation.core.statistics import (
    Interval,
    holm,
    mcnemar_exact,
    mean_of_shares,
    wilson,
)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy(counts: tuple[int, int]) -> None:
    successes, n = counts
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    interval = wilson(successes, n)
    assert interval.low == pytest.approx(expected.low, abs=1e-9)
    assert interval.high == pytest.approx(expected.high, abs=1e-9)


def test_zhangs_best_row_has_the_interval_of_its_size() -> None:
    interval = wilson(401, 489)
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.784, 0.852)
    assert str(interval) == "0.784 to 0.852"
    assert 0.82 in interval
    assert 0.9 not in interval


def test_no_trials_say_nothing() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="received 5 of 4"):
        wilson(5, 4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_the_binomial_test(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, abs=1e-9)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


def test_holm_on_a_worked_example() -> None:
    # Steps by hand: 0.005*4, 0.01*3, 0.03*2, then the running maximum.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_a_mean_of_shares_is_wilsons_interval_for_one_and_narrower_for_two():
    one, two = mean_of_shares([(18, 20)]), mean_of_shares([(18, 20), (18, 20)])
    alone = wilson(18, 20)
    assert (one.low, one.high) == pytest.approx((alone.low, alone.high))
    assert two.low == pytest.approx(0.9 - (0.9 - alone.low) / math.sqrt(2))
    assert mean_of_shares([(10, 10), (10, 10)]).low < 0.9
    with pytest.raises(ValueError, match="at least one trial"):
        mean_of_shares([(0, 0)])
