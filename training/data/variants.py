"""Augmentation of the cells network: altered copies of a training field.

Each copy is altered as fields differ between sittings, cameras and files, then segmented by the very
function that serves, so that the network meets the masks it will get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import Thresholds, cell_mask
from allstation.imaging.fields.light import field_light
from allstation.imaging.preprocess import only_cells, zoomed
from training.data.augment import jpeg_round_trip
from training.data.composites import blended, grown

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]

_HALF: Final = 0.5
_WARMEST: Final = 0.14
_BRIGHTEST: Final = 0.24
_SOFTEST: Final = 0.9
_LEAST_LIGHT: Final = 0.2
"""Of the brightest."""


@dataclass(frozen=True, slots=True)
class Strength:
    """Spread of altered copies; of natural logarithms unless stated.

    Attributes:
        gain: Of each channel.
        brightness: Largest relative change of all channels.
        stain: Of each channel's optical density.
        saturation: Of the distance from grey.
        blur: Largest standard deviation, pixels.
        jpeg: Lowest quality.
        swap: Probability of another background.
        subset: Probability of leaving cells out.
        colour: Probability of other colours.
        decay: Probability of blur, and of compression.
        noise: Probability of noise.
    """

    gain: float = 0.06
    brightness: float = 0.25
    stain: float = 0.07
    saturation: float = 0.10
    blur: float = 1.3
    jpeg: int = 35
    swap: float = 0.5
    subset: float = 0.4
    colour: float = 0.8
    decay: float = 0.3
    noise: float = 0.15


def photometric(rgb: Rgb, random: np.random.Generator, strength: Strength) -> Rgb:
    """Change colours as stains, lamps and white balances do."""
    stain = np.exp(random.normal(0, strength.stain, 3) + random.normal(0, strength.stain))
    table = 256.0 * ((np.arange(256)[:, None] + 1.0) / 256.0) ** stain - 1.0
    values = cv2.LUT(rgb, table.astype(np.float32)[None])
    colour = float(np.exp(random.normal(0, strength.saturation)))
    gains = np.exp(random.normal(0, strength.gain, 3))
    gains *= 1 + random.uniform(-strength.brightness, strength.brightness)
    matrix = gains[:, None] * (colour * np.eye(3) + (1 - colour) / 3)
    mixed = cv2.transform(values, matrix)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def degraded(rgb: Rgb, random: np.random.Generator, strength: Strength) -> Rgb:
    """Blur, add noise and compress as microscopes and cameras do, each by chance."""
    if random.random() < strength.decay:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.3, strength.blur)), np.uint8)
    if random.random() < strength.noise:
        noise = random.standard_normal(rgb.shape, np.float32) * np.float32(random.uniform(1, 5))
        rgb = np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)
    if random.random() < strength.decay:
        rgb = jpeg_round_trip(rgb, int(random.integers(strength.jpeg, 96)))
    return rgb


def altered(
    rgb: Rgb, generous: Mask, backgrounds: NDArray[np.uint8], random: np.random.Generator, strength: Strength
) -> tuple[Rgb, Mask, int | None]:
    """Return an altered field, the mask of its cells as serving finds them, jittered, and its background."""
    source, worn = rgb, None
    if random.random() < strength.swap:
        mask = grown(generous, int(random.integers(-1, 5)))
        worn = int(random.integers(len(backgrounds)))
        other = backgrounds[worn]
        if random.random() < _HALF:
            other = photometric(other, random, strength)
        source = blended(rgb, other, mask)
    if random.random() < strength.colour:
        source = photometric(source, random, strength)
    source = degraded(source, random, strength)
    shift = int(random.integers(-4, 7)) if random.random() < _HALF else 0
    return source, _chosen(cell_mask(source, Thresholds(shift=shift)), random, strength), worn


def _chosen(mask: Mask, random: np.random.Generator, strength: Strength) -> Mask:
    """Leave some pieces out by chance, at least one stays; move the border by a pixel by chance."""
    if random.random() < strength.subset:
        count, labels = cv2.connectedComponents(mask, connectivity=4)
        keep = random.random(count) < random.uniform(0.3, 1.0)
        keep[random.integers(0, count)] = True
        keep[0] = False
        if keep.any():
            mask = keep[labels].astype(np.uint8)
    return grown(mask, int(random.choice([-1, 0, 0, 0, 1])))


def gentle_tensor(rgb: Rgb, random: np.random.Generator, *, side: int) -> NDArray[np.float32]:
    """Return the network's input for a field that is turned and in at most one way disturbed.

    Balance, light, focus and file change alone and as far as a user's may; all cells stay.

    Args:
        rgb: (h, w, 3) at the size that serving decodes to.
        random: Source of chance; the same state gives the same copy.
        side: Rows and columns of the network's input.
    """
    field = _turned(rgb, int(random.integers(4)), random.random() < _HALF)
    change = _DISTURBING[int(random.integers(len(_DISTURBING)))]
    return _segmented(field, change(field, float(random.uniform(-1, 1))), side)


def lit_tensor(rgb: Rgb, random: np.random.Generator, *, side: int) -> NDArray[np.float32]:
    """Return the network's input for a field that is turned and in clearly more or less light.

    Of all that a user's fields may differ in, more light changes the borders of the cells most. It is dimmed
    again; copies in less light teach that colours differ in both directions.

    Args:
        rgb: (h, w, 3) at the size that serving decodes to.
        random: Source of chance; the same state gives the same copy.
        side: Rows and columns of the network's input.
    """
    field = _turned(rgb, int(random.integers(4)), random.random() < _HALF)
    far = float(random.uniform(_LEAST_LIGHT, 1))
    return _segmented(field, _brightened(field, -far if random.random() < _HALF else far), side)


def soft_tensor(rgb: Rgb, random: np.random.Generator, *, side: int) -> NDArray[np.float32]:
    """Return the network's input for a field that is turned and blurred, as where the focus is off.

    Args:
        rgb: (h, w, 3) at the size that serving decodes to.
        random: Source of chance; the same state gives the same copy.
        side: Rows and columns of the network's input.
    """
    field = _turned(rgb, int(random.integers(4)), random.random() < _HALF)
    return _segmented(field, _softened(field, float(random.uniform(-1, 1))), side)


def _segmented(field: Rgb, disturbed: Rgb, side: int) -> NDArray[np.float32]:
    """Return the tensor of a disturbed field, or of the field itself if no cell is left."""
    light = field_light(disturbed)
    mask = cell_mask(disturbed, light.thresholds)
    if not mask.any():
        disturbed, light = field, field_light(field)
        mask = cell_mask(field, light.thresholds)
    return only_cells(*zoomed(light.dimmed(disturbed), mask, side))


def _unchanged(rgb: Rgb, _: float) -> Rgb:
    return rgb


def _warmed(rgb: Rgb, far: float) -> Rgb:
    """Change the white balance, at most by a factor of e^0.14 of red and, the other way, of blue."""
    return relit(rgb, np.exp(_WARMEST * far * np.array([1.0, 0.0, -1.0])))


def _brightened(rgb: Rgb, far: float) -> Rgb:
    return relit(rgb, np.full(3, 1 + _BRIGHTEST * far))


def relit(rgb: Rgb, gains: NDArray[np.float64]) -> Rgb:
    """Multiply the channels: another white balance or brightness.

    Args:
        rgb: uint8 (h, w, 3).
        gains: float (3,), 1 for no change.
    """
    return np.clip(np.rint(rgb * gains), 0, 255).astype(np.uint8)


def _softened(rgb: Rgb, far: float) -> Rgb:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.3 + _SOFTEST * abs(far)), np.uint8)


def _filed(rgb: Rgb, far: float) -> Rgb:
    return jpeg_round_trip(rgb, round(95 - 60 * abs(far)))


_DISTURBING: Final[tuple[Callable[[Rgb, float], Rgb], ...]] = (
    _unchanged,
    _unchanged,
    _warmed,
    _warmed,
    _brightened,
    _softened,
    _filed,
)


def _turned(field: Rgb, turns: int, mirrored: bool) -> Rgb:
    turned = np.rot90(field, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)
