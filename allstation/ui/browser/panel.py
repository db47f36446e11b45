"""Browser panel: slides above, fields below; asks for lists by signal and shows what it is given."""

from __future__ import annotations

from typing import Final, Protocol, cast

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QLineEdit,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from allstation.core.filters import FieldFilter
from allstation.core.records import FieldRecord
from allstation.services.case.questions import Listing, Overview, Query
from allstation.services.images.field_cache import FieldCache
from allstation.ui.browser.filters import FilterBar, on_slide
from allstation.ui.browser.footer import BrowserFooter
from allstation.ui.browser.grid import FieldGrid
from allstation.ui.browser.model import Column, FieldModel
from allstation.ui.browser.sections import Section
from allstation.ui.browser.slide_model import Place
from allstation.ui.browser.slides import SlideTree
from allstation.ui.browser.table import SORT_OF, FieldTable
from allstation.ui.browser.thumbs import Thumbnails
from allstation.ui.common.i18n import tr

_TREE, _TREE_SMALL = 190, 96
_LOWEST: Final = 40
"""Logical pixels of the tree, at least: large text must not make the window higher than a small screen."""
"""Heights of the slide tree, beside fields and beside a view that needs the room."""
_NEAR: Final = 2
"""Neighbours on each side that the viewer may load ahead."""


class ExtraView(Protocol):
    """View of another feature that stands beside thumbnails and table."""

    def selectAll(self) -> None:  # noqa: N802 - as Qt's views call it
        """Select everything that is shown."""

    def tile_width(self) -> int:
        """Return the width of its pictures in logical pixels."""

    def set_tile_width(self, width: int) -> None:
        """Set the width of its pictures."""


class _Views(QStackedWidget):
    """Views of the fields; a wide one that is not shown does not keep the panel wide."""

    def minimumSizeHint(self) -> QSize:
        """Return that of the view that is shown."""
        shown = self.currentWidget()
        return shown.minimumSizeHint() if shown is not None else super().minimumSizeHint()


