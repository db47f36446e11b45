"""Fractions carry their interval; agreement equals what other people compute."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from allstation.core.summary import Tally, agreement, shares

CLASSES = ("Benign", "Early", "Pre", "Pro")


@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    one = rng.choice(CLASSES, 60)
    other = np.where(rng.random(60) < 0.7, one, rng.choice(CLASSES, 60))
    pairs = Counter(zip(one.tolist(), other.tolist(), strict=True))
    found = agreement(pairs)
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(one, other))
    assert (found.agreed, found.n) == (int((one == other).sum()), 60)
    assert found.fraction in found.interval


def test_kappa_says_nothing_where_both_used_one_class_only() -> None:
    assert agreement({("Pro", "Pro"): 9}).kappa is None
    assert agreement({}).kappa is None
    assert agreement({("Pro", "Pre"): 9}).kappa is None
    assert agreement({("Pro", "Pro"): 52, ("Pro", "Pre"): 2}).kappa is None, "0.00 beside 96.3 %"
    assert agreement({("Pro", "Pro"): 5, ("Pro", "Pre"): 2, ("Pre", "Pro"): 2}).kappa < 0


def test_every_class_is_there_and_other_names_follow() -> None:
    tally = Tally(fields=10, finals={"Pro": 3, "needs review": 2, "Mine": 1})
    found = shares(tally, CLASSES)
    assert [share.name for share in found] == [*CLASSES, "Mine", "needs review"]
    assert [share.count for share in found] == [0, 0, 0, 3, 1, 2]
    assert {share.n for share in found} == {6}
    # 3 of 6 is symmetric around one half; R: binom.test(3, 6).
    half = found[3].interval
    assert half.low + half.high == pytest.approx(1)
    assert half.low == pytest.approx(0.1181, abs=1e-4)
