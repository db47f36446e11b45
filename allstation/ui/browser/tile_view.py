"""View of tiles in reading order whose cost depends on what is visible, never on how many there are."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Final, Protocol, cast

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QHideEvent, QMouseEvent, QPainter, QPaintEvent, QRegion, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from allstation.ui.browser.sections import Section, TileLayout
from allstation.ui.browser.tile import PADDING, paint_heading, text_height
from allstation.ui.common import icons
from allstation.ui.viewer.visibility import VisibilityTracker

MIN_WIDTH: Final = 72
MAX_WIDTH: Final = 360
_ONE_MORE: Final = 0.12
"""Part of a tile that may lack for another column: all then are hardly smaller than wanted."""
_HEAD: Final = 0.78
"""Height of a heading, in heights of a tile's two lines of text."""

Index = QModelIndex | QPersistentModelIndex


class ListingModel(Protocol):
    """Model whose rows are a listing under headings."""

    def ids(self) -> Sequence[int]:
        """Return all ids in order."""

    def sections(self) -> tuple[Section, ...]:
        """Return the headings in order; none where nothing is grouped."""


class TileView(QAbstractItemView):
    """Lays out the rows of a :class:`ListingModel` as tiles; a subclass paints one.

    Signals:
        width_changed: The tiles' width, after Ctrl and the wheel.

    Attributes:
        visibility: How long the pictures of the rows, by id, have been on the screen.
    """

    width_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None, *, aspect: float = 1.0, lines: int = 2) -> None:
        super().__init__(parent)
        self.visibility = VisibilityTracker(self.viewport())
        self._width = 112
        self._scaled = icons.scaled(self._width)
        self._aspect = aspect
        self._lines = lines
        self._words = text_height(self.font(), lines)
        self._hovered = -1
        self._anchor = 0
        self._target = 0
        self._tiles = TileLayout(0, (), columns=1, height=1, head=0)
        self._headings: tuple[Section, ...] = ()
        self._made_of = (0, 1, 1, 0)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.viewport().setMouseTracking(True)

    def listing(self) -> ListingModel | None:
        """Return the model, if there is one."""
        return cast("ListingModel | None", self.model())

    def _paint_row(self, painter: QPainter, row: int, rect: QRect) -> bool:
        """Draw a tile; tell whether its picture was there."""
        raise NotImplementedError

    def _paint_heading(self, painter: QPainter, line: QRectF, section: Section) -> None:
        paint_heading(painter, line, section, self.palette(), self.font())

    # Size

    def tile_width(self) -> int:
        """Return the width of a picture in logical pixels."""
        return self._width

    def set_tile_width(self, width: int) -> None:
        """Set the width of a picture, keeping the current row in view."""
        self._width = min(max(width, MIN_WIDTH), MAX_WIDTH)
        self._scaled = icons.scaled(self._width)
        self.scroll_to_current()
        self.viewport().update()

    def scroll_to_current(self) -> None:
        """Lay out again, with the current row in view."""
        self.updateGeometries()
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def columns(self) -> int:
        """Return how many tiles stand beside each other."""
        width, around = self.viewport().width(), 2 * PADDING + 4
        wanted = max(1, int(width / (self._scaled + around) + _ONE_MORE))
        highest = (self.viewport().height() - 3 * PADDING - self._words) / self._aspect
        if width / wanted - around <= highest:
            return wanted
        # A tile that is higher than the view would never be seen whole.
        lower = math.ceil(width / (max(highest, MIN_WIDTH) + around))
        return max(wanted, min(lower, width // (MIN_WIDTH + around)))

    def _turned(self, column: int) -> int:
        """Return a column counted from the left as one in reading order, or the other way round."""
        return self.columns() - 1 - column if self.isRightToLeft() else column

    def _cell(self) -> tuple[float, int]:
        """Return the width and height of a cell; the columns share the whole width."""
        return self.viewport().width() / self.columns(), self._picture_height() + 3 * PADDING + self._words

    def _picture_height(self) -> int:
        width = self.viewport().width() / self.columns() - 2 * PADDING - 4
        return max(1, round(width * self._aspect))

    def _head(self) -> int:
        return round(text_height(self.font()) * _HEAD)

    def _count(self) -> int:
        model = self.model()
        return 0 if model is None else model.rowCount()

    def _sections(self) -> tuple[Section, ...]:
        model = self.listing()
        return () if model is None else model.sections()

    def _placed(self) -> TileLayout:
        """Return where everything lies; worked out anew only when something it depends on has changed."""
        sections, count, height = self._sections(), self._count(), self._cell()[1]
        made_of = (count, self.columns(), height, self._words)
        if sections is not self._headings or made_of != self._made_of:
            # While a listing and its headings arrive one after the other, headings beyond the end wait.
            starts = [section.start for section in sections if section.start < count]
            head = self._head()
            self._tiles = TileLayout(count, starts, columns=self.columns(), height=height, head=head)
            self._headings, self._made_of = sections, made_of
        return self._tiles

    def regroup(self) -> None:
        """Take other headings."""
        self.scroll_to_current()
        self.viewport().update()

    # What QAbstractItemView asks

    def visualRect(self, index: Index) -> QRect:
        """Return where an index is, in the viewport."""
        if not index.isValid():
            return QRect()
        top, place = self._placed().place(index.row())
        column = self._turned(place)
        width, height = self._cell()
        left = round(column * width)
        return QRect(left, top - self.verticalOffset(), round((column + 1) * width) - left, height)

    def indexAt(self, point: QPoint) -> QModelIndex:
        """Return what is at a point of the viewport."""
        column = self._turned(int(point.x() // self._cell()[0]))
        row = self._placed().row_at(point.y() + self.verticalOffset(), column)
        return self.model().index(row, 0) if row is not None else QModelIndex()

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Scroll as little as needed to show an index whole."""
        rect = self.visualRect(index)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(bar.value() + rect.center().y() - height // 2)
        elif rect.top() < 0:
            bar.setValue(bar.value() + rect.top())
        elif rect.bottom() > height:
            bar.setValue(bar.value() + min(rect.bottom() - height + 1, rect.top()))

    def moveCursor(
        self,
        action: QAbstractItemView.CursorAction,
        modifiers: Qt.KeyboardModifier,  # noqa: ARG002
    ) -> QModelIndex:
        """Return where a key leads."""
        step = QAbstractItemView.CursorAction
        columns = self.columns()
        page = max(1, self.viewport().height() // self._cell()[1]) * columns
        row, last = max(self.currentIndex().row(), 0), self._count() - 1
        right = -1 if self.isRightToLeft() else 1
        moves = {
            step.MoveLeft: row - right,
            step.MovePrevious: row - 1,
            step.MoveRight: row + right,
            step.MoveNext: row + 1,
            step.MoveUp: self._placed().line_up(row),
            step.MoveDown: self._placed().line_down(row),
            step.MovePageUp: row - page,
            step.MovePageDown: row + page,
            step.MoveHome: 0,
            step.MoveEnd: last,
        }
        self._target = min(max(moves[action], 0), max(last, 0))
        return self.model().index(self._target, 0)

    def horizontalOffset(self) -> int:
        """Return 0: it never scrolls sideways."""
        return 0

    def verticalOffset(self) -> int:
        """Return the scroll position in pixels."""
        return self.verticalScrollBar().value()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move what is drawn already, so that only the tiles that come into view are painted."""
        self.viewport().scroll(dx, dy)

    def isIndexHidden(self, index: Index) -> bool:  # noqa: ARG002 - Qt's signature
        """Return False: the filter leaves hidden rows out of the model."""
        return False

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Select what Shift and a key or click span, else what a rubber band touches."""
        selection = QItemSelection()
        if self.state() == QAbstractItemView.State.DragSelectingState:
            for first, last in self._lines_in(rect.normalized()):
                selection.select(self.model().index(first, 0), self.model().index(last, 0))
        elif self._count():
            first, last = sorted((self._anchor, self._target))
            selection.select(self.model().index(first, 0), self.model().index(last, 0))
        self.selectionModel().select(selection, command | QItemSelectionModel.SelectionFlag.Rows)

    def _lines_in(self, rect: QRect) -> list[tuple[int, int]]:
        """Return the spans of rows whose tiles a rectangle of the viewport touches."""
        width = self._cell()[0]
        left, right = int(rect.left() // width), int(rect.right() // width)
        placed, offset = self._placed(), self.verticalOffset()
        spans: list[tuple[int, int]] = []
        for row in placed.rows_between(max(0, rect.top() + offset), max(0, rect.bottom() + offset)):
            if left <= self._turned(placed.place(row)[1]) <= right:
                joins = bool(spans) and spans[-1][1] == row - 1
                spans[-1:] = [(spans[-1][0], row)] if joins else [*spans[-1:], (row, row)]
        return spans

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:  # noqa: ARG002
        """Return the whole viewport: repainting what is visible is cheaper than finding out."""
        return QRegion(self.viewport().rect())

    def updateGeometries(self) -> None:
        """Fit the scroll bar to the number of rows."""
        height = self._cell()[1]
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, self._placed().total - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(1, height // 3))
        super().updateGeometries()

    # Changes

    def reset(self) -> None:
        """Show a model that was replaced."""
        super().reset()
        self._anchor = self._target = 0
        self.updateGeometries()

    def rowsInserted(self, parent: Index, start: int, end: int) -> None:
        """Grow."""
        super().rowsInserted(parent, start, end)
        self.updateGeometries()
        self.viewport().update()

    def dataChanged(self, top_left: Index, bottom_right: Index, roles: Sequence[int] = ()) -> None:
        """Repaint: what changed may be visible."""
        super().dataChanged(top_left, bottom_right, list(roles))
        self.viewport().update()

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Follow the current row and remember where a span begins."""
        super().currentChanged(current, previous)
        if self._target != current.row():
            self._anchor = self._target = max(current.row(), 0)
        self.scrollTo(current)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out again, keeping the current row in view."""
        super().resizeEvent(event)
        self.scroll_to_current()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._words = text_height(self.font(), self._lines)
            # Larger text needs wider tiles, or there is no room for a name.
            self._scaled = icons.scaled(self._width)
            self.scroll_to_current()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a span ends, or begins without Shift."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid():
            self._target = index.row()
            if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._anchor = index.row()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show what the pointer is on."""
        row = self.indexAt(event.position().toPoint()).row()
        if row != self._hovered:
            self._hovered = row
            self.viewport().update()
        super().mouseMoveEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Forget the pointer when it leaves."""
        if event.type() == QEvent.Type.Leave and self._hovered >= 0:
            self._hovered = -1
            self.viewport().update()
        return super().viewportEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Note that hidden tiles are not looked at."""
        self.visibility.hidden()
        super().hideEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the size with Ctrl, scroll without."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_tile_width(self._width + (12 if event.angleDelta().y() > 0 else -12))
            self.width_changed.emit(self._width)
            event.accept()
            return
        super().wheelEvent(event)

    def repaint_ids(self, numbers: Container[int]) -> None:
        """Draw the tiles of these ids again, as far as they are visible."""
        model = self.listing()
        if model is None:
            return
        ids = model.ids()
        for row in self.visible_rows():
            if ids[row] in numbers:
                self.viewport().update(self.visualRect(self.model().index(row, 0)))

    # Painting

    def visible_rows(self) -> range:
        """Return the rows that are at least partly visible."""
        top = self.verticalOffset()
        return self._placed().rows_between(top, top + self.viewport().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the visible tiles."""
        model = self.listing()
        if model is None:
            return
        ids = model.ids()
        painter = QPainter(self.viewport())
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painted: set[int] = set()
        kept: set[int] = set()
        for row in self.visible_rows():
            rect = self.visualRect(self.model().index(row, 0))
            has_picture = event.rect().intersects(rect) and self._paint_row(painter, row, rect)
            # A tile of which less than half is in view is not one that was looked at.
            if self.viewport().rect().contains(rect.center()):
                (painted if has_picture else kept).add(ids[row])
        self.visibility.painted(painted, kept=kept)
        top, sections = self.verticalOffset(), self._sections()
        for number, at in self._placed().headings_between(top, top + self.viewport().height()):
            line = QRectF(0, at - top, self.viewport().width(), self._head())
            self._paint_heading(painter, line, sections[number])
        painter.end()
