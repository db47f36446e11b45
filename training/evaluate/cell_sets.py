"""Sets of single cells: features by the cell network, and what a typer makes of some of their cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.metrics import Figure
from allstation.core.patients import patients_text
from allstation.core.resampling import bootstrap, rates, weighted_auc
from allstation.core.typer.model import Typer, fit_typer
from allstation.core.typer.statistics import FloatArray
from allstation.core.typer.validation import HeldOut, typed_cells
from allstation.imaging.cells.central_cell import cut_cell_of_picture, find_central_cell
from allstation.imaging.cells.numbers import NAMES
from allstation.imaging.fields.file import read_field
from allstation.inference.cell_network import CellNetwork
from allstation.table_files import read_table

SCALES: Final = {"cells-baltimore": 8.2, "pbc-sample": 8.2, "cells-delhi": 18.75}
"""Pixels per micrometre: of the first two from their red cells (59 pixels for 7.2 micrometres); of the last,
where no red cell is left, so that 450 pixels are 24 micrometres."""
FEWEST: Final = 70
DRAWS: Final = 20
BLAST, LYMPHOCYTE = "blast", "lymphocyte"
Rows = NDArray[np.intp]
Select = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class CellSet:
    """Single cells of one set.

    Attributes:
        features: (n, f) of the cell network.
        types: (n,) as experts named them.
        groups: (n,) patients; every cell its own where no patients are known.
        patients: Their number in words.
        unfound: Pictures in whose middle no cell was found; they are left out.
        milliseconds: Processor time a cell of finding it, and of its crop and features, one thread.
    """

    features: FloatArray
    types: NDArray[np.str_]
    groups: NDArray[np.str_]
    patients: str
    unfound: int
    milliseconds: tuple[float, float]

    def of(self, types: Sequence[str]) -> CellSet:
        """Return the cells of some types."""
        kept = np.isin(self.types, types)
        return CellSet(
            self.features[kept],
            self.types[kept],
            self.groups[kept],
            self.patients,
            self.unfound,
            self.milliseconds,
        )

    def most_frequent(self, count: int | None = None) -> list[str]:
        """Return the types with at least 70 cells, the most frequent first."""
        names, counts = np.unique(self.types, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [str(names[at]) for at in order if counts[at] >= FEWEST][:count]


def listed(folder: Path) -> list[tuple[Path, str, str]]:
    """Return file, type and patient of each cell; no patient for a set of folders by type."""
    table = folder / "cells.csv"
    if table.exists():
        rows = read_table(table, ("file", "type", "patient"), code="bad-csv").rows
        return [(folder / row["file"], row["type"], row["patient"]) for row in rows]
    return [(path, path.parent.name, "") for path in sorted(folder.glob("*/*.jpg"))]


def measured(folder: Path, work: Path, *, threads: int) -> CellSet:
    """Compute the features of a set, or read them if they are there for this network.

    Args:
        folder: Of the set.
        work: Folder for what can be made again.
        threads: Cells computed at once.
    """
    cells = listed(folder)
    network = CellNetwork()
    kept = work / f"{folder.name}-{network.sha256[:12]}.npz"
    if not kept.exists():
        parts = [cells[begin::threads] for begin in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(lambda part: _features(part, SCALES[folder.name]), parts))
        features = np.full((len(cells), network.size), np.nan, np.float32)
        for begin, (part, _) in enumerate(done):
            features[begin::threads] = part
        spent = np.sum([seconds for _, seconds in done], axis=0) / len(cells) * 1000
        work.mkdir(parents=True, exist_ok=True)
        np.savez(kept, features=features, milliseconds=spent)
    with np.load(kept) as archive:
        features, spent = archive["features"], archive["milliseconds"].tolist()
    found = np.isfinite(features).all(axis=1)
    names = [patient or f"cell {at}" for at, (_, _, patient) in enumerate(cells)]
    return CellSet(
        features[found].astype(np.float64),
        np.array([kind for _, kind, _ in cells])[found],
        np.array(names)[found],
        patients_text(patient for _, _, patient in cells),
        int((~found).sum()),
        (spent[0], spent[1]),
    )


def _features(
    cells: Sequence[tuple[Path, str, str]], scale: float
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return features of some cells, and the seconds of this thread for finding them and for the rest."""
    network = CellNetwork()
    rows, finding, features = np.full((len(cells), network.size), np.nan, np.float32), 0.0, 0.0
    for row, (path, _, _) in zip(rows, cells, strict=True):
        rgb = read_field(path).pixels
        began = time.thread_time()
        cell = find_central_cell(rgb)
        found = time.thread_time()
        finding += found - began
        if cell is not None:
            crop = cut_cell_of_picture(rgb, cell, side=network.side, pixels_per_um=scale)
            row[:] = network.features(crop[np.newaxis])[0]
        features += time.thread_time() - found
    return rows, (finding, features)


