"""Control charts: Westgard's rules, references of days and fields, and what a release ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from allstation.core.control_chart import ControlDay, Reference, judge, reference_of
from allstation.core.control_metrics import METRICS, Sums, metric_of
from allstation.core.westgard import REJECTING, Rule, broken_rules, limit_of

LIGHT = METRICS[0]


def days_of(means, *, n=40, spread=2.0, seed=1, model="m", key="light"):
    rng = np.random.default_rng(seed)
    made = []
    for at, mean in enumerate(means):
        values = (mean + spread * (noise := rng.standard_normal(n)) - spread * noise.mean()).tolist()
        made.append(
            ControlDay(
                f"2026-01-{at + 1:02d}" if at < 31 else f"2026-02-{at - 30:02d}",
                model,
                {key: Sums.of(values)},
            )
        )
    return made


def steady(count=20, seed=3):
    return (200 + np.random.default_rng(seed).standard_normal(count)).tolist()


@pytest.mark.parametrize(
    ("scores", "rules"),
    [
        ([0.0], []),
        ([2.1], [Rule.WARNING]),
        ([-3.1], [Rule.WARNING, Rule.ONE_3S]),
        ([2.5, 2.6], [Rule.WARNING, Rule.TWO_2S]),
        ([2.5, -2.6], [Rule.WARNING, Rule.R_4S]),
        ([1.3, 1.4, 1.3, 1.5], [Rule.FOUR_1S]),
        ([1.3, 1.4, -1.3, 1.5], []),
        ([0.5] * 10, [Rule.TEN_X]),
        ([0.5] * 9, []),
        ([0.5] * 9 + [-0.5], []),
        ([2.5, 2.6, math.nan], []),
    ],
)
def test_rules_of_one_chart_with_a_known_mean_are_those_of_the_textbook(scores, rules):
    assert list(broken_rules(scores, charts=1, days=10**6)) == rules


def test_limits_of_one_chart_are_the_textbook_s():
    for rule, limit in (
        (Rule.WARNING, 2),
        (Rule.ONE_3S, 3),
        (Rule.TWO_2S, 2),
        (Rule.FOUR_1S, 1),
        (Rule.TEN_X, 0),
    ):
        assert limit_of(rule, charts=1, days=10**6) == pytest.approx(limit, abs=0.01)


def test_several_charts_break_a_rule_as_often_as_one():
    for charts in (1, 8):
        beyond = stats.norm.sf(limit_of(Rule.ONE_3S, charts=charts)) * charts
        assert beyond == pytest.approx(stats.norm.sf(3))
    assert limit_of(Rule.TWO_2S, charts=8) > limit_of(Rule.TWO_2S, charts=1) > 2


def test_false_alarms_of_eight_charts_stay_below_one_in_a_hundred():
    rng = np.random.default_rng(7)
    reference, controls, charts, broken = 20, 20, 8, 0
    for _ in range(30):
        values = rng.standard_normal((charts, reference + controls))
        scores = []
        for row in values:
            mean, sd = row[:reference].mean(), row[:reference].std(ddof=1)
            made = Reference(mean, 1e-9, sd, reference, 800, provisional=False)
            scores.append([made.score(value, 40) for value in row[reference:]])
        for at in range(controls):
            broken += any(
                rule in REJECTING
                for row in scores
                for rule in broken_rules(row[: at + 1], charts=charts, days=reference)
            )
    # 6 expected of 600, with runs of them.
    assert broken <= 18


def test_a_score_is_student_s_t_of_the_prediction():
    reference = Reference(100.0, 1e-12, 2.0, 20, 800, provisional=False)
    t = 5.0 / (2.0 * math.sqrt(1 + 1 / 20))
    assert reference.score(105.0, 40) == pytest.approx(stats.norm.isf(stats.t.sf(t, 19)))
    assert reference.score(95.0, 40) == -reference.score(105.0, 40)
    assert reference.score(reference.value_at(-3.0, 40), 40) == pytest.approx(-3.0)


def test_a_reference_tells_days_from_fields():
    rng = np.random.default_rng(5)
    days = [
        ControlDay(str(at), "m", {"light": Sums.of((mean + 6 * rng.standard_normal(25)).tolist())})
        for at, mean in enumerate(200 + 3 * rng.standard_normal(400))
    ]
    found = reference_of(LIGHT, days)
    assert (found.mean, found.within, found.between) == pytest.approx((200, 6, 3), rel=0.08)
    assert found.deviation(25) == pytest.approx(math.hypot(found.between, found.within / 5))


def test_a_share_that_was_never_seen_is_not_taken_for_impossible():
    days = [ControlDay(str(at), "m", {"review": Sums(30, 0.0, 0.0)}) for at in range(20)]
    found = reference_of(metric_of("review"), days)
    # One of 30 is seen by chance in one day of twenty where the share is 1 of 600.
    assert 1 < found.score(1 / 30, 30) < 2.5
    assert found.score(15 / 30, 30) > 4
    assert found.value_at(found.score(0.2, 30), 30) == pytest.approx(0.2)
    assert found.centre < 0.02


def test_a_drift_is_found_and_named():
    standing = judge(days_of([*steady(), 200.2, 210.0]))
    (chart,) = standing.charts
    assert [point.in_reference for point in chart.points] == [True] * 20 + [False] * 2
    assert standing.open_days() == ("2026-01-22",)
    assert standing.sentence("2026-01-22").startswith("Brightness of the background (1-2s, 1-3s")


def test_before_twenty_days_only_gross_changes_are_found():
    standing = judge(days_of([200, 201, 199, 200, 204, 230]))
    (chart,) = standing.charts
    assert chart.reference.provisional
    assert standing.open_days() == ("2026-01-06",)
    assert not chart.points[-1].in_reference
    assert not judge(days_of([200])).charts[0].reference
    assert judge([]).charts == ()


def test_a_release_ends_the_run_that_rules_look_back_on():
    drift = days_of([*steady(), 204.5, 204.4, 202.6, 202.5])
    before = judge(drift)
    first = before.open_days()[0]
    after = judge(drift, released=frozenset({first}))
    assert first not in after.open_days()
    assert len(after.open_days()) < len(before.open_days())


def test_a_reference_can_begin_anew():
    changed = days_of([*steady(20), *(np.array(steady(11)) + 30).tolist()])
    assert judge(changed).open_days()
    assert not judge(changed, since="2026-01-21").open_days()


def test_metrics_of_the_model_begin_anew_with_another_model():
    days = days_of(steady(20), key="novelty") + days_of([500.0], key="novelty", model="other")
    (chart,) = judge(days).charts
    assert len(chart.points) == 1
    assert len(judge(days_of(steady(20)) + days_of([201.0], model="other")).charts[0].points) == 21


def test_what_was_not_measured_counts_nowhere():
    sums = Sums.of([1.0, math.nan, 3.0, math.inf])
    assert (sums.n, sums.mean, sums.spread) == (2, 2.0, 2.0)
    assert math.isnan(Sums().mean)
