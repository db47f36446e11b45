"""Classifiers kept as arrays give what scikit-learn gives, and survive a file without pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from allstation.inference.engine import softmax
from training.fit.classical import load_model, save_model
from training.models.array_models import ArrayModel, fit_arrays, pick_temperature

OPTIONS = {"components": 6, "neighbours": 5, "penalty": 3.0, "hidden": 9}


def clouds(classes: int, *, n: int = 90, width: int = 10) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    labels = generator.integers(0, classes, n)
    centres = generator.normal(size=(classes, width))
    return centres[labels] * 1.2 + generator.normal(size=(n, width)), labels


def fitted(kind: str, classes: int) -> tuple[ArrayModel, np.ndarray, np.ndarray]:
    features, labels = clouds(classes)
    model = fit_arrays(
        kind,
        (features[:60], labels[:60]),
        (features[60:], labels[60:]),
        classes=classes,
        options=OPTIONS,
        seed=1,
    )
    return model, features, labels


def reference(kind: str, rows: np.ndarray, labels: np.ndarray) -> object:
    import warnings

    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    gamma = 1 / (rows.shape[1] * rows.var())
    model = {
        "knn": KNeighborsClassifier(OPTIONS["neighbours"], algorithm="brute"),
        "svm": SVC(C=OPTIONS["penalty"], gamma=gamma, break_ties=True),
        "mlp": MLPClassifier((OPTIONS["hidden"],), alpha=1e-2, max_iter=300, random_state=1),
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, labels)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("kind", ["knn", "svm", "mlp"])
def test_predictions_equal_scikit_learn(kind: str, classes: int) -> None:
    model, features, labels = fitted(kind, classes)
    rows = model._reduced(features)
    theirs = reference(kind, rows[:60], labels[:60])
    ours = model.probabilities(features)
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.predict(rows))
    np.testing.assert_allclose(ours.sum(axis=1), 1)
    if kind == "mlp":
        np.testing.assert_allclose(ours, theirs.predict_proba(rows), atol=1e-9)
    if kind == "svm":
        scores = model.svm_scores(rows)
        expected = theirs.decision_function(rows)
        np.testing.assert_allclose(scores[:, 1] if classes == 2 else scores, expected, atol=1e-9)


def test_principal_components_see_training_fields_only() -> None:
    features, labels = clouds(3)
    changed = features.copy()
    changed[60:] *= 100
    models = [
        fit_arrays(
            "knn", (rows[:60], labels[:60]), (rows[60:], labels[60:]), classes=3, options=OPTIONS, seed=1
        )
        for rows in (features, changed)
    ]
    np.testing.assert_array_equal(models[0].arrays["components"], models[1].arrays["components"])
    assert models[0].arrays["components"].shape == (6, 10)


def test_a_model_file_is_plain_arrays(tmp_path: Path) -> None:
    model, features, _ = fitted("svm", 4)
    save_model(tmp_path / "model.npz", model)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
    again = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.probabilities(features), model.probabilities(features))
    assert again.probabilities(features[:0]).shape == (0, 4)


def test_temperature_makes_overconfident_scores_milder() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 500)
    logits = generator.normal(size=(500, 3)) + 1.0 * np.eye(3)[labels]
    temperature = pick_temperature(logits * 8, labels)
    assert 6 < temperature < 12
    assert pick_temperature(logits[:0], labels[:0]) == 1.0
    np.testing.assert_allclose(softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])), [[0.5, 0.5], [1, 0]])
