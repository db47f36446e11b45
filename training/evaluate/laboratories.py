"""Laboratories of the passport: white cells and what is known of each, features computed once.

Sets of single cells show one cell a picture. In sets of fields the cells are found as the program finds them,
and bear the class of their field, which nobody gave to a cell. What was computed is kept in small parts, so
that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES, PATIENTS_UNKNOWN
from allstation.core.typer.statistics import FloatArray
from allstation.files import replacing
from allstation.imaging.cells.central_cell import cut_cell_of_picture, find_central_cell
from allstation.imaging.cells.finder import find_cells
from allstation.imaging.cells.scale import estimate_scale, pooled_scale
from allstation.imaging.cells.segmentation import background_colour
from allstation.imaging.fields.cell_finding import placed
from allstation.imaging.fields.file import read_field
from allstation.imaging.synthetic import draw_field
from allstation.inference.cell_features import cell_features
from allstation.inference.cell_network import CellNetwork
from training.evaluate.cell_sets import SCALES, listed

Rgb = NDArray[np.uint8]
Names = NDArray[np.str_]
Progress = Callable[[str], None]

LEUKEMIC, OTHER = "leukemic", "other"
"""Types of the question that all laboratories with blasts share."""
_AS_ASKED: Final = {
    "blast": LEUKEMIC,
    "lymphoblast": LEUKEMIC,
    "lymphocyte": OTHER,
    "normal": OTHER,
    "Benign": OTHER,
    **dict.fromkeys(("Early", "Pre", "Pro"), LEUKEMIC),
}
FIVE: Final = {
    "neutrophil": "neutrophil",
    "segmented-neutrophil": "neutrophil",
    **{name: name for name in ("lymphocyte", "monocyte", "eosinophil", "basophil")},
}
"""The five types that every count of a healthy smear has, by the names of the sets."""
_ZHENG: Final = dict(
    zip("12345", ("neutrophil", "lymphocyte", "eosinophil", "monocyte", "basophil"), strict=True)
)
_SCALES: Final = {"Baltimore": SCALES["cells-baltimore"], "Delhi": SCALES["cells-delhi"]}
"""Pixels per micrometre that are known; of the other laboratories red cells tell it."""
DRAWN: Final = "synthetic"
"""Drawn fields. They are drawn after Tehran's, and lend no cells to others."""
_FIELDS: Final = frozenset({"Tehran", DRAWN})
"""Laboratories whose pictures are fields."""
_BLOCK: Final = 37
"""File numbers of one class that are one group: neighbours are alike, as they are often of one slide."""
_PART: Final = 100
_SCALED_BY: Final = 40
"""Pictures whose red cells tell the scale of a set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Picture of one cell, or a field.

    Attributes:
        type: Of its cell, or its class.
        group: Patient, slide, or whatever stands for them.
        path: Its file; None for a drawn field.
        seed: Of a drawn field.
    """

    type: str
    group: str
    path: Path | None = None
    seed: int = 0

    def pixels(self) -> Rgb:
        """Read or draw it."""
        return draw_field(self.type, self.seed) if self.path is None else read_field(self.path).pixels


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Laboratory:
    """White cells of one laboratory.

    Attributes:
        name: As it stands in the table.
        features: (n, f) of the cell network.
        types: (n,) as the set names them.
        groups: (n,) patients or what stands for them.
        patients: Their number in words.
        background: (n, 3) colour of the picture's background, NaN where it was painted over.
        counts: (n,) cells of the field; NaN where a picture shows one cell by itself.
        own_groups: Whether every cell is a group of its own, as nothing is known.
    """

    name: str
    features: FloatArray
    types: Names
    groups: Names
    patients: str
    background: FloatArray
    counts: FloatArray
    own_groups: bool = False

    def of(self, rows: NDArray[np.intp] | NDArray[np.bool_], types: Names | None = None) -> Laboratory:
        """Return some of its cells, under other names if these are given for all of them."""
        return Laboratory(
            name=self.name,
            features=self.features[rows],
            types=(self.types if types is None else types)[rows],
            groups=self.groups[rows],
            patients=self.patients,
            background=self.background[rows],
            counts=self.counts[rows],
            own_groups=self.own_groups,
        )

    def asked(self, names: dict[str, str], *, fewest: int = 10) -> Laboratory | None:
        """Return the cells of a question, or None where it has fewer than two types of enough cells."""
        types = np.array([names.get(name, "") for name in self.types.tolist()], np.str_)
        known, counts = np.unique(types, return_counts=True)
        enough = [
            name for name, n in zip(known.tolist(), counts.tolist(), strict=True) if name and n >= fewest
        ]
        return self.of(np.isin(types, enough), types) if len(enough) > 1 else None


