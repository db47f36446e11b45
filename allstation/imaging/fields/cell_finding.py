"""Cells of a field's file: found in one decoding of it, placed in pixels of the file, with their support."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.cells import CellOutline, NewCell
from allstation.core.records import EvidenceMap
from allstation.imaging.cells.finder import OWN_SCALE, DetectedCell, find_cells, is_own_frame
from allstation.imaging.cells.masks import encode_mask
from allstation.imaging.fields.file import FieldFile
from allstation.imaging.fields.scale import FieldScale

Rgb = NDArray[np.uint8]

_FINE: Final = 2.0
"""Pixels a micrometre from which a lymphocyte of 7 µm is large enough to be told from a platelet."""
_SIDE: Final = 112
"""Rows and columns, at most, to which the evidence map is interpolated before it is pooled over cells."""
_BYTE: Final = 255


def find_in_file(
    file: FieldFile,
    sampled: Rgb,
    network_rgb: Rgb,
    evidence: EvidenceMap | None,
    *,
    familiar: bool = False,
    scale: FieldScale | None = None,
) -> tuple[NewCell, ...]:
    """Find the cells of a field.

    A field that is like those the shipped model learned from, in a frame of their size, has their scale: its
    cells are found in the pixels that the network reads. Others are found in the picture that these are
    sampled from. Where the scale is known and cells would be too small in it, the file is decoded once more,
    less shrunk.

    Args:
        file: The field's file.
        sampled: The picture that the network's pixels were sampled from.
        network_rgb: The network's pixels.
        evidence: The prediction's evidence map, for the support of the cells.
        familiar: Whether the model finds the field like those it learned from.
        scale: Scale of the file if it is known; else it is estimated. Only what file or site say is kept as
            the cells' pixel size.
    """
    header = file.header
    pixel_size = file.pixel_size if scale is None or not scale.is_stated else scale.pixel_size
    told = pixel_size if scale is None else scale.pixel_size
    picture = sampled
    if told is not None:
        shrink = max(1, round(header.width / sampled.shape[1]))
        fine = _fine_enough(shrink, told)
        picture = sampled if fine == shrink else file.shrunk(network_rgb.shape[:2], most=fine)
    height, width = picture.shape[:2]
    if told is None and familiar and is_own_frame(header.width, header.height):
        found = find_cells(network_rgb, cell_scale=OWN_SCALE, size=(height, width))
    else:
        found = find_cells(picture, cell_scale=None if told is None else width / header.width / told)
    return placed(
        found,
        picture=(width, height),
        size=(header.width, header.height),
        pixel_size=pixel_size,
        supports=pooled_support(found, (width, height), evidence),
    )


def _fine_enough(shrink: int, pixel_size: float) -> int:
    """Return how far a file may be shrunk: as wanted, or less, so that cells stay large enough."""
    fitting = [step for step in (1, 2, 4, 8) if step <= shrink and pixel_size * step * _FINE <= 1]
    return max(fitting, default=1)


def placed(
    found: Sequence[DetectedCell],
    *,
    picture: tuple[int, int],
    size: tuple[int, int],
    pixel_size: float | None = None,
    supports: Sequence[Mapping[str, float]] = (),
) -> tuple[NewCell, ...]:
    """Return found cells in pixels of the file.

    Args:
        found: The cells, in pixels of the picture.
        picture: Width and height of the picture.
        size: Width and height of the file.
        pixel_size: Micrometres a pixel of the file.
        supports: Support of each cell by class, if there is any.
    """
    across, down = size[0] / picture[0], size[1] / picture[1]
    cells = []
    for index, one in enumerate(found):
        left, top = math.floor(one.left * across), math.floor(one.top * down)
        cells.append(
            NewCell(
                left=left,
                top=top,
                width=min(math.ceil((one.left + one.width) * across), size[0]) - left,
                height=min(math.ceil((one.top + one.height) * down), size[1]) - top,
                x=(one.x + 0.5) * across,
                y=(one.y + 0.5) * down,
                area_px=one.area * across * down,
                nucleus_share=one.nucleus_share,
                at_edge=one.at_edge,
                outline=CellOutline(
                    runs=encode_mask(one.mask),
                    left=one.left,
                    top=one.top,
                    width=one.width,
                    height=one.height,
                    picture=picture,
                ),
                pixel_size=pixel_size,
                support=supports[index] if supports else {},
            )
        )
    return tuple(cells)


def pooled_support(
    found: Sequence[DetectedCell], picture: tuple[int, int], evidence: EvidenceMap | None
) -> list[Mapping[str, float]]:
    """Return the mean of the evidence map inside each cell, 0 to 1, by class.

    The map's coarse grid is interpolated, as it is drawn, with its cell centres at the areas' centres; 1 is
    the strongest support anywhere in the field.

    Args:
        found: The cells.
        picture: Width and height of the picture they were found in.
        evidence: The map; without one there is no support.
    """
    if evidence is None or not found:
        return []
    planes = np.frombuffer(evidence.values, np.uint8).reshape(-1, evidence.rows, evidence.columns)
    grid = np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
    step = max(1, math.ceil(max(picture) / _SIDE))
    size = -(-picture[0] // step), -(-picture[1] // step)
    fine = np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)).reshape(size[1], size[0], -1)
    supports: list[Mapping[str, float]] = []
    for one in found:
        mask = one.mask[-one.top % step :: step, -one.left % step :: step]
        top, left = -(-one.top // step), -(-one.left // step)
        inside = fine[top : top + mask.shape[0], left : left + mask.shape[1]][mask]
        means = inside.mean(axis=0) / _BYTE if len(inside) else np.zeros(len(planes))
        supports.append(dict(zip(evidence.classes, means.tolist(), strict=True)))
    return supports
