from __future__ import annotations

import pytest

from allstation.core.decision import Decision, Reason
from allstation.core.records import EvidenceMap, Prediction, Review
from tests import makers
from tests.makers import field


def prediction(decision: Decision) -> Prediction:
    shares = {"Benign": 0.1, "Early": 0.6, "Pre": 0.25, "Pro": 0.05}
    return makers.prediction(shares, decision=decision, cell_count=7)


def test_top_class_probability_and_margin():
    made = prediction(Decision("Early"))
    assert (made.top_class, made.top_probability) == ("Early", 0.6)
    assert made.margin == pytest.approx(0.35)


def test_a_persons_class_stands_before_the_models():
    decided = prediction(Decision("Early"))
    assert field(prediction=decided).final_name == "Early"
    assert (
        field(prediction=decided, review=Review(field_id=1, reviewer="Ana", class_name="Pre")).final_name
        == "Pre"
    )
    assert (
        field(prediction=decided, review=Review(field_id=1, reviewer="Ana", class_name=None)).final_name
        == "Early"
    )
    assert field().final_name is None


def test_a_doubtful_field_is_named_needs_review():
    assert field(prediction=prediction(Decision(None, (Reason.BLURRED,)))).final_name == "needs review"


def test_an_evidence_map_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="holds 8 bytes"):
        EvidenceMap(rows=2, columns=2, classes=("A", "B"), values=b"\0" * 7)
