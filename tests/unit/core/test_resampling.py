"""Group bootstrap: weighted figures equal those of repeated fields; intervals hold whole groups together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core import resampling
from allstation.core.evaluation import OVERALL, overall
from allstation.core.resampling import bootstrap, figures, group_weights, mean_interval, weighted_auc
from allstation.core.statistics import Interval


def predictions(
    seed: int, *, n: int = 120, kinds: int = 4, ties: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four classes and true classes, of which only the first ``kinds`` occur."""
    generator = np.random.default_rng(seed)
    true = generator.integers(0, kinds, n)
    logits = generator.normal(size=(n, 4)) + 1.5 * np.eye(4)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if ties:
        probabilities = probabilities.round(1) + 0.01
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities, true


def by_threes(n: int) -> list[str]:
    return [str(row // 3) for row in range(n)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 9999),
    n=st.integers(1, 60),
    kinds=st.integers(1, 4),
    ties=st.booleans(),
)
def test_weights_give_what_repeated_fields_give(seed: int, n: int, kinds: int, ties: bool) -> None:
    probabilities, true = predictions(seed, n=n, kinds=kinds, ties=ties)
    (weights,) = group_weights(by_threes(n), resamples=4, seed=seed)
    found = figures(probabilities, true, weights)
    assert list(found) == [*OVERALL]
    for index, row in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(len(row)), row)
        expected = overall(probabilities[rows], true[rows])
        for name in OVERALL:
            assert found[name][index] == pytest.approx(expected[name], abs=1e-9, nan_ok=True), name


def test_a_group_is_drawn_whole() -> None:
    (weights,) = group_weights(["a", "a", "b", "c", "c"], resamples=50, seed=1)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    np.testing.assert_array_equal(weights[:, 3], weights[:, 4])
    draws = weights[:, [0, 2, 3]].sum(axis=1)
    np.testing.assert_array_equal(draws, 3)


def test_blocks_of_any_size_hold_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(group_weights(by_threes(60), resamples=500)))
    monkeypatch.setattr(resampling, "_BLOCK_WEIGHTS", 7 * 60)
    blocks = list(group_weights(by_threes(60), resamples=500))
    assert {len(block) for block in blocks} == {7, 500 % 7}
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_a_resample_without_both_kinds_has_no_area() -> None:
    areas = weighted_auc(np.array([0.1, 0.9]), np.array([0.0, 1.0]), np.array([[1.0, 1.0], [2.0, 0.0]]))
    assert areas[0] == 1.0
    assert np.isnan(areas[1])


def test_the_interval_of_a_mean_of_single_fields_comes_near_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(size=400)
    interval = mean_interval(values, range(400))
    half = 1.96 * values.std() / math.sqrt(400)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)


def test_an_interval_over_groups_is_wider_and_repeatable() -> None:
    values = np.repeat(np.random.default_rng(5).normal(size=40), 10)
    groups = np.repeat(np.arange(40), 10)
    alone, grouped = mean_interval(values, range(400)), mean_interval(values, groups)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert grouped == mean_interval(values, groups)


def test_resamples_without_a_value_are_left_out() -> None:
    found = bootstrap(lambda weights: {"x": np.where(weights[:, 0] > 0, np.nan, 1.0)}, range(3), resamples=50)
    assert found["x"] == Interval(1.0, 1.0)


def test_a_bootstrap_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one field"):
        mean_interval(np.array([]), [])
