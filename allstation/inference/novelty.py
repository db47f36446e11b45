"""Novelty of a field: how far its features lie from those that a model learned from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class Novelty:
    """Novelty score: distance of a field's features from the training data.

    Smallest Mahalanobis distance to one of the class means under one shared covariance
    (Lee et al. 2018, NeurIPS), divided by the limit fitted on held-out fields, so that 1.0 is
    the limit whatever the model.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Check the fitted arrays.

        Args:
            arrays: ``means`` (k, f), ``whitening`` (d, f) and ``limit`` (), a positive number.

        Raises:
            ValueError: If one of them is missing, or they do not fit each other.
        """
        missing = [name for name in ("means", "whitening", "limit") if name not in arrays]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        whitening = np.asarray(arrays["whitening"], np.float64)
        means, limit = np.asarray(arrays["means"], np.float64), np.asarray(arrays["limit"], np.float64)
        fit = len(means.shape[1:]) == 1 and means.shape[1:] == whitening.shape[1:]
        if not fit or means.size == 0 or limit.size != 1:
            raise ValueError(f"its shapes are {means.shape}, {whitening.shape} and {limit.shape}")
        self.features: int = whitening.shape[1]
        self._whitening = whitening
        self._means = means @ whitening.T
        self._limit = float(limit.item())
        if not (np.isfinite(self._limit) and self._limit > 0 and np.isfinite(self._means).all()):
            raise ValueError("its numbers are not finite, or its limit is not positive")

    def score(self, features: FloatArray) -> float:
        """Return the distance of one feature vector (f,) in units of the limit; NaN if it is not finite."""
        with np.errstate(invalid="ignore", over="ignore"):
            point = self._whitening @ features.astype(np.float64)
            squared = ((self._means - point) ** 2).sum(axis=1)
            distance = float(np.sqrt(squared.min()) / self._limit)
        return distance if math.isfinite(distance) else math.nan

    def scores(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Return the score of every row of features (n, f), the same numbers as one by one."""
        return np.array([self.score(row) for row in features])
