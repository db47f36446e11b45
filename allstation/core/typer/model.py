"""Cell typer: proposes types for cells from the types that a person gave to others.

A regularised linear discriminant (:mod:`allstation.core.typer.discriminant`), calibrated by one temperature
(Guo 2017, PMLR 70). It is fitted from counts, means and one scatter matrix, so that fits of several
laboratories can be merged exactly. Whatever it says is a proposal; a person's type always stands above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.no_proposal import NoProposal
from allstation.core.typer.discriminant import Discriminant, best_temperature, discriminant, softmax
from allstation.core.typer.file import Settings, packed, unpacked
from allstation.core.typer.order import next_cells
from allstation.core.typer.statistics import (
    FloatArray,
    TyperStatistics,
    check_statistics,
    checked_features,
)
from allstation.core.typer.validation import (
    FEWEST_CELLS,
    FEWEST_OF_A_TYPE,
    HeldOut,
    Names,
    TyperFigures,
    cross_validate,
    held_out,
)

__all__ = [
    "FEWEST_CELLS",
    "FEWEST_OF_A_TYPE",
    "NOT_SURE",
    "Typer",
    "TyperFigures",
    "assembled",
    "cross_validate",
    "fit_typer",
    "next_cells",
]

NOT_SURE: Final = 0.5
"""Proposals of a lower probability are not made."""
_INSIDE: Final = 0.99
"""Share of typed cells, each left out of the fit, whose distance is within the limit of novelty."""


@dataclass(frozen=True, eq=False, slots=True)
class Typer:
    """Fitted typer.

    Attributes:
        statistics: What it was fitted from.
        shrinkage: Share of the diagonal in the covariance.
        temperature: Divisor of the logits, fitted on cells left out of the fit.
        limit: Distance beyond which a cell is unlike every typed one.
        not_sure: Smallest probability of a proposal, 0 to 1.
        network_sha256: Of the cell network that made the features; empty if it was not told.
        solved: The discriminant of these.
    """

    statistics: TyperStatistics
    shrinkage: float
    temperature: float
    limit: float
    not_sure: float
    network_sha256: str
    solved: Discriminant

    @property
    def types(self) -> tuple[str, ...]:
        """Keys of the types, in the order of the probabilities."""
        return self.statistics.types

    def probabilities(self, features: NDArray[np.floating]) -> FloatArray:
        """Return calibrated probabilities (n, k) of the types, each row adding up to 1.

        Args:
            features: (n, f).

        Raises:
            StationError: ``bad-features`` if their number is another or one is not finite.
        """
        values = checked_features(features, expected=self.statistics.features)
        return softmax(self.solved.logits(values) / self.temperature)

    def novelty(self, features: NDArray[np.floating]) -> FloatArray:
        """Return how unlike every typed cell each cell is (n,); above 1 it gets no proposal.

        Raises:
            StationError: As ``probabilities``.
        """
        values = checked_features(features, expected=self.statistics.features)
        return self.solved.distances(values) / self.limit

    def why_none(self, features: NDArray[np.floating], names: Names) -> NDArray[np.uint8]:
        """Return why cells got no proposal, as values of :class:`NoProposal` (n,).

        Args:
            features: (n, f), as for ``propose``.
            names: (n,) what it proposed.
        """
        values = np.asarray(features, np.float64)
        known = np.asarray(np.isfinite(values).all(axis=-1))
        far = self.solved.distances(np.where(known[:, None], values, 0.0)) > self.limit
        reasons = np.where(far, NoProposal.UNLIKE, NoProposal.UNSURE)
        reasons = np.where(known, reasons, NoProposal.UNMEASURED)
        return np.where(names == "", reasons, NoProposal.NONE).astype(np.uint8)

    def propose(self, features: NDArray[np.floating]) -> tuple[Names, FloatArray]:
        """Propose a type for each cell.

        Args:
            features: (n, f); a row that is not finite gets no proposal.

        Returns:
            Keys of the types (n,), empty where the typer is not sure or the cell is unlike every typed one,
            and the probability (n,) of the most probable type, NaN where it was not measured.

        Raises:
            StationError: ``bad-features`` if the number of features is another.
        """
        values = np.asarray(features, np.float64)
        known = np.asarray(np.isfinite(values).all(axis=-1))
        measured = np.where(np.expand_dims(known, -1), values, 0.0)
        checked = checked_features(measured, expected=self.statistics.features)
        shares = softmax(self.solved.logits(checked) / self.temperature)
        top = shares.max(axis=1)
        sure = known & (top >= self.not_sure) & (self.solved.distances(checked) <= self.limit)
        names = np.where(sure, np.array(self.types)[shares.argmax(axis=1)], "")
        return names, np.where(known, top, math.nan)

    def to_bytes(self) -> bytes:
        """Return the typer as a small file (``.npz``); equal typers give equal bytes."""
        settings = Settings(
            shrinkage=self.shrinkage,
            temperature=self.temperature,
            limit=self.limit,
            not_sure=self.not_sure,
            network_sha256=self.network_sha256,
        )
        return packed(settings, self.statistics)

    @staticmethod
    def from_bytes(data: bytes) -> Typer:
        """Read a typer.

        Raises:
            StationError: ``bad-typer`` if it is not one, or of a later schema.
        """
        settings, statistics = unpacked(data)
        return assembled(statistics, **settings)


def assembled(
    statistics: TyperStatistics,
    *,
    shrinkage: float,
    temperature: float,
    limit: float,
    not_sure: float = NOT_SURE,
    network_sha256: str = "",
) -> Typer:
    """Make a typer from statistics, as of several laboratories, and settings fitted elsewhere.

    Raises:
        StationError: ``bad-typer`` if they do not fit each other.
    """
    try:
        check_statistics(statistics)
        _check_settings(shrinkage, temperature=temperature, limit=limit, not_sure=not_sure)
        solved = discriminant(statistics, shrinkage)
    except (ValueError, np.linalg.LinAlgError) as error:
        sentence = f"The typer cannot be used: {error}. Fit it again from typed cells."
        raise StationError("bad-typer", sentence) from error
    return Typer(statistics, shrinkage, temperature, limit, not_sure, network_sha256, solved)


def _check_settings(shrinkage: float, *, temperature: float, limit: float, not_sure: float) -> None:
    if not all(math.isfinite(number) for number in (shrinkage, temperature, limit, not_sure)):
        raise ValueError("a setting is not finite")
    if not (0 < shrinkage <= 1 and temperature > 0 and limit > 0 and 0 <= not_sure <= 1):
        raise ValueError("a setting is out of its range")


def fit_typer(
    features: NDArray[np.floating],
    types: Sequence[str],
    *,
    groups: Sequence[object],
    network_sha256: str = "",
    not_sure: float = NOT_SURE,
    held: HeldOut | None = None,
) -> Typer:
    """Fit a typer to typed cells.

    Shrinkage, temperature and the limit of novelty are those that suit cells left out of the fit, groups
    kept apart. Types of fewer than three cells are left out.

    Args:
        features: (n, f), as the cell network gives them.
        types: Type of each cell, given by a person.
        groups: Patient or slide of each cell.
        network_sha256: Of the network that made the features.
        not_sure: Smallest probability of a proposal.
        held: Of these cells, if it is there already.

    Raises:
        StationError: ``too-few-cells`` below 30 cells or 2 types; ``bad-features`` as
            ``gather_statistics``.
    """
    held = held or held_out(features, types, groups)
    shrinkage = held.best(range(len(held.folds)))
    seen, distances = held.seen, held.distances(shrinkage)
    logits = held.logits[shrinkage]
    temperature = best_temperature(logits[seen], held.codes[seen])
    limit = float(np.quantile(distances[seen], _INSIDE)) if seen.any() else math.inf
    limit = limit if math.isfinite(limit) and limit > 0 else 1.0
    return assembled(
        held.total,
        shrinkage=shrinkage,
        temperature=temperature,
        limit=limit,
        not_sure=not_sure,
        network_sha256=network_sha256,
    )
