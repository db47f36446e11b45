"""Grid of the fields' thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect, QRectF, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from allstation.core.records import FieldRecord
from allstation.ui.browser.model import FieldModel
from allstation.ui.browser.thumbs import Thumbnails
from allstation.ui.browser.tile import PADDING, RADIUS, TileLook, paint_tile
from allstation.ui.browser.tile_view import Index, TileView

_ASPECTS: Final = (0.6, 1.0)
_DEFAULT_ASPECT: Final = 0.75


class FieldGrid(TileView):
    """Shows a :class:`FieldModel` as tiles in reading order."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent, aspect=_DEFAULT_ASPECT)
        self._thumbnails = thumbnails
        thumbnails.arrived.connect(self._picture_arrived)

    def dataChanged(self, top_left: Index, bottom_right: Index, roles: Sequence[int] = ()) -> None:
        """Repaint if what changed may be visible, and take the shape of the first field."""
        first = top_left.data(FieldModel.RecordRole)
        if isinstance(first, FieldRecord) and first.width > 0 and top_left.row() == 0:
            aspect = min(max(first.height / first.width, _ASPECTS[0]), _ASPECTS[1])
            if aspect != self._aspect:
                self._aspect = aspect
                # Every row moves: what was scrolled to, as after a start, would be left behind.
                self.keep_current_in_view()
        super().dataChanged(top_left, bottom_right, roles)

    @Slot(int)
    def _picture_arrived(self, field_id: int) -> None:
        self.repaint_ids({field_id})

    def _picture_size(self, record: FieldRecord, rect: QRect, ratio: float) -> tuple[int, int]:
        """Return the device pixels of a whole field in a tile, so that it is drawn without scaling."""
        room = rect.width() - 2 * PADDING - 4, self._picture_height()
        scale = min(room[0] / max(record.width, 1), room[1] / max(record.height, 1)) * ratio
        # Widths of neighbouring columns differ by a pixel; one size serves them all.
        width = max(4, int(record.width * scale) // 4 * 4)
        return width, max(1, round(width * record.height / max(record.width, 1)))

    def _paint_row(self, painter: QPainter, row: int, rect: QRect) -> bool:
        """Draw a tile; tell whether its picture was there."""
        model = self.model()
        if not isinstance(model, FieldModel):
            return False
        record = model.shown_at(row)
        index = model.index(row, 0)
        look = TileLook(
            palette=self.palette(),
            font=self.font(),
            selected=self.selectionModel().isSelected(index),
            current=row == self.currentIndex().row(),
            hovered=row == self._hovered,
            picture_height=self._picture_height(),
        )
        picture = None
        if record is not None:
            ratio = self.devicePixelRatioF()
            width, height = self._picture_size(record, rect, ratio)
            picture = self._thumbnails.pixmap(record, width, height, look=(ratio, RADIUS))
        paint_tile(painter, QRectF(rect), record=record, picture=picture, look=look)
        return picture is not None
