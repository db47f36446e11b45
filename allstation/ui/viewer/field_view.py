"""Field view: a field on a canvas, under its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from allstation.core.classes import RESEARCH_USE
from allstation.core.records import FieldRecord
from allstation.ui.common import theme
from allstation.ui.common.formatting import field_name, short_name, tip
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.canvas import FieldCanvas
from allstation.ui.viewer.cell_marks import CellMark
from allstation.ui.viewer.geometry import RelativeView
from allstation.ui.viewer.picture import FieldPicture
from allstation.ui.viewer.visibility import identity

_FOOT: Final = 26
_CAPTION_LIMIT: Final = 64


class FieldView(QWidget):
    """Shows one field with its layers.

    Attributes:
        canvas: Zooms and pans.
        keep_view: Whether the next field is shown at the same place and zoom.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = FieldCanvas(self)
        self.keep_view = False
        self._kept: RelativeView | None = None
        self._caption = QLabel(self, alignment=Qt.AlignmentFlag.AlignCenter)
        self._caption.setProperty("role", "caption")
        self._caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._caption.setContentsMargins(6, 5, 6, 5)
        self._caption.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._caption)
        layout.addWidget(self.canvas, 1)
        self.setFocusProxy(self.canvas)
        self.clear()

    @property
    def record(self) -> FieldRecord | None:
        """The field that is shown."""
        return self.canvas.scene.record

    def show_field(self, record: FieldRecord | None, image: QImage | FieldPicture | None = None) -> None:
        """Show a field.

        Args:
            record: What is known about it; None clears the view.
            image: Its pixels; None while they are being read.
        """
        if record is None:
            self.clear()
            return
        scene = self.canvas.scene
        before = scene.record
        same = before is not None and identity(before) == identity(record)
        scene.record = record
        self._caption.setText(short_name(field_name(record.path), _CAPTION_LIMIT))
        self._caption.setToolTip(tip(str(record.path)))
        if same and (image is None or scene.picture is not None):
            self.canvas.refresh()
            return
        if not same:
            scene.polygons, scene.cells = (), None
            self._kept = (self.canvas.relative_view() or self._kept) if self.keep_view else None
        scene.picture = FieldPicture.from_image(image) if isinstance(image, QImage) else image
        if scene.picture is not None and _holds_other_bytes(scene.picture, record):
            # Other bytes under its name: what is said of the field is not said of this picture.
            scene.picture = None
            self.canvas.picture_changed(None)
            self.show_message(
                tr(
                    "The file {name} is not the one that was added: its bytes are others now. Put that file "
                    "back, or add this one as a field of its own.",
                    name=short_name(field_name(record.path)),
                )
            )
        elif scene.picture is None:
            self.canvas.picture_changed(None)
            self.canvas.wait()
        else:
            self.canvas.picture_changed(self._kept)

    def clear(self) -> None:
        """Show no field, and say what to do."""
        scene = self.canvas.scene
        scene.record, scene.picture, scene.polygons, scene.cells = None, None, (), None
        self._caption.clear()
        self.canvas.picture_changed(None)
        self.canvas.show_message(
            tr("No field selected.\nChoose one in the list, or drop fields anywhere on the window.")
        )

    def show_message(self, text: str) -> None:
        """Say why the field cannot be shown; what is known about it stays in the overlay."""
        self.canvas.show_message(text)

    def set_layers(self, **changes: object) -> None:
        """Change attributes of :class:`~allstation.ui.viewer.scene.Layers`."""
        self.canvas.scene.change(**changes)
        self.canvas.refresh()

    def set_outlines(self, polygons: Sequence[NDArray[np.float64]]) -> None:
        """Give the cell outlines: (N, 2) arrays, x and y as shares of width and height."""
        self.canvas.scene.polygons = tuple(polygons)
        self.canvas.refresh()

    def set_cells(self, cells: Sequence[CellMark] | None) -> None:
        """Give the cells that the case holds of the field; None where it holds none."""
        self.canvas.scene.cells = cells
        self.canvas.refresh()

    def set_caption(self, text: str) -> None:
        """Write something else above the field until another one is shown."""
        if text:
            self._caption.setText(text)

    def set_captioned(self, on: bool, prefix: str = "") -> None:
        """Show the field's name above it, for two fields side by side."""
        self._caption.setVisible(on)
        self._caption.setAccessibleName(prefix)

    def rendered(self) -> QImage | None:
        """Return the field as it is shown, overlay and layers included, with its name and notice below."""
        view, scene = self.canvas.view, self.canvas.scene
        if view is None or scene.record is None:
            return None
        ratio = self.canvas.devicePixelRatioF()
        image = self.canvas.blank_copy(foot=_FOOT)
        scheme = theme.tokens(self.palette())
        image.fill(QColor(scheme.canvas))
        painter = QPainter(image)
        painter.setClipRect(QRectF(QPointF(0, 0), view.canvas))
        scene.paint(painter, view, self.canvas.font(), ratio)
        painter.setClipping(False)
        foot = QRectF(0, self.canvas.height(), self.canvas.width(), _FOOT)
        self._paint_foot(painter, foot, scheme)
        painter.end()
        return image

    def _paint_foot(self, painter: QPainter, foot: QRectF, scheme: theme.Tokens) -> None:
        font = QFont(self.canvas.font())
        font.setPointSizeF(max(font.pointSizeF() * 0.88, 6.0))
        painter.fillRect(foot, QColor(scheme.panel))
        painter.setFont(font)
        painter.setPen(QColor(scheme.muted))
        metrics = QFontMetrics(font)
        inner = foot.adjusted(10, 0, -10, 0)
        notice = (
            RESEARCH_USE
            if metrics.horizontalAdvance(RESEARCH_USE) < inner.width() * 0.6
            else tr("Research use only")
        )
        room = round(inner.width() - metrics.horizontalAdvance(notice) - 20)
        name = field_name(self.record.path) if self.record is not None else ""
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, max(room, 0))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignLeft), shown)
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignRight), notice)


def _holds_other_bytes(picture: FieldPicture, record: FieldRecord) -> bool:
    """Tell whether a file was changed since it was added, as far as both hashes are known."""
    return bool(picture.sha256 and record.sha256) and picture.sha256 != record.sha256
