"""Statistics of typed cells that a typer is fitted from: counts, means and the scatter within types.

They add up exactly: the statistics of two sets of cells together are those of both, and a set can be
taken away again (Chan, Golub and LeVeque 1979, Stanford STAN-CS-79-773). Nothing of a single cell is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError

FloatArray = NDArray[np.float64]

MOST_FEATURES: Final = 4096
_MOST_TYPES: Final = 256
_MOST_NAME: Final = 200


@dataclass(frozen=True, eq=False, slots=True)
class TyperStatistics:
    """Sums over typed cells.

    Attributes:
        types: Keys of the types, sorted, each once.
        counts: (k,) cells of each type.
        means: (k, f) mean features of each type.
        scatter: (f, f) sum over cells of the outer product of their distance from the mean of their type.
    """

    types: tuple[str, ...]
    counts: FloatArray
    means: FloatArray
    scatter: FloatArray

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.counts.sum())

    @property
    def features(self) -> int:
        """Number of features of a cell."""
        return int(self.means.shape[1])

    @property
    def covariance(self) -> FloatArray:
        """(f, f) pooled covariance within types, divided by the degrees of freedom, at least one."""
        freedom = max(1.0, float(self.counts.sum()) - len(self.types))
        return np.asarray(self.scatter / freedom)

    def __add__(self, other: TyperStatistics) -> TyperStatistics:
        """Return the statistics of the cells of both."""
        return self._combined(other, 1.0)

    def __sub__(self, other: TyperStatistics) -> TyperStatistics:
        """Return the statistics without cells that are part of them.

        Raises:
            StationError: ``bad-typer`` if they cannot be a part, as they count more cells of a type.
        """
        return self._combined(other, -1.0)

    def _combined(self, other: TyperStatistics, sign: float) -> TyperStatistics:
        if self.features != other.features:
            sentence = (
                f"Statistics of {self.features} and of {other.features} features a cell do not go together. "
                "Make both with the same cell network."
            )
            raise StationError("bad-typer", sentence)
        types = tuple(sorted({*self.types, *other.types}))
        mine, theirs = self._spread(types), other._spread(types)
        counts = mine.counts + sign * theirs.counts
        if (counts < 0).any():
            sentence = "The statistics that are taken away count more cells of a type than there are."
            raise StationError("bad-typer", sentence)
        kept = np.maximum(counts, 1.0)[:, None]
        sums = mine.counts[:, None] * mine.means + sign * theirs.counts[:, None] * theirs.means
        means = np.where(counts[:, None] > 0, sums / kept, 0.0)
        # Between the two means: of the sum if they are added, of the rest and the part if one is taken away.
        left = mine if sign > 0 else TyperStatistics(types, counts, means, mine.scatter)
        apart = np.where(((left.counts > 0) & (theirs.counts > 0))[:, None], left.means - theirs.means, 0.0)
        total = np.maximum(left.counts + theirs.counts, 1.0)
        weighted = apart * np.sqrt(left.counts * theirs.counts / total)[:, None]
        scatter = self.scatter + sign * (other.scatter + weighted.T @ weighted)
        there = counts > 0
        names = tuple(name for name, some in zip(types, there, strict=True) if some)
        return TyperStatistics(names, counts[there], means[there], scatter)

    def _spread(self, types: Sequence[str]) -> TyperStatistics:
        """Return the same for a longer list of types, of which some have no cells."""
        place = {name: at for at, name in enumerate(types)}
        rows = [place[name] for name in self.types]
        counts, means = np.zeros(len(types)), np.zeros((len(types), self.features))
        counts[rows], means[rows] = self.counts, self.means
        return TyperStatistics(tuple(types), counts, means, self.scatter)


def gather_statistics(features: NDArray[np.floating], types: Sequence[str]) -> TyperStatistics:
    """Compute the statistics of typed cells.

    Args:
        features: (n, f), finite.
        types: Type of each cell.

    Raises:
        StationError: ``bad-features`` if they do not fit each other or are not finite.
    """
    values = checked_features(features)
    if len(values) != len(types):
        sentence = (
            f"There are features of {len(values)} cells and types of {len(types)}; expected one type a cell. "
            "Compute the features of the cells again."
        )
        raise StationError("bad-features", sentence)
    names, codes = np.unique(np.asarray(types, np.str_), return_inverse=True)
    counts = np.bincount(codes, minlength=len(names)).astype(np.float64)
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)
    if len(values):
        means = np.add.reduceat(values[order], starts, axis=0) / counts[:, None]
    else:
        means = np.zeros((0, values.shape[1]))
    rest = values - means[codes]
    return TyperStatistics(tuple(str(name) for name in names), counts, means, rest.T @ rest)


def checked_features(features: NDArray[np.floating], *, expected: int | None = None) -> FloatArray:
    """Return features (n, f) as float64.

    Args:
        features: Of cells.
        expected: How many a cell must have.

    Raises:
        StationError: ``bad-features`` if the shape is another or a number is not finite.
    """
    values = np.asarray(features, np.float64)
    if values.ndim != 2 or not 0 < values.shape[1] <= MOST_FEATURES:  # noqa: PLR2004 - cells by features
        sentence = (
            f"Features of cells came in the shape {values.shape}; expected one row a cell and 1 to "
            f"{MOST_FEATURES} numbers a row. Compute them again."
        )
        raise StationError("bad-features", sentence)
    if expected is not None and values.shape[1] != expected:
        sentence = (
            f"The cells have {values.shape[1]} features, and this typer was fitted with {expected}. "
            "Fit a typer for this cell network."
        )
        raise StationError("bad-features", sentence)
    if not np.isfinite(values).all():
        sentence = "Some features of cells are not finite. Leave those cells out, or compute them again."
        raise StationError("bad-features", sentence)
    return values


def check_statistics(statistics: TyperStatistics) -> None:
    """Refuse statistics that no cells can have, as a damaged or hostile file may hold them.

    Raises:
        ValueError: With what does not fit.
    """
    types, k = statistics.types, len(statistics.types)
    if not 0 < k <= _MOST_TYPES or list(types) != sorted(set(types)):
        raise ValueError("its types are not a sorted list without repeats")
    if any(not name or len(name) > _MOST_NAME for name in types):
        raise ValueError("the name of a type is empty or too long")
    f = statistics.means.shape[-1] if statistics.means.ndim else 0
    shapes = statistics.counts.shape == (k,) and statistics.means.shape == (k, f)
    if not shapes or statistics.scatter.shape != (f, f) or not 0 < f <= MOST_FEATURES:
        raise ValueError("its arrays do not fit each other")
    arrays = (statistics.counts, statistics.means, statistics.scatter)
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("its numbers are not finite")
    if (statistics.counts < 1).any() or (statistics.counts != np.rint(statistics.counts)).any():
        raise ValueError("its counts are not whole numbers above zero")
    if (
        not np.array_equal(statistics.scatter, statistics.scatter.T)
        or (np.diag(statistics.scatter) < 0).any()
    ):
        raise ValueError("its scatter is not symmetric with a diagonal of at least zero")
