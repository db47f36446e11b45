"""Overview: the whole slide small in a corner, with a frame around what is on the screen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.slide.marks import SlideMarks

_ROOM: Final = QSizeF(190, 150)
"""Largest size, canvas units."""
_SHARE: Final = 0.3
"""Largest share of the canvas's width and height."""
_CORNER: Final = 12
_LEAST: Final = 7.0
"""Side that the frame has at least, so that it is found."""


class Overview(QWidget):
    """Shows where on the slide the canvas looks; a click or drag looks elsewhere.

    Args:
        canvas: The widget in whose top right corner it floats.

    Signals:
        centre_asked: This place, in pixels of level 0, should come to the middle.
    """

    centre_asked = Signal(QPointF)

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._size = QSizeF()
        self._base: QImage | None = None
        self._small: QPixmap | None = None
        self._dots: QImage | None = None
        self._density: QImage | None = None
        self._frame = QRectF()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(tr("The whole slide. Click or drag to look elsewhere."))
        self.setAccessibleName(tr("Overview of the slide"))
        canvas.installEventFilter(self)
        self.hide()

    def set_slide(self, size: QSizeF, base: QImage | None) -> None:
        """Show another slide.

        Args:
            size: In pixels of level 0; empty for none.
            base: The whole slide as one picture.
        """
        self._size, self._base, self._dots = size, base, None
        self._place()

    def set_marks(self, marks: SlideMarks) -> None:
        """Show where the fields lie."""
        self._dots = marks.dots(self._size) if len(marks) and not self._size.isEmpty() else None
        self.update()

    def set_density(self, image: QImage | None) -> None:
        """Show a map over the slide in place of its fields; None shows these."""
        self._density = image
        self.update()

    def set_frame(self, visible: QRectF) -> None:
        """Show what is on the screen, in pixels of level 0."""
        self._frame = visible
        self.update()

    def frame(self) -> QRectF:
        """Return the frame in own coordinates."""
        scale = self._scale()
        frame = QRectF(self._frame.topLeft() * scale, self._frame.size() * scale)
        if frame.width() < _LEAST or frame.height() < _LEAST:
            centre = frame.center()
            frame.setSize(frame.size().expandedTo(QSizeF(_LEAST, _LEAST)))
            frame.moveCenter(centre)
        return frame

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the slide, its fields and the frame."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        whole = QRectF(self.rect())
        painter.fillRect(whole, QColor(scheme.panel))
        if self._small is not None:
            painter.drawPixmap(self.rect(), self._small)
        over = self._dots if self._density is None else self._density
        if over is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(whole, over)
        frame = self.frame().intersected(whole.adjusted(1, 1, -1, -1))
        for colour, width in ((QColor(10, 12, 16, 210), 4.0), (QColor(255, 255, 255), 2.0)):
            painter.setPen(
                QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin)
            )
            painter.drawRect(frame)
        painter.setPen(QColor(scheme.border))
        painter.drawRect(whole.adjusted(0, 0, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Look where the pointer is."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._ask(event.position())
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A fast second click is a click here, not one on the slide behind."""
        self.mousePressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner when the canvas changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        """Paint in the colours of now."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.update()

    def _ask(self, at: QPointF) -> None:
        if self._scale():
            self.centre_asked.emit(at / self._scale())

    def _scale(self) -> float:
        return self.width() / self._size.width() if self._size.width() else 0.0

    def _place(self) -> None:
        if self._size.isEmpty():
            self.hide()
            return
        room = _ROOM.boundedTo(QSizeF(self._canvas.size()) * _SHARE)
        size = self._size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        self.resize(max(1, round(size.width())), max(1, round(size.height())))
        self.move(self._canvas.width() - self.width() - _CORNER, _CORNER)
        self._small = self._scaled() if self._base is not None else None
        self.show()

    def _scaled(self) -> QPixmap | None:
        if self._base is None:
            return None
        smooth = Qt.TransformationMode.SmoothTransformation
        size = self.size() * self.devicePixelRatioF()
        return QPixmap.fromImage(self._base.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth))
