"""Robustness checks of the result table: swaps, marks, disturbances, evidence, speed.

Every check runs the exported bundle through the serving engine, on fields the network was not trained
on. Masks for swaps and for the share of evidence come from other thresholds than serving's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.metrics import auc
from allstation.core.records import Prediction
from allstation.imaging.cells.segmentation import corner_of
from allstation.imaging.formats.decode import decode_reduced
from allstation.imaging.overlay import evidence_plane
from allstation.imaging.preprocess import NETWORK_SIDE
from allstation.inference.engine import Engine
from training.data.augment import jpeg_round_trip
from training.data.composites import background_colour, generous_mask, swapped, without_cells
from training.data.variants import relit

Rgb = NDArray[np.uint8]
Rows = NDArray[np.int64]
Change = Callable[[Rgb], Rgb]

_MARK_RED: Final = (200, 30, 40)


@dataclass(frozen=True, slots=True)
class Proportion:
    """A count out of a number of fields."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.hits / max(1, self.n)


def gains(red: float, green: float, blue: float) -> Change:
    """Return a change of white balance or brightness: channels times a number."""
    return lambda rgb: relit(rgb, np.array([red, green, blue]))


def blurred(rgb: Rgb) -> Rgb:
    """Blur by a Gaussian of one pixel."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.0), np.uint8)


def compressed(rgb: Rgb) -> Rgb:
    """Compress as JPEG of quality 40."""
    return jpeg_round_trip(rgb, 40)


def turned(quarters: int) -> Change:
    """Turn by quarters."""
    return lambda rgb: np.ascontiguousarray(np.rot90(rgb, quarters))


DISTURBANCES: Final[Mapping[str, Change]] = {
    "white balance warm (R x1.1, B x0.9)": gains(1.1, 1.0, 0.9),
    "white balance cold (R x0.9, B x1.1)": gains(0.9, 1.0, 1.1),
    "brightness +20 %": gains(1.2, 1.2, 1.2),
    "brightness -20 %": gains(0.8, 0.8, 0.8),
    "blur sigma 1": blurred,
    "JPEG quality 40": compressed,
    "turned 90 degrees": turned(1),
    "turned 180 degrees": turned(2),
    "mirrored": lambda rgb: np.ascontiguousarray(rgb[:, ::-1]),
}


def without_mark(rgb: Rgb) -> Rgb:
    """Paint the corner with the field's background colour."""
    changed = rgb.copy()
    colour = background_colour(rgb, generous_mask(rgb))
    changed[corner_of(*rgb.shape[:2])] = colour.astype(np.uint8)
    return changed


def with_mark(rgb: Rgb) -> Rgb:
    """Draw a red scale bar into the corner."""
    changed = without_mark(rgb)
    rows, columns = corner_of(*rgb.shape[:2])
    changed[rows.start + 20 : rows.start + 24, columns.start + 6 : columns.start + 30] = _MARK_RED
    return changed


def other_mark(rgb: Rgb, other: Rgb) -> Rgb:
    """Take the corner of another field."""
    changed = rgb.copy()
    corner = corner_of(*rgb.shape[:2])
    changed[corner] = other[corner]
    return changed


class Checker:
    """Runs checks of one bundle on held-out fields."""

    def __init__(self, engine: Engine, rgb: Rgb, labels: Rows, classes: Sequence[str]) -> None:
        """Classify the fields as they are.

        Args:
            engine: Of the bundle.
            rgb: (n, 224, 224, 3) fields the network was not trained on.
            labels: Their classes.
            classes: Class names.
        """
        self._engine, self._rgb, self._labels, self._classes = engine, rgb, labels, tuple(classes)
        self.plain = self._all(rgb)

    def _all(self, fields: Sequence[Rgb] | Rgb) -> list[Prediction]:
        return [self._engine.classify_rgb(field) for field in fields]

    def swaps(self, count: int, seed: int) -> tuple[Proportion, Proportion, Proportion]:
        """Put cells on another class's background.

        Returns:
            Proportion of composites whose top class is that of the cells; share whose top class is that of
            the background; share of those named by themselves that carry the class of the cells.
        """
        random = np.random.default_rng(seed)
        kept = taken = named = named_right = 0
        for row in random.permutation(len(self._rgb))[:count]:
            others = np.flatnonzero(self._labels != self._labels[row])
            other = int(random.choice(others))
            found = self._engine.classify_rgb(swapped(self._rgb[row], self._rgb[other]))
            own = self._classes[self._labels[row]]
            kept += found.top_class == own
            taken += found.top_class == self._classes[self._labels[other]]
            named += found.decision.class_name is not None
            named_right += found.decision.class_name == own
        n = min(count, len(self._rgb))
        return Proportion(kept, n), Proportion(taken, n), Proportion(named_right, named)

    def background_only(self) -> Proportion:
        """Paint the cells out; count what is sent to review."""
        found = self._all([without_cells(field) for field in self._rgb])
        return Proportion(sum(p.decision.class_name is None for p in found), len(found))

    def corner(self, seed: int) -> Proportion:
        """Remove, add and swap the corner mark; count changed decisions among all three."""
        others = np.random.default_rng(seed).permutation(len(self._rgb))
        changed = total = 0
        variants: tuple[list[Rgb], ...] = (
            [without_mark(field) for field in self._rgb],
            [with_mark(field) for field in self._rgb],
            [other_mark(field, self._rgb[row]) for field, row in zip(self._rgb, others, strict=True)],
        )
        for fields in variants:
            for before, after in zip(self.plain, self._all(fields), strict=True):
                changed += before.decision.name != after.decision.name
                total += 1
        return Proportion(changed, total)

    def evidence(self) -> tuple[float, float]:
        """Return the mean share of evidence inside cells and the cells' share of the area.

        The map of the top class is enlarged smoothly; cells by independent thresholds, not grown.
        """
        inside, area = [], []
        for field, prediction in zip(self._rgb, self.plain, strict=True):
            if prediction.evidence is None:
                continue
            plane = evidence_plane(prediction.evidence, prediction.top_class).astype(np.float32)
            fine = cv2.resize(plane, (NETWORK_SIDE, NETWORK_SIDE), interpolation=cv2.INTER_LINEAR)
            mask = generous_mask(field, 0)
            if fine.sum() > 0:
                inside.append(float((fine * mask).sum() / fine.sum()))
                area.append(float(mask.mean()))
        return float(np.mean(inside)), float(np.mean(area))

    def milliseconds(self, paths: Sequence[Path]) -> float:
        """Return the median processor milliseconds of this thread per field file."""
        own = []
        for path in paths:
            clock = time.thread_time()
            self._engine.classify(path)
            own.append(time.thread_time() - clock)
        return float(np.median(own)) * 1000


def twins(engine: Engine, pairs: Sequence[tuple[Path, Path]]) -> tuple[Proportion, Proportion]:
    """Compare camera frames with their small copies: same decision, same top class."""
    size = (NETWORK_SIDE, NETWORK_SIDE)
    found = [
        (engine.classify_rgb(decode_reduced(large, size)), engine.classify_rgb(decode_reduced(small, size)))
        for large, small in pairs
    ]
    decisions = sum(a.decision.name == b.decision.name for a, b in found)
    tops = sum(a.top_class == b.top_class for a, b in found)
    return Proportion(decisions, len(found)), Proportion(tops, len(found))


def area_under_curve(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return the probability that a strange field is more novel than one of the domain."""
    return auc(np.r_[inside, outside], np.arange(len(inside) + len(outside)) >= len(inside))
