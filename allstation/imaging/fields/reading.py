"""Reading of a field at the scale of a model: its picture, its scale, and how much of the smear it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.known_sizes import NO_SLIDE, NOTHING_KNOWN, KnownSizes
from allstation.core.site import ScaleSource
from allstation.imaging.cells.finder import is_own_frame
from allstation.imaging.cells.nuclear_stain import stain_maps
from allstation.imaging.cells.scale import ScaleEstimate, estimate_scale, quick_scale, scale_from_nuclei
from allstation.imaging.fields.file import FieldFile
from allstation.imaging.fields.scale import FieldScale, by_red_cells, estimated_scale, stated_scale
from allstation.imaging.formats.pixel_conversions import squash

Rgb = NDArray[np.uint8]

ALIKE: Final = 1.5
"""How many times wider or narrower a field may be than those a model learned from. Of 38 fields of its own
laboratory, by their own red cells, the narrowest is 0.71 and the widest 1.17 times the usual."""
_TRUSTED: Final = 6
"""Red cells whose median needs no second witness."""
_BLUR: Final = 0.3
"""Micrometres that a field is smoothed by before its stain is looked at."""
_CLEAR: Final = 2.0
"""Pixels per micrometre from which red cells are measured well."""


class View(Enum):
    """Area of the smear that a field shows, against those a model learned from."""

    LESS = "less"
    ALIKE = "alike"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class FieldReading:
    """Field as a model is to see it.

    Attributes:
        sampled: (H, W, 3) uint8, the picture that the network's pixels are sampled from.
        network_rgb: (h, w, 3) uint8, the network's pixels.
        view: How much of the smear it shows.
        scale: Scale of the file; None where it is not known.
        cells_scale: The scale that cells are to be found at; None where the finder is to look for itself.
    """

    sampled: Rgb
    network_rgb: Rgb
    view: View
    scale: FieldScale | None
    cells_scale: FieldScale | None


def read_at_scale(
    file: FieldFile,
    size: tuple[int, int],
    *,
    own: float | None,
    sizes: KnownSizes = NOTHING_KNOWN,
    slide: int = NO_SLIDE,
) -> FieldReading:
    """Read a field for a model.

    A frame of exactly the network's size is measured by what is stated of it, never by its red cells.

    Args:
        file: The field's file.
        size: Height and width of the network's pixels.
        own: Pixels per micrometre at that size of the fields that the model learned from; None if nobody
            knows, then every field is taken for one of them.
        sizes: What slides, case data and site say of pixel sizes.
        slide: Id of the field's slide.

    Raises:
        StationError: If the file cannot be read as a field.
    """
    header, sampled = file.header, file.shrunk(size)
    network_rgb = squash(sampled, size)
    scale = stated_scale(file, sizes, slide=slide)
    if scale is not None:
        return FieldReading(sampled, network_rgb, _view(file, size, scale, own), scale, scale)
    if own is None or (header.height, header.width) == size or _is_own(file, network_rgb, own):
        return FieldReading(sampled, network_rgb, View.ALIKE, None, None)
    estimate = _estimate(file, sampled)
    scale = by_red_cells(estimate) if estimate is not None else _by_nuclei(file, sampled)
    view = _view(file, size, scale, own)
    trusted = estimate is not None and (estimate.red_cells >= _TRUSTED or view is View.MORE)
    return FieldReading(sampled, network_rgb, view, scale, scale if trusted else None)


def _is_own(file: FieldFile, network_rgb: Rgb, own: float) -> bool:
    """Tell by the first red cells whether a frame of the size of the model's own has their scale."""
    if not is_own_frame(file.header.width, file.header.height):
        return False
    quick = quick_scale(stain_maps(network_rgb, blur=_BLUR * own))
    return quick is not None and 1 / ALIKE <= quick / own <= ALIKE


def _view(file: FieldFile, size: tuple[int, int], scale: FieldScale | None, own: float | None) -> View:
    if scale is None or own is None:
        return View.ALIKE
    side = math.sqrt(file.header.width * file.header.height) / (math.sqrt(size[0] * size[1]) / own)
    # A guess from nuclei says something only where its whole interval does: blasts have large ones.
    guessed = scale.source is ScaleSource.NUCLEI
    finest, coarsest = (scale.high, scale.low) if guessed else (scale.pixels_per_um, scale.pixels_per_um)
    if side / finest > ALIKE:
        return View.MORE
    return View.LESS if side / coarsest < 1 / ALIKE else View.ALIKE


def _estimate(file: FieldFile, sampled: Rgb) -> ScaleEstimate | None:
    """Estimate the scale of the file; decoded once more only where red cells are too small in the picture."""
    found = estimate_scale(sampled)
    larger = math.sqrt(file.header.width * file.header.height / (sampled.shape[0] * sampled.shape[1]))
    clear = found is not None and found.red_cells >= _TRUSTED and found.pixels_per_um >= _CLEAR
    if larger > 1 and not clear:
        return estimated_scale(file)
    if found is None:
        return None
    return ScaleEstimate(
        found.pixels_per_um * larger, found.low * larger, found.high * larger, found.red_cells
    )


def _by_nuclei(file: FieldFile, sampled: Rgb) -> FieldScale | None:
    """Guess the scale from nuclei, within a third, where red cells tell nothing."""
    guess = scale_from_nuclei(sampled)
    if guess is None:
        return None
    scale = guess * math.sqrt(file.header.width * file.header.height / (sampled.shape[0] * sampled.shape[1]))
    return FieldScale(scale, scale / 1.33, scale * 1.33, ScaleSource.NUCLEI)
