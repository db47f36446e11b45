from __future__ import annotations

import pytest

from allstation.core.decision import Decision, DecisionRule, Evidence, Reason

CLASSES = ("Benign", "Early", "Pre", "Pro")
RULE = DecisionRule(min_probability=0.8, max_novelty=1.0, min_sharpness=20.0, min_cells=1)


def evidence(**changes) -> Evidence:
    values = {"probabilities": (0.02, 0.9, 0.05, 0.03), "novelty": 0.5, "sharpness": 100.0, "cell_count": 5}
    return Evidence(**{**values, **changes})


def test_a_sure_familiar_sharp_field_gets_its_class():
    assert RULE.decide(CLASSES, evidence()) == Decision("Early")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"probabilities": (0.1, 0.79, 0.06, 0.05)}, Reason.LOW_CONFIDENCE),
        ({"novelty": 1.01}, Reason.UNLIKE_TRAINING),
        ({"sharpness": 19.9}, Reason.BLURRED),
        ({"cell_count": 0}, Reason.NO_WHITE_CELLS),
    ],
)
def test_each_doubt_alone_asks_for_review(changes, reason):
    decision = RULE.decide(CLASSES, evidence(**changes))
    assert decision.class_name is None
    assert decision.reasons == (reason,)
    assert decision.name == "needs review"


def test_the_limits_themselves_are_accepted():
    at_limit = evidence(probabilities=(0.0, 0.8, 0.1, 0.1), novelty=1.0, sharpness=20.0, cell_count=1)
    assert RULE.decide(CLASSES, at_limit).class_name == "Early"


def test_every_reason_is_named():
    worst = evidence(probabilities=(0.25,) * 4, novelty=9.0, sharpness=0.0, cell_count=0, other_scale=True,
                     other_colours=True)  # fmt: skip
    assert set(RULE.decide(CLASSES, worst).reasons) == set(Reason) - {Reason.UNREADABLE, Reason.SCALE_UNKNOWN}


@pytest.mark.parametrize(
    ("elsewhere", "reason"),
    [("other_scale", Reason.OTHER_SCALE), ("other_colours", Reason.OTHER_COLOURS)],
)
def test_a_field_from_elsewhere_is_unlike_the_training_data_however_sure_the_model(elsewhere, reason):
    sure = evidence(probabilities=(0.0, 1.0, 0.0, 0.0), novelty=0.1, **{elsewhere: True})
    decision = RULE.decide(CLASSES, sure)
    assert decision.reasons == (Reason.UNLIKE_TRAINING, reason)
    assert not decision.probabilities_valid


@pytest.mark.parametrize("parts", [(None, ()), ("Pro", (Reason.BLURRED,))])
def test_a_decision_is_a_class_or_reasons(parts):
    with pytest.raises(ValueError, match="class or reasons"):
        Decision(*parts)


def test_the_stored_rule_reads_back_equal():
    assert DecisionRule.from_json(RULE.to_json()) == RULE


def test_an_unknown_key_in_a_stored_rule_fails():
    with pytest.raises(TypeError):
        DecisionRule.from_json({"min_probability": 0.5, "max_mood": 1.0})


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "changes",
    [
        {"probabilities": (NAN,) * 4},
        {"probabilities": (NAN, 0.9, 0.05, 0.05)},
        {"probabilities": (0.02, NAN, 0.05, 0.03)},
        {"probabilities": (INF, 0.0, 0.0, 0.0)},
        {"novelty": NAN},
        {"novelty": INF},
        {"novelty": -INF},
        {"sharpness": NAN},
        {"sharpness": INF},
        {"cell_count": NAN},
    ],
)
def test_a_number_that_is_not_finite_is_an_unreadable_output_and_never_a_class(changes):
    assert RULE.decide(CLASSES, evidence(**changes)) == Decision(None, (Reason.UNREADABLE,))
    assert str(Reason.UNREADABLE) == "unreadable output"


@pytest.mark.parametrize("limit", ["min_probability", "max_novelty", "min_sharpness", "min_cells"])
def test_a_limit_that_is_no_number_is_met_by_no_field(limit):
    rule = DecisionRule(**{**RULE.to_json(), limit: NAN})
    assert rule.decide(CLASSES, evidence()).class_name is None


@pytest.mark.parametrize(
    "changes",
    [
        {"min_probability": NAN},
        {"min_probability": 1.1},
        {"min_probability": -0.1},
        {"max_novelty": INF},
        {"max_novelty": NAN},
        {"min_sharpness": -1.0},
        {"min_sharpness": NAN},
        {"min_cells": NAN},
        {"min_cells": INF},
        {"min_cells": -1},
    ],
)
def test_a_stored_rule_with_a_limit_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        DecisionRule.from_json({**RULE.to_json(), **changes})


@pytest.mark.parametrize(
    ("reason", "valid"),
    [
        (Reason.LOW_CONFIDENCE, True),
        (Reason.BLURRED, True),
        (Reason.UNLIKE_TRAINING, False),
        (Reason.NO_WHITE_CELLS, False),
        (Reason.UNREADABLE, False),
    ],
)
def test_probabilities_mean_nothing_where_the_network_cannot_know(reason, valid):
    assert Decision(None, (reason,)).probabilities_valid is valid
    assert Decision(None, (Reason.LOW_CONFIDENCE, reason)).probabilities_valid is valid
    assert Decision("Pro").probabilities_valid
