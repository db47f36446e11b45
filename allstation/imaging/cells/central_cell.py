"""Central cell of a picture of one cell: nucleus and cytoplasm, without red cells and neighbours.

Pictures of single cells, as cell analysers export them, show one white cell in the middle and others around
it. Light is absorbed in proportion to what is there (Beer and Lambert), so that the ratio of two optical
densities tells the substance whatever its thickness: haemoglobin absorbs blue light (the Soret band at
415 nm) far more against green than the dyes of nucleus and cytoplasm do. That ratio parts red cells from
the cytoplasm they touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.crops import balanced, cut_cell
from allstation.imaging.cells.segmentation import background_colour

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Plane = NDArray[np.float32]

_SIDE: Final = 180
"""Longer side of the picture that cells are found on."""
_BLACK: Final = 12
_BLACK_BORDER: Final = 0.3
"""Share of the border that is black where everything but the cell was painted black already."""
_FOREGROUND: Final = (0.06, 0.13)
"""Range of the green density that parts anything from the background."""
_DENSE: Final = (0.25, 0.7)
"""Range of the red density that parts nuclei from the rest."""
_SPECK: Final = 20
_LOBE: Final = 900
"""Most pixels of a lobe that belongs to a nucleus it does not touch."""
_LOBE_GAP, _LOBE_REACH = 11.0, 40.0
_ONE_NUCLEUS: Final = 13.5
"""Radius in pixels of a part of a nucleus from which on it is a cell's own: lobes are smaller."""
_COMPACT: Final = 0.92
"""Least share of its convex hull that one cell fills."""
_BORDER: Final = 0.1
"""Largest share of the picture's border that the cell in its middle may touch."""
_BROAD: Final = 0.75
"""Least share of the highest distance around that a part's middle has."""
_APART: Final = 0.12
"""Least difference of the density ratio of red cells and nuclei by which they are parted."""
_TOWARDS_RED: Final = 0.72
"""Where between nuclei and red cells the ratio is cut; cytoplasm lies nearer to nuclei."""
_USUAL_RED: Final = 0.3
_REACH, _REACH_PIXELS = 0.6, 9.0
"""How far cytoplasm reaches from the nucleus: a share of its diameter, and pixels."""


@dataclass(frozen=True, slots=True)
class CentralCell:
    """Cell in the middle of a picture.

    Attributes:
        left: First column of its bounding box.
        top: First row.
        mask: (h, w) bool, true inside the cell.
        at_edge: Whether the picture's edge cuts it.
    """

    left: int
    top: int
    mask: Flags
    at_edge: bool


def find_central_cell(rgb: Rgb) -> CentralCell | None:
    """Find the cell in the middle of a picture of one cell.

    Args:
        rgb: (H, W, 3) uint8; all else may already be painted black.

    Returns:
        The cell, or None where nothing like one is there. Equal bytes give equal cells.
    """
    height, width = rgb.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    work = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    small = _painted(work) if _is_painted(rgb) else _in_colours(work)
    if small is None:
        return None
    grown = cv2.resize(small.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.asarray(grown) > 127  # noqa: PLR2004 - half of a byte
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    edge = top == 0 or left == 0 or bottom == height or right == width
    return CentralCell(left, top, mask[top:bottom, left:right].copy(), edge)


def cut_cell_of_picture(rgb: Rgb, cell: CentralCell, *, side: int, pixels_per_um: float | None = None) -> Rgb:
    """Cut out the cell in the middle of a picture, as ``crops.cut_cell`` does with cells of a field.

    Args:
        rgb: (H, W, 3) uint8.
        cell: Found in it.
        side: Rows and columns of the crop.
        pixels_per_um: Pixels of the picture per micrometre; None scales the cell to the crop.

    Returns:
        (side, side, 3) uint8.
    """
    # Of a picture that was painted black the background's colour is gone.
    even = rgb if _is_painted(rgb) else balanced(rgb)
    return cut_cell(even, cell.left, cell.top, cell.mask, side=side, pixels_per_um=pixels_per_um)


def _is_painted(rgb: Rgb) -> bool:
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).max(axis=1)
    return bool((border < _BLACK).mean() > _BLACK_BORDER)


