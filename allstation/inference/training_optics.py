"""Optics of the laboratory that a model learned from: scale and background of its fields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from allstation.core.site import White
from allstation.inference.bundle import ModelBundle
from allstation.inference.network_origin import network_sha256


@dataclass(frozen=True, slots=True)
class TrainingOptics:
    """Scale and background of the fields that a model learned from.

    Attributes:
        pixels_per_um: Pixels per micrometre at the network's size; of squashed frames the geometric mean of
            both directions.
        aspect: Width of a frame over its height, before it was squashed.
        darkest: Red, green and blue, 0 to 255, that the pale background exceeds in all but 1 field in 1,000.
    """

    pixels_per_um: float
    aspect: float
    darkest: White

    def to_json(self) -> dict[str, float | list[float]]:
        """Return the entry ``optics`` of a bundle's manifest."""
        return {"pixels_per_um": self.pixels_per_um, "aspect": self.aspect, "darkest": list(self.darkest)}


TEHRAN: Final = TrainingOptics(2.30, 4 / 3, (223.0, 228.0, 214.0))
"""Red cells of 38 of the camera's 1024x768 frames, 873 of them, pooled: 9.11 pixels per micrometre (95 %
interval 7.96 to 10.42, mostly of what differs between people), so 0.110 µm a pixel and frames of 112 by 84
µm; squashed to 224x224 that is 2.30 (2.01 to 2.63). Background: lowest 1 in 1,000 of 2,719 fields.
``tests/benchmarks/site_scale.py`` measures both."""
_EARLIER: Final = frozenset({"89c4d1943723ed77b3413b4dc1ac8f04693a82549f4e095ac71377ceec1d3324"})
"""SHA-256 of shipped networks whose bundles do not say their optics themselves: 2.1.0."""


def training_optics(bundle: ModelBundle) -> TrainingOptics | None:
    """Return the optics that a bundle was trained with; None if it does not say, and nobody knows.

    ``bundle.json`` names them as ``"optics": {"pixels_per_um": 2.3, "aspect": 1.33, "darkest": [r, g, b]}``.
    """
    said = bundle.info.get("optics")
    if isinstance(said, Mapping):
        return _read(said)
    return TEHRAN if network_sha256(bundle.info) in _EARLIER else None


def _read(said: Mapping[str, object]) -> TrainingOptics | None:
    try:
        red, green, blue = (float(one) for one in said["darkest"])  # type: ignore[attr-defined]
        scale, aspect = float(said["pixels_per_um"]), float(said["aspect"])  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):
        return None
    sane = all(map(math.isfinite, (red, green, blue, scale, aspect))) and scale > 0 and aspect > 0
    return TrainingOptics(scale, aspect, (red, green, blue)) if sane else None
