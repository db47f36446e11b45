"""Noise on shared statistics, with what it promises in words (Dwork and Roth 2014, Found Trends 9:211)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from allstation.core.errors import StationError
from allstation.core.typer.statistics import TyperStatistics

_DELTA: Final = 1e-6
_REACH: Final = 6.0
"""Standard deviations from the mean of its type within which every feature of a cell is taken to lie."""


def noised(
    statistics: TyperStatistics, *, epsilon: float, seed: int | None = None
) -> tuple[TyperStatistics, str]:
    """Add Gaussian noise to means and scatter (Gaussian mechanism, half of epsilon each).

    Counts stay as they are: how many cells were typed is no secret here.

    Args:
        statistics: Of typed cells.
        epsilon: Smaller hides more; above 0.
        seed: For tests only; without one the system's randomness is used.

    Returns:
        The statistics with noise, and what it promises, in words.

    Raises:
        StationError: ``bad-noise`` if epsilon is none.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        sentence = f"The epsilon of the noise is {epsilon}; expected a number above 0, such as 5."
        raise StationError("bad-noise", sentence)
    random = np.random.default_rng(seed)
    size = statistics.features
    spread = np.sqrt(np.maximum(np.diag(statistics.covariance), 0.0))
    factor = math.sqrt(2 * math.log(1.25 / (_DELTA / 2))) / (epsilon / 2)
    # A cell moves the mean of its type by at most 2R/n a scaled feature, the scatter by at most 4R² f.
    reach = 2 * _REACH * math.sqrt(size)
    means = statistics.means + random.normal(size=statistics.means.shape) * spread * (
        factor * reach / statistics.counts
    ).reshape(-1, 1)
    rough = random.normal(size=(size, size)) * (factor * reach**2)
    scatter = statistics.scatter + (np.triu(rough) + np.triu(rough, 1).T) * np.outer(spread, spread)
    values, vectors = np.linalg.eigh(scatter)
    whole = (vectors * np.maximum(values, 0.0)) @ vectors.T
    words = (
        f"Gaussian noise with epsilon {epsilon:g} and delta {_DELTA:g} for one cell, if its features lie "
        f"within {_REACH:g} standard deviations; n cells of a patient have n times that epsilon"
    )
    return TyperStatistics(statistics.types, statistics.counts, means, (whole + whole.T) / 2), words
