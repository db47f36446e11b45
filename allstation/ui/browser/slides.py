"""Slides as a tree, with counts per decision and a bar of their shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW
from allstation.core.text import shown_name
from allstation.services.case_reader import Overview
from allstation.ui import theme
from allstation.ui.browser.tile import facing, paint_chip
from allstation.ui.text import number, tr

Index = QModelIndex | QPersistentModelIndex
_PLACE: Final = int(Qt.ItemDataRole.UserRole)
_SHARES: Final = _PLACE + 1
_CHIP: Final = 0.95


@dataclass(frozen=True, slots=True)
class Place:
    """What a row of the tree stands for.

    Attributes:
        slide_id: The slide, or None for the whole case.
        final: The class below it, or None for all of them.
    """

    slide_id: int | None = None
    final: str | None = None


class SlideTree(QTreeWidget):
    """Lets a person choose the whole case, a slide, or a class within one.

    Signals:
        chosen: A :class:`Place`.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = CLASS_NAMES
        self._places: dict[Place, QTreeWidgetItem] = {}
        self._blind = False
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setAccessibleName(tr("Slides"))
        self.setIndentation(18)
        self.setItemDelegate(_SlideDelegate(self))
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(self._current_changed)

    def classes(self) -> tuple[str, ...]:
        """Return the classes in the model's order."""
        return self._classes

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Order the classes as a model does."""
        self._classes = names

    def set_blind(self, on: bool) -> None:
        """Leave out classes: their counts, and filtering by them, would tell what the model thinks."""
        self._blind = on
        if on and self.current_place().final is not None:
            self.choose(Place(self.current_place().slide_id))
        for place in [place for place in self._places if on and place.final is not None]:
            item = self._places.pop(place)
            if (above := item.parent()) is not None:
                above.removeChild(item)

    def has(self, place: Place) -> bool:
        """Tell whether a row stands for a place."""
        return place in self._places

    def name_of(self, slide_id: int) -> str:
        """Return a slide's name; empty while it is not known."""
        item = self._places.get(Place(slide_id))
        return item.text(0) if item is not None else ""

    def clear_places(self) -> None:
        """Forget the slides: another case."""
        self.blockSignals(True)
        self.clear()
        self._places.clear()
        self.blockSignals(False)

    def current_place(self) -> Place:
        """Return what is chosen; the whole case if nothing is."""
        item = self.currentItem()
        place = item.data(0, _PLACE) if item is not None else None
        return place if isinstance(place, Place) else Place()

    def choose(self, place: Place) -> None:
        """Choose a row from elsewhere."""
        item = self._places.get(place)
        if item is not None:
            self.setCurrentItem(item)

    def show_overview(self, overview: Overview) -> None:
        """Show slides and counts, keeping what is chosen and open."""
        names: dict[int | None, str] = {None: tr("All fields")}
        counts: dict[int | None, dict[str, int]] = {None: {}}
        totals: dict[int | None, int] = {None: 0}
        reviewed: dict[int | None, int] = {None: 0}
        for slide in overview.slides:
            found = overview.counts.get(slide.id)
            names[slide.id] = shown_name(slide.name)
            counts[slide.id] = found.finals if found and not self._blind else {}
            totals[slide.id] = found.total if found else 0
            reviewed[slide.id] = found.reviewed if found else 0
            totals[None] += totals[slide.id]
            reviewed[None] += reviewed[slide.id]
            for name, count in counts[slide.id].items():
                counts[None][name] = counts[None].get(name, 0) + count
        for slide_id, name in names.items():
            item = self._item(Place(slide_id), None, name)
            tip = tr(
                "{total} fields, {done} reviewed",
                total=number(totals[slide_id]),
                done=number(reviewed[slide_id]),
            )
            self._fill(item, counts[slide_id], totals[slide_id], tip)
            self._show_classes(item, slide_id, counts[slide_id])
        if self.currentItem() is None and None in names:
            self.setCurrentItem(self._places[Place()])

    def _item(self, place: Place, parent: QTreeWidgetItem | None, name: str) -> QTreeWidgetItem:
        item = self._places.get(place)
        if item is None:
            item = QTreeWidgetItem() if parent is not None else QTreeWidgetItem(self)
            if parent is not None:
                parent.insertChild(self._rank(place, parent), item)
            item.setData(0, _PLACE, place)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._places[place] = item
        item.setText(0, name)
        return item

    def _rank(self, place: Place, parent: QTreeWidgetItem) -> int:
        """Return where a class belongs among those that are there: in the model's order."""
        there = {p.final: True for p in self._places if p.slide_id == place.slide_id and p.final is not None}
        names = self._order(dict.fromkeys([*(name for name in there if name), place.final or ""], 0))
        return min(names.index(place.final or ""), parent.childCount())

    def _fill(self, item: QTreeWidgetItem, counts: Mapping[str, int], total: int, tip: str) -> None:
        item.setText(1, number(total))
        item.setData(0, _SHARES, [(name, counts[name] / max(total, 1)) for name in self._order(counts)])
        spoken = ", ".join(f"{name} {number(counts[name])}" for name in self._order(counts))
        item.setToolTip(0, f"{tip}\n{spoken}" if spoken else tip)
        item.setData(0, int(Qt.ItemDataRole.AccessibleTextRole), f"{item.text(0)}: {tip}. {spoken}")

    def _order(self, counts: Mapping[str, int]) -> list[str]:
        known = [name for name in self._classes if name in counts]
        others = sorted(counts.keys() - set(known) - {NEEDS_REVIEW})
        return [*known, *others, *([NEEDS_REVIEW] if NEEDS_REVIEW in counts else [])]

    def _show_classes(self, parent: QTreeWidgetItem, slide_id: int | None, counts: Mapping[str, int]) -> None:
        for name in self._order(counts):
            item = self._item(Place(slide_id, name), parent, tr(name))
            item.setText(1, number(counts[name]))
        for place in [
            p for p in self._places if p.slide_id == slide_id and p.final and p.final not in counts
        ]:
            self._places[place].setText(1, number(0))

    def _current_changed(self) -> None:
        self.chosen.emit(self.current_place())


