"""Fields as a table, with the probabilities as small bars."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from allstation.core.classes import class_style
from allstation.core.filters import FieldSort
from allstation.core.records import FieldRecord
from allstation.ui.browser import cells
from allstation.ui.browser.model import Column, FieldModel
from allstation.ui.browser.sections import Section
from allstation.ui.browser.tile import facing, paint_chip, paint_heading
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card_content import invalid_text

Index = QModelIndex | QPersistentModelIndex

SORT_OF: Final = {
    Column.NAME: FieldSort.NAME,
    Column.DECISION: FieldSort.DECISION,
    Column.PROBABILITIES: FieldSort.PROBABILITY,
    Column.MARGIN: FieldSort.MARGIN,
    Column.QUALITY: FieldSort.SHARPNESS,
    Column.CELLS: FieldSort.CELLS,
    Column.REVIEW: FieldSort.REVIEWED,
    Column.STATE: FieldSort.STATE,
    Column.SIZE: FieldSort.SIZE,
    Column.ADDED: FieldSort.ADDED,
}
_WIDTHS: Final = (170, 124, 220, 70, 90, 96, 130, 90, 100, 130)
_CHIP: Final = 0.95
"""Side of a chip, in heights of the text beside it."""


class FieldTable(QTableView):
    """Shows a :class:`FieldModel` row by row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_CellDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        # The ends of file names differ, not their beginnings.
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSectionsMovable(True)
        header.setStretchLastSection(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._sections: dict[int, Section] = {}
        self._fit_rows()

    def set_widths(self) -> None:
        """Give the columns their first widths; call once there is a model."""
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        self._fit_headings()

    def changeEvent(self, event: object) -> None:
        """Follow the text size."""
        super().changeEvent(event)  # type: ignore[arg-type]
        self._fit_rows()
        self._fit_headings()

    def _fit_rows(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self._row_height())
        self.regroup()

    def _fit_headings(self) -> None:
        """Widen columns whose title has grown with the size of text; wider ones stay as they were left."""
        header = self.horizontalHeader()
        for column in range(header.count()):
            if header.sectionSize(column) < (needed := header.sectionSizeHint(column)):
                header.resizeSection(column, needed)

    def _row_height(self) -> int:
        return round(QFontMetricsF(self.font()).height() + 12)

    # Groups: the first row of each is taller, and its heading is painted into what it gained.

    @Slot()
    def regroup(self) -> None:
        """Take other headings."""
        model = self.model()
        header, height = self.verticalHeader(), self._row_height()
        sections = model.sections() if isinstance(model, FieldModel) else ()
        # While it may be painted the header works out anew where its rows lie, all of them, after every
        # change of one: a thousand headings over 100,000 fields would stop the window.
        header.setUpdatesEnabled(False)
        for row in self._sections:
            if row < header.count():
                header.resizeSection(row, height)
        self._sections = {section.start: section for section in sections if section.start < header.count()}
        for row in self._sections:
            header.resizeSection(row, 2 * height)
        header.setUpdatesEnabled(True)
        self.viewport().update()

    def heading_above(self, row: int) -> int:
        """Return how much of a row's height its heading takes; 0 without one."""
        return self._row_height() if row in self._sections else 0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, then the headings over the top of those that begin a group."""
        super().paintEvent(event)
        if not self._sections:
            return
        height = self.viewport().height()
        first = max(self.rowAt(0), 0)
        last = self.rowAt(height - 1)
        last = self.verticalHeader().count() - 1 if last < 0 else last
        painter = QPainter(self.viewport())
        for row in range(first, last + 1):
            if row in self._sections:
                line = QRectF(0, self.rowViewportPosition(row), self.viewport().width(), self._row_height())
                paint_heading(painter, line, self._sections[row], self.palette(), self.font())
        painter.end()


class _CellDelegate(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw decision chips and probability bars; the rest as usual."""
        option = QStyleOptionViewItem(option)
        if isinstance(option.widget, FieldTable):
            option.rect.setTop(option.rect.top() + option.widget.heading_above(index.row()))
        if index.column() not in (Column.DECISION, Column.PROBABILITIES):
            super().paint(painter, option, index)
            return
        style = option.widget.style() if option.widget else QApplication.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        record = index.data(FieldModel.RecordRole)
        if not isinstance(record, FieldRecord):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect).adjusted(8, 0, -8, 0)
        if index.column() == Column.DECISION:
            _paint_decision(painter, rect, option, record)
        else:
            _paint_bars(painter, rect, option, record)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the usual size with some air."""
        return super().sizeHint(option, index) + QSize(12, 0)


def _paint_decision(
    painter: QPainter, rect: QRectF, option: QStyleOptionViewItem, record: FieldRecord
) -> None:
    prediction = record.prediction
    if prediction is None:
        _paint_words(painter, rect, option, cells.undecided_text(record))
        return
    name = prediction.decision.name
    index = list(prediction.probabilities).index(name) if name in prediction.probabilities else 0
    side = round(QFontMetricsF(option.font).height() * _CHIP)
    chip = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
    painter.setFont(option.font)
    paint_chip(painter, facing(painter, rect, chip), name, index=index)
    painter.setPen(QColor(theme.tokens(option.palette).text))
    words = rect.adjusted(side + 7, 0, 0, 0)
    text = QFontMetricsF(option.font).elidedText(
        cells.decision_text(record), Qt.TextElideMode.ElideRight, words.width()
    )
    painter.drawText(facing(painter, rect, words), Qt.AlignmentFlag.AlignVCenter, text)


def _paint_bars(painter: QPainter, rect: QRectF, option: QStyleOptionViewItem, record: FieldRecord) -> None:
    """Draw one upright bar per class with its letter below the line of the bars."""
    prediction = record.prediction
    if prediction is None:
        return
    scheme = theme.tokens(option.palette)
    if not prediction.probabilities_valid:
        _paint_words(painter, rect, option, invalid_text(prediction))
        return
    painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    letter = QFontMetricsF(option.font).horizontalAdvance("M") + 3
    step = rect.width() / max(len(prediction.probabilities), 1)
    painter.setFont(option.font)
    for index, (name, share) in enumerate(prediction.probabilities.items()):
        cell = QRectF(rect.left() + index * step, rect.top(), step, rect.height())
        painter.setPen(QColor(scheme.muted))
        painter.drawText(cell, Qt.AlignmentFlag.AlignVCenter, class_style(name, index).letter)
        track = QRectF(cell.left() + letter, cell.center().y() - 3, max(cell.width() - letter - 8, 4), 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(scheme.track))
        painter.drawRoundedRect(track, 3, 3)
        if share > 0.005:  # noqa: PLR2004 - below half a percent a bar would be a dot of nothing
            track.setWidth(max(track.width() * share, 3))
            painter.setBrush(theme.class_colour(name, index))
            painter.drawRoundedRect(track, 3, 3)


def _paint_words(painter: QPainter, rect: QRectF, option: QStyleOptionViewItem, words: str) -> None:
    """Write what stands in place of a decision or of its percentages."""
    painter.setFont(option.font)
    painter.setPen(QColor(theme.tokens(option.palette).muted))
    elided = QFontMetricsF(option.font).elidedText(words, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)


def sort_title(sort: FieldSort) -> str:
    """Return how a sort order is called in the browser's menu."""
    return tr(_SORT_TITLES[sort])


_SORT_TITLES: Final = {
    FieldSort.SLIDE: "Slide, name",
    FieldSort.NAME: "Name",
    FieldSort.DECISION: "Decision",
    FieldSort.FINAL: "Final class",
    FieldSort.PROBABILITY: "Top probability",
    FieldSort.MARGIN: "Margin",
    FieldSort.NOVELTY: "Unlike training data",
    FieldSort.SHARPNESS: "Sharpness",
    FieldSort.CELLS: "White cells",
    FieldSort.REVIEWED: "Reviewed",
    FieldSort.STATE: "State",
    FieldSort.SIZE: "File size",
    FieldSort.ADDED: "Added",
}
