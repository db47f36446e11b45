"""Confidence intervals and tests of printed figures, without SciPy as serving needs them too.

Proportions carry Wilson intervals, shares of counted cells exact ones; anything computed over fields that may
show the same place twice carries a bootstrap over groups (:mod:`allstation.core.resampling`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_STEPS: Final = 200
"""Halvings of the unit interval: more than its numbers can be told apart by."""
_TINY: Final = 1e-300
_CLOSE: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Return whether a value lies inside."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        """Write the interval with three decimals, ``0.784 to 0.852``."""
        return f"{self.low:.3f} to {self.high:.3f}"


def _check_counts(successes: float, n: float) -> None:
    if not 0 <= successes <= n:
        message = f"Expected 0 <= successes <= n; received {successes} of {n}."
        raise ValueError(message)


def wilson(successes: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, J Am Stat Assoc 22:209).

    Args:
        successes: Count, 0 to ``n``.
        n: Number of trials. With 0 nothing is known: the interval is 0 to 1.
        confidence: Coverage, between 0 and 1.

    Raises:
        ValueError: If ``successes`` is not within 0 to ``n``.
    """
    _check_counts(successes, n)
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def mean_of_shares(counts: Sequence[tuple[int, int]]) -> Interval:
    """Interval of the mean of independent proportions, as balanced accuracy is one of recalls.

    Wilson's limits of each, put together by their squared distances (MOVER; Zou and Donner 2008, Stat Med
    27:1693).

    Args:
        counts: Successes and trials of each, at least one trial.

    Raises:
        ValueError: If there are none, or successes are not within the trials.
    """
    if not counts or min(n for _, n in counts) < 1:
        raise ValueError("Expected proportions of at least one trial each.")
    limits = [wilson(successes, n) for successes, n in counts]
    shares = [successes / n for successes, n in counts]
    middle = math.fsum(shares) / len(shares)
    down, up = (
        math.sqrt(
            math.fsum((share - getattr(limit, end)) ** 2 for share, limit in zip(shares, limits, strict=True))
        )
        / len(shares)
        for end in ("low", "high")
    )
    return Interval(max(0.0, middle - down), min(1.0, middle + up))


def _binomial_cdf(k: int, n: int, *, p: float) -> float:
    """P(X <= k) of a binomial, summed in logarithms so that large n does not overflow."""
    if p <= 0.0 or k >= n:
        return 1.0
    if p >= 1.0:
        return 0.0
    terms = (
        math.lgamma(n + 1)
        - math.lgamma(i + 1)
        - math.lgamma(n - i + 1)
        + i * math.log(p)
        + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact McNemar test of two models on the same fields.

    Args:
        b: Fields that only the first model got right.
        c: Fields that only the second model got right.

    Returns:
        The p-value, 0 to 1; 1 when the models never differ.

    Raises:
        ValueError: If a count is negative.
    """
    if b < 0 or c < 0:
        message = f"Counts cannot be negative; received {b} and {c}."
        raise ValueError(message)
    return min(1.0, 2 * _binomial_cdf(min(b, c), b + c, p=0.5)) if b + c else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for several tests (Holm 1979, Scand J Stat 6:65), in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def clopper_pearson(successes: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Exact interval of a proportion (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        successes: Count, 0 to ``n``; a fraction is allowed, the limits are quantiles of beta distributions.
        n: Number of trials. With 0 nothing is known: the interval is 0 to 1.
        confidence: Coverage, at least, between 0 and 1.

    Raises:
        ValueError: If ``successes`` is not within 0 to ``n``.
    """
    _check_counts(successes, n)
    if n == 0:
        return Interval(0.0, 1.0)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else _beta_quantile(tail, successes, n - successes + 1)
    high = 1.0 if successes == n else _beta_quantile(1 - tail, successes + 1, n - successes)
    return Interval(low, high)


def within_exact(share: float, successes: float, n: float, *, confidence: float = 0.95) -> bool:
    """Tell whether a share lies in the interval of :func:`clopper_pearson`, without computing its ends.

    Raises:
        ValueError: If ``successes`` is not within 0 to ``n``.
    """
    _check_counts(successes, n)
    tail = (1 - confidence) / 2
    above = successes == 0 or beta_cdf(share, successes, n - successes + 1) >= tail
    below = successes == n or beta_cdf(share, successes + 1, n - successes) <= 1 - tail
    return above and below


@functools.lru_cache(maxsize=1024)
def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Return where the distribution function of a beta distribution reaches a probability, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if beta_cdf(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the distribution function of a beta distribution, the regularised incomplete beta function.

    By its continued fraction (Abramowitz and Stegun 1964, 26.5.8), evaluated as Lentz (1976, Appl Opt 15:668)
    does.

    Args:
        x: 0 to 1.
        a: First shape, above 0.
        b: Second shape, above 0.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(logarithm)
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, _unlike_zero(1 - (a + b) * x / (a + 1))
    value = d = 1 / d
    # The fraction converges in about sqrt(max(a, b)) steps.
    for m in range(1, 100 + 10 * math.isqrt(math.ceil(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1 / _unlike_zero(1 + term * d)
            c = _unlike_zero(1 + term / c)
            change *= c * d
        value *= change
        if abs(change - 1) < _CLOSE:
            break
    return value


def _unlike_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