class _SlideDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 - Qt's name
        """Leave room for the bar below the name."""
        hint = super().sizeHint(option, index)
        hint.setHeight(round(QFontMetricsF(option.font).height() + 13))
        return hint

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a class with its chip, a slide with a bar of its shares."""
        place = index.data(_PLACE)
        if index.column() != 0 or not isinstance(place, Place):
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        widget = option.widget
        widget.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect).adjusted(4, 0, -4, 0)
        if place.final is not None:
            side = round(QFontMetricsF(option.font).height() * _CHIP)
            chip = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
            painter.setFont(option.font)
            paint_chip(painter, facing(painter, rect, chip), place.final, index=index.row())
            rect = facing(painter, rect, rect.adjusted(chip.width() + 7, 0, 0, 0))
        else:
            _paint_shares(painter, rect, index.data(_SHARES) or [], theme.tokens(option.palette))
            rect.setBottom(rect.bottom() - 6)
        _paint_name(painter, rect, option, strong=place.slide_id is None and place.final is None)
        painter.restore()


def _paint_shares(
    painter: QPainter, rect: QRectF, shares: list[tuple[str, float]], scheme: theme.Tokens
) -> None:
    bar = QRectF(rect.left(), rect.bottom() - 7, rect.width(), 3)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.fillRect(bar, QColor(scheme.track))
    left = bar.left()
    for index, (name, share) in enumerate(shares):
        width = bar.width() * share
        painter.fillRect(
            QRectF(left, bar.top(), max(width - 1, 0.5), bar.height()), theme.class_colour(name, index)
        )
        left += width


def _paint_name(painter: QPainter, rect: QRectF, option: QStyleOptionViewItem, *, strong: bool) -> None:
    font = QFont(option.font)
    if strong:
        font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(QColor(theme.tokens(option.palette).text))
    text = QFontMetricsF(font).elidedText(option.text, Qt.TextElideMode.ElideMiddle, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, text)
