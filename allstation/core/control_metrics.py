"""Metrics of control charts, and their sums over the fields of a day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Metric:
    """Quantity of a field that a chart follows.

    Attributes:
        key: Stored.
        name: Shown.
        unit: Shown; empty for none.
        resolution: Smallest standard deviation of single fields that is believed.
        of_model: It depends on the model, so that only days of one model are compared.
        is_share: It is a share of the fields.
    """

    key: str
    name: str
    unit: str
    resolution: float
    of_model: bool
    is_share: bool = False


METRICS: Final = (
    Metric("light", "Brightness of the background", "grey levels", 0.5, of_model=False),
    Metric("tint", "Colour of the background, red against blue", "%", 0.3, of_model=False),
    Metric("stain", "Stain of nuclei, optical density in red", "", 0.005, of_model=False),
    Metric("sharpness", "Sharpness, logarithm to the base 10", "", 0.02, of_model=True),
    Metric("novelty", "Novelty", "", 0.02, of_model=True),
    Metric("review", "Share that needs review", "", 0.0, of_model=True, is_share=True),
)
"""Metrics of every site; each class of the model adds its share, ``share CLASS``."""
SHARE: Final = "share "


def metric_of(key: str) -> Metric:
    """Return the metric with a key; a class's share is one."""
    known = next((one for one in METRICS if one.key == key), None)
    return known or Metric(key, f"Share of {key.removeprefix(SHARE)}", "", 0.0, of_model=True, is_share=True)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of a metric over the fields of a day, so that cases of one day are added.

    Attributes:
        n: Fields that it was measured in.
        total: Sum of the values.
        squares: Sum of their squares.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Sums:
        """Return the sums of values; what is not finite was not measured and counts nowhere."""
        finite = [value for value in values if math.isfinite(value)]
        return cls(len(finite), math.fsum(finite), math.fsum(value * value for value in finite))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """The mean; NaN without fields."""
        return self.total / self.n if self.n else math.nan

    @property
    def spread(self) -> float:
        """Sum of squared differences from the mean."""
        return max(0.0, self.squares - self.n * self.mean**2) if self.n else 0.0
