"""Proposal of fields on a whole slide: places in the monolayer, where red cells lie side by side.

How it looks, step by step; every length is in micrometres, so that 20x, 40x and 100x are the same:

1. *Scale* (``scale``). What a person says of slide or case, the file, the site; else by the
   objective (10 µm / magnification), by the red cells of 24 places (median diameter 7.2 µm), 0.25 µm. What
   was assumed is said.
2. *Squares* (``squares``). Four wide and three high make a field of 112.5 x 84.4 µm, the area that the
   shipped model saw in one (450 x 338 pixels at 0.25 µm); other models say their own.
3. *Stain* (``stain``). 24 places of every darkness, 0.44 µm a pixel, tell the colour of bare glass, the
   density of one layer of red cells, and the level from which on a pixel is a nucleus. Where no place shows
   cells with bare glass between them, in each of its quarters, there is no monolayer.
4. *Map* (``map``). An overview of 14 µm a pixel tells glass and thickness; all between is read at about
   1.4 µm a pixel. Of each square: layers of red cells (mean density over that of one layer), share of bare
   glass, nuclei of at least 18 µm², fine structure against contrast (focus), density of what is stained.
5. *Zones* (``zones``), each square with its neighbours, 140 x 140 µm: glass is 93 % bare; thick are
   more than 0.8 layers or less than 14 % bare; the feathered edge has fewer than 0.66 of this smear's median
   layers; out of focus is below 0.55 of the sharpest quarter; the rest is monolayer. A square's score is the
   product of four figures from 0 to 1: layers (best from 0.92 of the median to 0.6 layers), focus, evenness
   (standard deviation over mean below 0.45), distance from glass (best from 400 µm, or 0.4 of the deepest
   place of a small smear).
6. *Fields* (``field_choice``). A field lies in the monolayer whole, over no scratch. Its score is the mean of
   its squares', times 0.6 without white cells up to 1 with three. The best come first; each keeps a distance
   from those before it, as large as lets all find room, and moves by up to half a square where that cuts
   fewer white cells.
7. *Second look* (``field_check``), 0.44 µm a pixel: fields that are less sharp than others, or have a gap as
   a scratch leaves, fall out; and the red cells must have the size of red cells, or the slide is no smear.

Nothing is random: the same slide gives the same fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.known_sizes import KnownSize
from allstation.core.slide_part import Region
from allstation.imaging.slides.field_check import is_smear, sound_fields
from allstation.imaging.slides.field_choice import Choice, choose_fields
from allstation.imaging.slides.map import Plane, SlideMap, darkness, map_slide, overview
from allstation.imaging.slides.scale import SlideScale, scale_of_slide
from allstation.imaging.slides.squares import ACROSS, DOWN, FieldSize, Grid, ReadsSlide, Rgb, make_grid
from allstation.imaging.slides.stain import FINE
from allstation.imaging.slides.zones import GLASS, THICK, Zones, zone_slide

__all__ = ["FieldSize", "PlanMap", "SlidePlan", "everything", "fill", "find_fields_of_slide"]

DEFAULT_FIELDS: Final = 200
_MORE: Final = 1.2
"""Times as many fields get a second look."""
_THREADS: Final = 2
_STAINED: Final = 3.0
"""Grey levels by which a field is darker than glass, at least, to hold anything."""
_SPOT: Final = 8.0
"""The same of one square."""
_GLASS: Final = 65.0
"""Darkness of bare glass, at most."""
_USUAL_GLASS: Final = 13.0
_MM2: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMap:
    """Measurements of a slide, (rows, columns) of squares from its upper left corner.

    Attributes:
        square: Width and height of a square, pixels of level 0.
        overlap: float32, layers of red cells: 0.3 to 0.7 in a monolayer, above 1 in the thick head.
        whites: float32, white cells per square millimetre, by squares of 140 x 140 µm.
        focus: float32, sharpness against the sharpest quarter, 0 to 1.
        stain: float32, mean optical density of what is stained.
        score: float32, 0 to 1, how good a place each square is.
        kind: uint8, ``GLASS``, ``EDGE``, ``MONOLAYER``, ``THICK`` or ``BLURRED`` of ``zones``.
    """

    square: tuple[int, int]
    overlap: Plane
    whites: Plane
    focus: Plane
    stain: Plane
    score: Plane
    kind: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePlan:
    """Fields that are proposed on a slide.

    Attributes:
        regions: Of level 0, the best first; none overlaps another.
        scores: Of each, 0 to 1.
        map: What was measured.
        pixel_um: Micrometres a pixel of level 0 that sizes follow from.
        assumed_pixel_um: The same if the file does not say it, else None.
        sentence: What a person should know: how many fields, what was assumed, why there are none.
    """

    regions: tuple[Region, ...]
    scores: tuple[float, ...]
    map: PlanMap
    pixel_um: float
    assumed_pixel_um: float | None
    sentence: str


def find_fields_of_slide(
    reader: ReadsSlide,
    *,
    count: int = DEFAULT_FIELDS,
    field: FieldSize | None = None,
    known_size: KnownSize | None = None,
) -> SlidePlan:
    """Propose fields in the monolayer of a slide.

    Args:
        reader: Open slide; two threads read at once.
        count: How many at most.
        field: Size of a field; that of the shipped model's if None.
        known_size: Pixel size that counts for the slide; found out if None.

    Returns:
        The fields, the best first: none if there is no monolayer, and a sentence that says why.

    Raises:
        StationError: If the slide cannot be read.
    """
    size = field or FieldSize()
    scale = scale_of_slide(reader, known_size)
    grid = make_grid(reader.info, scale.pixel_um, size)
    whole = overview(reader, grid)
    found = map_slide(reader, grid, whole)
    if found is None:
        return _plan([], _map_of_nothing(grid, whole), scale, "No place shows red cells side by side.")
    zones = zone_slide(found)
    chosen = choose_fields(found, zones.fields, int(count * _MORE) + 1)
    shown = _map(found, zones)
    if not chosen:
        return _plan([], shown, scale, "Red cells lie in layers, are too few, or are out of focus.")
    looked = _second_look(reader, grid, chosen)
    if not is_smear(looked, FINE / grid.square_um):
        return _plan([], shown, scale, "What is stained has not the size and shape of red cells.")
    kept = sound_fields(looked, FINE / grid.square_um)
    return _plan([one for one, sound in zip(chosen, kept, strict=True) if sound][:count], shown, scale, "")


def everything(
    reader: ReadsSlide, *, field: FieldSize | None = None, pixel_um: float | None = None
) -> Iterator[Region]:
    """Yield a field for all that is stained, row by row, side by side.

    Args:
        reader: Open slide.
        field: Size of a field; that of the shipped model's if None.
        pixel_um: Micrometres a pixel of level 0; found out if None.
    """
    grid = make_grid(reader.info, pixel_um or scale_of_slide(reader).pixel_um, field or FieldSize())
    dark = darkness(overview(reader, grid))
    dark = dark - np.float32(_glass_darkness(dark))
    rows, columns = grid.rows // DOWN, grid.columns // ACROSS
    squares = dark[: rows * DOWN, : columns * ACROSS].reshape(rows, DOWN, columns, ACROSS)
    stained = (squares.mean(axis=(1, 3)) > _STAINED) | (squares.max(axis=(1, 3)) > _SPOT)
    width, height = grid.field
    for row, column in zip(*np.nonzero(stained), strict=True):
        yield Region(level=0, x=int(column) * width, y=int(row) * height, width=width, height=height)


def fill(
    reader: ReadsSlide,
    polygon: Sequence[tuple[float, float]],
    *,
    field: FieldSize | None = None,
    pixel_um: float | None = None,
) -> tuple[Region, ...]:
    """Return fields side by side whose middles lie in a polygon, row by row.

    Args:
        reader: Open slide.
        polygon: Corners as x and y, pixels of level 0; at least three. It may reach beyond the slide.
        field: Size of a field; that of the shipped model's if None.
        pixel_um: Micrometres a pixel of level 0; found out if None.
    """
    info = reader.info
    grid = make_grid(info, pixel_um or scale_of_slide(reader).pixel_um, field or FieldSize())
    corners = np.asarray(polygon, np.float32).reshape(-1, 1, 2)
    width, height = grid.field
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    left, top = (max(0, int(one)) for one in low)
    right, bottom = min(float(high[0]), info.width), min(float(high[1]), info.height)
    found = []
    for y in range(top, min(int(bottom), info.height - height + 1), height):
        for x in range(left, min(int(right), info.width - width + 1), width):
            if cv2.pointPolygonTest(corners, (x + width / 2, y + height / 2), measureDist=False) >= 0:
                found.append(Region(level=0, x=x, y=y, width=width, height=height))
    return tuple(found)


def _glass_darkness(dark: Plane) -> float:
    """Return the darkness of bare glass; the scanner's usual white where there is none."""
    palest = float(np.quantile(dark, 0.02))
    return palest if palest <= _GLASS else _USUAL_GLASS


