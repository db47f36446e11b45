"""Control charts of a site: a day's fields against the site's reference, judged by Westgard's rules.

Levey and Jennings (1950, Am J Clin Pathol 20:1059) draw a day's value between limits around the reference's
mean. Two things are not as with a control material, and are dealt with here:

- A day's value is the mean of its fields, and days have different numbers of them. The reference therefore
  keeps how much days differ and how much fields of one day differ, and a day of ``n`` fields is judged by the
  standard deviation ``sqrt(between**2 + within**2 / n)``.
- The reference is 20 days, not the truth: a value is turned into a score by Student's t with that many days.

Before there are 20 days, 20 fields are enough for provisional limits: days are then taken to differ at least
as much as single fields do, which finds gross changes only, and only 1-3s is applied. A day is left out of
the reference only if it lies far outside the others (8 robust standard deviations): leaving out every day
that broke a provisional limit would make the reference narrower than the laboratory is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import NormalDist, median
from typing import Final

from allstation.core.control_metrics import METRICS, Metric, Sums, metric_of
from allstation.core.statistics import beta_cdf
from allstation.core.westgard import FEWEST_DAYS, REJECTING, Rule, broken_rules, limit_of

FEWEST_FIELDS: Final = 20
"""Fields from which on provisional limits are drawn."""
_NORMAL: Final = NormalDist()
_SMALLEST: Final = 1e-300
_TWO: Final = 2
_FEWEST_ROBUST: Final = 5
_GROSS: Final = 8.0
_NORMAL_MAD: Final = 1.4826
"""Standard deviation of a normal distribution whose median absolute deviation is 1."""
_HALVINGS: Final = 60
_ANGLE_SPREAD: Final = 0.5
"""Standard deviation of one field in the angle of a share."""


@dataclass(frozen=True, slots=True)
class ControlDay:
    """Fields of one site on one day.

    Attributes:
        day: ISO 8601 date.
        model: Hash of the model that classified them.
        metrics: By key.
    """

    day: str
    model: str
    metrics: Mapping[str, Sums]


@dataclass(frozen=True, slots=True)
class Reference:
    """Reference of one metric.

    Shares are compared as angles, ``asin(sqrt((k + 3/8) / (n + 3/4)))`` of ``k`` among ``n`` (Anscombe 1948,
    Biometrika 35:246): their spread is the same for every share, also for one that was never seen.

    Attributes:
        mean: Of the days' means; an angle for a share.
        within: Standard deviation of single fields of a day.
        between: Standard deviation of days beside what the number of fields explains.
        days: Days it was made of.
        fields: Their fields.
        provisional: There are fewer than 20 days.
        is_share: The metric is a share.
    """

    mean: float
    within: float
    between: float
    days: int
    fields: int
    provisional: bool
    is_share: bool = False

    @property
    def centre(self) -> float:
        """The mean in the metric's own unit."""
        return math.sin(self.mean) ** 2 if self.is_share else self.mean

    def deviation(self, n: int) -> float:
        """Return the standard deviation of the mean of ``n`` fields of one day."""
        return math.sqrt(self.between**2 + self.within**2 / max(n, 1))

    def score(self, value: float, n: int) -> float:
        """Return how far a day of ``n`` fields lies from the mean, as a standard normal score.

        The t of the prediction interval, turned into the normal score of the same probability.
        """
        compared = _angle(value, n) if self.is_share else value
        return self._score((compared - self.mean) / self.deviation(n))

    def _score(self, deviations: float) -> float:
        raw = deviations / math.sqrt(1 + 1 / self.days)
        if self.provisional or not math.isfinite(raw):
            return raw
        return math.copysign(-_NORMAL.inv_cdf(max(_t_tail(abs(raw), self.days - 1), _SMALLEST)), raw)

    def value_at(self, score: float, n: int) -> float:
        """Return the value whose score this is, for lines on a chart."""
        deviations = abs(score) if self.provisional else _t_of(abs(score), self.days - 1)
        away = math.copysign(deviations * math.sqrt(1 + 1 / self.days), score)
        found = self.mean + away * self.deviation(n)
        return _share_of(found, n) if self.is_share else found


