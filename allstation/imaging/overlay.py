"""Evidence maps as RGBA arrays to lay over a field."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.records import EvidenceMap

Rgba = NDArray[np.uint8]

EVIDENCE_STOPS: Final = (
    (0.0, (0, 32, 77)),
    (0.25, (64, 78, 107)),
    (0.5, (124, 123, 120)),
    (0.75, (188, 173, 108)),
    (1.0, (255, 234, 70)),
)
"""Colours from no to full support.

Five stops of cividis (Nunez, Anderton and Renslow 2018, PLOS ONE 13(7): e0199239), made to look
nearly the same with and without red-green deficiency, and to rise evenly in lightness.
"""

_MAX_ALPHA: Final = 170
"""Alpha of the strongest support: the cells below stay visible."""

_CLEAR_BELOW: Final = 0.06
"""Support under this share is not shown at all, so that the rest of the field keeps its colours."""


def _table() -> Rgba:
    """Return (256, 4) colours and alpha by support 0 to 255; 0 is transparent."""
    support = np.arange(256) / 255
    stops = [stop for stop, _ in EVIDENCE_STOPS]
    colours = np.asarray([colour for _, colour in EVIDENCE_STOPS], np.float64)
    channels = [np.interp(support, stops, colours[:, channel]) for channel in range(3)]
    alpha = np.clip((support - _CLEAR_BELOW) / (0.7 - _CLEAR_BELOW), 0, 1) * _MAX_ALPHA
    return np.rint(np.stack([*channels, alpha], axis=1)).astype(np.uint8)


_TABLE: Final = _table()


def evidence_plane(evidence: EvidenceMap, class_name: str) -> NDArray[np.uint8]:
    """Return the support for one class on the network's grid, (rows, columns) uint8.

    Raises:
        KeyError: If the map has no such class.
    """
    if class_name not in evidence.classes:
        raise KeyError(class_name)
    planes = np.frombuffer(evidence.values, np.uint8)
    shaped = planes.reshape(len(evidence.classes), evidence.rows, evidence.columns)
    return np.asarray(shaped[evidence.classes.index(class_name)], np.uint8)


def evidence_picture(evidence: EvidenceMap, class_name: str, size: tuple[int, int]) -> Rgba:
    """Draw the support for one class as a translucent layer.

    The grid's cells are areas, so the grid is resampled with its cell centres at the areas' centres;
    no support is fully transparent.

    Args:
        evidence: The map.
        class_name: The class to show.
        size: Height and width of the picture, pixels.

    Returns:
        (h, w, 4) uint8 RGBA, alpha not multiplied in, C-contiguous.

    Raises:
        KeyError: If the map has no such class.
    """
    plane = evidence_plane(evidence, class_name)
    smooth = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(_TABLE[smooth], np.uint8)


def blend(rgb: NDArray[np.uint8], layer: Rgba) -> NDArray[np.uint8]:
    """Lay an RGBA layer over a picture of the same size, for pages and exports.

    Args:
        rgb: (h, w, 3) uint8.
        layer: (h, w, 4) uint8, alpha not multiplied in.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: If the sizes differ.
    """
    if rgb.shape[:2] != layer.shape[:2]:
        message = f"The layer is {layer.shape[:2]}, the picture {rgb.shape[:2]}."
        raise ValueError(message)
    share = layer[..., 3:].astype(np.float32) * np.float32(1 / 255)
    mixed = rgb + (layer[..., :3].astype(np.float32) - rgb) * share
    return np.rint(mixed).astype(np.uint8)
