"""Westgard's rules over the scores of control charts.

Westgard et al. (1981, Clin Chem 27:493) judge the last values of a chart by several rules together: 1-2s
warns; 1-3s, 2-2s, R-4s, 4-1s and 10-x reject. Two things are not as with a control material whose mean is
known and that has one chart:

- An error of the reference's mean moves all values that a rule looks back on, so that limits of rules over
  several values are those that keep the chance of such a run when that error is counted in.
- Several charts are looked at together. The limit of each rule is widened so that all charts together break
  it by chance as often as one chart, whose mean is known, does in the textbook.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from statistics import NormalDist
from typing import Final

FEWEST_DAYS: Final = 20
"""Days of a reference, as CLSI C24 asks for."""
_NORMAL: Final = NormalDist()
_HALVINGS: Final = 50
_NODES: Final = tuple(step / 10 for step in range(-50, 51))
"""Standard normal errors of the reference's mean that chances are summed over."""


class Rule(StrEnum):
    """Westgard's rule. The value is stored and printed."""

    WARNING = "1-2s"
    ONE_3S = "1-3s"
    TWO_2S = "2-2s"
    R_4S = "R-4s"
    FOUR_1S = "4-1s"
    TEN_X = "10-x"


REJECTING: Final = (Rule.ONE_3S, Rule.TWO_2S, Rule.R_4S, Rule.FOUR_1S, Rule.TEN_X)
"""Rules that reject; 1-2s alone only warns."""
_TEXTBOOK: Final = {
    Rule.WARNING: (2.0, 1),
    Rule.ONE_3S: (3.0, 1),
    Rule.TWO_2S: (2.0, 2),
    Rule.R_4S: (2.0, 2),
    Rule.FOUR_1S: (1.0, 4),
    Rule.TEN_X: (0.0, 10),
}
"""Limit on one chart, standard deviations, and how many values a rule looks at."""


@cache
def limit_of(rule: Rule, *, charts: int, days: int = FEWEST_DAYS) -> float:
    """Return the score beyond which a rule counts a value.

    Args:
        rule: The rule.
        charts: Charts that are looked at together.
        days: Days of the reference.
    """
    textbook, values = _TEXTBOOK[rule]
    wanted = _NORMAL.cdf(-textbook) ** values / charts
    if values == 1:
        return -_NORMAL.inv_cdf(wanted)
    low, high = 0.0, 2 * textbook + 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _run_chance(middle, values, days) > wanted else (low, middle)
    return high


def _run_chance(limit: float, values: int, days: int) -> float:
    """Return the chance that scores in a row lie above a limit, over the errors of the reference's mean."""
    spread, error = math.sqrt(1 + 1 / days), 1 / math.sqrt(days)
    weights = [_NORMAL.pdf(node) for node in _NODES]
    chances = (_NORMAL.cdf(node * error - limit * spread) ** values for node in _NODES)
    return math.fsum(weight * chance for weight, chance in zip(weights, chances, strict=True)) / math.fsum(
        weights
    )


def broken_rules(scores: Sequence[float], *, charts: int, days: int = FEWEST_DAYS) -> tuple[Rule, ...]:
    """Return the rules that the newest value breaks, the warning included.

    Args:
        scores: Scores of one metric, the newest last.
        charts: Charts that are looked at together.
        days: Days of the reference.
    """
    if not scores or not math.isfinite(scores[-1]):
        return ()

    def beyond(rule: Rule, count: int, side: int) -> bool:
        limit = limit_of(rule, charts=charts, days=days)
        return len(scores) >= count and all(side * one > limit for one in scores[-count:])

    def either(rule: Rule, count: int) -> bool:
        return beyond(rule, count, 1) or beyond(rule, count, -1)

    found = [rule for rule in (Rule.WARNING, Rule.ONE_3S) if either(rule, 1)]
    found += [Rule.TWO_2S] if either(Rule.TWO_2S, 2) else []
    limit = limit_of(Rule.R_4S, charts=charts, days=days)
    last = scores[-2:]
    found += [Rule.R_4S] if min(last) < -limit and max(last) > limit else []
    found += [Rule.FOUR_1S] if either(Rule.FOUR_1S, 4) else []
    found += [Rule.TEN_X] if either(Rule.TEN_X, 10) else []
    return tuple(found)
