"""Stain of a slide's smear, learned from samples: bare glass, one layer of red cells, what is purple."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.nuclear_stain import EMPTY, nuclear_axis, otsu, stain_maps
from allstation.imaging.cells.nuclei import nuclear_level
from allstation.imaging.cells.segmentation import background_colour
from allstation.imaging.slides.squares import ACROSS, DOWN, Block, Grid, ReadsSlide, Rgb, read_block

FINE: Final = 64
"""Pixels a square that samples are read with: 0.44 µm a pixel."""
WORK: Final = 20
"""Pixels a square that a slide is measured with: 1.4 µm a pixel."""
WORK_BLUR: Final = 0.6
_SAMPLES: Final = 24
_FINE_BLUR: Final = 0.8
_GLASS: Final = 190.0
"""Bare glass is at least so bright in green; where nothing is, the scanner's usual white is taken for it."""
_USUAL_GLASS: Final = (242.0, 242.0, 242.0)
_BARE: Final = (0.12, 0.95)
"""Share of each quarter of a sample that is bare where red cells lie side by side."""
_CONTRAST: Final = 0.35
"""Density of what is bare against that of what is stained, at most."""
_FAINTEST: Final = 6
"""Density of one layer of red cells, at least; 128 is an optical density of 1."""


@dataclass(frozen=True, slots=True)
class SmearStain:
    """Stain of a smear.

    Attributes:
        background: (3,) colour of bare glass, RGB.
        axis: (3,) weights of optical density that red cells come out of as zero.
        red: Density of one layer of red cells, in units of ``StainMaps.density`` above ``EMPTY``.
        nuclear: Level of ``StainMaps.nuclear`` from which on a pixel is a nucleus.
    """

    background: NDArray[np.float64]
    axis: NDArray[np.float32]
    red: float
    nuclear: float


def learn_stain(reader: ReadsSlide, grid: Grid, darkness: NDArray[np.float32]) -> SmearStain | None:
    """Learn the stain from samples of every darkness.

    Args:
        reader: Open slide.
        grid: Of its squares.
        darkness: (rows, columns) of each square in an overview; the larger, the darker.

    Returns:
        None if no sample shows cells with bare glass between them.
    """
    samples = [read_block(reader, grid, block, FINE) for block in sample_blocks(grid, darkness)]
    if not samples:
        return None
    background = _glass(samples)
    cellular, levels = [], []
    for rgb in samples:
        level = _red_level(rgb, background)
        if level is not None:
            cellular.append(rgb)
            levels.append(level)
    if not levels:
        return None
    montage = np.vstack(cellular)
    axis = nuclear_axis(montage, background)
    size = montage.shape[1] * WORK // FINE, montage.shape[0] * WORK // FINE
    small = np.asarray(cv2.resize(montage, size, interpolation=cv2.INTER_AREA), np.uint8)
    nuclear = nuclear_level(stain_maps(small, blur=WORK_BLUR, background=background, axis=axis).nuclear)
    return SmearStain(background, axis, float(np.median(levels)), nuclear)


def sample_blocks(grid: Grid, darkness: NDArray[np.float32], *, count: int = _SAMPLES) -> list[Block]:
    """Return places of a field's size, evenly spread over the order of darkness, each once."""
    tops, lefts = max(1, grid.rows - DOWN + 1), max(1, grid.columns - ACROSS + 1)
    mean = cv2.boxFilter(darkness, -1, (ACROSS, DOWN), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    # Whole fields apart from each other.
    lattice = np.asarray(mean)[0:tops:DOWN, 0:lefts:ACROSS]
    order = np.argsort(lattice, axis=None, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(np.intp))]
    rows, columns = np.unravel_index(chosen, lattice.shape)
    size = min(DOWN, grid.rows), min(ACROSS, grid.columns)
    return [
        Block(int(row) * DOWN, int(column) * ACROSS, *size) for row, column in zip(rows, columns, strict=True)
    ]


def _glass(samples: list[Rgb]) -> NDArray[np.float64]:
    """Return the colour of bare glass: the median of the palest quarter of the samples' backgrounds."""
    found = np.array(sorted((background_colour(rgb) for rgb in samples), key=lambda one: float(one[1])))
    palest = np.median(found[-max(1, len(found) // 4) :], axis=0)
    return np.asarray(palest if palest[1] >= _GLASS else _USUAL_GLASS, np.float64)


def _red_level(rgb: Rgb, background: NDArray[np.float64]) -> float | None:
    """Return the density of what is stained in a sample; None if no bare glass lies between."""
    maps = stain_maps(rgb, blur=_FINE_BLUR, background=background)
    density = maps.density.astype(np.int16) - EMPTY
    stained = density > otsu(maps.density) - EMPTY
    bare = 1 - cv2.resize(stained.astype(np.float32), (2, 2), interpolation=cv2.INTER_AREA)
    # In every quarter: glass beside a thick smear has both too.
    if float(bare.min()) < _BARE[0] or float(bare.max()) > _BARE[1]:
        return None
    red = stained & (maps.nuclear < nuclear_level(maps.nuclear))
    if not red.any():
        return None
    level, empty = float(np.median(density[red])), float(np.median(density[~stained]))
    return level if level >= _FAINTEST and empty <= _CONTRAST * level else None
