"""Thumbnails as pixmaps: a bounded memory in front of the loader's threads."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPixmap

from allstation.core.records import FieldRecord
from allstation.services.images.field_cache import FieldCache
from allstation.services.images.thumbnails import ThumbnailKey, ThumbnailLoader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES: Final = 64 * 1024**2
_BYTES_PER_PIXEL: Final = 4


class Thumbnails(QObject):
    """Gives pixmaps that are here and asks for those that are not.

    Signals:
        arrived: Id of a field whose picture is here now.
    """

    arrived = Signal(int)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        files: FieldCache | None = None,
    ) -> None:
        super().__init__(parent)
        self._loader = ThumbnailLoader(self, files=files)
        self._loader.loaded.connect(self._keep)
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pictures: OrderedDict[ThumbnailKey, QPixmap | None] = OrderedDict()
        self._asked: dict[ThumbnailKey, Path] = {}
        self._unreadable: dict[ThumbnailKey, Path] = {}
        self._look = (1.0, 0.0)

    def pixmap(
        self,
        record: FieldRecord,
        width: int,
        height: int,
        *,
        look: tuple[float, float] = (1.0, 0.0),
        keeps_shape: bool = False,
    ) -> QPixmap | None:
        """Return a picture of this size in device pixels, or None until it arrives.

        Args:
            record: The field.
            width: Device pixels.
            height: Device pixels.
            look: Device pixels per logical one, and the corners' radius in logical pixels, of
                pictures that arrive from now on.
            keeps_shape: The picture has the shape of the field and fits into the size, instead of filling it.
        """
        self._look = look
        key = ThumbnailKey(record.id, width, height, keeps_shape)
        # A field that was found again lies elsewhere: there it is tried once more.
        if key in self._pictures and self._unreadable.get(key, record.path) == record.path:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        self._asked[key] = record.path
        self._loader.request(key, record.path, record.sha256)
        return None

    def clear(self) -> None:
        """Forget all pictures: another case."""
        self._loader.forget()
        self._pictures.clear()
        self._asked.clear()
        self._unreadable.clear()
        self._bytes = 0

    def stop(self) -> None:
        """End the loader's threads."""
        self._loader.stop()

    @Slot(object, object)
    def _keep(self, key: ThumbnailKey, pixels: NDArray[np.uint8] | None) -> None:
        picture = None
        path = self._asked.pop(key, None)
        self._unreadable.pop(key, None)
        if pixels is None and path is not None:
            self._unreadable[key] = path
        if pixels is not None:
            picture = _to_pixmap(pixels, *self._look)
            self._bytes += key.width * key.height * _BYTES_PER_PIXEL
        self._pictures[key] = picture
        while self._bytes > self._max_bytes and len(self._pictures) > 1:
            old, dropped = self._pictures.popitem(last=False)
            self._unreadable.pop(old, None)
            if dropped is not None:
                self._bytes -= old.width * old.height * _BYTES_PER_PIXEL
        self.arrived.emit(key.field_id)


def _to_pixmap(pixels: NDArray[np.uint8], ratio: float, radius: float) -> QPixmap:
    """Round the corners once here, not at every painting."""
    height, width, _ = pixels.shape
    image = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
    picture = QPixmap(width, height)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(image))
    painter.drawRoundedRect(picture.rect(), radius * ratio, radius * ratio)
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture
