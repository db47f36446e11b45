"""A decoded field in the shape that paints fast and looks right at every zoom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

_SMALLEST_LEVEL = 256


@dataclass(frozen=True, slots=True)
class FieldPicture:
    """A field and its halved copies, so that a zoomed-out field is averaged and not sampled.

    Attributes:
        levels: The field itself, then each copy half as large; all ``Format_RGB32``.
        pixel_size: Micrometres that a pixel is wide by the file's own word; None if it says nothing.
        pages: Of the file; the first one is shown.
        channels_left_out: Of the file; neither a colour nor transparency.
        sha256: Of the file's bytes; empty if they were not hashed.
    """

    levels: tuple[QImage, ...]
    pixel_size: float | None = None
    pages: int = 1
    channels_left_out: int = 0
    sha256: str = ""

    @classmethod
    def from_image(cls, image: QImage) -> FieldPicture:
        """Build the copies of an image that Qt holds. Safe in any thread."""
        levels = [image.convertToFormat(QImage.Format.Format_RGB32)]
        while min(levels[-1].width(), levels[-1].height()) >= 2 * _SMALLEST_LEVEL:
            half = QSize(levels[-1].width() // 2, levels[-1].height() // 2)
            smooth = Qt.TransformationMode.SmoothTransformation
            smaller = levels[-1].scaled(half, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
            levels.append(smaller.convertToFormat(QImage.Format.Format_RGB32))
        return cls(tuple(levels))

    @classmethod
    def from_rgb(cls, rgb: NDArray[np.uint8]) -> FieldPicture:
        """Build from an array of shape (height, width, 3), sRGB. Safe in any thread."""
        return cls.from_image(image_from_rgb(rgb))

    @property
    def size(self) -> QSize:
        """Size of the field in pixels."""
        return self.levels[0].size()

    @property
    def bytes(self) -> int:
        """Memory that all levels take."""
        return sum(level.sizeInBytes() for level in self.levels)

    def level_for(self, scale: float) -> QImage:
        """Return the smallest copy that still has at least one pixel for each device pixel.

        Args:
            scale: Device pixels per field pixel.
        """
        chosen = self.levels[0]
        for index, level in enumerate(self.levels):
            if scale * 2**index <= 1.0:
                chosen = level
        return chosen


def image_from_rgb(rgb: NDArray[np.uint8]) -> QImage:
    """Copy an RGB array of shape (height, width, 3) into a QImage that owns its memory."""
    height, width, _ = rgb.shape
    packed = np.ascontiguousarray(rgb)
    return QImage(packed.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def image_from_rgba(rgba: NDArray[np.uint8]) -> QImage:
    """Copy an RGBA array of shape (height, width, 4), straight alpha, into a QImage."""
    height, width, _ = rgba.shape
    packed = np.ascontiguousarray(rgba)
    image = QImage(packed.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