def blasts_of(laboratory: Laboratory) -> Laboratory | None:
    """Return blasts and what they are mistaken for, or None where one of them is missing."""
    return laboratory.asked(_AS_ASKED)


def five_of(laboratory: Laboratory) -> Laboratory | None:
    """Return the cells of the five normal types, or None where there are not two of them."""
    asked = laboratory.asked(FIVE)
    return asked if asked is not None and len(set(asked.types.tolist())) > 2 else None  # noqa: PLR2004


def pictures_of(data: Path, *, fields: int) -> dict[str, list[Picture]]:
    """Return the pictures of every set that is there, by laboratory.

    Args:
        data: Folder with the sets.
        fields: Fields a class of the sets of fields.
    """
    found = {
        "Baltimore": _single(data / "cells-baltimore"),
        "Delhi": _single(data / "cells-delhi"),
        "pbc-sample": _single(data / "pbc-sample"),
        "Zheng": _zheng(data / "masks-zheng"),
        "Tehran": _tehran(data / "taleqani" / "Original", fields),
        DRAWN: _drawn(fields),
    }
    return {name: pictures for name, pictures in found.items() if pictures}


def gathered(
    pictures: Mapping[str, Sequence[Picture]], work: Path, *, progress: Progress
) -> list[Laboratory]:
    """Compute the cells of every laboratory, or read what was computed for this network.

    Args:
        pictures: By laboratory.
        work: Folder for what can be made again.
        progress: Takes a line on what is done.
    """
    return [_laboratory(name, each, work, progress=progress) for name, each in pictures.items()]


def _single(folder: Path) -> list[Picture]:
    return (
        [Picture(path=path, type=kind, group=patient) for path, kind, patient in listed(folder)]
        if folder.is_dir()
        else []
    )


def _zheng(folder: Path) -> list[Picture]:
    """Return the second part: the first shows no whole red cell that would tell its scale."""
    table = folder / "classes-2.csv"
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
    found = [
        Picture(path=folder / f"2-{int(row[0]):03d}.png", type=_ZHENG.get(row[1], ""), group="")
        for row in rows
    ]
    return [picture for picture in found if picture.path is not None and picture.path.exists()]


