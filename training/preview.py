"""The augmentation preview sheet: what the network will really see."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.augment import Backgrounds, preview_sheet
from training.fields_in_memory import load_cells, load_pixels
from training.labelled_folder import read_labelled
from training.recipe import Recipe
from training.runs import write_bytes


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
    labelled = read_labelled(Path(recipe.data))
    chosen = np.random.default_rng(seed).permutation(len(labelled.fields))[:fields]
    paths = [labelled.fields[int(row)].path for row in chosen]
    pixels = load_pixels(paths, recipe.input)
    backgrounds = (
        Backgrounds(load_cells(paths, recipe.input), pixels) if recipe.augmentation.background else None
    )
    sheet = preview_sheet(list(pixels), recipe.augmentation, seed=seed, backgrounds=backgrounds)
    encoded = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))[1]
    write_bytes(target, encoded.tobytes())
