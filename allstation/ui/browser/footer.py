"""Footer of the browser: grid or table, order, size of thumbnails, count."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QWidget

from allstation.core.filters import FieldGroup, FieldSort
from allstation.ui.browser.table import sort_title
from allstation.ui.browser.tile_view import MAX_WIDTH, MIN_WIDTH
from allstation.ui.common import icons
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

TELLING: Final = frozenset(
    {FieldSort.DECISION, FieldSort.FINAL, FieldSort.PROBABILITY, FieldSort.MARGIN, FieldSort.NOVELTY}
)
"""Orders that tell something of what the model said: not offered in blind review."""
_GROUPS: Final = {
    FieldGroup.NONE: "No groups",
    FieldGroup.SLIDE: "Group by slide",
    FieldGroup.DECISION: "Group by decision",
}
_ICON: Final = 16
_BOX: Final = 40
"""Logical pixels around the words of a box: margins and the arrow."""
_FLAGS: Final = int(Qt.ItemDataRole.UserRole) - 1


class BrowserFooter(QFrame):
    """Choices about how fields are shown.

    Signals:
        sort_changed: Another order.
        view_changed: ``grid``, ``table`` or the name of another view.
        width_changed: Width of the thumbnails.
        group_changed: Fields stand under other headings.
    """

    sort_changed = Signal()
    view_changed = Signal(str)
    width_changed = Signal(int)
    group_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "footer")
        self._grid = self._button("grid", tr("Thumbnails"))
        self._table = self._button("table", tr("Table"))
        self._order = self._button("sort", tr("Reverse the order"))
        self._extra: list[QToolButton] = []
        self._group_by = FieldGroup.NONE
        self._blind = False
        self._own_order = True
        self._group = self._button("group", tr("Group fields"))
        self._group.setCheckable(False)
        self._group.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._group.setMenu(self._group_menu())
        self._sort = QComboBox(self)
        self._sort.setAccessibleName(tr("Sort fields by"))
        self._sort.setToolTip(tr("Sort fields by"))
        self._sort.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._sort.setMinimumContentsLength(4)
        for sort in FieldSort:
            self._sort.addItem(sort_title(sort), sort)
        self._size = QSlider(Qt.Orientation.Horizontal, self)
        self._size.setRange(MIN_WIDTH, MAX_WIDTH)
        self._size.setValue(112)
        self._size.setMaximumWidth(90)
        self._size.setMinimumWidth(40)
        self._size.setAccessibleName(tr("Size of thumbnails"))
        self._size.setToolTip(tr("Size of thumbnails (Ctrl and wheel)"))
        self._count = QLabel(self)
        self._count.setProperty("role", "small")
        self._lay_out()
        self._connect()
        self.set_view("grid")
        self.refresh_icons()

    def _button(self, icon: str, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(icon)
        button.setCheckable(True)
        button.setAccessibleName(name)
        button.setToolTip(name)
        return button

    def _group_menu(self) -> QMenu:
        menu = QMenu(self)
        choices = QActionGroup(menu)
        for group, title in _GROUPS.items():
            action = menu.addAction(tr(title))
            action.setCheckable(True)
            action.setData(group.value)
            action.setChecked(group is FieldGroup.NONE)
            choices.addAction(action)
        menu.triggered.connect(self._group_chosen)
        return menu

    def _lay_out(self) -> None:
        self._row = layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 8, 4)
        layout.setSpacing(4)
        for part in (self._grid, self._table, self._group, self._sort, self._order):
            layout.addWidget(part)
        layout.addWidget(self._size)
        layout.addStretch(1)
        layout.addWidget(self._count)

    def add_view(self, name: str, *, icon: str, title: str) -> None:
        """Offer another view beside grid and table."""
        button = self._button(icon, title)
        button.setProperty("view", name)
        button.clicked.connect(self._extra_clicked)
        self._extra.append(button)
        self._row.insertWidget(1 + len(self._extra), button)
        self.refresh_icons()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what menus and keys do too where there is no room."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def minimumSizeHint(self) -> QSize:
        """Room for what nothing else does; the menus and Ctrl and the wheel do what has no room then."""
        self._fit_order()
        return QSize(self._needed({self._group, self._size, self._count}), super().minimumSizeHint().height())

    def _fit_order(self) -> None:
        """Leave room for the whole name of the order, which the box would cut off."""
        words = self._sort.fontMetrics().horizontalAdvance(self._sort.currentText())
        self._sort.setMinimumWidth(words + _BOX)

    def _fit(self) -> None:
        self._fit_order()
        gone: set[QWidget] = set() if self._own_order else {self._group, self._sort, self._order}
        spared: list[QWidget] = [self._group, self._count, self._size]
        while spared and self._needed(gone) > self.width():
            gone.add(spared.pop())
        for part in (self._group, self._sort, self._order, self._size, self._count):
            part.setVisible(part not in gone)

    def _needed(self, gone: Set[QWidget]) -> int:
        """Return the width that everything takes but some parts."""
        margins = self._row.contentsMargins()
        shown = (
            self._grid,
            self._table,
            *self._extra,
            self._group,
            self._sort,
            self._order,
            self._size,
            self._count,
        )
        widths = [
            max(part.minimumSizeHint().width(), part.minimumWidth()) for part in shown if part not in gone
        ]
        return margins.left() + margins.right() + sum(widths) + len(widths) * self._row.spacing()

    def _connect(self) -> None:
        self._grid.clicked.connect(self._grid_clicked)
        self._table.clicked.connect(self._table_clicked)
        self._order.clicked.connect(self.sort_changed)
        self._sort.activated.connect(self.sort_changed)
        self._sort.currentIndexChanged.connect(self._fit)
        self._size.valueChanged.connect(self.width_changed)

    def refresh_icons(self) -> None:
        """Draw the icons in the colours of now."""
        side = icons.scaled(_ICON)
        for button in (self._grid, self._table, *self._extra, self._group, self._order):
            button.setIconSize(QSize(side, side))
            button.setIcon(icons.icon(button.objectName(), self.palette()))

    def sort(self) -> FieldSort:
        """Return what the fields are sorted by; in blind review never by what the model said."""
        chosen = FieldSort(self._sort.currentData())
        return FieldSort.SLIDE if self._blind and chosen in TELLING else chosen

    def group(self) -> FieldGroup:
        """Return what the fields are grouped by; in blind review never by decision."""
        return FieldGroup.NONE if self._blind and self._group_by is FieldGroup.DECISION else self._group_by

    def group_wanted(self) -> FieldGroup:
        """Return what was asked for, also while blind review keeps it back."""
        return self._group_by

    def set_group(self, group: FieldGroup) -> None:
        """Group by something else."""
        for action in self._group.menu().actions():
            action.setChecked(action.data() == group.value)
        if group is not self._group_by:
            self._group_by = group
            self.group_changed.emit()

    def set_blind(self, on: bool) -> None:
        """Offer no order and no groups that would tell what the model said."""
        self._blind = on
        for index in range(self._sort.count()):
            telling = FieldSort(self._sort.itemData(index)) in TELLING
            # Qt keeps its item flags in this role when a combo box has a standard model: 0 takes them away.
            self._sort.setItemData(index, 0 if on and telling else None, _FLAGS)
        for action in self._group.menu().actions():
            action.setEnabled(not on or action.data() != FieldGroup.DECISION.value)
        if self._sort.currentData() in TELLING and on:
            self._sort.setCurrentIndex(self._sort.findData(FieldSort.SLIDE))

    def descending(self) -> bool:
        """Tell whether the largest comes first."""
        return self._order.isChecked()

    def set_sort(self, sort: FieldSort, *, descending: bool) -> None:
        """Set the order without telling anyone."""
        self._sort.setCurrentIndex(max(0, self._sort.findData(sort)))
        self._order.setChecked(descending)

    def sort_by(self, sort: FieldSort) -> None:
        """Sort by something, or turn its order round if it is already chosen."""
        if self._blind and sort in TELLING:
            return
        self.set_sort(sort, descending=sort == self.sort() and not self.descending())
        self.sort_changed.emit()

    def set_view(self, name: str, *, extra: bool = False) -> None:
        """Show which view is on.

        Args:
            name: ``grid``, ``table`` or that of another view.
            extra: It is another view, which has its own order.
        """
        self._grid.setChecked(name == "grid")
        self._table.setChecked(name == "table")
        for button in self._extra:
            button.setChecked(button.property("view") == name)
        self._size.setEnabled(name != "table")
        self._own_order = not extra
        self._fit()

    def width_value(self) -> int:
        """Return the width of thumbnails."""
        return self._size.value()

    def set_width(self, width: int) -> None:
        """Move the slider."""
        self._size.setValue(width)

    def set_count(self, count: int) -> None:
        """Say how many fields are shown."""
        self._count.setText(tr("1 field") if count == 1 else tr("{n} fields", n=number(count)))
        self._fit()

    def _group_chosen(self, action: QAction) -> None:
        self.set_group(FieldGroup(action.data()))

    def _grid_clicked(self) -> None:
        self.view_changed.emit("grid")

    def _table_clicked(self) -> None:
        self.view_changed.emit("table")

    def _extra_clicked(self) -> None:
        self.view_changed.emit(str(self.sender().property("view")))
