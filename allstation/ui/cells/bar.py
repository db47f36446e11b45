"""Filter rows above the gallery: order and headings, which cells, outlines, counting."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.cells import CellFilter, CellOrder
from allstation.ui.common import icons
from allstation.ui.common.formatting import number, tip
from allstation.ui.common.i18n import tr

_ICON: Final = 16
_FLAGS: Final = int(Qt.ItemDataRole.UserRole) - 1


class Arrangement(StrEnum):
    """Order of the gallery, and what its headings name. The value is stored in settings."""

    TYPE = "type"
    SLIDE = "slide"
    FIELD = "field"
    SUPPORT = "support"
    SIZE = "size"
    UNCERTAINTY = "uncertainty"
    SIMILARITY = "similarity"

    @property
    def order(self) -> CellOrder:
        """Order of the cells."""
        return _ORDERS[self]

    @property
    def is_telling(self) -> bool:
        """Whether it tells what a model said, or the typer that learns from others: not for blind review."""
        return self in (Arrangement.TYPE, Arrangement.SUPPORT, Arrangement.UNCERTAINTY)


_ORDERS: Final = {
    Arrangement.TYPE: CellOrder.TYPE,
    Arrangement.SLIDE: CellOrder.FIELD,
    Arrangement.FIELD: CellOrder.FIELD,
    Arrangement.SUPPORT: CellOrder.SUPPORT,
    Arrangement.SIZE: CellOrder.SIZE,
    Arrangement.UNCERTAINTY: CellOrder.UNCERTAINTY,
    Arrangement.SIMILARITY: CellOrder.SIMILARITY,
}
_TITLES: Final = {
    Arrangement.TYPE: "By type",
    Arrangement.SLIDE: "By slide",
    Arrangement.FIELD: "By field",
    Arrangement.SUPPORT: "By class of the evidence",
    Arrangement.SIZE: "By size",
    Arrangement.UNCERTAINTY: "Least sure first",
    Arrangement.SIMILARITY: "Like the selected cell",
}
_CHOICES: Final = (
    ("Any cells", CellFilter()),
    ("Typed by a person", CellFilter(typed=True)),
    ("Not typed by a person", CellFilter(typed=False)),
    ("Proposed", CellFilter(proposed=True)),
    ("Removed", CellFilter(removed=True)),
)


class GalleryBar(QWidget):
    """Choices about which cells are shown, and how.

    Signals:
        changed: Other cells, or another order.
        outlines_toggled: Outlines are wanted, or not.
        count_asked: Counting is wanted.
    """

    changed = Signal()
    outlines_toggled = Signal(bool)
    count_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._arrange = self._box(tr("Arrange cells"))
        for arrangement, title in _TITLES.items():
            self._arrange.addItem(tr(title), arrangement)
        self._order = self._button("sort", tr("Reverse the order"), checkable=True)
        self._which = self._box(tr("Which cells"))
        for title, part in _CHOICES:
            self._which.addItem(tr(title), part)
        self._whole = QCheckBox(tr("Whole cells only"), self)
        self._whole.setToolTip(tr("Leave out cells that the edge of the field cuts"))
        self._outlines = self._button("cells", tr("Outlines of the cells"), checkable=True)
        self._count = self._button("review", tr("Count cells"), checkable=False)
        self._shown = QLabel(self)
        self._shown.setProperty("role", "small")
        self._blind = False
        self._shown_count, self._has_scale = 0, True
        self._rows = 0
        self._lay_out()
        self._arrange.activated.connect(self._chosen)
        self._which.activated.connect(self._chosen)
        self._order.clicked.connect(self._chosen)
        self._whole.clicked.connect(self._chosen)
        self._outlines.toggled.connect(self.outlines_toggled)
        self._count.clicked.connect(self.count_asked)
        self.refresh_icons()

    def _box(self, name: str) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
        return box

    def _button(self, icon: str, name: str, *, checkable: bool) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(icon)
        button.setCheckable(checkable)
        button.setAccessibleName(name)
        button.setToolTip(name)
        return button

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(6)
        # One row needs more than a narrow panel has; only when it is made narrow it takes two.
        column.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._first, self._second = QHBoxLayout(), QHBoxLayout()
        for row in (self._first, self._second):
            row.setSpacing(6)
            column.addLayout(row)
        self._place(narrow=False)

    def _place(self, *, narrow: bool) -> None:
        for row in (self._first, self._second):
            while row.takeAt(0) is not None:
                pass
        upper: tuple[QWidget, ...] = (self._arrange, self._order, self._which)
        lower: tuple[QWidget, ...] = (self._whole, self._shown, self._outlines, self._count)
        for part in upper:
            self._first.addWidget(part, int(part is not self._order))
        for part in lower:
            (self._second if narrow else self._first).addWidget(part, int(narrow and part is self._shown))
        self._rows = 2 if narrow else 1
        layout = self.layout()
        if layout is not None:
            layout.setSpacing(6 if narrow else 0)
            layout.invalidate()
            self.setFixedHeight(layout.sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """As wide as the longer of two rows."""
        first: tuple[QWidget, ...] = (self._arrange, self._order, self._which)
        second: tuple[QWidget, ...] = (self._whole, self._shown, self._outlines, self._count)
        widths = (sum(part.minimumSizeHint().width() + 6 for part in row) for row in (first, second))
        return QSize(max(widths) + 10, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """No wider: one row is for whoever gives it the room."""
        return QSize(self.minimumSizeHint().width(), super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take two rows where one is too narrow."""
        super().resizeEvent(event)
        if self._is_narrow() != (self._rows == 2):  # noqa: PLR2004
            self._place(narrow=self._is_narrow())

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark, and the size of text."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.refresh_icons()
            self._place(narrow=self._is_narrow())

    def _is_narrow(self) -> bool:
        parts = (self._arrange, self._order, self._which, self._whole, self._shown, self._outlines)
        needed = sum(part.sizeHint().width() + 6 for part in (*parts, self._count))
        return self.width() < needed + 10

    def refresh_icons(self) -> None:
        """Draw the icons in the colours of now."""
        side = icons.scaled(_ICON)
        for button in (self._order, self._outlines, self._count):
            button.setIconSize(QSize(side, side))
            button.setIcon(icons.icon(button.objectName(), self.palette()))

    # What is wanted

    def value(self) -> CellFilter:
        """Return the conditions that are set here."""
        part: CellFilter = self._which.currentData()
        at_edge = False if self._whole.isChecked() else None
        if self._blind:
            part = replace(part, proposed=None)
        return replace(part, at_edge=at_edge)

    def arrangement(self) -> Arrangement:
        """Return the order and what stands over the cells; in blind review never what a model said."""
        chosen = Arrangement(self._arrange.currentData())
        return Arrangement.FIELD if self._blind and chosen.is_telling else chosen

    def descending(self) -> bool:
        """Tell whether the order is turned round."""
        return self._order.isChecked()

    def set_arrangement(self, arrangement: Arrangement, *, descending: bool = False) -> None:
        """Arrange the cells otherwise without telling anyone."""
        self._arrange.setCurrentIndex(max(0, self._arrange.findData(arrangement)))
        self._order.setChecked(descending)

    def set_value(self, where: CellFilter) -> None:
        """Set the conditions to others without telling anyone."""
        wanted = replace(where, at_edge=None)
        parts = [self._which.itemData(index) for index in range(self._which.count())]
        self._which.setCurrentIndex(parts.index(wanted) if wanted in parts else 0)
        self._whole.setChecked(where.at_edge is False)

    def set_blind(self, on: bool) -> None:
        """Offer nothing that tells what a model said."""
        self._blind = on
        for index in range(self._arrange.count()):
            telling = Arrangement(self._arrange.itemData(index)).is_telling
            # Qt keeps its item flags in this role when a combo box has a standard model: 0 takes them away.
            self._arrange.setItemData(index, 0 if on and telling else None, _FLAGS)
        for index in range(self._which.count()):
            telling = self._which.itemData(index).proposed is not None
            self._which.setItemData(index, 0 if on and telling else None, _FLAGS)
        if on and Arrangement(self._arrange.currentData()).is_telling:
            self.set_arrangement(Arrangement.FIELD)
        if on and self._which.currentData().proposed is not None:
            self._which.setCurrentIndex(0)

    def set_outlined(self, on: bool) -> None:
        """Show whether outlines are drawn."""
        self._outlines.setChecked(on)

    def set_count(self, count: int) -> None:
        """Say how many cells are shown."""
        self._shown_count = count
        self._show_count()

    def set_scale_known(self, on: bool) -> None:
        """Say whether every crop is drawn to scale; those whose pixel size is unknown lack a mark."""
        if on != self._has_scale:
            self._has_scale = on
            self._show_count()

    def _show_count(self) -> None:
        count = self._shown_count
        words = tr("1 cell") if count == 1 else tr("{n} cells", n=number(count))
        self._shown.setText(words if self._has_scale else tr("{n}, not all to scale", n=words))
        told = tr(
            "Cells without a bar are shown in pixels, as the pixel size of their fields is not known: "
            "their sizes cannot be compared. View > Pixel Size… sets it."
        )
        self._shown.setToolTip("" if self._has_scale else tip(told))
        self._place(narrow=self._is_narrow())

    def clear(self) -> None:
        """Take every condition off without telling anyone."""
        self.set_value(CellFilter())

    @Slot()
    def _chosen(self) -> None:
        self.changed.emit()
