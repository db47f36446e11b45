"""Slides as a tree, with counts per decision and a bar of their shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from allstation.services.case.questions import Overview
from allstation.ui.browser.slide_model import Place, SlideModel
from allstation.ui.browser.tile import facing, paint_chip
from allstation.ui.common import theme
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

Index = QModelIndex | QPersistentModelIndex
_CHIP: Final = 0.95
_AIR: Final = 18
"""Logical pixels beside the widest count."""
_PATIENT_SIGNS: Final = (8, 14)
"""Least and largest width of the patients' column, in signs of usual width; a longer id is cut."""


class SlideTree(QTreeView):
    """Lets a person choose the whole case, a slide, or a class within one.

    Signals:
        chosen: A :class:`Place`.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slides = SlideModel(self)
        self._blind = False
        self.setModel(self.slides)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setAccessibleName(tr("Slides"))
        self.setIndentation(18)
        self.setItemDelegate(_SlideDelegate(self))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)  # F2 is an action, off where it must be
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(SlideModel.COUNT, QHeaderView.ResizeMode.Fixed)
        self.header().setSectionResizeMode(SlideModel.PATIENT, QHeaderView.ResizeMode.Fixed)
        self.header().moveSection(SlideModel.PATIENT, 1)  # between names and counts
        self.header().hideSection(SlideModel.PATIENT)

    def classes(self) -> tuple[str, ...]:
        """Return the classes in the model's order."""
        return self.slides.classes

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Order the classes as a model does."""
        self.slides.classes = names

    def set_blind(self, on: bool) -> None:
        """Leave out classes: their counts, and filtering by them, would tell what the model thinks."""
        self._blind = on
        if on and self.current_place().final is not None:
            self.choose(Place(self.current_place().slide_id))
        if on:
            self._keeping_place(self.slides.leave_out_classes)

    def has(self, place: Place) -> bool:
        """Tell whether a row stands for a place."""
        return self.slides.index_of(place).isValid()

    def title_of(self, slide_id: int) -> str:
        """Return a slide's name with what tells it from others of that name; empty while it is not known."""
        return self.slides.title_of(slide_id)

    def name_of(self, slide_id: int) -> str:
        """Return a slide's name; empty while it is not known."""
        return self.slides.name_of(slide_id)

    def clear_places(self) -> None:
        """Forget the slides: another case."""
        self.slides.clear()

    def current_place(self) -> Place:
        """Return what is chosen; the whole case if nothing is."""
        return self.slides.place_of(self.currentIndex())

    def choose(self, place: Place) -> None:
        """Choose a row from elsewhere."""
        index = self.slides.index_of(place)
        if index.isValid():
            self.setCurrentIndex(index)

    def edit_name(self) -> None:
        """Open the name of the chosen slide for typing; the whole case has none to type."""
        place = self.current_place()
        if place.slide_id is not None:
            self.choose(Place(place.slide_id))
            self.edit(self.currentIndex())

    def edit_patient(self) -> None:
        """Open the patient of the chosen slide for typing."""
        place = self.current_place()
        if place.slide_id is not None:
            self.header().showSection(SlideModel.PATIENT)
            self._fit_patients()
            self.choose(Place(place.slide_id))
            self.edit(self.slides.index_of(Place(place.slide_id), SlideModel.PATIENT))

    def show_overview(self, overview: Overview) -> None:
        """Show slides and counts, keeping what is chosen and open."""
        lines = self.slides.lines_of(overview, blind=self._blind)
        if self.slides.can_take(lines):
            self.slides.take(lines)
        else:
            self._keeping_place(lambda: self.slides.take(lines))
        self._fit_counts()
        typing = self.state() == QTreeView.State.EditingState
        self.header().setSectionHidden(SlideModel.PATIENT, not (typing or self.slides.longest_patient()))
        self._fit_patients()

    def _keeping_place(self, change: Callable[[], None]) -> None:
        """Let the rows be replaced; the same ones are chosen, open and in view afterwards."""
        place, scrolled = self.current_place(), self.verticalScrollBar().value()
        slides = {one.slide_id for one in self.slides.places()}
        opened = [one for one in slides if self.isExpanded(self.slides.index_of(Place(one)))]
        self.blockSignals(True)
        change()
        for slide_id in opened:
            self.expand(self.slides.index_of(Place(slide_id)))
        self.choose(place if self.has(place) else Place(place.slide_id))
        if not self.currentIndex().isValid():
            self.choose(Place())
        self.blockSignals(False)
        self.verticalScrollBar().setValue(scrolled)
        if self.current_place() != place:
            self.chosen.emit(self.current_place())

    def _fit_counts(self) -> None:
        # The largest count decides: asking every row for its width would take longer than all else.
        width = QFontMetricsF(self.font()).horizontalAdvance(number(self.slides.most()))
        self.header().resizeSection(SlideModel.COUNT, round(width) + _AIR)

    def _fit_patients(self) -> None:
        metrics = QFontMetricsF(self.font())
        width = metrics.horizontalAdvance(self.slides.longest_patient())
        least, most = (metrics.averageCharWidth() * signs for signs in _PATIENT_SIGNS)
        self.header().resizeSection(SlideModel.PATIENT, round(min(max(width, least), most)) + _AIR)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit_counts()
            self._fit_patients()

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Tell what was chosen."""
        super().currentChanged(current, previous)
        if self.slides.place_of(current) != self.slides.place_of(previous) or not previous.isValid():
            self.chosen.emit(self.slides.place_of(current))


class _SlideDelegate(QStyledItemDelegate):
    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Return a line that holds the name or the patient."""
        del option
        line = QLineEdit(parent)
        is_patient = index.column() == SlideModel.PATIENT
        line.setAccessibleName(tr("Patient of the slide") if is_patient else tr("Name of the slide"))
        line.setText(str(index.data(Qt.ItemDataRole.EditRole)))
        line.selectAll()
        return line

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Leave what is being typed: counts that change meanwhile would put the old name back."""

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """Cover the row, or the name under the line would show."""
        del index
        editor.setGeometry(option.rect)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Leave room for the bar below the name."""
        hint = super().sizeHint(option, index)
        hint.setHeight(round(QFontMetricsF(option.font).height() + 13))
        return hint

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a class with its chip, a slide with a bar of its shares."""
        place = index.data(SlideModel.PlaceRole)
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
            _paint_shares(
                painter, rect, index.data(SlideModel.SharesRole) or [], theme.tokens(option.palette)
            )
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
