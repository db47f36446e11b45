"""Classical classifiers of scikit-learn on measured features, with calibrated probabilities."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.inference.engine import softmax

Features = NDArray[np.float64]
Labels = NDArray[np.int64]
Estimator = Any
"""A fitted object of scikit-learn, which has no types of its own."""

_TEMPERATURES: Final = np.geomspace(0.02, 20, 120)


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A fitted classifier; lives in memory only.

    Attributes:
        kind: ``knn``, ``svm`` or ``mlp``.
        classes: Number of classes.
        reduction: Scaling and principal components.
        estimator: The classifier of scaled features.
        parameters: Numbers that it keeps.
        temperature: Divisor of the scores of a support vector machine.
    """

    kind: str
    classes: int
    reduction: Estimator
    estimator: Estimator
    parameters: int
    temperature: float = 1.0

    def probabilities(self, features: Features) -> Features:
        """Compute class probabilities of unscaled features, (n, classes)."""
        if not len(features):
            return np.empty((0, self.classes))
        if self.kind == "svm":
            return softmax(self.scores(features) / self.temperature)
        found = self.estimator.predict_proba(self.reduction.transform(features))
        shares = self._by_class(found, missing=0.0)
        if self.kind == "mlp":
            return shares
        # One pseudo-neighbour spread over all classes: no share is 0.
        neighbours = int(self.estimator.n_neighbors)
        return (neighbours * shares + 1 / self.classes) / (neighbours + 1)

    def scores(self, features: Features) -> Features:
        """Compute the one-against-rest scores of a support vector machine, (n, classes)."""
        found = self.estimator.decision_function(self.reduction.transform(features))
        scores = np.column_stack([-found, found]) if found.ndim == 1 else found
        return self._by_class(scores, missing=-np.inf)

    def _by_class(self, columns: Features, *, missing: float) -> Features:
        """Return one column a class, also of those that had no training fields."""
        whole = np.full((len(columns), self.classes), missing)
        whole[:, self.estimator.classes_] = columns
        return whole


def pick_temperature(scores: Features, labels: Labels) -> float:
    """Pick the divisor of the scores with the smallest log loss (Guo 2017), on validation fields."""
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))
    losses = [-np.log(np.maximum(softmax(scores / t)[rows, labels], 1e-12)).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def fit_classifier(
    kind: str,
    train: tuple[Features, Labels],
    validation: tuple[Features, Labels],
    *,
    classes: int,
    options: Mapping[str, Any],
    seed: int,
) -> Classifier:
    """Fit scaling, principal components (if ``components`` is an option) and classifier on training fields.

    Validation fields are used for the temperature of the support vector machine only.

    Args:
        kind: ``knn``, ``svm`` or ``mlp``.
        train: Features and labels.
        validation: Features and labels.
        classes: Number of classes.
        options: Of the method.
        seed: Seed of principal components and perceptron.
    """
    from sklearn.exceptions import ConvergenceWarning

    features, labels = train
    reduction, kept = _fit_reduction(features, options.get("components"), seed=seed)
    rows = reduction.transform(features)
    makers = {"knn": _fit_neighbours, "svm": _fit_support_vectors, "mlp": _fit_perceptron}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator, more = makers[kind](rows, labels, options, seed)
    fitted = Classifier(
        kind=kind, classes=classes, reduction=reduction, estimator=estimator, parameters=kept + more
    )
    if kind != "svm" or not len(validation[1]):
        return fitted
    temperature = pick_temperature(fitted.scores(validation[0]), validation[1])
    return dataclasses.replace(fitted, temperature=temperature)


def _fit_reduction(features: Features, components: int | None, *, seed: int) -> tuple[Estimator, int]:
    """Fit scaling and principal components; return them and how many numbers they keep."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaling = StandardScaler()
    if components is None:
        return make_pipeline(scaling).fit(features), _size(scaling.mean_, scaling.scale_)
    axes = PCA(min(components, *features.shape), random_state=seed)
    reduction = make_pipeline(scaling, axes).fit(features)
    return reduction, _size(scaling.mean_, scaling.scale_, axes.mean_, axes.components_)


def _fit_neighbours(
    rows: Features, labels: Labels, options: Mapping[str, Any], _seed: int
) -> tuple[Estimator, int]:
    from sklearn.neighbors import KNeighborsClassifier

    neighbours = min(options["neighbours"], len(rows))
    return KNeighborsClassifier(neighbours, algorithm="brute").fit(rows, labels), _size(rows, labels) + 1


def _fit_support_vectors(
    rows: Features, labels: Labels, options: Mapping[str, Any], _seed: int
) -> tuple[Estimator, int]:
    from sklearn.svm import SVC

    machine = SVC(C=options["penalty"], gamma="scale", break_ties=True).fit(rows, labels)
    numbers = (machine.support_vectors_, machine.dual_coef_, machine.intercept_, machine.n_support_)
    return machine, _size(*numbers) + 2


def _fit_perceptron(
    rows: Features, labels: Labels, options: Mapping[str, Any], seed: int
) -> tuple[Estimator, int]:
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((options["hidden"],), alpha=1e-2, max_iter=300, random_state=seed)
    network.fit(rows, labels)
    return network, _size(*network.coefs_, *network.intercepts_)


def _size(*arrays: NDArray[Any]) -> int:
    return sum(array.size for array in arrays)
