"""Data augmentation: the changes of Keras' ImageDataGenerator and a few that smears need.

Everything is drawn from a generator seeded by run seed, epoch and field, so that a resumed run, or
one on more threads, sees the same fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.fit.recipe import AugmentSpec

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_BORDERS: Final = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "constant": cv2.BORDER_CONSTANT,
    "wrap": cv2.BORDER_WRAP,
}
_SOFT_EDGE: Final = 1.2


@dataclass(frozen=True)
class Backgrounds:
    """Cells and fields for the augmentation of backgrounds.

    Attributes:
        cells: For every training field, True where its white cells are: (n, h, w).
        fields: The training fields, other backgrounds to choose from: (n, h, w, c).
    """

    cells: Mask
    fields: Pixels


def augment(
    pixels: Pixels,
    spec: AugmentSpec,
    generator: np.random.Generator,
    *,
    backgrounds: Backgrounds | None = None,
    row: int = 0,
) -> Pixels:
    """Augment one field at random.

    Args:
        pixels: uint8 (h, w, c), c 1 or 3.
        spec: How far.
        generator: Source of chance.
        backgrounds: Needed when ``spec.background`` is above 0.
        row: Which of ``backgrounds.cells`` belongs to this field.

    Returns:
        uint8 array of the same shape; the input itself is not changed.
    """
    changed = pixels
    if backgrounds is not None and spec.background and generator.random() < spec.background:
        changed = replace_background(changed, backgrounds, generator, row=row)
    changed = _move(changed, spec, generator)
    if spec.stain and changed.shape[2] == 3:  # noqa: PLR2004 - RGB
        changed = _jitter_stain(changed, spec.stain, generator)
    if spec.brightness:
        gain, shift = (
            1 + spec.brightness * generator.uniform(-1, 1),
            255 * spec.brightness * generator.uniform(-1, 1),
        )
        changed = _clip((changed.astype(np.float32) - 128) * gain + 128 + shift / 2)
    if spec.blur:
        sigma = spec.blur * generator.random()
        changed = cv2.GaussianBlur(changed, (0, 0), max(sigma, 0.05)).reshape(pixels.shape).astype(np.uint8)
    if spec.jpeg:
        changed = jpeg_round_trip(changed, int(generator.integers(spec.jpeg, 101)))
    return np.ascontiguousarray(changed.reshape(pixels.shape))


def _clip(values: NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def matrix(spec: AugmentSpec, generator: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Draw one affine change around the centre: flips, zoom, shear, rotation, then shift.

    Args:
        spec: How far.
        generator: Source of chance; the same number of draws whatever is switched on.
        size: Height and width, pixels.

    Returns:
        2 by 3 matrix from source to target pixels.
    """
    draws = generator.uniform(-1, 1, 6)
    flips = generator.random(2) < 0.5  # noqa: PLR2004 - one half
    turn, shear = np.deg2rad(spec.rotation * draws[0]), np.deg2rad(spec.shear * draws[1])
    zoom_x, zoom_y = 1 + spec.zoom * draws[2], 1 + spec.zoom * draws[3]
    zoom_x *= -1 if spec.horizontal_flip and flips[0] else 1
    zoom_y *= -1 if spec.vertical_flip and flips[1] else 1
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = rotation @ np.array([[1.0, -np.sin(shear)], [0.0, np.cos(shear)]]) @ np.diag([zoom_x, zoom_y])
    height, width = size
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = np.array([spec.width_shift * width * draws[4], spec.height_shift * height * draws[5]])
    return np.column_stack([linear, centre - linear @ centre + shift])


def _move(pixels: Pixels, spec: AugmentSpec, generator: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    move = matrix(spec, generator, (height, width))
    if np.allclose(move, np.eye(2, 3)):
        return pixels
    fill = (float(spec.fill_value),) * pixels.shape[2]
    moved = cv2.warpAffine(
        pixels,
        move,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=_BORDERS[spec.fill],
        borderValue=fill,
    )
    return moved.reshape(pixels.shape).astype(np.uint8)


def _jitter_stain(pixels: Pixels, amount: float, generator: np.random.Generator) -> Pixels:
    """Scale each channel's optical density: what a stronger or weaker dye does to light."""
    factors = 1 + amount * generator.uniform(-1, 1, 3)
    curves = 255 * (np.arange(256)[:, None] / 255) ** factors
    tables = np.rint(curves).astype(np.uint8)
    return np.stack([tables[pixels[..., k], k] for k in range(3)], axis=-1)


def jpeg_round_trip(pixels: Pixels, quality: int) -> Pixels:
    """Compress as JPEG and decode again.

    Args:
        pixels: uint8 (h, w, c), c 1 or 3 (RGB).
        quality: 0 to 100, as libjpeg counts it.

    Returns:
        uint8 array of the same shape, C-contiguous.
    """
    ordered = pixels[..., ::-1] if pixels.shape[2] == 3 else pixels  # noqa: PLR2004 - RGB
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(ordered), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), np.uint8).reshape(pixels.shape)
    return np.ascontiguousarray(decoded[..., ::-1]) if pixels.shape[2] == 3 else decoded  # noqa: PLR2004 - RGB


def replace_background(
    pixels: Pixels, backgrounds: Backgrounds, generator: np.random.Generator, *, row: int
) -> Pixels:
    """Put a field's white cells before the background of another field, whatever its class.

    The other field's own cells are filled with its background's median colour, so that no cell of
    another class comes along.

    Args:
        pixels: uint8 (h, w, c).
        backgrounds: Masks and fields.
        generator: Source of chance.
        row: Which of the masks belongs to this field.
    """
    other = int(generator.integers(len(backgrounds.fields)))
    behind = backgrounds.fields[other].astype(np.float32)
    theirs = backgrounds.cells[other]
    if (~theirs).any():
        behind[cv2.dilate(theirs.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = np.median(
            behind[~theirs], axis=0
        )
    share = cv2.GaussianBlur(backgrounds.cells[row].astype(np.float32), (0, 0), _SOFT_EDGE)[..., None]
    return _clip(pixels.astype(np.float32) * share + behind * (1 - share))


def preview_sheet(
    fields: Sequence[Pixels],
    spec: AugmentSpec,
    *,
    seed: int,
    columns: int = 8,
    backgrounds: Backgrounds | None = None,
) -> Pixels:
    """Lay out each field beside its augmented versions, for the panel and the command line.

    Args:
        fields: Fields of one size, uint8 (h, w, c).
        spec: How far.
        seed: Same seed, same sheet.
        columns: Augmented versions a field.
        backgrounds: Needed when ``spec.background`` is above 0.

    Returns:
        uint8 RGB (rows*h, (1 + columns)*w, 3); the first column is unchanged.
    """
    rows = []
    for index, field in enumerate(fields):
        versions = [field]
        for column in range(columns):
            generator = np.random.default_rng([seed, index, column])
            versions.append(augment(field, spec, generator, backgrounds=backgrounds, row=index))
        rows.append(np.concatenate(versions, axis=1))
    sheet = np.concatenate(rows, axis=0)
    return np.repeat(sheet, 3, axis=2) if sheet.shape[2] == 1 else sheet
