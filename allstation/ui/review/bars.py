"""Class probabilities of the current field as text and bars, in the panel's own colours."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.ui.browser.tile import facing
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card import paint_chip
from allstation.ui.viewer.card_content import ClassRow

_ROW: Final = 1.9
_GAP: Final = 9.0
_BAR: Final = 8.0


class ProbabilityBars(QWidget):
    """Probability bars, a row a class: letter, name, bar, per cent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ClassRow, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Class probabilities"))

    def set_rows(self, rows: tuple[ClassRow, ...]) -> None:
        """Show these classes; none hides the bars."""
        self._rows = rows
        self.setAccessibleDescription(", ".join(f"{row.mark.name} {row.percent}" for row in rows))
        self.setVisible(bool(rows))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Height of all rows."""
        return QSize(220, round(self._pitch() * len(self._rows)))

    def minimumSizeHint(self) -> QSize:
        """As high as the rows, but narrower."""
        return QSize(150, self.sizeHint().height())

    def _pitch(self) -> float:
        return QFontMetricsF(self.font()).height() * _ROW

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the rows."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        strong = QFont(self.font())
        strong.setBold(True)
        metrics = QFontMetricsF(strong)
        names = max((metrics.horizontalAdvance(row.mark.name) for row in self._rows), default=0.0)
        percents = max((metrics.horizontalAdvance(row.percent) for row in self._rows), default=0.0)
        for index, row in enumerate(self._rows):
            line = QRectF(0, index * self._pitch(), self.width(), self._pitch() - 5)
            self._paint_row(painter, line, row, strong=strong, names=names, percents=percents)
        painter.end()

    def _paint_row(
        self, painter: QPainter, line: QRectF, row: ClassRow, *, strong: QFont, names: float, percents: float
    ) -> None:
        scheme = theme.tokens(self.palette())
        chip = QRectF(line.x(), line.y(), line.height(), line.height())
        paint_chip(painter, facing(painter, line, chip), row.mark, strong)
        painter.setFont(strong if row.is_top else self.font())
        painter.setPen(QColor(scheme.text if row.is_top else scheme.muted))
        middle = Qt.AlignmentFlag.AlignVCenter
        name = QRectF(chip.right() + _GAP, line.y(), names + 2, line.height())
        left, right = middle | Qt.AlignmentFlag.AlignLeft, middle | Qt.AlignmentFlag.AlignRight
        painter.drawText(facing(painter, line, name), left, row.mark.name)
        percent = QRectF(line.right() - percents - 2, line.y(), percents + 2, line.height())
        painter.drawText(facing(painter, line, percent), right, row.percent)
        track = QRectF(name.right() + _GAP, line.center().y() - _BAR / 2, 0, _BAR)
        track.setRight(percent.left() - _GAP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(scheme.track))
        painter.drawRoundedRect(facing(painter, line, track), _BAR / 2, _BAR / 2)
        filled = QRectF(track)
        filled.setWidth(max(track.width() * row.share, 2.0))
        painter.setBrush(QColor(row.mark.colour))
        painter.drawRoundedRect(facing(painter, line, filled), min(_BAR, filled.width()) / 2, _BAR / 2)