def _painted(work: Rgb) -> Flags | None:
    return _central((work.max(axis=2) > _BLACK).astype(np.uint8))


def _in_colours(work: Rgb) -> Flags | None:
    """Find the cell on the small picture by its optical densities."""
    density = _density(work)
    red, green = density[..., 0], density[..., 1]
    foreground = _opened((green > _otsu(green, _FOREGROUND)).astype(np.uint8), 1)
    foreground = _filled(foreground)
    if np.count_nonzero(foreground) < _SPECK:
        return None
    level = _otsu(red[foreground > 0], _DENSE)
    nuclei = _filled(_opened(((red > level) & (foreground > 0)).astype(np.uint8), 1))
    alone = _compact(density, foreground, nuclei)
    if alone is not None:
        return alone
    nucleus = _nucleus(nuclei)
    if nucleus is None:
        return None
    return _whole(density, foreground, nuclei, nucleus=nucleus)


def _compact(density: Plane, foreground: Mask, nuclei: Mask) -> Flags | None:
    """Return the stained region in the middle if it is one cell by its shape, whatever its size.

    Cells that touch make a region with hollows. Its nuclei need not be looked at, however many lobes there
    are and however closely the picture was cut.
    """
    central = _central(nuclei)
    if central is None:
        return None
    found = _one_cell(foreground, nuclei)
    if found is not None:
        return found
    red = _red_cells(density, foreground, nuclei, nucleus=central)
    return _one_cell(((foreground > 0) & ~red).view(np.uint8), nuclei)


def _one_cell(stained: Mask, nuclei: Mask) -> Flags | None:
    """Return the region in the middle if it holds a nucleus and its shape is that of one cell."""
    region = _central(_filled(_opened(stained, 0.025 * _SIDE)))
    if region is None or not (region & (nuclei > 0)).any():
        return None
    outlines, _ = cv2.findContours(region.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = float(cv2.contourArea(cv2.convexHull(np.concatenate(outlines))))
    own = float(sum(cv2.contourArea(outline) for outline in outlines))
    border = np.concatenate([region[0], region[-1], region[:, 0], region[:, -1]])
    return region if own >= _COMPACT * hull and border.mean() < _BORDER else None


def _density(work: Rgb) -> Plane:
    """Return the optical density (h, w, 3), natural logarithm, against the pale background."""
    light = (background_colour(work).astype(np.float32) + 1) / (work.astype(np.float32) + 1)
    return np.asarray(cv2.GaussianBlur(np.maximum(np.log(light), 0), (0, 0), 0.8), np.float32)


def _otsu(values: Plane, limits: tuple[float, float]) -> float:
    """Return Otsu's threshold of densities, within limits."""
    levels = np.clip(values * 100, 0, 255).astype(np.uint8).reshape(1, -1)
    found, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return min(max(found / 100, limits[0]), limits[1])


def _disk(radius: float) -> Mask:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _opened(mask: Mask, radius: float) -> Mask:
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disk(radius)), np.uint8)


def _filled(mask: Mask) -> Mask:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled


def _away(mask: Flags) -> Plane:
    """Return the distance (h, w) of each pixel to a mask, in pixels."""
    if not mask.any():
        return np.full(mask.shape, 1e3, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 3), np.float32)


def _central(mask: Mask) -> Flags | None:
    """Return the component nearest to the middle, large ones counted as nearer."""
    count, labels, sizes, _ = cv2.connectedComponentsWithStats(mask)
    rows, columns = np.indices(mask.shape)
    middle = [(length - 1) / 2 for length in mask.shape]
    away = np.hypot(rows - middle[0], columns - middle[1])
    best, nearest = 0, np.inf
    for label in range(1, count):
        area = int(sizes[label, cv2.CC_STAT_AREA])
        worth = float(away[labels == label].min()) - 0.5 * np.sqrt(area / np.pi)
        if area >= _SPECK and worth < nearest:
            best, nearest = label, worth
    return np.asarray(labels == best) if best else None


