"""Crops of cells as pixmaps: a bounded memory in front of the threads that cut them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, Signal, Slot
from PySide6.QtGui import QImage, QPixmap, QPolygonF

from allstation.core.cells import CellRecord
from allstation.services.images.crop_loader import Crop, CropKey, CropLoader, FieldPlace
from allstation.services.images.field_cache import FieldCache

MAX_BYTES: Final = 64 * 1024**2
_BYTES_PER_PIXEL: Final = 4
_MICROMETRES: Final = 26.0
"""Side of a crop: the largest white cells are near 20 µm across, and a margin shows what lies around them."""
_ROOM: Final = 1.7
"""Side of a crop in diameters of the usual cell, where no pixel size is known."""
_MARGIN: Final = 1.2
"""Side of a crop in lengths of its cell, where the cell is larger than the common side."""
_STEP: Final = 8
_USUAL: Final = 96


@dataclass(frozen=True, slots=True)
class CropScale:
    """Part of a field that a crop shows: all cells stand at one magnification, but those that would not fit.

    Attributes:
        micrometres: Side of the part, where the pixel size of a field is known.
        pixels: Side of the part in pixels of the file, where it is not.
    """

    micrometres: float = _MICROMETRES
    pixels: float = _USUAL

    def side(self, record: CellRecord) -> float:
        """Return the side of a cell's crop in pixels of its file: the common one, or what the cell needs."""
        common = self.micrometres / record.pixel_size if record.pixel_size else self.pixels
        longest = max(record.width, record.height)
        return common if longest <= common else math.ceil(longest * _MARGIN / _STEP) * _STEP

    def unit(self, record: CellRecord, side: float) -> float | None:
        """Return what a micrometre takes of a crop drawn ``side`` wide; None if the scale is unknown."""
        return side / (self.side(record) * record.pixel_size) if record.pixel_size else None

    @classmethod
    def around(cls, records: Iterable[CellRecord]) -> CropScale:
        """Return a scale at which the usual one of these cells leaves a margin, where no size is known."""
        sizes = [max(one.width, one.height) for one in records if not one.pixel_size and not one.at_edge]
        if not sizes:
            return cls()
        return cls(pixels=max(_STEP, round(median(sizes) * _ROOM / _STEP) * _STEP))


@dataclass(frozen=True, slots=True)
class ShownCrop:
    """Crop that is here.

    Attributes:
        picture: Its pixels; None where the field cannot be read.
        outline: Of the cell, as shares of the side.
        problem: Why there is no picture.
        changed: The file holds other bytes than were added.
    """

    picture: QPixmap | None
    outline: QPolygonF
    problem: str = ""
    changed: bool = False


class CellCrops(QObject):
    """Gives crops that are here and asks for those that are not.

    Signals:
        arrived: Ids of cells whose crops are here now.
    """

    arrived = Signal(set)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        files: FieldCache | None = None,
        radius: float = 0.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(parent)
        self._loader = CropLoader(self, files=files)
        self._loader.loaded.connect(self._keep)
        self._max_bytes = max_bytes
        self._bytes = 0
        self._radius = radius
        self._ratio = 1.0
        self._crops: OrderedDict[CropKey, ShownCrop] = OrderedDict()

    def crop(self, record: CellRecord, place: FieldPlace, *, side: float, pixels: int) -> ShownCrop | None:
        """Return the crop of a cell, or None until it arrives.

        Args:
            record: The cell.
            place: The file of its field.
            side: Side of the part that is shown, in pixels of the file.
            pixels: Side of the crop in device pixels.
        """
        corner = self._radius * self._ratio
        key = CropKey(record.id, round(record.x, 1), round(record.y, 1), side, pixels, corner)
        found = self._crops.get(key)
        if found is None:
            self._loader.request(key, place, record.outline)
            return None
        self._crops.move_to_end(key)
        return found

    @property
    def held_bytes(self) -> int:
        """Bytes of the pixels that are kept; at most ``max_bytes``, or one crop."""
        return self._bytes

    def set_ratio(self, ratio: float) -> None:
        """Set the device pixels per logical one of crops that arrive from now on."""
        self._ratio = ratio

    def clear(self) -> None:
        """Forget all crops: another case, or fields that lie elsewhere now."""
        self._loader.forget()
        self._crops.clear()
        self._bytes = 0

    def stop(self) -> None:
        """End the loader's threads."""
        self._loader.stop()

    @Slot(list)
    def _keep(self, crops: Sequence[Crop]) -> None:
        for crop in crops:
            self._drop(crop.key)
            picture = None
            if crop.pixels is not None:
                picture = _to_pixmap(crop.pixels, self._ratio)
                self._bytes += crop.key.pixels**2 * _BYTES_PER_PIXEL
            self._crops[crop.key] = ShownCrop(
                picture, _polygon(crop.outline), problem=crop.problem, changed=crop.changed
            )
        while self._bytes > self._max_bytes and len(self._crops) > 1:
            self._drop(next(iter(self._crops)))
        self.arrived.emit({crop.key.cell_id for crop in crops})

    def _drop(self, key: CropKey) -> None:
        dropped = self._crops.pop(key, None)
        if dropped is not None and dropped.picture is not None:
            self._bytes -= key.pixels**2 * _BYTES_PER_PIXEL


def _polygon(outline: NDArray[np.float64] | None) -> QPolygonF:
    return QPolygonF([] if outline is None else [QPointF(x, y) for x, y in outline.tolist()])


def _to_pixmap(pixels: NDArray[np.uint8], ratio: float) -> QPixmap:
    """Take over a crop as it was drawn on the worker's thread: a copy of its bytes and no more."""
    side = pixels.shape[0]
    image = QImage(pixels.tobytes(), side, side, 4 * side, QImage.Format.Format_ARGB32_Premultiplied)
    picture = QPixmap.fromImage(image)
    picture.setDevicePixelRatio(ratio)
    return picture
