"""Pages of a report under each other, drawn when they come into view."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from allstation.ui.common.i18n import tr
from allstation.ui.common.theme import tokens

_GAP: Final = 18
_POINT: Final = 96 / 72
"""Logical pixels in a point at 100 %."""
_KEPT: Final = 12
"""Pages kept drawn: about 3 MB each at 100 %."""
_STEP: Final = 1.25
_SMALLEST: Final = 0.2
_LARGEST: Final = 4.0
_FADED: Final = 0.45


class PageView(QAbstractScrollArea):
    """Shows the pages of one document.

    Signals:
        page_wanted: Index of a page to draw and its width in device pixels.
        page_changed: Number of the page in the middle, from 1, and how many there are.
        scale_changed: Size of the pages, 1 for 100 %.
    """

    page_wanted = Signal(int, int)
    page_changed = Signal(int, int)
    scale_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Pages of the report"))
        self.setMinimumSize(QSize(320, 320))
        self._sizes: tuple[tuple[float, float], ...] = ()
        self._tops: list[int] = []
        self._drawn: OrderedDict[int, QImage] = OrderedDict()
        self._asked: set[tuple[int, int]] = set()
        self._scale = 1.0
        self._fit: str = "width"
        self._faded = False
        self._hint = ""
        self._current = 0

    # What is shown

    def set_pages(self, sizes: Sequence[tuple[float, float]]) -> None:
        """Show another document.

        Args:
            sizes: Width and height of every page, points.
        """
        same = tuple(sizes) == self._sizes
        self._sizes = tuple(sizes)
        self._asked.clear()
        self._faded = False
        if not same:
            self._drawn.clear()
        self._lay_out()
        # The old picture of a page stays until the new one is drawn: nothing flickers.
        self._ask()

    def set_faded(self, faded: bool) -> None:
        """Fade the pages while newer ones are being made."""
        if faded != self._faded:
            self._faded = faded
            self.viewport().update()

    def set_hint(self, text: str) -> None:
        """Say why there are no pages, where there are none."""
        self._hint = text
        self.viewport().update()

    def set_picture(self, index: int, width: int, rgb: NDArray[np.uint8]) -> None:
        """Show a page that was drawn, unless another size is wanted by now.

        Args:
            index: Of the page.
            width: It was asked for in, device pixels.
            rgb: (h, w, 3) uint8, C-contiguous.
        """
        if index >= len(self._sizes) or width != self._width_of(index):
            return
        height, across = rgb.shape[:2]
        # The copy owns its bytes; the array may go.
        self._drawn[index] = QImage(rgb.data, across, height, 3 * across, QImage.Format.Format_RGB888).copy()
        self._drawn.move_to_end(index)
        while len(self._drawn) > _KEPT:
            self._drawn.popitem(last=False)
        self.viewport().update()

    @property
    def count(self) -> int:
        """Number of pages."""
        return len(self._sizes)

    @property
    def scale(self) -> float:
        """Size of the pages, 1 for 100 %."""
        return self._scale

    def is_drawn(self, index: int) -> bool:
        """Whether a page is drawn in the size that is shown."""
        image = self._drawn.get(index)
        return image is not None and image.width() == self._width_of(index)

    # Size and place

    def fit_width(self) -> None:
        """Make pages as wide as the window."""
        self._set_fit("width")

    def fit_page(self) -> None:
        """Show a whole page."""
        self._set_fit("page")

    def zoom(self, steps: int) -> None:
        """Make pages larger or smaller."""
        self._fit = ""
        self._set_scale(self._scale * _STEP**steps)

    def go_to_page(self, index: int) -> None:
        """Bring a page into view."""
        if self._tops:
            top = self._tops[min(max(index, 0), len(self._tops) - 1)]
            self.verticalScrollBar().setValue(top - _GAP // 2)

    def _set_fit(self, fit: str) -> None:
        self._fit = fit
        self._lay_out()
        self._ask()

    def _set_scale(self, scale: float) -> None:
        middle = self._place()
        self._scale = min(max(scale, _SMALLEST), _LARGEST)
        self._lay_out()
        self._go_to(middle)
        self._ask()

    def _place(self) -> float:
        bar = self.verticalScrollBar()
        total = bar.maximum() + bar.pageStep()
        return (bar.value() + bar.pageStep() / 2) / total if total else 0.0

    def _go_to(self, place: float) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(round(place * (bar.maximum() + bar.pageStep()) - bar.pageStep() / 2))

    def _fitted(self) -> float:
        width = max(size[0] for size in self._sizes) * _POINT
        height = max(size[1] for size in self._sizes) * _POINT
        # With or without its scroll bar: else the bar comes and goes with the size it brings.
        room = self.width() - self.verticalScrollBar().sizeHint().width() - 2 * _GAP
        scale = room / width
        if self._fit == "page":
            scale = min(scale, (self.height() - 2 * _GAP) / height)
        return min(max(scale, _SMALLEST), _LARGEST)

    def _lay_out(self) -> None:
        if self._sizes and self._fit:
            self._scale = self._fitted()
        y, self._tops = _GAP, []
        for _, height in self._sizes:
            self._tops.append(y)
            y += round(height * _POINT * self._scale) + _GAP
        widest = max((self._logical(index)[0] for index in range(self.count)), default=0)
        view = self.viewport().size()
        vertical, horizontal = self.verticalScrollBar(), self.horizontalScrollBar()
        vertical.setPageStep(view.height())
        vertical.setSingleStep(48)
        vertical.setRange(0, max(0, y - view.height()) if self._sizes else 0)
        horizontal.setPageStep(view.width())
        horizontal.setRange(0, max(0, widest + 2 * _GAP - view.width()))
        self.scale_changed.emit(self._scale)
        self._emit_page()
        self.viewport().update()

    def _logical(self, index: int) -> tuple[int, int]:
        width, height = self._sizes[index]
        return round(width * _POINT * self._scale), round(height * _POINT * self._scale)

    def _width_of(self, index: int) -> int:
        return max(1, round(self._logical(index)[0] * self.devicePixelRatioF()))

    def _rect(self, index: int) -> QRect:
        width, height = self._logical(index)
        view = self.viewport().width()
        left = (view - width) // 2 if width + 2 * _GAP <= view else _GAP - self.horizontalScrollBar().value()
        return QRect(left, self._tops[index] - self.verticalScrollBar().value(), width, height)

    def _visible(self) -> list[int]:
        view = self.viewport().rect()
        return [index for index in range(self.count) if self._rect(index).intersects(view)]

    def _ask(self) -> None:
        for index in self._visible():
            wanted = (index, self._width_of(index))
            if wanted not in self._asked and len(self._asked) < 4 * _KEPT:
                self._asked.add(wanted)
                self.page_wanted.emit(*wanted)

    def _emit_page(self) -> None:
        middle = self.verticalScrollBar().value() + self.viewport().height() // 2
        current = sum(top <= middle for top in self._tops)
        self._current = max(1, current) if self._sizes else 0
        self.page_changed.emit(self._current, self.count)

    # Qt

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the pages in view."""
        painter = QPainter(self.viewport())
        colours = tokens(self.palette())
        painter.fillRect(self.viewport().rect(), QColor(colours.canvas))
        if not self._sizes:
            painter.setPen(QColor(colours.muted))
            room = self.viewport().rect().adjusted(40, 40, -40, -40)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, flags, self._hint)
        for index in self._visible():
            self._paint_page(painter, index)
        painter.end()

    def _paint_page(self, painter: QPainter, index: int) -> None:
        rect = self._rect(index)
        painter.fillRect(rect.translated(0, 2).adjusted(-1, -1, 1, 2), QColor(0, 0, 0, 40))
        painter.fillRect(rect, Qt.GlobalColor.white)
        image = self._drawn.get(index)
        if image is None:
            return
        painter.setOpacity(_FADED if self._faded else 1.0)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(rect), image)
        painter.setOpacity(1.0)

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """Ask for the pages that come into view."""
        self._forget_far()
        self._ask()
        self._emit_page()
        self.viewport().update()

    def _forget_far(self) -> None:
        """Let pages out of view be asked for again: their pictures may have been dropped."""
        near = set(self._visible())
        self._asked = {one for one in self._asked if one[0] in near or self.is_drawn(one[0])}

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the place and the fit."""
        super().resizeEvent(event)
        place = self._place()
        self._lay_out()
        self._go_to(place)
        self._forget_far()
        self._ask()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of now."""
        super().changeEvent(event)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll and size by keys."""
        key, bar = event.key(), self.verticalScrollBar()
        if key in (Qt.Key.Key_PageDown, Qt.Key.Key_Space):
            self.go_to_page(self._current)
        elif key == Qt.Key.Key_PageUp:
            self.go_to_page(self._current - 2)
        elif key == Qt.Key.Key_Home:
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            bar.setValue(bar.maximum())
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1)
        elif key == Qt.Key.Key_Minus:
            self.zoom(-1)
        elif key == Qt.Key.Key_0:
            self.fit_width()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll, or size with the control key."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
            return
        super().wheelEvent(event)
