"""Training sheets of every field, made once for all divisions and kept on disk.

A sheet of a test field is never trained on; backgrounds of a fold's test fields may appear behind the
cells of its training fields, without cells and hardly ever inside a mask.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.shipped.composites import generous_mask, without_cells
from training.shipped.fields import Fields
from training.shipped.variants import SIDE, Strength, sheet

Bytes = NDArray[np.uint8]
_BACKGROUNDS: Final = 240


def backgrounds_of(rgb: Bytes, seed: int) -> Bytes:
    """Return emptied backgrounds of a seeded choice of fields (n, h, w, 3)."""
    chosen = np.random.default_rng(seed).permutation(len(rgb))[:_BACKGROUNDS]
    return np.stack([without_cells(rgb[row]) for row in np.sort(chosen)])


def make_round(rgb: Bytes, backgrounds: Bytes, *, seed: int, copy: int) -> tuple[Bytes, NDArray[np.bool_]]:
    """Make one sheet of every field.

    Args:
        rgb: (n, h, w, 3) fields.
        backgrounds: As ``backgrounds_of`` gives them.
        seed: Of the recipe.
        copy: Which copy of each field; every copy is another.

    Returns:
        Sheets (n, 112, 112, 4) and whether each shows cells.
    """
    cv2.setNumThreads(1)
    sheets = np.zeros((len(rgb), SIDE, SIDE, 4), np.uint8)
    shows = np.zeros(len(rgb), bool)
    for row, field in enumerate(rgb):
        random = np.random.default_rng([seed, copy, row])
        sheets[row], shows[row] = sheet(
            field, backgrounds, random, Strength(), generous=generous_mask(field, 0)
        )
    return sheets, shows


def sheets_on_disk(fields: Fields, folder: Path, *, copies: int, seed: int, processes: int) -> list[Path]:
    """Make what is missing of ``copies`` rounds and return their files, in order.

    A round is written beside its place and renamed, so a stopped run goes on where it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"sheets-{seed}-{copy:02d}.npz" for copy in range(copies)]
    missing = [copy for copy in range(copies) if not files[copy].exists()]
    if missing:
        backgrounds = backgrounds_of(fields.rgb, seed)
        context = multiprocessing.get_context("fork" if processes > 1 else None)
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            waiting = [
                pool.submit(_write_round, fields.rgb, backgrounds, files[copy], seed, copy)
                for copy in missing
            ]
            for done in waiting:
                done.result()
    return files


def _write_round(rgb: Bytes, backgrounds: Bytes, target: Path, seed: int, copy: int) -> None:
    sheets, shows = make_round(rgb, backgrounds, seed=seed, copy=copy)
    beside = target.with_suffix(".part.npz")
    np.savez(beside, sheets=sheets, shows=shows)
    beside.replace(target)
