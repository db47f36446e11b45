"""Scale of a slide: by its file, by its objective, by its red cells, or assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allstation.core.known_sizes import KnownSize, SizeOrigin
from allstation.imaging.cells.scale import ScaleEstimate, estimate_scale, pooled_scale
from allstation.imaging.slides.map import darkness, overview
from allstation.imaging.slides.squares import Block, FieldSize, Grid, ReadsSlide, make_grid, read_block
from allstation.imaging.slides.stain import sample_blocks

USUAL_UM: Final = 0.25
"""Micrometres a pixel of most scanners' 40x."""
_ONE_X_UM: Final = 10.0
"""Micrometres a pixel times the objective's magnification, as scanners have it: 0.25 for 40x, 0.5 for 20x."""
LIKELY_UM: Final = (0.03, 5.0)
"""Micrometres a pixel of microscopes; a file that says others is not believed."""
_PLACES: Final = 24
_WIDER: Final = 2
"""Places that are looked at for red cells are so many fields wide and high."""
_FEWEST: Final = 25
_ENOUGH: Final = 300
"""Red cells that make an estimate at least, and that more need not be looked for."""
_FLAT: Final = 3.0
"""Standard deviation of green, grey levels, of a place that holds nothing to measure."""


@dataclass(frozen=True, slots=True)
class SlideScale:
    """Scale of a slide.

    Attributes:
        pixel_um: Micrometres a pixel of level 0.
        assumed: Whether the file does not say so.
        sentence: Where it comes from; nothing to say where the file states it.
    """

    pixel_um: float
    assumed: bool = False
    sentence: str = ""


def scale_by_person(known_size: KnownSize | None) -> SlideScale | None:
    """Return the scale that slide, case data or site say; None if none does, or what no microscope has."""
    if (
        known_size is None
        or known_size.origin is SizeOrigin.FILE
        or not LIKELY_UM[0] <= known_size.size <= LIKELY_UM[1]
    ):
        return None
    return SlideScale(
        known_size.size,
        sentence=f"A pixel is {known_size.size:.4g} µm wide, as the {known_size.origin} says.",
    )


def scale_of_slide(reader: ReadsSlide, known_size: KnownSize | None = None) -> SlideScale:
    """Return the scale of a slide: said, stated, else by the objective, by red cells, else 0.25 µm.

    Args:
        reader: Open slide.
        known_size: What counts for it by :class:`~allstation.core.known_sizes.KnownSizes`.
    """
    by_person = scale_by_person(known_size)
    if by_person is not None:
        return by_person
    info = reader.info
    stated = info.pixel_um
    if stated is not None and LIKELY_UM[0] <= stated <= LIKELY_UM[1]:
        return SlideScale(stated)
    first = (
        "The file does not say its pixel size"
        if stated is None
        else f"The file says {stated:.4g} µm a pixel, which no microscope has"
    )
    if info.objective is not None and LIKELY_UM[0] <= _ONE_X_UM / max(info.objective, 1) <= LIKELY_UM[1]:
        pixel_um = _ONE_X_UM / max(info.objective, 1)
        sentence = f"{first}; {pixel_um:.3g} µm is assumed, as is usual for {info.objective:g}x."
        return SlideScale(pixel_um, assumed=True, sentence=sentence)
    found = _by_red_cells(reader)
    if found is not None and found.red_cells >= _FEWEST:
        pixel_um = 1 / found.pixels_per_um
        sentence = (
            f"{first}; {pixel_um:.3g} µm is assumed, by the size of "
            f"{found.red_cells:,} red cells ({1 / found.high:.3g} to {1 / found.low:.3g} µm)."
        )
        return SlideScale(pixel_um, assumed=True, sentence=sentence)
    sentence = (
        f"{first}, and its red cells could not be measured; {USUAL_UM:g} µm is assumed, as is usual for 40x."
    )
    return SlideScale(USUAL_UM, assumed=True, sentence=sentence)


def _by_red_cells(reader: ReadsSlide) -> ScaleEstimate | None:
    """Estimate the scale from the red cells of places of every darkness."""
    grid = make_grid(reader.info, USUAL_UM, FieldSize())
    dark = darkness(overview(reader, grid))
    places = sample_blocks(grid, dark, count=_PLACES)
    estimates: list[ScaleEstimate] = []
    # Every third place first, so that few places speak for every darkness where they suffice.
    for place in (*places[::3], *places[1::3], *places[2::3]):
        rgb = read_block(reader, grid, _wider(grid, place), grid.width)
        if float(rgb[::4, ::4, 1].std()) < _FLAT:
            continue
        found = estimate_scale(rgb)
        estimates += [] if found is None else [found]
        if sum(one.red_cells for one in estimates) >= _ENOUGH:
            break
    return pooled_scale(estimates)


def _wider(grid: Grid, place: Block) -> Block:
    """Return a block about a place that is twice as wide and high, within the slide."""
    rows, columns = min(_WIDER * place.rows, grid.rows), min(_WIDER * place.columns, grid.columns)
    return Block(min(place.row, grid.rows - rows), min(place.column, grid.columns - columns), rows, columns)
