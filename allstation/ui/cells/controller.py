"""Gallery controller: lists the cells of the case, and makes the chosen one and its field current."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from allstation.core.cell_types import SHIPPED_TYPES, CellType
from allstation.core.cells import CellCounts, CellFilter, CellGroup, CellOrder, CellRecord
from allstation.core.filters import FieldFilter
from allstation.core.records import FieldRecord
from allstation.services.case.cell_questions import CellPage, CellQuery
from allstation.services.case.gallery_questions import GalleryListing, ListGallery, ReadFieldFiles
from allstation.services.images.crop_loader import FieldPlace
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.cells.bar import Arrangement
from allstation.ui.cells.commands import CellCommands
from allstation.ui.cells.listing import blind_counts, blind_record, sections_of
from allstation.ui.cells.panel import GalleryPanel
from allstation.ui.cells.type_list import ALL
from allstation.ui.common.actions import Action
from allstation.ui.common.docks import raise_dock
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

VIEW: Final = "cells"
_PAUSE: Final = 250
_ROWS_PER_MILLISECOND: Final = 1000
_GROUPS: Final = {
    Arrangement.SLIDE: CellGroup.SLIDE,
    Arrangement.FIELD: CellGroup.FIELD,
    Arrangement.SUPPORT: CellGroup.SUPPORT,
}


class GalleryController(QObject):
    """Drives the gallery from the case and tells the selection which cell is current.

    Args:
        context: Services and state.
        panel: The gallery.
        browser: Holds the gallery beside thumbnails and table; its filters hold here too.
        commands: Pushes undoable changes, by the list of types that is in use.
    """

    def __init__(
        self, context: AppContext, panel: GalleryPanel, *, browser: BrowserPanel, commands: CellCommands
    ) -> None:
        super().__init__(panel)
        self._commands = commands
        self._context = context
        self._session = context.session
        self._selection = context.selection
        self._panel = panel
        self._browser = browser
        self._ticket = self._like = 0
        self._is_listed = False
        self._case_types: tuple[CellType, ...] = SHIPPED_TYPES
        self._listing = QTimer(self, singleShot=True, interval=_PAUSE)
        self._listing.timeout.connect(self.relist)
        browser.add_view(VIEW, panel, icon="cells", title=tr("Cells"))
        self._connect_case()
        self._connect_panel()
        self._restore()

    def _connect_case(self) -> None:
        session, worker, reader = self._session, self._session.worker, self._session.reader
        session.destroyed.connect(self._ask_no_more)
        session.opened.connect(self._case_opened)
        worker.closed.connect(self._case_closed)
        worker.fields_changed.connect(self._cells_may_differ)
        worker.queue_edited.connect(self._cells_may_differ)
        worker.slide_renamed.connect(self._cells_may_differ)
        worker.cells_changed.connect(self._cells_changed)
        worker.cells_edited.connect(self._cells_may_differ)
        worker.proposals_changed.connect(self._all_changed)
        worker.cell_types_changed.connect(self._all_changed)
        worker.details_changed.connect(self._all_changed)
        worker.site_changed.connect(self._all_changed)
        worker.slide_sizes_changed.connect(self._all_changed)
        worker.located.connect(self._files_moved)
        reader.gallery_listed.connect(self._take_listing)
        reader.cell_page_read.connect(self._take_page)
        reader.field_files_read.connect(self._take_places)

    def _connect_panel(self) -> None:
        panel, browser, selection = self._panel, self._browser, self._selection
        panel.listing_asked.connect(self.relist)
        panel.model.page_wanted.connect(self._read_page)
        panel.model.places_wanted.connect(self._read_places)
        panel.current_changed.connect(self._current_changed)
        panel.gallery.field_asked.connect(self.show_field)
        panel.gallery.width_changed.connect(browser.footer.set_width)
        panel.bar.outlines_toggled.connect(self._tell_changed)
        panel.selection_changed.connect(self._tell_changed)
        browser.view_shown.connect(self._view_shown)
        browser.listing_asked.connect(self._filters_changed)
        selection.blind_changed.connect(self._blind_changed)
        selection.reviewer_changed.connect(self._blind_changed)
        selection.field_changed.connect(self._field_changed)

    def actions(self) -> tuple[Action, ...]:
        """Offer the gallery and what it shows."""
        context, case = self._context, self._context.has_case
        # fmt: off
        return (
            Action("cells.gallery", "Cells", partial(self._browser.show_view, VIEW), "Ctrl+6",
                   "Show the white cells of the case, each one by itself", "cells", menu="&View", place=125,
                   enabled_when=case),
            Action("cells.by_type", "Arrange Cells by &Type", partial(self.arrange, Arrangement.TYPE),
                   "Ctrl+9", "Show the cells under their types", "group",
                   menu="C&ells", place=110, enabled_when=case),
            Action("cells.by_field", "Arrange Cells by &Field", partial(self.arrange, Arrangement.FIELD),
                   "Ctrl+8", "Show the cells under their fields", menu="C&ells", place=120,
                   enabled_when=case),
            Action("cells.unsure", "&Least Sure First", partial(self.arrange, Arrangement.UNCERTAINTY),
                   "Ctrl+U", "Show the cells first whose type the program is least sure of",
                   menu="C&ells", place=130, enabled_when=self._may_see),
            Action("cells.similar", "Most Si&milar First", self.show_similar, "",
                   "Show the cells first that look most like the selected one",
                   menu="C&ells", place=135, enabled_when=case),
            Action("cells.outlines", "&Outlines in the Gallery", self.set_outlined, "Ctrl+L",
                   "Draw the outline of each cell over it", menu="C&ells", place=140, enabled_when=case,
                   checked_when=self._panel.gallery.is_outlined),
            Action("cells.show_field", "&Go Between Cell and Field", self.go_between, "F4",
                   "Show the cell in its field, marked; or go back to the gallery", "field",
                   menu="C&ells", place=210, enabled_when=context.has_field),
        )
        # fmt: on

    def _may_see(self) -> bool:
        return self._context.has_case() and not self._selection.is_blind

    @property
    def types(self) -> tuple[CellType, ...]:
        """The list that cells are typed by."""
        return self._panel.model.types

    # What is listed

    @Slot()
    def relist(self) -> None:
        """Ask for the cells to show; nothing while the gallery is not."""
        self._listing.stop()
        if not self._context.has_case() or self._browser.view_name() != VIEW:
            self._is_listed = False
            return
        self._is_listed = True
        self._ticket += 1
        self._session.reader.newest_gallery = self._ticket
        arrangement, bar = self._panel.bar.arrangement(), self._panel.bar
        where = self.where()
        query = CellQuery(
            self._ticket,
            where,
            arrangement.order,
            bar.descending(),
            tuple(kind.key for kind in self.types) if arrangement.order is CellOrder.TYPE else (),
            self._liked(arrangement),
        )
        self._session.ask(ListGallery(query, replace(where, types=()), _GROUPS.get(arrangement)))

    def _liked(self, arrangement: Arrangement) -> int:
        """Return the cell that others are compared with: the current one when that order was chosen."""
        if arrangement is not Arrangement.SIMILARITY:
            self._like = 0
        elif not self._like:
            record = self._panel.current_record()
            self._like = 0 if record is None else record.id
        return self._like

    def show_similar(self) -> None:
        """Show the cells first that look most like the selected one."""
        self._like = 0
        self.arrange(Arrangement.SIMILARITY)

    def where(self) -> CellFilter:
        """Return which cells are shown: the conditions of the gallery, of the filters and the slide tree."""
        fields = self._browser.query().where
        where, reviewer = self._panel.where(), self._session.reviewer
        if reviewer is not None and where.types:
            # What is proposed is learned from others: a type shows this person's own cells only.
            where = replace(where, typed=True)
        slides = () if fields.slide_id is None else (fields.slide_id,)
        rest = replace(fields, slide_id=None)
        return replace(
            where, slides=slides, fields=None if rest == FieldFilter() else rest, reviewer=reviewer
        )

    def arrange(self, arrangement: Arrangement) -> None:
        """Show the gallery in another order."""
        self._panel.bar.set_arrangement(arrangement)
        self._browser.show_view(VIEW)
        raise_dock(self._browser)
        self.relist()

    def set_outlined(self, on: bool) -> None:
        """Draw outlines in the gallery, or not."""
        self._panel.bar.set_outlined(on)

    def show_unsure(self) -> None:
        """Show the proposals that are least certain first."""
        self._panel.choose_type(ALL)
        self._panel.bar.set_value(CellFilter(proposed=True))
        self.arrange(Arrangement.UNCERTAINTY)

    @Slot(int, object)
    def _take_listing(self, generation: int, listing: GalleryListing) -> None:
        if generation != self._session.generation or listing.query.ticket != self._ticket:
            return
        panel, blind = self._panel, self._session.reviewer is not None
        self._use_types(listing)
        arrangement = panel.bar.arrangement()
        by_type = arrangement is Arrangement.TYPE
        panel.gallery.set_heading_types(self.types if by_type else ())
        panel.model.relist(
            listing.ids, sections_of(listing, arrangement, self.types, slide_name=self._browser.tree.name_of)
        )
        panel.set_counts(blind_counts(listing.counts) if blind else listing.counts)
        panel.bar.set_count(len(listing.ids))
        like = listing.query.like
        if like and not listing.query.descending and listing.ids and listing.ids[0] != like:
            text = tr("The selected cell was not measured yet, so there is no order by similarity to it.")
            self._context.notifier.warn(text, topic="cells")
        panel.restore_current()
        self._context.changed.emit()

    def _use_types(self, listing: GalleryListing) -> None:
        """Show the case's list of types; before anyone typed, the laboratory's."""
        self._case_types = listing.types
        types = listing.types if listing.typed else self._context.settings.value.types
        self._commands.types = types
        if types != self.types:
            self._panel.set_types(types)
            if listing.query.order is CellOrder.TYPE:
                self._listing.start()

    @property
    def case_types(self) -> tuple[CellType, ...]:
        """The list that the case holds."""
        return self._case_types

    @Slot(list)
    def _read_page(self, ids: list[int]) -> None:
        self._session.ask(CellPage(ids, self._session.reviewer))

    @Slot(list)
    def _read_places(self, ids: list[int]) -> None:
        self._session.ask(ReadFieldFiles(ids))

    @Slot(int, list)
    def _take_page(self, generation: int, records: list[CellRecord]) -> None:
        if generation == self._session.generation:
            blind = self._session.reviewer is not None
            self._panel.take_page(map(blind_record, records) if blind else records)

    @Slot(int, object)
    def _take_places(self, generation: int, places: dict[int, FieldPlace]) -> None:
        if generation == self._session.generation:
            self._panel.model.take_places(places)

    # What changes

    @Slot()
    def _ask_no_more(self) -> None:
        # The session is destroyed before the window; queued signals could still start this timer.
        self._listing.stop()
        self._listing.blockSignals(True)

    @Slot()
    def _case_opened(self) -> None:
        self._panel.clear()
        self._commands.types = self._context.settings.value.types
        self._panel.set_types(self._commands.types)
        self.relist()

    @Slot()
    def _case_closed(self) -> None:
        self._listing.stop()
        self._panel.clear()

    @Slot(list)
    def _cells_changed(self, ids: list[int]) -> None:
        self._panel.model.outdate(ids)
        self._relist_soon()

    @Slot()
    def _all_changed(self) -> None:
        self._panel.model.outdate()
        self._relist_soon()

    @Slot()
    def _cells_may_differ(self) -> None:
        self._panel.model.outdate()
        self._relist_soon()

    @Slot()
    def _files_moved(self) -> None:
        self._panel.outdate_files()

    @Slot()
    def _filters_changed(self) -> None:
        self.relist()

    def _relist_soon(self) -> None:
        # Not restarted while it runs: a steady stream of changes must still be shown.
        if not self._listing.isActive():
            self._listing.start(_PAUSE + self._panel.model.rowCount() // _ROWS_PER_MILLISECOND)

    @Slot()
    def _blind_changed(self) -> None:
        self._panel.bar.set_blind(self._selection.is_blind)
        self._panel.typer.set_blind(self._selection.is_blind)
        self._panel.set_counts(CellCounts())
        self._panel.model.forget()
        QTimer.singleShot(0, self, self.relist)
        self._context.changed.emit()

    @Slot()
    def _tell_changed(self) -> None:
        self._context.changed.emit()

    # The current cell and its field

    @Slot(object)
    def _current_changed(self, record: CellRecord | None) -> None:
        self._selection.set_cell(record)
        field = self._selection.field
        if record is not None and (field is None or field.id != record.field_id):
            row = self._browser.model.row_of(record.field_id)
            if row is not None:
                self._browser.go_to_row(row)

    @Slot(object)
    def _field_changed(self, field: FieldRecord | None) -> None:
        cell = self._selection.cell
        if cell is not None and (field is None or field.id != cell.field_id) and not self._panel.hasFocus():
            self._selection.set_cell(None)

    @Slot()
    def go_between(self) -> None:
        """Go from the gallery to the field with the cell marked, or back."""
        gallery = self._panel.gallery
        if self._browser.view_name() == VIEW and gallery.hasFocus():
            self.show_field()
        else:
            self._browser.show_view(VIEW)
            raise_dock(self._browser)
            gallery.setFocus()

    def show_field(self) -> None:
        """Make the current cell's field the current one, whatever filters hide."""
        record = self._panel.current_record()
        if record is not None:
            self._browser.go_to_field(record.field_id)
            self._selection.set_cell(record)
            self._panel.field_shown.emit()

    # The place of the gallery

    @Slot(str)
    def _view_shown(self, name: str) -> None:
        if name == VIEW and not self._is_listed:
            self.relist()
        elif name != VIEW:
            self._selection.set_cell(None)  # its mark on the field would be of nothing that is chosen now
        self._context.changed.emit()

    def _restore(self) -> None:
        stored, bar = self._context.settings.value, self._panel.bar
        if stored.cell_arrangement in list(Arrangement):
            bar.set_arrangement(Arrangement(stored.cell_arrangement))
        bar.set_outlined(stored.cell_outlines)
        self._panel.set_tile_width(stored.cell_width)
        self._panel.set_types(self._context.settings.value.types)
        if stored.browser_view == VIEW:
            self._browser.show_view(VIEW)

    def view_state(self) -> dict[str, object]:
        """Return the choices to remember for the next start."""
        return {
            "cell_width": self._panel.tile_width(),
            "cell_arrangement": self._panel.bar.arrangement().value,
            "cell_outlines": self._panel.gallery.is_outlined(),
        }