def _angle(share: float, n: int) -> float:
    return math.asin(math.sqrt((share * n + 0.375) / (n + 0.75)))


def _share_of(angle: float, n: int) -> float:
    """Return the share with an angle, 0 to 1."""
    inside = min(max(angle, 0.0), math.pi / 2)
    return min(max((math.sin(inside) ** 2 * (n + 0.75) - 0.375) / n, 0.0), 1.0)


@cache
def _t_of(score: float, freedom: int) -> float:
    """Return the t that has the probability of a normal score beyond it, by bisection."""
    wanted, low, high = _NORMAL.cdf(-score), 0.0, 1.0
    while _t_tail(high, freedom) > wanted:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_tail(middle, freedom) > wanted else (low, middle)
    return high


def _t_tail(t: float, freedom: int) -> float:
    """Return the probability beyond ``t`` of Student's distribution."""
    return beta_cdf(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def reference_of(metric: Metric, days: Sequence[ControlDay]) -> Reference | None:
    """Return the reference of a metric from days; None from fewer than 20 fields, or from one day.

    The variance between days is that of their means without what the fields' own variance explains (a
    one-way analysis of variance with the mean of 1 / n).
    """
    found = [sums for one in days if (sums := one.metrics.get(metric.key, Sums())).n]
    fields = sum(sums.n for sums in found)
    if fields < FEWEST_FIELDS or len(found) < _TWO:
        return None
    means = [_angle(sums.mean, sums.n) if metric.is_share else sums.mean for sums in found]
    mean = math.fsum(means) / len(means)
    within = math.fsum(sums.spread for sums in found) / max(1, fields - len(found))
    within = _ANGLE_SPREAD if metric.is_share else math.sqrt(max(within, metric.resolution**2))
    variance = math.fsum((one - mean) ** 2 for one in means) / (len(means) - 1)
    widest = max(within, math.sqrt(variance))
    made = Reference(mean, within, widest, len(found), fields, provisional=True, is_share=metric.is_share)
    if len(found) < FEWEST_DAYS:
        return made
    explained = within**2 * math.fsum(1 / sums.n for sums in found) / len(found)
    between = math.sqrt(max(0.0, variance - explained))
    return replace(made, between=between, provisional=False)


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """Day on the chart of one metric.

    Attributes:
        day: ISO 8601 date.
        n: Fields measured.
        value: Their mean.
        score: Against the reference; NaN for a day of the reference, or without one.
        rules: Rules that it breaks.
        in_reference: The day belongs to the reference.
    """

    day: str
    n: int
    value: float
    score: float = math.nan
    rules: tuple[Rule, ...] = ()
    in_reference: bool = False

    @property
    def rejected(self) -> bool:
        """Whether a rule that rejects is broken."""
        return any(rule in REJECTING for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Chart:
    """Levey-Jennings chart of one metric.

    Attributes:
        metric: What it follows.
        reference: What days are compared with; None while there are too few.
        points: Days, the oldest first.
    """

    metric: Metric
    reference: Reference | None
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class ControlStanding:
    """Charts of a site.

    Attributes:
        charts: One a metric.
        released: Days that a person released.
    """

    charts: tuple[Chart, ...] = ()
    released: frozenset[str] = field(default=frozenset())

    def broken(self, day: str) -> tuple[tuple[Metric, tuple[Rule, ...]], ...]:
        """Return the metrics that break a rule which rejects on a day, with all rules they break."""
        return tuple(
            (chart.metric, point.rules)
            for chart in self.charts
            for point in chart.points
            if point.day == day and point.rejected
        )

    def open_days(self) -> tuple[str, ...]:
        """Return the days that break a rule and were not released."""
        days = {point.day for chart in self.charts for point in chart.points if point.rejected}
        return tuple(sorted(days - self.released))

    def sentence(self, day: str) -> str:
        """Return what is broken on a day, in words; empty where nothing is."""
        parts = [f"{metric.name} ({', '.join(rules)})" for metric, rules in self.broken(day)]
        return "; ".join(parts)


def without_gross(metric: Metric, days: Sequence[ControlDay]) -> list[ControlDay]:
    """Return the days that lie within 8 robust standard deviations of the others' median.

    The deviation is that of the median absolute deviation, at least what the number of fields explains.
    Fewer than 5 days are all returned.
    """
    if len(days) < _FEWEST_ROBUST:
        return list(days)
    sums = [one.metrics[metric.key] for one in days]
    means = [_angle(one.mean, one.n) if metric.is_share else one.mean for one in sums]
    middle = median(means)
    within = math.fsum(one.spread for one in sums) / max(1, sum(one.n for one in sums) - len(sums))
    within = _ANGLE_SPREAD**2 if metric.is_share else max(within, metric.resolution**2)
    explained = math.sqrt(within * median(1 / one.n for one in sums))
    spread = max(_NORMAL_MAD * median(abs(one - middle) for one in means), explained)
    kept = zip(days, means, strict=True)
    return [day for day, mean in kept if abs(mean - middle) <= _GROSS * spread]


def judge(
    days: Sequence[ControlDay], *, since: str = "", released: frozenset[str] = frozenset()
) -> ControlStanding:
    """Judge every day of a site.

    The reference is the first 20 days from ``since`` on, without gross ones; the days after them are judged
    by all rules, those of the reference provisionally. A released day ends the run that rules look back on.

    Args:
        days: Days, the oldest first. For metrics of the model only those of the newest one's model count.
        since: First day of the reference, after a change that was meant; empty for the first day.
        released: Days that a person released.
    """
    if not days:
        return ControlStanding((), released)
    model = days[-1].model
    keys = dict.fromkeys([one.key for one in METRICS])
    keys |= dict.fromkeys(key for one in days if one.model == model for key in sorted(one.metrics))
    metrics = [metric_of(key) for key in keys]
    shown = [one for one in metrics if any(day.metrics.get(one.key, Sums()).n for day in days)]
    return ControlStanding(
        tuple(
            _chart(
                one,
                [day for day in days if not one.of_model or day.model == model],
                charts=len(shown),
                since=since,
                released=released,
            )
            for one in shown
        ),
        released,
    )


def _chart(
    metric: Metric, days: Sequence[ControlDay], *, charts: int, since: str, released: frozenset[str]
) -> Chart:
    judge = _Judge(metric, charts)
    points = []
    for day in days:
        sums = day.metrics.get(metric.key, Sums())
        if sums.n:
            before = day.day < since
            points.append(ChartPoint(day.day, sums.n, sums.mean) if before else judge.point(day, sums))
        if day.day in released:
            judge.scores.clear()
    used = {day.day for day in judge.used}
    return Chart(metric, judge.reference, tuple(replace(one, in_reference=one.day in used) for one in points))


class _Judge:
    """Judges the days of one metric, the first 20 that are not gross as its reference.

    Args:
        metric: The metric.
        charts: Charts that are looked at together.
    """

    def __init__(self, metric: Metric, charts: int) -> None:
        self._metric = metric
        self._charts = charts
        self._first: list[ControlDay] = []
        self.used: list[ControlDay] = []
        self.scores: list[float] = []
        self.reference: Reference | None = None

    def point(self, day: ControlDay, sums: Sums) -> ChartPoint:
        """Judge the next day."""
        building = len(self.used) < FEWEST_DAYS
        score = math.nan if self.reference is None else self.reference.score(sums.mean, sums.n)
        rules = self._rules(score, building=building)
        if building:
            self._first.append(day)
            self.used = without_gross(self._metric, self._first)
            self.reference = reference_of(self._metric, self.used)
        return ChartPoint(day.day, sums.n, sums.mean, score, rules)

    def _rules(self, score: float, *, building: bool) -> tuple[Rule, ...]:
        if self.reference is None:
            return ()
        if building:
            return (Rule.ONE_3S,) if abs(score) > limit_of(Rule.ONE_3S, charts=self._charts) else ()
        self.scores.append(score)
        return broken_rules(self.scores, charts=self._charts, days=self.reference.days)
