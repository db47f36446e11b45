"""Map of a slide: layers of red cells, bare glass, white cells, focus and stain of every square.

Squares are a quarter of a field wide and a third of it high, about 28 µm. An overview tells glass and the
thick head, the rest is measured at 1.4 µm a pixel. Density is absorbed light, so that its mean over a square
tells how many red cells lie above each other, however coarse the pixels are: mean density over the density of
one layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.nuclear_stain import DENSITY_UNIT, EMPTY, stain_maps
from allstation.imaging.slides.squares import Block, Grid, ReadsSlide, Rgb, blocks_of, read_block
from allstation.imaging.slides.stain import WORK, WORK_BLUR, SmearStain, learn_stain

Plane = NDArray[np.float32]

OVERVIEW: Final = 2
"""Pixels a square that the overview is read with: 14 µm a pixel."""
_THREADS: Final = 2
_NOTHING: Final = 0.06
"""Layers of a square of glass in the overview, at most."""
_TOO_THICK: Final = 1.7
"""Layers from which on a square of the overview needs no second look."""
_BARE: Final = 0.35
"""Share of one layer's density below which a pixel is bare."""
_CLIP: Final = 2.5
"""Layers that a pixel counts for at most: dirt and ink are no red cells."""
_WHITE_UM2: Final = 18.0
"""Square micrometres of a nucleus at least; platelets are smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideMap:
    """Map of a slide, (rows, columns) of the grid.

    Attributes:
        grid: The squares.
        layers: float32, mean number of red cells above each other; 0 is bare, 0.3 to 0.7 a monolayer.
        bare: float32, share of the square that is bare, 0 to 1.
        whites: float32, white cells per square.
        sharp: float32, fine structure against contrast; larger is sharper, 0 where nothing was measured.
        stain: float32, mean optical density of what is stained.
        white_cells: (n, 3) float32, x, y and radius of each nucleus, pixels of level 0.
    """

    grid: Grid
    layers: Plane
    bare: Plane
    whites: Plane
    sharp: Plane
    stain: Plane
    white_cells: Plane


def overview(reader: ReadsSlide, grid: Grid) -> Rgb:
    """Return the whole slide, 2 pixels a square: (2 * rows, 2 * columns, 3) uint8."""
    whole = np.empty((grid.rows * OVERVIEW, grid.columns * OVERVIEW, 3), np.uint8)
    for block in blocks_of(reader.info, grid, OVERVIEW):
        top, left = block.row * OVERVIEW, block.column * OVERVIEW
        rows, columns = block.rows * OVERVIEW, block.columns * OVERVIEW
        whole[top : top + rows, left : left + columns] = read_block(reader, grid, block, OVERVIEW)
    return whole


def darkness(whole: Rgb) -> Plane:
    """Return how dark each square of an overview is: 255 less its green, (rows, columns) float32."""
    green = np.ascontiguousarray(whole[..., 1])
    size = whole.shape[1] // OVERVIEW, whole.shape[0] // OVERVIEW
    return np.float32(255) - cv2.resize(green, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def map_slide(reader: ReadsSlide, grid: Grid, whole: Rgb) -> SlideMap | None:
    """Map a slide; None if no place shows cells with bare glass between them.

    Args:
        reader: Open slide; two threads read at once.
        grid: Of its squares.
        whole: Its ``overview``.
    """
    stain = learn_stain(reader, grid, darkness(whole))
    if stain is None:
        return None
    rough = _rough_layers(whole, stain)
    shape = grid.rows, grid.columns
    planes = {name: np.zeros(shape, np.float32) for name in ("whites", "sharp", "stain")}
    planes["layers"], planes["bare"] = rough, (rough <= _NOTHING).astype(np.float32)
    cells: list[Plane] = []
    wanted = [block for block in blocks_of(reader.info, grid, WORK) if _is_worth(rough, block)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for block, (measured, found) in zip(wanted, _in_turn(pool, reader, grid, stain, wanted), strict=True):
            rows = slice(block.row, block.row + block.rows)
            columns = slice(block.column, block.column + block.columns)
            for name, values in measured.items():
                planes[name][rows, columns] = values
            cells.append(found)
    return SlideMap(grid=grid, white_cells=np.vstack([np.empty((0, 3), np.float32), *cells]), **planes)


Measured = tuple[dict[str, Plane], Plane]


def _in_turn(
    pool: ThreadPoolExecutor, reader: ReadsSlide, grid: Grid, stain: SmearStain, blocks: list[Block]
) -> Iterator[Measured]:
    """Measure blocks on threads, never more than a few at once, and yield them in order."""
    waiting = []
    for block in blocks:
        waiting.append(pool.submit(_measure, reader, grid, stain, block))
        if len(waiting) > 2 * _THREADS:
            yield waiting.pop(0).result()
    for one in waiting:
        yield one.result()


def _rough_layers(whole: Rgb, stain: SmearStain) -> Plane:
    maps = stain_maps(whole, blur=0.5, background=stain.background, axis=stain.axis)
    density = np.clip(maps.density.astype(np.float32) - EMPTY, 0, None) / np.float32(stain.red)
    size = whole.shape[1] // OVERVIEW, whole.shape[0] // OVERVIEW
    return np.asarray(cv2.resize(density, size, interpolation=cv2.INTER_AREA), np.float32)


def _is_worth(rough: Plane, block: Block) -> bool:
    """Tell whether a block holds anything between glass and thickness."""
    piece = rough[block.row : block.row + block.rows, block.column : block.column + block.columns]
    return bool(np.any((piece > _NOTHING) & (piece < _TOO_THICK)))


def _measure(reader: ReadsSlide, grid: Grid, stain: SmearStain, block: Block) -> Measured:
    """Measure a block of squares; the nuclei in it come with it."""
    rgb = read_block(reader, grid, block, WORK)
    maps = stain_maps(rgb, blur=WORK_BLUR, background=stain.background, axis=stain.axis)
    density = np.clip(maps.density.astype(np.float32) - EMPTY, 0, _CLIP * stain.red)
    nuclear = np.asarray(maps.nuclear > stain.nuclear)
    red = np.where(nuclear, np.float32(0), density)
    beside = np.maximum(1 - _mean(nuclear, block), np.float32(0.2))
    stained = ~nuclear & (density >= _BARE * stain.red)
    covered = _mean(stained, block)
    fine = _mean(np.square(cv2.Laplacian(density, cv2.CV_32F)), block)
    mean = _mean(density, block)
    contrast = np.maximum(_mean(np.square(density), block) - np.square(mean), np.float32(1))
    cells = _nuclei(nuclear, grid, block)
    planes = {
        "layers": _mean(red, block) / beside / np.float32(stain.red),
        "bare": 1 - covered - _mean(nuclear, block),
        "whites": _counted(cells, grid, block),
        "sharp": np.sqrt(fine / contrast),
        "stain": _mean(red * stained, block)
        / np.maximum(covered, np.float32(0.01))
        / np.float32(DENSITY_UNIT),
    }
    return planes, cells


def _mean(values: NDArray[np.generic], block: Block) -> Plane:
    """Return the mean of each square."""
    plane = np.asarray(values, np.float32)
    return np.asarray(
        cv2.resize(plane, (block.columns, block.rows), interpolation=cv2.INTER_AREA), np.float32
    )


def _nuclei(nuclear: NDArray[np.bool_], grid: Grid, block: Block) -> Plane:
    """Return x, y and radius of the nuclei, pixels of level 0."""
    _, _, table, middles = cv2.connectedComponentsWithStats(nuclear.view(np.uint8), connectivity=8)
    areas = table[1:, cv2.CC_STAT_AREA].astype(np.float32)
    across, down = grid.width / WORK, grid.height / WORK
    large = areas * across * down * grid.pixel_um**2 >= _WHITE_UM2
    places = (middles[1:][large] + 0.5) * (across, down) + (
        block.column * grid.width,
        block.row * grid.height,
    )
    radius = np.sqrt(areas[large] * across * down / np.pi)
    return np.column_stack([places, radius]).astype(np.float32)


def _counted(cells: Plane, grid: Grid, block: Block) -> Plane:
    """Count nuclei by square."""
    counts = np.zeros((block.rows, block.columns), np.float32)
    rows = np.clip(cells[:, 1] // grid.height - block.row, 0, block.rows - 1).astype(np.intp)
    columns = np.clip(cells[:, 0] // grid.width - block.column, 0, block.columns - 1).astype(np.intp)
    np.add.at(counts, (rows, columns), 1)
    return counts