def _tehran(folder: Path, fields: int) -> list[Picture]:
    pictures = []
    for name in CLASS_NAMES:
        paths = sorted((folder / name).glob("*.jpg"))
        for path in paths[:: max(1, len(paths) // fields)][:fields]:
            number = int(re.sub(r"\D", "", path.stem) or 0)
            pictures.append(Picture(path=path, type=name, group=f"{name} {number // _BLOCK}"))
    return pictures


def _drawn(fields: int) -> list[Picture]:
    return [
        Picture(type=name, group=f"{name} {seed}", seed=seed)
        for name in CLASS_NAMES
        for seed in range(fields)
    ]


def _laboratory(name: str, pictures: Sequence[Picture], work: Path, *, progress: Progress) -> Laboratory:
    """Compute one laboratory in parts, each kept as it is done."""
    network, scale = CellNetwork(), _SCALES.get(name)
    single = name not in _FIELDS
    listing = "\n".join(f"{each.path} {each.type} {each.seed}" for each in pictures)
    key = hashlib.sha256(f"{listing}{network.sha256}{scale}".encode()).hexdigest()[:12]
    parts = []
    for begin in range(0, len(pictures), _PART):
        kept = work / "cells" / f"{name}-{key}-{begin:05d}.npz"
        if not kept.exists():
            scale = scale or _scale_of(pictures)
            arrays = _measured(pictures[begin : begin + _PART], network, single=single, scale=scale)
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as part, part.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            progress(f"{name}: {min(begin + _PART, len(pictures))} of {len(pictures)} pictures")
        with np.load(kept, allow_pickle=False) as archive:
            parts.append((begin, {each: archive[each] for each in archive.files}))
    rows = np.concatenate([begin + part["pictures"] for begin, part in parts])
    joined = {
        key: np.concatenate([part[key] for _, part in parts]) for key in ("features", "background", "counts")
    }
    found = np.isfinite(joined["features"]).all(axis=1)
    rows = rows[found]
    known = any(each.group for each in pictures)
    groups = [pictures[row].group or f"cell {at}" for at, row in enumerate(rows.tolist())]
    return Laboratory(
        name=name,
        features=joined["features"][found].astype(np.float64),
        types=np.array([pictures[row].type for row in rows.tolist()], np.str_),
        groups=np.array(groups, np.str_),
        patients=f"{len(set(groups))} patients" if known and single else PATIENTS_UNKNOWN,
        background=joined["background"][found].astype(np.float64),
        counts=joined["counts"][found].astype(np.float64),
        own_groups=not known,
    )


def _scale_of(pictures: Sequence[Picture]) -> float | None:
    """Return the pixels per micrometre that the red cells of some pictures tell."""
    some = pictures[:: max(1, len(pictures) // _SCALED_BY)]
    estimates = [estimate for each in some if (estimate := estimate_scale(each.pixels())) is not None]
    pooled = pooled_scale(estimates)
    return None if pooled is None else pooled.pixels_per_um


def _measured(
    pictures: Sequence[Picture], network: CellNetwork, *, single: bool, scale: float | None
) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    """Return features, background and number of cells of each cell, and the number of its picture."""
    features, numbers, backgrounds, counts = [], [], [], []
    for number, picture in enumerate(pictures):
        rgb = picture.pixels()
        found = _one(rgb, network, scale) if single else _all(rgb, network, scale)
        features.append(found)
        numbers += [number] * len(found)
        background = (
            background_colour(rgb) if rgb.min(axis=2).max() > 0 and not _painted(rgb) else [np.nan] * 3
        )
        backgrounds += [background] * len(found)
        counts += [np.nan if single else len(found)] * len(found)
    return {
        "features": np.concatenate(features).astype(np.float32),
        "pictures": np.array(numbers, np.int64),
        "background": np.array(backgrounds, np.float32).reshape(-1, 3),
        "counts": np.array(counts, np.float32),
    }


def _painted(rgb: Rgb) -> bool:
    """Tell whether everything but the cell was painted black."""
    return bool((np.concatenate([rgb[0], rgb[-1]]).max(axis=1) < 12).mean() > 0.3)  # noqa: PLR2004


def _one(rgb: Rgb, network: CellNetwork, scale: float | None) -> NDArray[np.float32]:
    cell = find_central_cell(rgb)
    if cell is None:
        return np.full((1, network.size), np.nan, np.float32)
    crop = cut_cell_of_picture(rgb, cell, side=network.side, pixels_per_um=scale)
    return network.features(crop[np.newaxis])


def _all(rgb: Rgb, network: CellNetwork, scale: float | None) -> NDArray[np.float32]:
    size = rgb.shape[1], rgb.shape[0]
    cells = placed(
        find_cells(rgb, cell_scale=scale), picture=size, size=size, pixel_size=1 / scale if scale else None
    )
    return cell_features(rgb, [cell for cell in cells if not cell.at_edge], network)
