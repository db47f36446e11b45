"""Stage of the count: one cell large, with what lies around it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.core.cells import CellRecord
from allstation.services.images.crop_loader import FieldPlace
from allstation.services.images.field_cache import FieldCache
from allstation.ui.cells.crops import CellCrops, CropScale
from allstation.ui.cells.tile import paint_outline
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.cell_marks import paint_corners
from allstation.ui.viewer.scale_bar import paint_scale_bar
from allstation.ui.viewer.visibility import VisibilityTracker

_AROUND: Final = 2.3
"""Side of what is shown, in sides of a crop of the gallery."""
_STEP: Final = 1.25
_LEAST, _MOST = 0.8, 6.0
_MARGIN: Final = 14.0
_BYTES: Final = 48 * 1024**2


class CellStage(QWidget):
    """Shows one cell, marked by corners; the cells to come are got ready.

    Attributes:
        visibility: How long each cell, by its id, has been on the screen.
    """

    def __init__(self, parent: QWidget | None = None, *, files: FieldCache | None = None) -> None:
        super().__init__(parent)
        self.crops = CellCrops(self, files=files, max_bytes=_BYTES)
        self.crops.arrived.connect(self._arrived)
        self.visibility = VisibilityTracker(self)
        self._record: CellRecord | None = None
        self._place: FieldPlace | None = None
        self._next: list[tuple[CellRecord, FieldPlace]] = []
        self._scale = CropScale()
        self._around = _AROUND
        self._message = ""
        self._outlined = False
        self.setMinimumSize(320, 320)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Cell to be named"))

    # What is shown

    def set_scale(self, scale: CropScale) -> None:
        """Show cells at another scale."""
        self._scale = scale
        self.update()

    def show_cell(self, record: CellRecord | None, place: FieldPlace | None) -> None:
        """Show another cell; None while it is being read."""
        self._record, self._place, self._message = record, place, ""
        self.update()

    def prepare(self, cells: list[tuple[CellRecord, FieldPlace]]) -> None:
        """Get these cells ready."""
        self._next = cells
        self.update()

    def show_message(self, text: str) -> None:
        """Say something in place of a cell."""
        self._record, self._place, self._message = None, None, text
        self.update()

    def message(self) -> str:
        """Return what is said in place of a cell."""
        return self._message

    def zoom(self, steps: int) -> None:
        """Show the cell larger (above 0) or more around it."""
        self._around = min(max(self._around / _STEP**steps, _LEAST), _MOST)
        self.update()

    def set_outlined(self, on: bool) -> None:
        """Draw the outline of the cell, or not."""
        self._outlined = on
        self.update()

    def is_outlined(self) -> bool:
        """Tell whether the outline is drawn."""
        return self._outlined

    @Slot(set)
    def _arrived(self, ids: set[int]) -> None:
        if self._record is not None and self._record.id in ids:
            self.update()

    # Painting

    def _box(self) -> QRectF:
        side = min(self.width(), self.height())
        return QRectF((self.width() - side) // 2, (self.height() - side) // 2, side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the cell with corners around it and a scale bar, or the message."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(scheme.canvas))
        painted = False
        if self._record is not None and self._place is not None:
            painted = self._paint_cell(painter, self._record, self._place, scheme)
        elif self._message:
            self._paint_message(painter, self._message, scheme)
        self.visibility.painted({self._record.id} if painted and self._record is not None else ())
        painter.end()

    def _paint_cell(
        self, painter: QPainter, record: CellRecord, place: FieldPlace, scheme: theme.Tokens
    ) -> bool:
        box, ratio = self._box(), self.devicePixelRatioF()
        pixels = round(box.width() * ratio)
        side = self._scale.side(record) * self._around
        self.crops.set_ratio(ratio)
        for coming, its_place in self._next:
            coming_side = self._scale.side(coming) * self._around
            self.crops.crop(coming, its_place, side=coming_side, pixels=pixels)
        crop = self.crops.crop(record, place, side=side, pixels=pixels)
        if crop is None or crop.picture is None:
            if crop is not None:
                self._paint_message(painter, crop.problem, scheme)
            return False
        painter.drawPixmap(box.topLeft(), crop.picture)
        if self._outlined:
            paint_outline(painter, box, crop.outline)
        unit = box.width() / side
        paint_corners(painter, _frame(record, box.center(), unit))
        if record.pixel_size:
            corner = box.bottomLeft() + QPointF(_MARGIN, -_MARGIN)
            paint_scale_bar(painter, corner, unit / record.pixel_size, self.font())
        return True

    def _paint_message(self, painter: QPainter, text: str, scheme: theme.Tokens) -> None:
        painter.setPen(QColor(scheme.muted))
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        painter.drawText(self.rect().adjusted(30, 30, -30, -30), flags, text)

    def hideEvent(self, event: QHideEvent) -> None:
        """Note that a hidden cell is not looked at."""
        self.visibility.hidden()
        super().hideEvent(event)


def _frame(record: CellRecord, middle: QPointF, unit: float) -> QRectF:
    """Return the box of a cell on the stage, whose middle is the cell's centre of area."""
    left = middle.x() + (record.left - record.x) * unit
    top = middle.y() + (record.top - record.y) * unit
    return QRectF(left, top, record.width * unit, record.height * unit).adjusted(-8, -8, 8, 8)
