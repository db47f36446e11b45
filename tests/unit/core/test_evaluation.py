"""Evaluation: every overall figure has a value and an interval, also without a class or any field."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from allstation.core.evaluation import OVERALL, current_name, evaluate

CLASSES = ("B", "E", "P", "R")


def made(n: int = 90, kinds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    true = generator.integers(0, kinds, n)
    shares = generator.dirichlet(np.full(4, 0.5), n) + 1.2 * np.eye(4)[true] * generator.integers(
        0, 2, (n, 1)
    )
    return shares / shares.sum(axis=1, keepdims=True), true


def test_every_figure_lies_in_its_interval() -> None:
    found = evaluate(*made(), classes=CLASSES, split="s", groups=[row // 3 for row in range(90)])
    assert [figure.name for figure in found.figures] == ["accuracy (Wilson)", *OVERALL]
    for figure in found.figures:
        assert figure.interval is not None, figure
        # The largest gap of bins and the calibration error are larger in resamples than in the fields.
        if figure.name not in {"ECE (15 bins)", "MCE (15 bins)"}:
            assert figure.value in figure.interval, figure
    assert found.coverage[0.9] == found.figure("accuracy at 90% coverage").value
    assert found.coverage[1.0] == found.figure("accuracy").value


def test_neither_the_order_of_the_fields_nor_the_names_of_groups_change_an_interval() -> None:
    probabilities, true = made()
    groups = [row // 3 for row in range(90)]
    found = evaluate(probabilities, true, classes=CLASSES, split="s", groups=groups)
    order = np.random.default_rng(1).permutation(90)
    named = [f"place {-groups[row]}" for row in order]
    again = evaluate(probabilities[order], true[order], classes=CLASSES, split="s", groups=named)
    assert again.figures == found.figures


def test_fields_of_one_class_have_no_area_and_the_rest_of_the_figures() -> None:
    found = evaluate(*made(30, kinds=1), classes=CLASSES, split="s")
    area = found.figure("macro AUC")
    assert math.isnan(area.value)
    assert area.interval is None
    assert found.figure("balanced accuracy").interval is not None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["figures"][6]["value"] is None


def test_without_fields_only_the_count_is_known() -> None:
    found = evaluate(np.empty((0, 4)), np.array([], np.int64), classes=CLASSES, split="s", groups=[])
    by_field, *others = found.figures
    assert (by_field.interval.low, by_field.interval.high) == (0.0, 1.0)
    assert all(math.isnan(figure.value) and figure.interval is None for figure in others)
    assert found.groups == 0


def test_probabilities_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="received"):
        evaluate(*made(), classes=CLASSES[:3], split="s")


def test_names_of_version_0_1_0_are_translated() -> None:
    assert {current_name(name) for name in ("MCC", "Brier", "ECE")} <= set(OVERALL)
    assert current_name("kappa") == "kappa"


def test_where_patients_are_known_every_class_is_resampled_over_them() -> None:
    probabilities, true = made()
    groups = [f"patient {row // 9}" for row in range(90)]
    by_field = evaluate(probabilities, true, classes=CLASSES, split="s", groups=groups)
    by_patient = evaluate(
        probabilities, true, classes=CLASSES, split="s", groups=groups, patients="10 patients"
    )
    assert by_patient.figures[1].interval == by_field.figures[1].interval
    assert (by_field.resampled, by_patient.resampled) == ("10 groups of fields", "10 patients")
    for one, other in zip(by_field.per_class, by_patient.per_class, strict=True):
        assert one.recall != other.recall
        for value, spread in (
            (other.rates.recall, other.recall),
            (other.rates.precision, other.precision),
            (other.rates.specificity, other.specificity),
        ):
            assert spread.low < value < spread.high


def test_one_patient_says_nothing_of_others() -> None:
    found = evaluate(*made(), classes=CLASSES, split="s", groups=["a"] * 90, patients="1 patient")
    assert all(figure.interval is None for figure in found.figures[1:])
    assert {(one.recall.low, one.recall.high) for one in found.per_class} == {(0.0, 1.0)}