def drawn(types: NDArray[np.str_], rows: Rows, a_type: int, random: np.random.Generator) -> Rows:
    """Draw cells of each type among some rows."""
    parts = [
        random.permutation(rows[types[rows] == name])[:a_type] for name in np.unique(types[rows]).tolist()
    ]
    return np.concatenate(parts)


def balanced_of(typer: Typer, cells: CellSet, rows: Rows) -> float:
    """Return the balanced accuracy of a typer on some rows."""
    named = typer.probabilities(cells.features[rows]).argmax(axis=1)
    place = {name: at for at, name in enumerate(typer.types)}
    true = np.array([place.get(name, len(place)) for name in cells.types[rows].tolist()])
    found = rates(true, named.astype(np.int64), np.ones((1, len(rows))), classes=len(place) + 1)
    return float(found["balanced accuracy"][0])


def few_clicks(cells: CellSet, *, a_type: int, share: float) -> list[float]:
    """Return balanced accuracy a draw: some cells a type of some patients, tested on the other patients."""
    found = []
    everyone = np.unique(cells.groups)
    for seed in range(DRAWS):
        random = np.random.default_rng(seed)
        clicked = random.permutation(everyone)[: round(share * len(everyone))]
        inside = np.isin(cells.groups, clicked)
        rows = drawn(cells.types, np.flatnonzero(inside), a_type, random)
        typer = fit_typer(
            cells.features[rows], cells.types[rows].tolist(), groups=cells.groups[rows].tolist()
        )
        found.append(balanced_of(typer, cells, np.flatnonzero(~inside)))
    return found


def few_cells(cells: CellSet, *, a_type: int, draws: int) -> list[float]:
    """Return balanced accuracy a draw: some cells a type, tested on the other cells."""
    found = []
    for seed in range(draws):
        rows = drawn(cells.types, np.arange(len(cells.types)), a_type, np.random.default_rng(seed))
        typer = fit_typer(cells.features[rows], cells.types[rows].tolist(), groups=rows.tolist())
        found.append(balanced_of(typer, cells, np.setdiff1d(np.arange(len(cells.types)), rows)))
    return found


def patient_draws(cells: CellSet, *, patients: int, a_type: int) -> Iterator[tuple[float, float, int]]:
    """Yield AUROC, balanced accuracy and clicks a draw of some patients, tested on all others."""
    both = [
        group
        for group in np.unique(cells.groups).tolist()
        if len(set(cells.types[cells.groups == group].tolist())) > 1
    ]
    for seed in range(DRAWS):
        random = np.random.default_rng(seed)
        inside = np.isin(cells.groups, random.choice(both, patients, replace=False))
        rows, rest = (
            drawn(cells.types, np.flatnonzero(inside), a_type, random),
            np.flatnonzero(~inside),
        )
        typer = fit_typer(
            cells.features[rows], cells.types[rows].tolist(), groups=cells.groups[rows].tolist()
        )
        first = typer.probabilities(cells.features[rest])[:, 0]
        positive = (cells.types[rest] == typer.types[0]).astype(np.float64)
        area = float(weighted_auc(first, positive, np.ones((1, len(rest))))[0])
        yield area, balanced_of(typer, cells, rest), len(rows)


def area_figure(cells: CellSet) -> Figure:
    """Return the AUROC of two types by cross-validation, groups kept apart and resampled."""
    values, names, groups = typed_cells(cells.features, cells.types.tolist(), cells.groups.tolist())
    held = HeldOut(values, names, groups)
    logits = held.chosen_logits()
    scores, positive = logits[:, 1] - logits[:, 0], (held.codes == 1).astype(np.float64)

    def area(weights: FloatArray) -> dict[str, FloatArray]:
        return {"AUROC": weighted_auc(scores, positive, weights)}

    value = float(area(np.ones((1, len(scores))))["AUROC"][0])
    split = f"cross-validation with {len(set(groups))} groups of cells kept apart"
    return Figure("AUROC", value, len(scores), bootstrap(area, groups)["AUROC"], split, cells.patients)


def chosen(cells: CellSet, features: Select) -> CellSet:
    """Return the set with some of its features only."""
    return CellSet(
        features(cells.features),
        cells.types,
        cells.groups,
        cells.patients,
        cells.unfound,
        cells.milliseconds,
    )


BASELINES: Final[dict[str, Select]] = {
    "network and numbers": lambda values: values,
    "network only": lambda values: values[:, : -len(NAMES)],
    "numbers only": lambda values: values[:, -len(NAMES) :],
    "mean colour only": lambda values: values[:, [at - len(NAMES) for at in range(6, 9)]],
    "size only": lambda values: values[:, [-len(NAMES)]],
}
