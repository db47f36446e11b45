"""List of the types with their keys and how many cells were given each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from allstation.core.cell_types import CellType
from allstation.ui.browser.tile import facing
from allstation.ui.cells.tile import paint_type_chip
from allstation.ui.common import theme
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

_GAP: Final = 8.0
_AIR: Final = 8


class TypeKeys(QWidget):
    """Draws a line for each type: key, name, count; the type that was given last is marked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._types: tuple[CellType, ...] = ()
        self._counts: Mapping[str, int] = {}
        self._latest = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(tr("Types and their keys"))

    def set_types(self, types: Sequence[CellType]) -> None:
        """Show another list."""
        self._types = tuple(types)
        self.updateGeometry()
        self.update()

    def set_counts(self, counts: Mapping[str, int], *, latest: str = "") -> None:
        """Show how many cells have each type."""
        self._counts, self._latest = dict(counts), latest
        shown = [f"{tr(kind.name)} {self._counts.get(kind.key, 0)}" for kind in self._types]
        self.setAccessibleDescription(", ".join(shown))
        self.update()

    def counts(self) -> dict[str, int]:
        """Return what is shown, by the key of the type."""
        return {kind.key: self._counts.get(kind.key, 0) for kind in self._types}

    def _line(self) -> int:
        return round(QFontMetricsF(self.font()).height()) + _AIR

    def sizeHint(self) -> QSize:
        """Return the height of all lines."""
        letter = QFontMetricsF(self.font()).averageCharWidth()
        return QSize(round(letter * 44), self._line() * len(self._types) + 2)

    def minimumSizeHint(self) -> QSize:
        """Return the least: every line is to be seen."""
        letter = QFontMetricsF(self.font()).averageCharWidth()
        return QSize(round(letter * 30), self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scheme = theme.tokens(self.palette())
        for row, kind in enumerate(self._types):
            rect = QRectF(0, row * self._line(), self.width(), self._line())
            self._paint_row(painter, rect, kind, scheme)
        painter.end()

    def _paint_row(self, painter: QPainter, rect: QRectF, kind: CellType, scheme: theme.Tokens) -> None:
        if kind.key == self._latest:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(scheme.selection))
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 4, 4)
        metrics, count = QFontMetricsF(self.font()), self._counts.get(kind.key, 0)
        side = round(metrics.height())
        inner = rect.adjusted(6, 0, -6, 0)
        painter.setFont(self.font())
        chip = QRectF(inner.left(), inner.center().y() - side / 2, side, side)
        paint_type_chip(painter, facing(painter, rect, chip), kind, text=QColor(scheme.text))
        room = metrics.horizontalAdvance("00000") + _GAP
        name = inner.adjusted(side + _GAP, 0, -room, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(scheme.text if count else scheme.muted))
        elided = metrics.elidedText(tr(kind.name), Qt.TextElideMode.ElideRight, name.width())
        painter.drawText(facing(painter, rect, name), middle | Qt.AlignmentFlag.AlignLeft, elided)
        strong = QFont(self.font())
        strong.setBold(bool(count))
        painter.setFont(strong)
        box = QRectF(inner.right() - room, inner.top(), room, inner.height())
        painter.drawText(facing(painter, rect, box), middle | Qt.AlignmentFlag.AlignRight, number(count))