def _second_look(reader: ReadsSlide, grid: Grid, chosen: list[Choice]) -> list[Rgb]:
    """Read the chosen fields at 0.44 µm a pixel."""
    level = reader.info.level_for(max(grid.width / FINE, 1.0))
    downsample = reader.info.levels[level].downsample
    width, height = (max(1, round(side / downsample)) for side in grid.field)
    size = ACROSS * FINE, DOWN * FINE

    def read(one: Choice) -> Rgb:
        rgb = reader.read(Region(level=level, x=one.x, y=one.y, width=width, height=height))
        return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(read, chosen))


def _plan(chosen: list[Choice], shown: PlanMap, scale: SlideScale, why: str) -> SlidePlan:
    width, height = shown.square[0] * ACROSS, shown.square[1] * DOWN
    if chosen:
        count = f"{len(chosen):,} field" + ("s" if len(chosen) > 1 else "")
        size = f"{width * scale.pixel_um:.0f} x {height * scale.pixel_um:.0f} µm"
        first = f"{count} of {size} lie where red cells lie side by side."
    else:
        first = (
            f"No monolayer was found on this slide: {why[:1].lower()}{why[1:]} Draw a region to look at it."
        )
    return SlidePlan(
        regions=tuple(Region(level=0, x=one.x, y=one.y, width=width, height=height) for one in chosen),
        scores=tuple(one.score for one in chosen),
        map=shown,
        pixel_um=scale.pixel_um,
        assumed_pixel_um=scale.pixel_um if scale.assumed else None,
        sentence=f"{first} {scale.sentence}".strip(),
    )


def _map(found: SlideMap, zones: Zones) -> PlanMap:
    grid = found.grid
    area = grid.width * grid.height * grid.pixel_um**2 / _MM2
    whites = cv2.blur(found.whites, (5, 5), borderType=cv2.BORDER_REPLICATE) / np.float32(area)
    return PlanMap(
        square=(grid.width, grid.height),
        overlap=found.layers,
        whites=np.asarray(whites, np.float32),
        focus=zones.focus,
        stain=found.stain,
        score=zones.score,
        kind=zones.kind,
    )


def _map_of_nothing(grid: Grid, whole: Rgb) -> PlanMap:
    """Return the map of a slide without a monolayer: glass, and what is stained."""
    dark = darkness(whole)
    empty = np.zeros(dark.shape, np.float32)
    stained = dark - _glass_darkness(dark) > _SPOT
    return PlanMap(
        square=(grid.width, grid.height),
        overlap=empty,
        whites=empty,
        focus=empty,
        stain=empty,
        score=empty,
        kind=np.where(stained, THICK, GLASS).astype(np.uint8),
    )
