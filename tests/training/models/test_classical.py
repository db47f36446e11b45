"""Classical classifiers: scikit-learn's own predictions as probabilities of every class."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.inference.engine import softmax
from training.models.classical import Classifier, fit_classifier, pick_temperature

OPTIONS = {"components": 6, "neighbours": 5, "penalty": 3.0, "hidden": 9}


def clouds(classes: int, *, n: int = 90, width: int = 10) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    labels = generator.integers(0, classes, n)
    centres = generator.normal(size=(classes, width))
    return centres[labels] * 1.2 + generator.normal(size=(n, width)), labels


def fitted(kind: str, classes: int) -> tuple[Classifier, np.ndarray, np.ndarray]:
    features, labels = clouds(classes)
    model = fit_classifier(
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
    rows = model.reduction.transform(features)
    theirs = reference(kind, rows[:60], labels[:60])
    ours = model.probabilities(features)
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.predict(rows))
    np.testing.assert_allclose(ours.sum(axis=1), 1)
    if kind == "mlp":
        np.testing.assert_allclose(ours, theirs.predict_proba(rows), atol=1e-9)
    if kind == "svm":
        scores = model.scores(features)
        expected = theirs.decision_function(rows)
        np.testing.assert_allclose(scores[:, 1] if classes == 2 else scores, expected, atol=1e-9)


def test_principal_components_see_training_fields_only() -> None:
    features, labels = clouds(3)
    changed = features.copy()
    changed[60:] *= 100
    models = [
        fit_classifier(
            "knn", (rows[:60], labels[:60]), (rows[60:], labels[60:]), classes=3, options=OPTIONS, seed=1
        )
        for rows in (features, changed)
    ]
    components = [model.reduction["pca"].components_ for model in models]
    np.testing.assert_array_equal(*components)
    assert components[0].shape == (6, 10)


@pytest.mark.parametrize("kind", ["knn", "svm", "mlp"])
def test_a_class_without_training_fields_has_a_column_and_is_never_the_best(kind: str) -> None:
    features, labels = clouds(3)
    model = fit_classifier(kind, (features, labels), (features, labels), classes=5, options=OPTIONS, seed=1)
    found = model.probabilities(features)
    assert found.shape == (90, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.argmax(axis=1).max() < 3
    assert model.probabilities(features[:0]).shape == (0, 5)


def test_temperature_makes_overconfident_scores_milder() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 500)
    logits = generator.normal(size=(500, 3)) + 1.0 * np.eye(3)[labels]
    temperature = pick_temperature(logits * 8, labels)
    assert 6 < temperature < 12
    assert pick_temperature(logits[:0], labels[:0]) == 1.0
    np.testing.assert_allclose(softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])), [[0.5, 0.5], [1, 0]])
