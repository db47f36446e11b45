"""Whether a widget shows the pixels of a file: painted again from the screen, compared with the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from allstation.core.records import ModelRecord, NewField
from allstation.store.case import Case
from allstation.ui.viewer.canvas import FieldCanvas
from tests.ui.field_records import CLASSES, prediction

_ROWS, _COLUMNS = 6, 8
_TOLERANCE: Final = 8
"""Grey levels a block may be off: a JPEG and a thumbnail are not exact, another picture is far off."""


def write_mosaic(path: Path, seed: int) -> Path:
    """Write a picture of 8 by 6 blocks whose colours no other seed has in this order."""
    blocks = np.random.default_rng(seed).integers(0, 256, (_ROWS, _COLUMNS, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blocks).resize((400, 300), Image.Resampling.NEAREST).save(path)
    return path


def mosaic_case(folder: Path, fields: int) -> Path:
    """Make a closed case of mosaics ``smear/f00.png`` and on, every one classified as Early."""
    case = folder / "Mosaics.allcase"
    paths = [write_mosaic(folder / "smear" / f"f{number:02d}.png", number) for number in range(fields)]
    with Case.create(case) as made:
        made.models.add(ModelRecord(sha256="a" * 64, name="m", version="1", classes=CLASSES, info={}))
        slide = made.slides.add("smear", folder / "smear")
        made.fields.add(slide.id, [_new_field(path) for path in paths])
        while claimed := made.queue.claim(50):
            made.queue.save_predictions([(field.id, prediction()) for field in claimed])
    return case


def _new_field(path: Path) -> NewField:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return NewField(path=path, sha256=digest, bytes=len(data), width=400, height=300)


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


def is_drawn_on(page: NDArray[np.uint8], path: Path) -> bool:
    """Tell whether a mosaic stands somewhere on a page, at any size.

    Args:
        page: uint8 RGB (height, width, 3).
        path: The mosaic; its lower rows may be covered by a caption.
    """
    with Image.open(path) as opened:
        expected = np.asarray(opened.convert("RGB"))
    rows, columns = np.mgrid[0 : _ROWS - 2, 0:_COLUMNS].reshape(2, -1)
    colours = np.array([_block(expected, r, c) for r, c in zip(rows, columns, strict=True)])
    starts = np.argwhere((np.abs(page.astype(int) - colours[0]) <= _TOLERANCE).all(axis=2))
    for step in np.arange(6.0, 50.0, 0.25):
        down = starts[:, :1] + np.rint(rows * step).astype(int)
        across = starts[:, 1:] + np.rint(columns * step).astype(int)
        inside = (down < page.shape[0]) & (across < page.shape[1])
        seen = page[np.where(inside, down, 0), np.where(inside, across, 0)].astype(int)
        right = inside & (np.abs(seen - colours).max(axis=2) <= 2 * _TOLERANCE)
        if right.size and right.mean(axis=1).max() > 0.9:
            return True
    return False


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
