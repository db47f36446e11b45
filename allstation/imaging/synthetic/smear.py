"""Layout of a synthetic smear on a slide: thick head, monolayer, feathered edge, glass, scratches, blur.

Lengths along the smear are shares of the slide, so that a small test slide has every zone of a large one. The
layout is a coarse grid; cells sit on hashed lattices, so that any piece of a slide can be drawn alone and
equals the same piece of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]
Toward = Literal["right", "left", "up", "down"]
Content = Literal["smear", "head", "empty"]

GLASS, EDGE, MONOLAYER, HEAD = range(4)
"""Zones of the layout."""

_SIDE: Final = 400
"""Squares of the grid along the longer side."""
_HEAD_STARTS: Final = 0.05
_TIP: Final = 0.88
_LAYERS: Final = (
    (0.05, 2.6),
    (0.12, 4.0),
    (0.22, 3.4),
    (0.32, 1.5),
    (0.38, 0.88),
    (0.70, 0.42),
    (0.76, 0.3),
    (0.88, 0.16),
)
"""Layers of red cells (1 is a full lattice) along the smear, from the head to the tip."""
_MONOLAYER: Final = (0.38, 0.9)
_EDGE_MOST: Final = 0.31
_GAPS: Final = 0.42
"""Share of the feathered edge that is nearly bare."""
_MARGIN: Final = 0.03
"""Width of the thin margin along both sides, as a share of the slide."""
_MARGIN_ENDS: Final = 1.3
_HALF_WIDTH: Final = 0.42
_TAPERS: Final = 0.58
_WHITE_EVERY: Final = 50.0
"""Micrometres between the places where a white cell can be."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Scratch through the smear, in pixels of the slide."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of a smear.

    Attributes:
        seed: Of everything random.
        width: Pixels of the slide.
        height: Pixels of the slide.
        pixel_um: Micrometres a pixel.
        square: Pixels of the slide that a square of the grids is wide.
        zone: (rows, columns) uint8, one of ``GLASS``, ``EDGE``, ``MONOLAYER``, ``HEAD``.
        layers: (rows, columns) float32, layers of red cells; 1 is a full lattice.
        whites: (rows, columns) float32, chance of a white cell at each of its places.
        scratches: They hold no cells.
        blurred: Strips out of focus, as first and last pixel across the slide.
    """

    seed: int
    width: int
    height: int
    pixel_um: float
    square: int
    zone: NDArray[np.uint8]
    layers: Grid
    whites: Grid
    scratches: tuple[Scratch, ...]
    blurred: tuple[tuple[int, int], ...]

    def sample(self, grid: Grid, x: Points, y: Points) -> Points:
        """Interpolate a grid at places of the slide, pixels."""
        rows, columns = grid.shape
        across = np.clip(x / self.square - 0.5, 0, columns - 1.001)
        down = np.clip(y / self.square - 0.5, 0, rows - 1.001)
        left, top = across.astype(np.intp), down.astype(np.intp)
        right, low = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        a, b = across - left, down - top
        above = grid[top, left] * (1 - a) + grid[top, right] * a
        below = grid[low, left] * (1 - a) + grid[low, right] * a
        return np.asarray(above * (1 - b) + below * b)

    def square_mask(self, zone: int) -> Mask:
        """Return the squares of a zone."""
        return np.asarray(self.zone == zone)

    def blurred_mask(self) -> Mask:
        """Return the squares that are out of focus, also in part."""
        mask = np.zeros(self.zone.shape, bool)
        for first, last in self.blurred:
            mask[:, first // self.square : last // self.square + 1] = True
        return mask

    def is_empty(self, left: int, top: int, side: int, *, around: int) -> bool:
        """Tell whether a square piece of the slide, and so much around it, is glass alone."""
        rows, columns = (
            slice(max((start - around) // self.square - 1, 0), (start + side + around) // self.square + 2)
            for start in (top, left)
        )
        piece = self.layers[rows, columns]
        return not piece.size or float(piece.max()) <= 0


def make_layout(
    seed: int, size: tuple[int, int], *, pixel_um: float, toward: Toward = "right", content: Content = "smear"
) -> Layout:
    """Lay out a smear.

    Args:
        seed: Not negative.
        size: Width and height of the slide, pixels.
        pixel_um: Micrometres a pixel.
        toward: Where the feathered edge lies.
        content: ``smear``; ``head``, thick everywhere; or ``empty``, glass alone.
    """
    width, height = size
    rng = np.random.default_rng([seed, 24])
    square = max(1, -(-max(size) // _SIDE))
    columns, rows = -(-width // square), -(-height // square)
    lying = toward in ("right", "left")
    along, across = (columns, rows) if lying else (rows, columns)
    zone, layers = _zones(rng, along, across, content)
    density = 0.12 + 0.5 * float(rng.random()) ** 2
    whites = np.where(zone != GLASS, density * (0.3 + 1.4 * _cloud(rng, (across, along), 9)), 0.0)
    turned = [_turned(grid, toward) for grid in (zone, layers, whites.astype(np.float32))]
    return Layout(
        seed=seed,
        width=width,
        height=height,
        pixel_um=pixel_um,
        square=square,
        zone=turned[0].astype(np.uint8),
        layers=turned[1].astype(np.float32),
        whites=turned[2].astype(np.float32),
        scratches=_scratches(rng, size, pixel_um) if content != "empty" else (),
        blurred=_strips(rng, width) if content != "empty" else (),
    )


def _zones(
    rng: np.random.Generator, along: int, across: int, content: Content
) -> tuple[NDArray[np.uint8], Grid]:
    """Return zones and layers of a smear that lies with its edge to the right."""
    shape = across, along
    u = (np.arange(along) + 0.5) / along + 0.05 * (_cloud(rng, shape, 5) - 0.5)
    v = np.abs((np.arange(across) + 0.5)[:, None] / across - 0.5) + 0.02 * (_cloud(rng, shape, 12) - 0.5)
    if content == "empty":
        return np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    if content == "head":
        u = np.where(u < _HEAD_STARTS, u, 0.06 + 0.16 * u)
    taper = np.sqrt(np.clip(1 - ((u - _TAPERS) / (_TIP - _TAPERS)) ** 2, 0, 1))
    half = _HALF_WIDTH * np.where(u < _TAPERS, 1.0, taper)
    inside = (v < half) & (u > _HEAD_STARTS)
    starts, values = zip(*_LAYERS, strict=True)
    layers = np.interp(u, starts, values) * (1 + 0.16 * (_cloud(rng, shape, 14) - 0.5))
    fingers = _cloud(rng, shape, 60)
    margin = (half - v < _MARGIN) & (layers < _MARGIN_ENDS)
    thin = margin | (layers < _MONOLAYER[0])
    layers = np.where(thin, np.minimum(layers, _EDGE_MOST) * (0.25 + 0.75 * (fingers > _GAPS)), layers)
    zone = np.where(layers > _MONOLAYER[1], HEAD, MONOLAYER)
    zone = np.where(thin, EDGE, zone)
    return np.where(inside, zone, GLASS).astype(np.uint8), np.where(inside, layers, 0.0).astype(np.float32)


def _cloud(rng: np.random.Generator, shape: tuple[int, int], count: int) -> Grid:
    """Return smooth noise, 0 to 1, with about ``count`` lumps along the longer side."""
    longest = max(shape)
    small = [max(2, round(count * side / longest)) for side in shape]
    noise = cv2.resize(rng.random(small).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(noise, 0, 1).astype(np.float32)


def _turned(grid: NDArray[np.generic], toward: Toward) -> NDArray[np.generic]:
    if toward == "left":
        grid = grid[:, ::-1]
    elif toward == "down":
        grid = grid.T
    elif toward == "up":
        grid = grid.T[::-1]
    return np.ascontiguousarray(grid)


def _scratches(rng: np.random.Generator, size: tuple[int, int], pixel_um: float) -> tuple[Scratch, ...]:
    found = []
    for _ in range(2 + int(rng.random() * 4)):
        start, turn = rng.random(2) * size, (rng.random(2) - 0.5) * 1.4 * size
        end = start + turn
        width = (8 + 25 * rng.random()) / pixel_um
        found.append(
            Scratch((float(start[0]), float(start[1])), (float(end[0]), float(end[1])), float(width))
        )
    return tuple(found)


def _strips(rng: np.random.Generator, width: int) -> tuple[tuple[int, int], ...]:
    """Return strips of the scanner that are out of focus."""
    strips = []
    for _ in range(1 + int(rng.random() * 3)):
        first = int(rng.random() * width * 0.9)
        strips.append((first, first + int(width * (0.03 + 0.03 * rng.random()))))
    return tuple(strips)


@dataclass(frozen=True, slots=True)
class Sites:
    """Cells in a piece of a slide.

    Attributes:
        x: (n,) float64, pixels of the slide.
        y: (n,) float64.
        pick: (n,) uint16, a random number of the cell.
    """

    x: Points
    y: Points
    pick: NDArray[np.int64]

    def where(self, mask: Mask) -> Sites:
        """Return the cells of a mask."""
        return Sites(self.x[mask], self.y[mask], self.pick[mask])


def white_sites(layout: Layout, left: int, top: int, right: int, bottom: int) -> Sites:
    """Return the white cells in a rectangle of the slide, pixels, the last column and row excluded."""
    pitch = _WHITE_EVERY / layout.pixel_um
    sites, chance = _lattice(layout.seed, 100, (left, top, right, bottom), pitch=pitch, jitter=0.3)
    return sites.where(chance < layout.sample(layout.whites, sites.x, sites.y))


def red_sites(
    layout: Layout, box: tuple[int, int, int, int], *, pitch: float, layer: int
) -> tuple[Sites, Points]:
    """Return one layer of red cells in a rectangle of the slide, and the layers where each lies.

    Args:
        layout: Of the slide.
        box: Left, top, right and bottom, pixels.
        pitch: Pixels between neighbours of a full lattice.
        layer: From 0; each layer starts where the one below is nearly full, and fades where the smear is so
            thick that no cell can be told from others.
    """
    sites, chance = _lattice(layout.seed, layer, box, pitch=pitch, jitter=0.2)
    depth = layout.sample(layout.layers, sites.x, sites.y)
    here = np.clip(depth - 0.85 * layer, 0, 1) * np.clip(3.2 - depth, 0 if layer else 0.5, 1)
    kept = chance < here
    return sites.where(kept), depth[kept]


def _lattice(
    seed: int, layer: int, box: tuple[int, int, int, int], *, pitch: float, jitter: float
) -> tuple[Sites, Points]:
    """Return the places of a shaken hexagonal lattice in a rectangle, and a number from 0 to 1 of each."""
    left, top, right, bottom = box
    step = pitch * np.sqrt(3) / 2
    rows = np.arange(int(top / step) - 2, int(bottom / step) + 3)
    columns = np.arange(int(left / pitch) - 2, int(right / pitch) + 3)
    row, column = (one.ravel() for one in np.meshgrid(rows, columns, indexing="ij"))
    numbers = _hashed(seed, layer, row, column)
    chance, a, b, pick = (
        (numbers >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16, 32, 48)
    )
    shift = 0.37 * layer % 1
    x = (column + 0.5 * (row & 1) + shift + (a / 65536 - 0.5) * 2 * jitter) * pitch
    y = row * step + (shift + (b / 65536 - 0.5) * 2 * jitter) * pitch
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return Sites(x[inside], y[inside], pick[inside]), chance[inside] / 65536


def _hashed(seed: int, layer: int, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a random number of each place of a lattice (Steele et al. 2014, OOPSLA: SplitMix64)."""
    start = np.array(
        [(seed * 0x9E3779B97F4A7C15 + layer * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF], np.uint64
    )
    mixed = start + row.astype(np.uint64) * np.uint64(0x8CB92BA72F3D8DD7)
    mixed = _mixed(mixed) + column.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return _mixed(mixed)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
