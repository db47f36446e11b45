"""Synthetic whole slides: pyramids of a drawn smear, for tests and the demo; no patient's slide is needed.

A smear has a thick head, a monolayer, a feathered edge, empty glass, scratches and strips that are out of
focus. The same seed gives the same pixels. Memory stays bounded: levels are drawn band by band into temporary
files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.synthetic.blocks import cell_bank
from allstation.imaging.synthetic.pyramid import Pyramid, TileFormat
from allstation.imaging.synthetic.slide_dicom import write_dicom
from allstation.imaging.synthetic.slide_facts import Patient, SlideFacts
from allstation.imaging.synthetic.slide_tiff import write_svs, write_tiff
from allstation.imaging.synthetic.smear import (
    EDGE,
    GLASS,
    HEAD,
    MONOLAYER,
    Content,
    Layout,
    Toward,
    make_layout,
    white_sites,
)

__all__ = ["Content", "Patient", "SlideTruth", "Toward", "write_slide"]

Mask = NDArray[np.bool_]
SlideFormat = Literal["tiff", "svs", "dicom"]

_SIDES: Final = (512, 131_072)
_TILES: Final = (128, 256, 512)
_FACTORS: Final = {"tiff": 2, "svs": 4, "dicom": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideTruth:
    """Ground truth of a synthetic slide.

    Attributes:
        width: Pixels.
        height: Pixels.
        pixel_um: Micrometres a pixel, also if the file does not say so.
        square: Pixels of level 0 that a square of the masks is wide.
        monolayer: (rows, columns) bool: red cells side by side; also where it is out of focus.
        glass: (rows, columns) bool.
        head: (rows, columns) bool: red cells in layers.
        edge: (rows, columns) bool: few, flat red cells.
        blurred: (rows, columns) bool: strips out of focus.
        white_cells: (n, 2) float64, x and y, pixels of level 0.
    """

    width: int
    height: int
    pixel_um: float
    square: int
    monolayer: Mask
    glass: Mask
    head: Mask
    edge: Mask
    blurred: Mask
    white_cells: NDArray[np.float64]

    def share(self, mask: Mask, *, x: int, y: int, width: int, height: int) -> float:
        """Return the share of a rectangle of level 0 that lies in a mask, 0 to 1."""
        columns = np.clip(np.arange(x, x + width, 8) // self.square, 0, mask.shape[1] - 1)
        rows = np.clip(np.arange(y, y + height, 8) // self.square, 0, mask.shape[0] - 1)
        return float(mask[rows[:, None], columns].mean())


def write_slide(
    path: Path,
    *,
    seed: int,
    width: int,
    height: int,
    format: SlideFormat = "tiff",  # noqa: A002 - the word for it
    pixel_um: float = 0.25,
    tile: int = 256,
    quality: int = 85,
    toward: Toward = "right",
    content: Content = "smear",
    kind: str = "Pink",
    states_scale: bool = True,
    patient: Patient | None = None,
) -> SlideTruth:
    """Write a synthetic slide.

    Args:
        path: File that does not exist yet; for DICOM a folder of instances that does not exist or is empty.
        seed: Not negative; the same seed gives the same pixels.
        width: Pixels of level 0, 512 to 131,072.
        height: Pixels of level 0, the same.
        format: ``tiff``, tiled pyramid with JPEG, each level half of the one before; ``svs``, as Aperio's
            scanners write, with label and macro pictures; ``dicom``, VL Whole Slide Microscopy. Levels of
            these two are a quarter of the one before.
        pixel_um: Micrometres a pixel: 0.5 for 20x, 0.25 for 40x, 0.1 for 100x.
        tile: Side of tiles, pixels: 128, 256 or 512.
        quality: Of JPEG, 1 to 100.
        toward: Where the feathered edge lies.
        content: ``smear``; ``head``, thick everywhere; or ``empty``, glass alone.
        kind: Colours and cells: ``Pink``, or as fields of ``Benign``, ``Early``, ``Pre`` or ``Pro``.
        states_scale: Whether the file says its pixel size and objective.
        patient: Whom the file names; an invented person if None.

    Returns:
        What was drawn.

    Raises:
        StationError: ``not-written`` if the path is taken, or a size is not among those above.
    """
    _check(path, width, height, tile)
    layout = make_layout(seed, (width, height), pixel_um=pixel_um, toward=toward, content=content)
    bank = cell_bank(kind, seed, pixel_um)
    facts = SlideFacts(
        seed=seed,
        pixel_um=pixel_um if states_scale else None,
        tile=tile,
        quality=quality,
        patient=patient or Patient(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    form = TileFormat(tile=tile, quality=quality, factor=_FACTORS[format])
    with Pyramid(layout, bank, form, path.parent) as pyramid:
        _write(path, pyramid, facts, format)
    return _truth(layout)


def _write(path: Path, pyramid: Pyramid, facts: SlideFacts, form: SlideFormat) -> None:
    smallest = pyramid.draw()
    if form == "tiff":
        write_tiff(path, pyramid.levels, facts)
    elif form == "svs":
        write_svs(path, pyramid.levels, facts, smallest=smallest)
    else:
        write_dicom(path, pyramid.levels, facts, smallest=smallest)


def _check(path: Path, width: int, height: int, tile: int) -> None:
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        sentence = f"{shown_name(path)} is there already, so it is kept. Name a new file."
        raise StationError("not-written", sentence)
    if not all(_SIDES[0] <= side <= _SIDES[1] for side in (width, height)) or tile not in _TILES:
        sentence = (
            f"A slide of {width} x {height} pixels with tiles of {tile} cannot be drawn: sides of 512 to "
            f"{_SIDES[1]:,} pixels and tiles of 128, 256 or 512 are expected."
        )
        raise StationError("not-written", sentence)


def _truth(layout: Layout) -> SlideTruth:
    whites = white_sites(layout, 0, 0, layout.width, layout.height)
    return SlideTruth(
        width=layout.width,
        height=layout.height,
        pixel_um=layout.pixel_um,
        square=layout.square,
        monolayer=layout.square_mask(MONOLAYER),
        glass=layout.square_mask(GLASS),
        head=layout.square_mask(HEAD),
        edge=layout.square_mask(EDGE),
        blurred=layout.blurred_mask(),
        white_cells=np.column_stack([whites.x, whites.y]),
    )