class BrowserPanel(QWidget):
    """Shows the fields of a case and lets a person choose one.

    Signals:
        current_changed: The :class:`FieldRecord` to look at, or None.
        neighbours_changed: Records next to the current one, nearest first.
        listed: How many fields are shown, and whether a filter hides others.
        listing_asked: The fields of :meth:`query` are wanted.
        unreviewed_asked: The next unreviewed field after this id is wanted.
        view_shown: Name of the view that is shown from now on.
    """

    current_changed = Signal(object)
    neighbours_changed = Signal(list)
    listed = Signal(int, bool)
    listing_asked = Signal()
    unreviewed_asked = Signal(int)
    view_shown = Signal(str)

    def __init__(self, parent: QWidget | None = None, *, files: FieldCache | None = None) -> None:
        super().__init__(parent)
        self._current = 0
        self._row = 0
        self._groups: tuple[tuple[int | str | None, int], ...] = ()
        self._just_opened = False
        self.thumbnails = Thumbnails(self, files=files)
        self.model = FieldModel(self)
        # From the outside in: each change of parent would style a part and everything in it anew.
        self._split = QSplitter(Qt.Orientation.Vertical, self)
        self.tree = SlideTree(self._split)
        self.tree.setMinimumHeight(_LOWEST)
        self._below = QWidget(self._split)
        self.filters = FilterBar(self._below)
        self._views = _Views(self._below)
        self.grid = FieldGrid(self.thumbnails, self._views)
        self.table = FieldTable(self._views)
        self.footer = BrowserFooter(self._below)
        self._extra: dict[str, QWidget] = {}
        self._reviewer: str | None = None
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        for view in (self.grid, self.table):
            view.setModel(self.model)
            self.model.sections_changed.connect(view.regroup)
            self._views.addWidget(view)
        self.table.setSelectionModel(self.grid.selectionModel())
        self.table.set_widths()
        self.footer.sort_changed.connect(self._show_sort)
        column = QVBoxLayout(self._below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.filters, self._views, self.footer):
            column.addWidget(part)
        column.setStretch(1, 1)
        self._split.addWidget(self.tree)
        self._split.addWidget(self._below)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([_TREE, 600])
        self._split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)

    def _connect(self) -> None:
        self.model.record_arrived.connect(self._record_arrived)
        self.filters.changed.connect(self._filters_changed)
        self.filters.left.connect(self.focus_view)
        self.tree.chosen.connect(self._place_chosen)
        self.footer.sort_changed.connect(self.listing_asked)
        self.footer.group_changed.connect(self.listing_asked)
        self.footer.width_changed.connect(self._width_chosen)
        self.footer.view_changed.connect(self.show_view)
        self.grid.width_changed.connect(self.footer.set_width)
        self.grid.selectionModel().currentChanged.connect(self._index_changed)
        self.table.horizontalHeader().sectionClicked.connect(self._header_clicked)

    # What is shown

    def query(self) -> Query:
        """Return the question whose answer is shown."""
        place = self.tree.current_place()
        where = on_slide(self.filters.value(), place.slide_id)
        footer = self.footer
        return Query(0, where, footer.sort(), footer.descending(), footer.group(), self._reviewer)

    def is_filtered(self) -> bool:
        """Tell whether fields may be hidden."""
        return self.query().where != FieldFilter()

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Offer the classes of a model."""
        self.filters.set_classes(names)
        self.tree.set_classes(names)

    def set_blind(self, reviewer: str | None) -> None:
        """Hide predictions until this person has decided; None shows all.

        Nothing that is left to see, sort, filter or group by depends on what the model or another
        person said; records carry this person's own reviews, whoever came after them.
        """
        self._reviewer = reviewer
        self.model.set_blind(reviewer)
        self.model.outdate()
        self.tree.set_blind(reviewer is not None)
        self.footer.set_blind(reviewer is not None)
        self.filters.set_blind(reviewer)

    def add_view(self, name: str, view: QWidget, *, icon: str, title: str) -> None:
        """Offer a view of another feature, which is an :class:`ExtraView`, beside thumbnails and table."""
        self._extra[name] = view
        self._views.addWidget(view)
        self.footer.add_view(name, icon=icon, title=title)

    @Slot(str)
    def show_view(self, name: str) -> None:
        """Show ``grid``, ``table`` or another view by its name; the grid if there is none of that name."""
        view = self._extra.get(name, self.table if name == "table" else self.grid)
        if view is self._views.currentWidget():
            self.footer.set_view(self.view_name(), extra=view in self._extra.values())
            return
        if name in self._extra and self._current:
            # What is selected among the fields is out of sight from now on: one is, the current one.
            self.go_to_row(self._row)
        self._views.setCurrentWidget(view)
        self._views.updateGeometry()
        self._split.setSizes([_TREE_SMALL if name in self._extra else _TREE, 600])
        self.filters.set_foldable(name in self._extra)
        self.footer.set_view(self.view_name(), extra=name in self._extra)
        self.footer.set_width(self._sized().tile_width())
        self.view_shown.emit(self.view_name())

    def view_name(self) -> str:
        """Return ``grid``, ``table`` or the name of another view."""
        shown = self._views.currentWidget()
        extra = next((name for name, view in self._extra.items() if view is shown), "")
        return extra or ("table" if shown is self.table else "grid")

    def focus_view(self) -> None:
        """Give what is shown the keyboard."""
        self._extra.get(self.view_name(), self.table if self.view_name() == "table" else self.grid).setFocus()

    def select_all(self) -> None:
        """Select everything that is shown."""
        extra = self._extra.get(self.view_name())
        if extra is not None:
            cast("ExtraView", extra).selectAll()
        else:
            self.grid.selectAll()

    def _sized(self) -> ExtraView:
        """Return the view whose pictures the slider sizes."""
        return cast("ExtraView", self._extra.get(self.view_name(), self.grid))

    @Slot(int)
    def _width_chosen(self, width: int) -> None:
        self._sized().set_tile_width(width)

    def selected_ids(self) -> list[int]:
        """Return the selected fields, in the order shown."""
        spans = self.grid.selectionModel().selection()
        parts = (spans.at(number) for number in range(spans.size()))
        rows = sorted({row for part in parts for row in range(part.top(), part.bottom() + 1)})
        return [self.model.ids()[row] for row in rows]

    # Going from field to field

    def current_record(self) -> FieldRecord | None:
        """Return the record of the current field, if it is here."""
        return self.model.record(self._current)

    def step(self, by: int) -> None:
        """Go some fields on, or back."""
        self.go_to_row(self._row + by if self._current else 0)

    def go_to_row(self, row: int) -> None:
        """Go to a row; beyond the ends, to the end."""
        count = self.model.rowCount()
        if count:
            index = self.model.index(min(max(row, 0), count - 1), 0)
            self.grid.selectionModel().setCurrentIndex(
                index,
                QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
            )

    @Slot(int)
    def go_to_field(self, field_id: int) -> None:
        """Go to a field; filters that hide it are taken off."""
        row = self.model.row_of(field_id)
        if row is not None:
            self.go_to_row(row)
            return
        self._current = field_id
        self.filters.clear()
        self.tree.choose(Place())
        self.listing_asked.emit()

    def go_to_last(self) -> None:
        """Go to the last field."""
        self.go_to_row(self.model.rowCount() - 1)

    def go_to_unreviewed(self) -> None:
        """Go to the next field nobody reviewed."""
        self.unreviewed_asked.emit(self._current)

    @Slot(object)
    def show_unreviewed(self, field_id: int | None) -> None:
        """Go to the unreviewed field that was found, if it is shown."""
        row = self.model.row_of(field_id) if field_id is not None else None
        if row is not None:
            self.go_to_row(row)

    @Slot(QModelIndex, QModelIndex)
    def _index_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if not current.isValid():
            return
        self._row = current.row()
        field_id = self.model.ids()[self._row]
        if field_id == self._current:
            return
        self._current = field_id
        record = self.model.record_at(self._row)
        if record is not None:
            self._emit_current(record)

    def _emit_current(self, record: FieldRecord) -> None:
        self.current_changed.emit(record)
        self.neighbours_changed.emit(self._neighbours())

    def _neighbours(self) -> list[FieldRecord]:
        steps = (step for distance in range(1, _NEAR + 1) for step in (distance, -distance))
        rows = (self._row + step for step in steps)
        records = (self.model.record_at(row) for row in rows if 0 <= row < self.model.rowCount())
        return [record for record in records if record is not None]

    @Slot(object)
    def _record_arrived(self, record: FieldRecord) -> None:
        if record.id == self._current:
            self._emit_current(record)

    # Records and lists of the case

    @Slot()
    def clear(self) -> None:
        """Show nothing: no case."""
        self._current = self._row = 0
        self._groups = ()
        self.thumbnails.clear()
        self.grid.visibility.clear()
        self.tree.clear_places()
        self.model.clear()
        self.current_changed.emit(None)
        self.listed.emit(0, False)

    def open_case(self) -> None:
        """Show another case: the fields take the keyboard once they are listed."""
        self.clear()
        self._just_opened = True

    def take_listing(self, listing: Listing) -> None:
        """Show the fields of an answer to :meth:`query`."""
        self._groups = listing.groups
        self.model.relist(listing.ids, self._titled())
        self._restore_current()
        count = self.model.rowCount()
        self.listed.emit(count, self.is_filtered())
        self.footer.set_count(count)
        if self._just_opened and count:
            self._just_opened = False
            self._take_keyboard()

    def _take_keyboard(self) -> None:
        """After opening a case arrows and keys mean fields, unless somebody types already."""
        if not isinstance(QApplication.focusWidget(), QLineEdit | QPlainTextEdit):
            self.focus_view()

    def _titled(self) -> list[Section]:
        """Return the groups of the listing with their names."""
        sections, start = [], 0
        for key, count in self._groups:
            if isinstance(key, int):
                title = self.tree.title_of(key) or tr("Slide {n}", n=key)
            else:
                title = tr(key) if key is not None else tr("not classified yet")
            sections.append(Section(start, title, count))
            start += count
        return sections

    def _restore_current(self) -> None:
        """Stay on the field, or at its place in the order if the filter took it away."""
        row = self.model.row_of(self._current, near=self._row) if self._current else None
        if row is not None:
            if self.grid.currentIndex().row() != row:
                self.go_to_row(row)
            self._row = row
        elif self.model.rowCount():
            self.go_to_row(self._row)
        elif self._current:
            self._current = 0
            self.current_changed.emit(None)

    def take_overview(self, overview: Overview) -> None:
        """Show slides and their counts."""
        self.tree.show_overview(overview)
        self.model.set_sections(self._titled())

    @Slot()
    def show_all(self) -> None:
        """Show every field of the case again."""
        self.filters.clear()
        self.tree.choose(Place())

    @Slot()
    def _filters_changed(self) -> None:
        """List anew; a class in the tree that is no longer the filter's is let go."""
        place = self.tree.current_place()
        if place.final is not None and place.final != self.filters.value().final:
            self.tree.blockSignals(True)
            self.tree.choose(Place(place.slide_id))
            self.tree.blockSignals(False)
        self.listing_asked.emit()

    @Slot(object)
    def _place_chosen(self, place: Place) -> None:
        self.filters.show_final(place.final)
        self.listing_asked.emit()

    @Slot(int)
    def _header_clicked(self, column: int) -> None:
        self.footer.sort_by(SORT_OF[Column(column)])

    @Slot()
    def _show_sort(self) -> None:
        """Mark the column the table is sorted by, if it is one."""
        sort = self.footer.sort()
        column = next((int(key) for key, value in SORT_OF.items() if value is sort), -1)
        order = Qt.SortOrder.DescendingOrder if self.footer.descending() else Qt.SortOrder.AscendingOrder
        self.table.horizontalHeader().setSortIndicator(column, order)
