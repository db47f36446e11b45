"""Whether a widget shows the pixels of a file: painted again from the screen, compared with the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from allstation.ui.viewer.canvas import FieldCanvas

_ROWS, _COLUMNS = 6, 8
_TOLERANCE: Final = 8
"""Grey levels a block may be off: a JPEG and a thumbnail are not exact, another picture is far off."""


def write_mosaic(path: Path, seed: int) -> Path:
    """Write a picture of 8 by 6 blocks whose colours no other seed has in this order."""
    blocks = np.random.default_rng(seed).integers(0, 256, (_ROWS, _COLUMNS, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blocks).resize((400, 300), Image.Resampling.NEAREST).save(path)
    return path


def pixels_of(image: QImage) -> NDArray[np.uint8]:
    """Return an image as a uint8 RGB array (height, width, 3)."""
    plain = image.convertToFormat(QImage.Format.Format_RGB888)
    lines = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return lines[:, : 3 * plain.width()].reshape(plain.height(), plain.width(), 3).copy()


def matching_share(shown: NDArray[np.uint8], path: Path) -> float:
    """Return the share of a file's blocks whose colour stands at their place, 0 to 1.

    Args:
        shown: The part of the screen where the picture should be, uint8 RGB (height, width, 3).
        path: The file, read by another decoder than the program's.
    """
    with Image.open(path) as opened:
        expected = np.asarray(opened.convert("RGB"))
    right = [
        np.abs(_block(shown, row, column) - _block(expected, row, column)).max() <= _TOLERANCE
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    ]
    return float(np.mean(right))


def _block(image: NDArray[np.uint8], row: int, column: int) -> NDArray[np.float64]:
    """Return the mean colour in the middle of a block."""
    down, across = image.shape[0] / _ROWS, image.shape[1] / _COLUMNS
    top, bottom = round((row + 0.35) * down), round((row + 0.65) * down)
    left, right = round((column + 0.35) * across), round((column + 0.65) * across)
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    return part.reshape(-1, 3).mean(axis=0)


def cut(widget: QWidget, area: QRectF) -> NDArray[np.uint8]:
    """Return a part of what a widget paints, in its own coordinates."""
    image = widget.grab().toImage()
    ratio = image.devicePixelRatio()
    left, top = round(area.left() * ratio), round(area.top() * ratio)
    right, bottom = round(area.right() * ratio), round(area.bottom() * ratio)
    return pixels_of(image)[top:bottom, left:right]


def canvas_share(canvas: FieldCanvas, path: Path) -> float:
    """Return how much of a file a canvas shows where its field lies; 0 without a field."""
    return matching_share(cut(canvas, canvas.view.image_rect()), path) if canvas.view is not None else 0.0
