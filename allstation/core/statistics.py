"""Confidence intervals and tests of printed figures, without SciPy as serving needs them too.

Proportions carry Wilson intervals; anything computed over fields that may show the same place twice
carries a bootstrap over groups (:mod:`allstation.core.resampling`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


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


def _check_counts(successes: float, n: int) -> None:
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
