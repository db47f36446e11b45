"""Preview sheet of the augmentation, as the network gets it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from allstation.imaging.output_kinds import PROGRAM_MARK
from allstation.imaging.preprocess import CELLS, Preprocessing, prepare
from training.data.augment import Backgrounds, preview_sheet
from training.data.fields_in_memory import load_cells, load_pixels
from training.data.labelled_folder import read_labelled
from training.fit.recipe import Recipe
from training.fit.runs import write_bytes
from training.models.registry import method

_COPIES: Final = 8
_HALF: Final = 127.5
_PALE: Final = 190.0
"""Grey level of black where the network sees nothing; white stays white."""
_GAP: Final = 3


def write_preview(recipe: Recipe, target: Path, *, fields: int, seed: int) -> None:
    """Write a PNG with one row a field: unchanged, then eight augmented versions.

    Args:
        recipe: Names labelled folder, input and augmentation.
        target: PNG file.
        fields: Rows.
        seed: Picks fields and changes.

    Raises:
        StationError: When the folder or a field cannot be read, or the file not written.
    """
    if method(recipe.method.kind).kind == "tuning":
        _write(target, _cells_sheet(recipe, fields, seed))
        return
    labelled = read_labelled(Path(recipe.data))
    chosen = np.random.default_rng(seed).permutation(len(labelled.fields))[:fields]
    paths = [labelled.fields[int(row)].path for row in chosen]
    pixels = load_pixels(paths, recipe.input)
    backgrounds = (
        Backgrounds(load_cells(paths, recipe.input), pixels) if recipe.augmentation.background else None
    )
    sheet = preview_sheet(list(pixels), recipe.augmentation, seed=seed, backgrounds=backgrounds)
    _write(target, sheet)


def _write(target: Path, sheet: NDArray[np.uint8]) -> None:
    memory = io.BytesIO()
    about = PngInfo()
    about.add_text("Software", PROGRAM_MARK)
    Image.fromarray(np.ascontiguousarray(sheet)).save(memory, "png", pnginfo=about)
    write_bytes(target, memory.getvalue())


def _cells_sheet(recipe: Recipe, fields: int, seed: int) -> NDArray[np.uint8]:
    """One row a field: as it is, then what the shipped network is shown of eight altered copies."""
    from training.fit.fine_tuning import base_bundle, base_input
    from training.fit.last_layer import altered_fields

    bundle = base_bundle(recipe)
    labelled = read_labelled(Path(recipe.data))
    chosen = np.random.default_rng(seed).permutation(len(labelled.fields))[:fields]
    pixels = load_pixels([labelled.fields[int(row)].path for row in chosen], base_input(bundle))
    columns = [pixels]
    for copy in range(_COPIES):
        altered = altered_fields(pixels, seed=seed, copy=copy)
        columns.append(np.stack([_network_input(field, bundle.preprocessing) for field in altered]))
    gap = ((0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0))
    framed = [np.pad(column, gap, constant_values=255) for column in columns]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in zip(*framed, strict=True)])


def _network_input(field: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return a field as the network gets it; masked pixels, which it gets as zeros, are pale.

    Plain grey for all of them would leave nothing to see where no cell was found.
    """
    if preprocessing.name != CELLS:
        return field
    tensor = prepare(field, preprocessing).tensor
    size = (field.shape[1], field.shape[0])
    shown = cv2.resize(tensor[:, :, :3] * _HALF + _HALF, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(tensor[:, :, 3], size, interpolation=cv2.INTER_AREA)[:, :, np.newaxis]
    pale = _PALE + (1 - _PALE / 255) * field
    return np.clip(np.rint(np.where(mask > 0, shown, pale)), 0, 255).astype(np.uint8)