def _nucleus(nuclei: Mask) -> Flags | None:
    """Return the nucleus of the central cell: parted from another's, joined with its own lobes."""
    whole = _central(nuclei)
    if whole is None:
        return None
    nucleus = _parted(whole)
    away = _away(nucleus)
    count, labels, sizes, _ = cv2.connectedComponentsWithStats(nuclei)
    for label in range(1, count):
        lobe = labels == label
        if sizes[label, cv2.CC_STAT_AREA] >= _LOBE or (lobe & whole).any():
            continue
        if away[lobe].min() < _LOBE_GAP and away[lobe].max() < _LOBE_REACH:
            nucleus = nucleus | lobe
    return nucleus


def _parted(whole: Flags) -> Flags:
    """Part nuclei of several cells that touch and return the central one; lobes are too small for a cell."""
    inside = cv2.distanceTransform(whole.view(np.uint8), cv2.DIST_L2, 3)
    inside = np.asarray(cv2.GaussianBlur(inside, (0, 0), 1), np.float32)
    around = np.asarray(cv2.dilate(inside, _disk(0.07 * _SIDE)), np.float32)
    middles = ((inside >= _BROAD * around) & (inside > _ONE_NUCLEUS)).view(np.uint8)
    count, labels = cv2.connectedComponents(middles)
    if count <= 2:  # noqa: PLR2004 - the background and one
        return whole
    owner = np.stack([_away(labels == label) for label in range(1, count)]).argmin(axis=0)
    centre = (np.array(whole.shape) - 1) / 2
    parts = [whole & (owner == at) for at in range(count - 1)]
    return min(parts, key=lambda part: float(((np.argwhere(part).mean(axis=0) - centre) ** 2).sum()))


def _whole(density: Plane, foreground: Mask, nuclei: Mask, *, nucleus: Flags) -> Flags:
    """Add the cytoplasm: what is stained, no red cell, and nearer to this nucleus than to another."""
    width = max(2 * np.sqrt(np.count_nonzero(nucleus) / np.pi), 8.0)
    away = _away(nucleus)
    others = (nuclei > 0) & ~nucleus & (cv2.erode(nuclei, _disk(1)) > 0)
    red = _red_cells(density, foreground, nuclei, nucleus=nucleus, usual=_USUAL_RED)
    near = (away < _away(others)) & (away < _REACH * width + _REACH_PIXELS)
    cell = nucleus | ((foreground > 0) & ~red & near)
    smooth = _opened(cell.view(np.uint8), 0.025 * _SIDE) | nucleus.view(np.uint8)
    closed = _filled(np.asarray(cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, _disk(2)), np.uint8))
    _, labels = cv2.connectedComponents(closed)
    return np.asarray(labels == np.bincount(labels[nucleus]).argmax())


def _red_cells(
    density: Plane, foreground: Mask, nuclei: Mask, *, nucleus: Flags, usual: float = 0.0
) -> Flags:
    """Return what absorbs blue against green as the red cells of this picture do.

    Args:
        density: (h, w, 3) optical density.
        foreground: What is stained.
        nuclei: What is densely stained.
        nucleus: The central nucleus.
        usual: How far the ratio of red cells lies above that of the nucleus where no red cell lies loose to
            measure it; 0 then finds none.
    """
    count, labels = cv2.connectedComponents(foreground)
    white = np.zeros(count, np.bool_)
    white[np.unique(labels[cv2.dilate(nuclei, _disk(2)) > 0])] = True
    white[0] = True
    deep = np.asarray(cv2.distanceTransform(foreground, cv2.DIST_L2, 3)) > 0.02 * _SIDE
    loose = ~white[labels] & deep
    smooth = np.asarray(cv2.GaussianBlur(density, (0, 0), 1.2), np.float32)
    ratio = smooth[..., 2] / np.maximum(smooth[..., 1], 0.08)
    own = float(np.median(ratio[nucleus]))
    several = np.count_nonzero(loose) >= 3 * _SPECK
    red = float(np.median(ratio[loose])) if several else own + usual
    if red - own <= _APART:
        return np.zeros(nucleus.shape, np.bool_)
    like = (ratio > own + _TOWARDS_RED * (red - own)) & (foreground > 0) & ~nucleus
    return _opened(like.view(np.uint8), 0.014 * _SIDE) > 0
