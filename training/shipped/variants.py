"""Altered copies of a training field, reduced to a small sheet of its cells.

Each copy is altered as fields differ between sittings, cameras and files, then segmented by the very
function that serves, so that the network meets the masks it will get. As everything but the cells is
zero anyway, the cells are packed into a quarter of the area: place and density cannot be learned, and
training costs a quarter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells import Thresholds, cell_mask
from allstation.imaging.preprocess import inner_of
from training.shipped.composites import blended, generous_mask, grown

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Sheet = NDArray[np.uint8]

SIDE: Final = 112
_GAP: Final = 3
_LARGEST: Final = 72
_SMALLEST: Final = 36
_HALF: Final = 0.5
_INSIDE: Final = 0.6
"""Least weight of own pixels in a stretched one; less would let the zero outside in."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How far copies may differ; spreads are of natural logarithms unless said.

    Attributes:
        gain: Of each channel.
        brightness: Largest relative change of all channels.
        stain: Of each channel's optical density.
        saturation: Of the distance from grey.
        blur: Largest standard deviation, pixels.
        jpeg: Lowest quality.
        swap: Probability of another background.
        subset: Probability of leaving cells out.
        size: Of width and height, drawn apart.
        junk: Probability of a sheet without cells, whose target is "any class alike".
        colour: Probability of other colours.
        decay: Probability of blur, and of compression.
        noise: Probability of noise.
    """

    gain: float = 0.05
    brightness: float = 0.22
    stain: float = 0.07
    saturation: float = 0.10
    blur: float = 1.3
    jpeg: int = 35
    swap: float = 0.5
    subset: float = 0.4
    size: float = 0.06
    junk: float = 0.04
    colour: float = 0.75
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
        quality = int(random.integers(strength.jpeg, 96))
        _, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        rgb = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1], np.uint8)
    return rgb


def altered(
    rgb: Rgb, generous: Mask, backgrounds: NDArray[np.uint8], random: np.random.Generator, strength: Strength
) -> tuple[Rgb, Mask]:
    """Return an altered field and the mask of its cells as serving finds them, jittered a little."""
    source = rgb
    if random.random() < strength.swap:
        mask = grown(generous, int(random.integers(-1, 5)))
        other = backgrounds[random.integers(len(backgrounds))]
        if random.random() < _HALF:
            other = photometric(other, random, strength)
        source = blended(rgb, other, mask)
    if random.random() < strength.colour:
        source = photometric(source, random, strength)
    source = degraded(source, random, strength)
    shift = float(random.uniform(-0.03, 0.05)) if random.random() < _HALF else 0.0
    return source, _chosen(inner_of(cell_mask(source, Thresholds(shift=shift))), random, strength)


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


def sheet(
    rgb: Rgb,
    backgrounds: NDArray[np.uint8],
    random: np.random.Generator,
    strength: Strength,
    *,
    generous: Mask | None = None,
) -> tuple[Sheet, bool]:
    """Return one training sheet of a field and whether it shows cells.

    Args:
        rgb: (h, w, 3) at the network's size.
        backgrounds: (n, h, w, 3) fields without cells.
        random: Source of chance; the same state gives the same sheet.
        strength: How far to go.
        generous: The field's ``generous_mask`` without growth, if it is known already.

    Returns:
        (112, 112, 4) uint8: colours inside the mask, zero outside; the mask as 0 and 1.
    """
    if random.random() < strength.junk:
        return _junk(backgrounds, random, strength), False
    known = generous_mask(rgb, 0) if generous is None else generous
    source, mask = altered(rgb, known, backgrounds, random, strength)
    if not mask.any():
        source, mask = rgb, inner_of(cell_mask(rgb))
    return packed(_pieces(source, mask, random, strength), random), bool(mask.any())


def _junk(backgrounds: NDArray[np.uint8], random: np.random.Generator, strength: Strength) -> Sheet:
    """Cell-shaped cut-outs of what is no white cell: red cells, plasma, dirt."""
    source = photometric(backgrounds[random.integers(len(backgrounds))], random, strength)
    mask = np.zeros(source.shape[:2], np.uint8)
    for _ in range(int(random.integers(1, 10))):
        centre = tuple(int(v) for v in random.integers(10, SIDE * 2 - 10, 2))
        axes = tuple(int(v) for v in random.integers(5, 15, 2))
        cv2.ellipse(mask, centre, axes, float(random.uniform(0, 180)), 0, 360, 1, cv2.FILLED)
    return packed(_pieces(source, mask, random, strength), random)


def _pieces(rgb: Rgb, mask: Mask, random: np.random.Generator, strength: Strength) -> list[Sheet]:
    """Cut out every connected piece of the mask, turned, mirrored and stretched."""
    stretch = np.exp(random.normal(0, strength.size, 2)) * np.exp(random.normal(0, strength.size))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    pieces = []
    for label in range(1, count):
        left, top, width, height, area = stats[label]
        if area < _SMALLEST:
            continue
        box = slice(top, top + height), slice(left, left + width)
        own = (labels[box] == label).astype(np.uint8)
        piece = np.dstack([rgb[box] * own[:, :, None], own])
        pieces.append(_turned(piece, random, stretch))
    return pieces


def _turned(piece: Sheet, random: np.random.Generator, stretch: NDArray[np.float64]) -> Sheet:
    height, width = piece.shape[:2]
    size = max(3, round(width * stretch[0])), max(3, round(height * stretch[1]))
    own = cv2.resize(piece[:, :, 3], size, interpolation=cv2.INTER_NEAREST)
    colours = cv2.resize(piece[:, :, :3], size, interpolation=cv2.INTER_LINEAR)
    weight = cv2.resize(piece[:, :, 3].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    own = own * (weight > _INSIDE)
    colours = np.clip(colours / np.maximum(weight, _INSIDE)[:, :, None], 0, 255) * own[:, :, None]
    turned = np.rot90(np.dstack([colours.astype(np.uint8), own.astype(np.uint8)]), int(random.integers(4)))
    turned = turned[:, ::-1] if random.random() < _HALF else turned
    rows = int(random.integers(0, max(1, turned.shape[0] - _LARGEST)))
    columns = int(random.integers(0, max(1, turned.shape[1] - _LARGEST)))
    return np.ascontiguousarray(turned[rows : rows + _LARGEST, columns : columns + _LARGEST])


def packed(pieces: list[Sheet], random: np.random.Generator) -> Sheet:
    """Lay pieces in rows on an empty sheet in random order; what finds no room is left out."""
    canvas = np.zeros((SIDE, SIDE, 4), np.uint8)
    order = random.permutation(len(pieces))
    top, left, depth = (int(v) for v in (*random.integers(0, 8, 2), 0))
    for index in order:
        piece = pieces[index]
        height, width = piece.shape[:2]
        if left + width > SIDE:
            top, left, depth = top + depth + _GAP, int(random.integers(0, 6)), 0
        if top + height > SIDE or left + width > SIDE:
            continue
        canvas[top : top + height, left : left + width] = piece
        left += width + int(random.integers(_GAP, 3 * _GAP))
        depth = max(depth, height)
    return canvas
