"""Classical classifiers as plain arrays: fitted by scikit-learn, kept and applied without it.

No pickle: a model file is an ``.npz`` of numbers that NumPy reads with ``allow_pickle=False``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.inference.engine import softmax

Features = NDArray[np.float64]
Labels = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

_ROWS_AT_ONCE: Final = 256
_TEMPERATURES: Final = np.geomspace(0.02, 20, 120)


@dataclass(frozen=True)
class ArrayModel:
    """A fitted classifier.

    Attributes:
        kind: ``knn``, ``svm`` or ``mlp``.
        classes: Number of classes.
        arrays: Everything it needs, by name.
    """

    kind: str
    classes: int
    arrays: Arrays

    def probabilities(self, features: Features) -> Features:
        """Class probabilities of unscaled features, (n, classes)."""
        reduced = self._reduced(features)
        scorers: Mapping[str, Callable[[Features], Features]] = {
            "knn": self._neighbour_shares,
            "svm": lambda rows: softmax(self.svm_scores(rows) / float(self.arrays["temperature"])),
            "mlp": self._forward,
        }
        return np.concatenate(
            [
                scorers[self.kind](reduced[at : at + _ROWS_AT_ONCE])
                for at in range(0, len(reduced), _ROWS_AT_ONCE)
            ]
            or [np.empty((0, self.classes))]
        )

    def _reduced(self, features: Features) -> Features:
        """Scale, then project onto the principal components if there are any."""
        scaled = (features - self.arrays["mean"]) / self.arrays["spread"]
        if "components" in self.arrays:
            scaled = (scaled - self.arrays["centre"]) @ self.arrays["components"].T
        return np.asarray(scaled, np.float64)

    def _neighbour_shares(self, rows: Features) -> Features:
        """Share of the nearest training fields, one pseudo-neighbour spread over all classes."""
        kept, labels, k = self.arrays["kept"], self.arrays["labels"], int(self.arrays["neighbours"])
        distances = (rows**2).sum(1)[:, None] - 2 * rows @ kept.T + (kept**2).sum(1)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
        votes = np.eye(self.classes)[labels[nearest]].sum(axis=1)
        return np.asarray((votes + 1 / self.classes) / (nearest.shape[1] + 1), np.float64)

    def svm_scores(self, rows: Features) -> Features:
        """Votes of the pairwise machines plus their squashed confidences, as scikit-learn's ``ovr``."""
        a = self.arrays
        squared = (rows**2).sum(1)[:, None] - 2 * rows @ a["support"].T + (a["support"] ** 2).sum(1)
        kernel = np.exp(-float(a["gamma"]) * np.maximum(squared, 0))
        if self.classes == 2:  # noqa: PLR2004 - a single machine
            score = kernel @ a["dual"][0] + a["intercept"][0]
            return np.column_stack([-score, score])
        starts = np.r_[0, np.cumsum(a["counts"])]
        votes, confidence = np.zeros((len(rows), self.classes)), np.zeros((len(rows), self.classes))
        for place, (i, j) in enumerate(combinations(range(self.classes), 2)):
            of_i, of_j = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
            score = kernel[:, of_i] @ a["dual"][j - 1, of_i] + kernel[:, of_j] @ a["dual"][i, of_j]
            score = score + a["intercept"][place]
            confidence[:, i] += score
            confidence[:, j] -= score
            votes[:, i] += score >= 0
            votes[:, j] += score < 0
        return np.asarray(votes + confidence / (3 * (np.abs(confidence) + 1)), np.float64)

    def _forward(self, rows: Features) -> Features:
        hidden = np.maximum(rows @ self.arrays["weights0"] + self.arrays["bias0"], 0)
        output = hidden @ self.arrays["weights1"] + self.arrays["bias1"]
        if self.classes == 2:  # noqa: PLR2004 - scikit-learn keeps one logistic output
            output = np.column_stack([np.zeros(len(output)), output[:, 0]])
        return softmax(output)

    @property
    def parameters(self) -> int:
        """Numbers in all arrays."""
        return int(sum(array.size for array in self.arrays.values()))


def pick_temperature(scores: Features, labels: Labels) -> float:
    """Pick the divisor of the scores with the smallest log loss (Guo 2017), on validation fields."""
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))
    losses = [-np.log(np.maximum(softmax(scores / t)[rows, labels], 1e-12)).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def fit_arrays(
    kind: str,
    train: tuple[Features, Labels],
    validation: tuple[Features, Labels],
    *,
    classes: int,
    options: Mapping[str, Any],
    seed: int,
) -> ArrayModel:
    """Fit scaling, principal components (if ``components`` is an option) and classifier on training fields.

    Validation fields are used for the temperature of the support vector machine only.

    Args:
        kind: ``knn``, ``svm`` or ``mlp``.
        train: Features and labels.
        validation: Features and labels.
        classes: Number of classes.
        options: Of the method.
        seed: Of principal components and perceptron.
    """
    features, labels = train
    spread = features.std(axis=0)
    arrays: Arrays = {"mean": features.mean(axis=0), "spread": np.where(spread > 0, spread, 1.0)}
    if "components" in options:
        arrays |= _components(features, arrays, wanted=options["components"], seed=seed)
    model = ArrayModel(kind, classes, arrays)
    reduced = model._reduced(features)
    fitters = {"knn": _fit_knn, "svm": _fit_svm, "mlp": _fit_mlp}
    arrays |= fitters[kind](reduced, labels, options=options, seed=seed)
    if kind == "svm":
        scores = model.svm_scores(model._reduced(validation[0]))
        arrays["temperature"] = np.array(pick_temperature(scores, validation[1]))
    return model


def _components(features: Features, arrays: Arrays, *, wanted: int, seed: int) -> Arrays:
    from sklearn.decomposition import PCA

    scaled = (features - arrays["mean"]) / arrays["spread"]
    pca = PCA(min(wanted, *scaled.shape), random_state=seed).fit(scaled)
    return {"centre": pca.mean_, "components": pca.components_}


def _fit_knn(rows: Features, labels: Labels, *, options: Mapping[str, Any], seed: int) -> Arrays:
    del seed
    return {"kept": rows, "labels": labels, "neighbours": np.array(min(options["neighbours"], len(rows)))}


def _fit_svm(rows: Features, labels: Labels, *, options: Mapping[str, Any], seed: int) -> Arrays:
    from sklearn.svm import SVC

    del seed
    gamma = 1.0 / max(rows.shape[1] * rows.var(), 1e-12)
    machine = SVC(C=options["penalty"], gamma=gamma, break_ties=True).fit(rows, labels)
    return {
        "support": machine.support_vectors_,
        "dual": np.asarray(machine.dual_coef_),
        "intercept": machine.intercept_,
        "counts": np.asarray(machine.n_support_, np.int64),
        "gamma": np.array(gamma),
        "temperature": np.array(1.0),
    }


def _fit_mlp(rows: Features, labels: Labels, *, options: Mapping[str, Any], seed: int) -> Arrays:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((options["hidden"],), alpha=1e-2, max_iter=300, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(rows, labels)
    return {
        "weights0": network.coefs_[0],
        "bias0": network.intercepts_[0],
        "weights1": network.coefs_[1],
        "bias1": network.intercepts_[1],
    }
