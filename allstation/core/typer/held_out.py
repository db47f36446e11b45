"""Calibrated probabilities of typed cells by typers that were fitted without their group, and their AUROC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.metrics import Figure
from allstation.core.resampling import RESAMPLES, bootstrap, mean_area
from allstation.core.typer.discriminant import IntArray, softmax
from allstation.core.typer.statistics import FloatArray
from allstation.core.typer.validation import APART, NOT_APART, HeldOut

AREA: Final = "macro AUC"


@dataclass(frozen=True, eq=False, slots=True)
class HeldOutCells:
    """Typed cells and what typers without their group say of them.

    Attributes:
        types: Keys of the types, in the order of the probabilities.
        probabilities: (n, k), calibrated on the groups that were learned from.
        true: (n,) number of the type that a person gave.
        groups: Group of each cell.
        split: Kind of split in words.
    """

    types: tuple[str, ...]
    probabilities: FloatArray
    true: IntArray
    groups: tuple[str, ...]
    split: str


def held_out_cells(held: HeldOut) -> HeldOutCells:
    """Name every typed cell by a typer that was fitted without its fold of groups.

    Args:
        held: Of the typed cells.

    Returns:
        The cells whose type that fit knew.
    """
    kept = np.flatnonzero(held.seen)
    split = APART.format(groups=len(set(held.groups))) if held.apart else NOT_APART
    return HeldOutCells(
        tuple(str(name) for name in held.types),
        softmax(held.chosen_logits()[kept]),
        held.codes[kept],
        tuple(held.groups[at] for at in kept.tolist()),
        split,
    )


def held_out_area(
    cells: HeldOutCells, *, patients: str = PATIENTS_UNKNOWN, resamples: int = RESAMPLES
) -> Figure:
    """Return the mean area under the curve of each type against the rest; of two types it is their AUROC.

    Args:
        cells: As ``held_out_cells`` gives them.
        patients: How many patients, in words, where the groups are patients.
        resamples: Number of resamples of the interval, groups as a whole.
    """

    def area(weights: FloatArray) -> dict[str, FloatArray]:
        return {AREA: mean_area(cells.probabilities, cells.true, weights)}

    n = len(cells.true)
    value = float(area(np.ones((1, n)))[AREA][0])
    interval = (
        bootstrap(area, cells.groups, resamples=resamples)[AREA] if len(set(cells.groups)) > 1 else None
    )
    return Figure(AREA, value, n, interval, cells.split, patients)
