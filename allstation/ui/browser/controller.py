"""Browser controller: lists the case's fields in the browser and makes the chosen one current."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication

from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldRecord, FieldState
from allstation.core.slide_part import split_part
from allstation.processing.status_types import ModelInfo
from allstation.services.case.questions import FindUnreviewed, Listing, Overview, ReadOverview, ReadPage
from allstation.services.case.requests import Prioritise
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.browser.slide_model import Place
from allstation.ui.common.actions import Action
from allstation.ui.common.docks import raise_dock
from allstation.ui.context import AppContext

_RELIST_PAUSE: Final = 300
_ROWS_PER_MILLISECOND: Final = 100
_WIDTH_STEP: Final = 24
_SETTLED_SORTS: Final = frozenset({FieldSort.SLIDE, FieldSort.NAME, FieldSort.SIZE, FieldSort.ADDED})


class BrowserController(QObject):
    """Drives the browser panel from the case and tells the selection what is chosen."""

    def __init__(self, context: AppContext, panel: BrowserPanel) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._selection = context.selection
        self._panel = panel
        self._ticket = 0
        self._listing = QTimer(self, singleShot=True, interval=_RELIST_PAUSE)
        self._counting = QTimer(self, singleShot=True, interval=_RELIST_PAUSE)
        self._listing.timeout.connect(self.relist)
        self._counting.timeout.connect(self._count)
        self._connect_case()
        panel.listing_asked.connect(self.relist)
        panel.unreviewed_asked.connect(self._find_unreviewed)
        panel.model.page_wanted.connect(self._read_page)
        panel.current_changed.connect(self._current_changed)
        panel.neighbours_changed.connect(self._selection.set_neighbours)
        panel.listed.connect(self._selection.set_listing)
        panel.tree.chosen.connect(self._choose_slide)
        self._selection.model_changed.connect(self._model_changed)
        self._selection.blind_changed.connect(self._blind_changed)
        self._selection.reviewer_changed.connect(self._blind_changed)
        context.theme.changed.connect(self._theme_changed)
        self._restore()

    def _connect_case(self) -> None:
        session, worker, reader = self._session, self._session.worker, self._session.reader
        session.destroyed.connect(self._ask_no_more)
        session.opened.connect(self._case_opened)
        worker.closed.connect(self._case_closed)
        worker.fields_added.connect(self._fields_added)
        worker.fields_changed.connect(self._fields_changed)
        worker.queue_edited.connect(self._records_outdated)
        worker.slide_renamed.connect(self._records_outdated)
        worker.slide_file_changed.connect(self._fields_added)  # a slide may come without any field
        worker.patients_changed.connect(self._records_outdated)
        reader.listed.connect(self._take_listing)
        reader.page_read.connect(self._take_page)
        reader.overview_read.connect(self._take_overview)
        reader.unreviewed_found.connect(self._panel.show_unreviewed)

    def actions(self) -> tuple[Action, ...]:
        """Offer finding, choosing and arranging fields."""
        context, panel, footer = self._context, self._panel, self._panel.footer
        case, fields, field = context.has_case, context.has_fields, context.has_field
        # fmt: off
        return (
            Action("browse.all", "Select &All Fields", panel.select_all, "Ctrl+A",
                   "Select every field shown, or every cell of the gallery",
                   menu="&Edit", place=210, enabled_when=fields),
            Action("browse.find", "&Find Fields", self.find_field, "Ctrl+F", "Go to the text filter",
                   "search", menu="&Edit", place=220, enabled_when=case),
            Action("browse.clear", "Clear Fil&ters", panel.show_all, "Ctrl+Shift+F", "Show every field again",
                   "filter", menu="&Edit", place=230, enabled_when=case),
            Action("browse.needs_person", "Only What Needs a &Person", self.show_open, "Shift+U",
                   "Show the fields that the model named no class or somebody marked for another look",
                   menu="&Edit", place=240, enabled_when=self._may_filter),
            Action("field.show_file", "Show in Fol&der", self.show_file, "",
                   "Open the folder of the field in the file manager", "case-open",
                   menu="&Edit", place=510, field_menu=410, enabled_when=field),
            Action("field.copy_path", "Copy Pat&h", self.copy_path, "",
                   "Copy where the selected fields lie",
                   menu="&Edit", place=520, field_menu=420, enabled_when=field),
            Action("go.previous", "&Previous Field", partial(panel.step, -1), "Left PgUp",
                   "Show the field before", "previous",
                   menu="&Go", place=110, toolbar=310, enabled_when=fields, repeats=True),
            Action("go.next", "&Next Field", partial(panel.step, 1), "Right PgDown", "Show the field after",
                   "next", menu="&Go", place=120, toolbar=320, enabled_when=fields, repeats=True),
            Action("go.first", "&First Field", partial(panel.go_to_row, 0), "Home", "Show the first field",
                   menu="&Go", place=130, enabled_when=fields),
            Action("go.last", "&Last Field", panel.go_to_last, "End", "Show the last field",
                   menu="&Go", place=140, enabled_when=fields),
            Action("go.unreviewed", "Next &Unreviewed", panel.go_to_unreviewed, "U",
                   "Go to the next field no one reviewed", "next-unreviewed",
                   menu="&Go", place=210, toolbar=330, enabled_when=fields, repeats=True),
            Action("browse.grid", "Thumbnails", partial(panel.show_view, "grid"), "Ctrl+1",
                   "Show fields as thumbnails", "grid", menu="&View", place=110),
            Action("browse.table", "Table", partial(panel.show_view, "table"), "Ctrl+2",
                   "Show fields as a table", "table", menu="&View", place=120),
            Action("browse.larger", "Larger Thumbnails", partial(self._widen, _WIDTH_STEP),
                   "Ctrl++ Ctrl+=", "Make thumbnails larger", menu="&View", place=130, repeats=True),
            Action("browse.smaller", "Smaller Thumbnails", partial(self._widen, -_WIDTH_STEP), "Ctrl+-",
                   "Make thumbnails smaller", menu="&View", place=140, repeats=True),
            Action("browse.flat", "No Groups", partial(footer.set_group, FieldGroup.NONE), "Ctrl+3",
                   "Show fields without headings", menu="&View", place=210),
            Action("browse.by_slide", "Group by Slide", partial(footer.set_group, FieldGroup.SLIDE), "Ctrl+4",
                   "Put the fields of each slide under its name", "group", menu="&View", place=220),
            Action("browse.by_decision", "Group by Decision", partial(footer.set_group, FieldGroup.DECISION),
                   "Ctrl+5", "Put fields of one decision together; a person's class stands before the "
                   "model's", "group", menu="&View", place=230),
        )
        # fmt: on

    def _may_filter(self) -> bool:
        """Tell whether a filter may tell what the model said."""
        return self._context.has_case() and not self._selection.is_blind

    @Slot()
    def show_open(self) -> None:
        """Show what needs a person, and nothing else."""
        self._panel.tree.choose(Place())
        self._panel.filters.choose(FieldFilter(needs_review=True))

    # Lists of the case

    @Slot()
    def relist(self) -> None:
        """Ask for the ids of the fields to show."""
        self._listing.stop()
        self._ticket = self._session.list_fields(self._panel.query()).ticket

    @Slot()
    def _count(self) -> None:
        self._session.ask(ReadOverview(self._session.reviewer))

    @Slot(list)
    def _read_page(self, ids: list[int]) -> None:
        self._session.ask(ReadPage(ids, self._session.reviewer))

    @Slot()
    def _ask_no_more(self) -> None:
        # The session is destroyed before the window; queued signals could still start these timers.
        for timer in (self._listing, self._counting):
            timer.stop()
            timer.blockSignals(True)

    @Slot()
    def _case_opened(self) -> None:
        self._listing.stop()
        self._panel.open_case()
        self._choose_slide()
        self.relist()
        self._count()

    @Slot()
    def _case_closed(self) -> None:
        self._listing.stop()
        self._panel.clear()
        self._choose_slide()

    @Slot()
    def _fields_added(self) -> None:
        self._start(self._listing)
        self._start(self._counting)

    @Slot(list)
    def _fields_changed(self, ids: list[int]) -> None:
        self._panel.model.outdate(ids)
        self._start(self._counting)
        query = self._panel.query()
        if query.sort not in _SETTLED_SORTS or query.where != FieldFilter(slide_id=query.where.slide_id):
            self._start(self._listing)

    @Slot()
    def _records_outdated(self) -> None:
        self._panel.model.outdate()
        self._start(self._listing)
        self._start(self._counting)

    def _start(self, timer: QTimer) -> None:
        # Not restarted while it runs: a steady stream of changes must still be shown.
        if not timer.isActive():
            # Large cases take longer to list and count: ask less often.
            timer.start(_RELIST_PAUSE + self._panel.model.rowCount() // _ROWS_PER_MILLISECOND)

    @Slot(object)
    def _take_listing(self, listing: Listing) -> None:
        if listing.query.ticket == self._ticket:
            self._panel.take_listing(listing)

    @Slot(int, list)
    def _take_page(self, generation: int, records: list[FieldRecord]) -> None:
        if generation == self._session.generation:
            self._panel.model.take_page(records)

    @Slot(int, object)
    def _take_overview(self, generation: int, overview: Overview) -> None:
        if generation == self._session.generation:
            self._panel.take_overview(overview)
            self._choose_slide()

    @Slot(int)
    def _find_unreviewed(self, after: int) -> None:
        self._session.ask(FindUnreviewed(self._panel.query(), after=after))

    # Selection

    @Slot(object)
    def _current_changed(self, record: FieldRecord | None) -> None:
        before = self._selection.field
        moved = record is not None and (before is None or record.id != before.id)
        self._selection.set_field(record)
        if moved and record is not None and record.state is FieldState.QUEUED:
            self._session.submit(Prioritise([record.id]))

    @Slot()
    def _choose_slide(self) -> None:
        slide_id = self._panel.tree.current_place().slide_id
        if slide_id != self._selection.slide:
            self._selection.set_slide(slide_id)

    @Slot(object)
    def _model_changed(self, model: ModelInfo) -> None:
        self._panel.set_classes(model.record.classes)

    @Slot()
    def _blind_changed(self) -> None:
        reviewer = self._selection.reviewer if self._selection.is_blind else None
        if reviewer != self._session.reviewer:
            self._session.reviewer = reviewer
            self._panel.set_blind(reviewer)
            self._count()
            self.relist()

    @Slot()
    def _theme_changed(self) -> None:
        self._panel.filters.refresh_icons()
        self._panel.footer.refresh_icons()

    # Actions

    def find_field(self) -> None:
        """Let the person type what to look for."""
        raise_dock(self._panel)
        self._panel.filters.focus_text()

    def show_file(self) -> None:
        """Open the folder of the current field in the desktop's file manager."""
        record = self._panel.current_record()
        if record is not None:
            found = split_part(record.path)
            file = record.path if found is None else found[0]
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(file.parent)))

    def copy_path(self) -> None:
        """Copy where the selected fields lie, one path a line."""
        panel = self._panel
        records = (panel.model.record(number) for number in panel.selected_ids())
        paths = [str(record.path) for record in records if record is not None]
        current = panel.current_record()
        if not paths and current is not None:
            paths = [str(current.path)]
        QGuiApplication.clipboard().setText("\n".join(paths))

    def _widen(self, by: int, _checked: bool = False) -> None:
        footer = self._panel.footer
        footer.set_width(footer.width_value() + by)

    # Settings

    def _restore(self) -> None:
        stored, footer = self._context.settings.value, self._panel.footer
        if stored.sort in list(FieldSort):
            footer.set_sort(FieldSort(stored.sort), descending=stored.descending)
        if stored.group in list(FieldGroup):
            footer.set_group(FieldGroup(stored.group))
        footer.set_width(stored.thumbnail_width)
        self._panel.grid.set_tile_width(stored.thumbnail_width)
        self._panel.show_view(stored.browser_view)

    def view_state(self) -> dict[str, object]:
        """Return the choices to remember for the next start."""
        footer = self._panel.footer
        return {
            "thumbnail_width": self._panel.grid.tile_width(),
            "browser_view": self._panel.view_name(),
            "sort": footer.sort().value,
            "descending": footer.descending(),
            "group": footer.group_wanted().value,
        }
