"""Control charts of a site: a day's fields against the site's reference, judged by Westgard's rules.

Levey and Jennings (1950, Am J Clin Pathol 20:1059) draw a day's value between limits around the reference's
mean. Two things are not as with a control material, and are dealt with here:

- A day's value is the mean of its fields, and days have different numbers of them. The reference therefore
  keeps how much days differ and how much fields of one day differ, and a day of ``n`` fields is judged by the
  standard deviation ``sqrt(between**2 + within**2 / n)``.
- The reference is 20 days, not the truth: a value is turned into a score by Student's t with that many days.

Before there are 20 days, 20 fields are enough for provisional limits: days are then taken to differ as much
as single fields do, which finds gross changes only, and only 1-3s is applied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import NormalDist
from typing import Final

from allstation.core.statistics import beta_cdf
from allstation.core.westgard import FEWEST_DAYS, REJECTING, Rule, broken_rules, limit_of

FEWEST_FIELDS: Final = 20
"""Fields from which on provisional limits are drawn."""
_NORMAL: Final = NormalDist()
_SMALLEST: Final = 1e-300
_TWO: Final = 2
_HALVINGS: Final = 60
_ANGLE_SPREAD: Final = 0.5
"""Standard deviation of one field in the angle of a share."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Quantity of a field that a chart follows.

    Attributes:
        key: Stored.
        name: Shown.
        unit: Shown; empty for none.
        resolution: Smallest standard deviation of single fields that is believed.
        of_model: It depends on the model, so that only days of one model are compared.
        is_share: It is a share of the fields.
    """

    key: str
    name: str
    unit: str
    resolution: float
    of_model: bool
    is_share: bool = False


METRICS: Final = (
    Metric("light", "Brightness of the background", "grey levels", 0.5, of_model=False),
    Metric("tint", "Colour of the background, red against blue", "%", 0.3, of_model=False),
    Metric("stain", "Stain of nuclei, optical density in red", "", 0.005, of_model=False),
    Metric("sharpness", "Sharpness, logarithm to the base 10", "", 0.02, of_model=True),
    Metric("novelty", "Novelty", "", 0.02, of_model=True),
    Metric("review", "Share that needs review", "", 0.0, of_model=True, is_share=True),
)
"""Metrics of every site; each class of the model adds its share, ``share CLASS``."""
SHARE: Final = "share "


def metric_of(key: str) -> Metric:
    """Return the metric with a key; a class's share is one."""
    known = next((one for one in METRICS if one.key == key), None)
    return known or Metric(key, f"Share of {key.removeprefix(SHARE)}", "", 0.0, of_model=True, is_share=True)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of a metric over the fields of a day, so that cases of one day are added.

    Attributes:
        n: Fields that it was measured in.
        total: Sum of the values.
        squares: Sum of their squares.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Sums:
        """Return the sums of values; what is not finite was not measured and counts nowhere."""
        finite = [value for value in values if math.isfinite(value)]
        return cls(len(finite), math.fsum(finite), math.fsum(value * value for value in finite))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """The mean; NaN without fields."""
        return self.total / self.n if self.n else math.nan

    @property
    def spread(self) -> float:
        """Sum of squared differences from the mean."""
        return max(0.0, self.squares - self.n * self.mean**2) if self.n else 0.0


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
    made = Reference(mean, within, within, len(found), fields, provisional=True, is_share=metric.is_share)
    if len(found) < FEWEST_DAYS:
        return made
    variance = math.fsum((one - mean) ** 2 for one in means) / (len(means) - 1)
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


def judge(
    days: Sequence[ControlDay], *, since: str = "", released: frozenset[str] = frozenset()
) -> ControlStanding:
    """Judge every day of a site.

    The reference is the first 20 days from ``since`` on that break no rule; the days after them are judged by
    all rules, days within them provisionally. A released day ends the run of values that rules look back on.

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
    return Chart(metric, judge.reference, tuple(points))


class _Judge:
    """Judges the days of one metric, the first 20 that break no rule as its reference.

    Args:
        metric: The metric.
        charts: Charts that are looked at together.
    """

    def __init__(self, metric: Metric, charts: int) -> None:
        self._metric = metric
        self._charts = charts
        self._used: list[ControlDay] = []
        self.scores: list[float] = []
        self.reference: Reference | None = None

    def point(self, day: ControlDay, sums: Sums) -> ChartPoint:
        """Judge the next day."""
        building = len(self._used) < FEWEST_DAYS
        score = math.nan if self.reference is None else self.reference.score(sums.mean, sums.n)
        rules = self._rules(score, building=building)
        kept = building and not rules
        if kept:
            self._used.append(day)
            self.reference = reference_of(self._metric, self._used)
        return ChartPoint(day.day, sums.n, sums.mean, score, rules, kept)

    def _rules(self, score: float, *, building: bool) -> tuple[Rule, ...]:
        if self.reference is None:
            return ()
        if building:
            return (Rule.ONE_3S,) if abs(score) > limit_of(Rule.ONE_3S, charts=self._charts) else ()
        self.scores.append(score)
        return broken_rules(self.scores, charts=self._charts, days=self.reference.days)
