"""Loader of a labelled set into memory as bytes: 100x100 gray is 10 kB a field, 224x224 RGB 150 kB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.inputs import InputSpec, read_pixels, rgb_pixels
from allstation.inference.pipeline import default_threads

OnProgress = Callable[[int, int], None]
"""Receives fields done and fields in all."""


def reading_threads() -> int:
    """Return how many threads read fields: one a usable processor, at most eight."""
    return min(8, default_threads())


def load_pixels(
    paths: Sequence[Path], spec: InputSpec, *, on_progress: OnProgress | None = None
) -> NDArray[np.uint8]:
    """Read fields as the network will see them, before scaling.

    Args:
        paths: Fields.
        spec: Input of the network.
        on_progress: Called after every field.

    Returns:
        uint8 (n, h, w, c).

    Raises:
        StationError: For the first field that cannot be read.
    """
    pixels = np.empty((len(paths), *spec.shape), np.uint8)
    with ThreadPoolExecutor(reading_threads()) as pool:
        for row, field in enumerate(pool.map(lambda path: read_pixels(path, spec), paths)):
            pixels[row] = field
            if on_progress is not None:
                on_progress(row + 1, len(paths))
    return pixels


def load_cells(paths: Sequence[Path], spec: InputSpec) -> NDArray[np.bool_]:
    """Find the white cells of fields, at the size of the network.

    Returns:
        bool (n, h, w), True inside white cells.

    Raises:
        StationError: For the first field that cannot be read.
    """
    masks = np.empty((len(paths), spec.height, spec.width), np.bool_)
    full = InputSpec(height=224, width=224)

    def find(path: Path) -> NDArray[np.bool_]:
        found = segment_cells(rgb_pixels(path, full)).labels > 0
        size = (spec.width, spec.height)
        small = cv2.resize(found.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(small, np.bool_)

    with ThreadPoolExecutor(reading_threads()) as pool:
        for row, mask in enumerate(pool.map(find, paths)):
            masks[row] = mask
    return masks
