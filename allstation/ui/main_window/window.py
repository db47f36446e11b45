"""The window: puts the parts in their places and passes messages between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, Signal, Slot
from PySide6.QtWidgets import QMainWindow

from allstation.services.settings import SettingsFile
from allstation.ui.common.i18n import tr
from allstation.ui.main_window.start_page_layout import show_first_page

if TYPE_CHECKING:
    # What the first page does not need is imported where it is used: see there.
    from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent
    from PySide6.QtWidgets import QDockWidget

    from allstation.core.records import FieldRecord
    from allstation.services.messages import CaseInfo, ModelInfo, QueueStatus
    from allstation.ui.browser.panel import BrowserPanel
    from allstation.ui.case.controller import CaseActions
    from allstation.ui.case.naming_controller import Naming
    from allstation.ui.case.removal_controller import RemovalActions
    from allstation.ui.case.watch_controller import WatchActions
    from allstation.ui.common.actions import ActionTable, Need
    from allstation.ui.common.notifications import NotificationStack
    from allstation.ui.context import Services
    from allstation.ui.main_window.appearance_controller import LookActions
    from allstation.ui.main_window.command_palette import CommandPalette
    from allstation.ui.main_window.field_menu import FieldMenu
    from allstation.ui.main_window.menus import Menus
    from allstation.ui.main_window.notification_presenter import Reporter
    from allstation.ui.main_window.session_state import Session
    from allstation.ui.main_window.status_line import StatusLine
    from allstation.ui.main_window.tour import Tour
    from allstation.ui.models.controller import ModelActions
    from allstation.ui.queue.controller import QueueActions
    from allstation.ui.queue.panel import QueuePanel
    from allstation.ui.report.controller import ReportActions
    from allstation.ui.report.export_controller import ExportActions
    from allstation.ui.review.controller import ReviewActions
    from allstation.ui.review.link import ReviewLink
    from allstation.ui.review.panel import ReviewPanel
    from allstation.ui.summary.controller import SummaryLink
    from allstation.ui.training.controller import TrainingActions
    from allstation.ui.viewer.comparison_controller import ModelComparison
    from allstation.ui.viewer.full_screen import FullScreen
    from allstation.ui.viewer.pane import ViewerPane
    from allstation.ui.viewer.pixel_size_controller import PixelSize

_LAYOUT_VERSION: Final = 1


class MainWindow(QMainWindow):
    """One case at a time: browser, viewer, review, queue.

    It is made in two parts: at once what is on screen first, then, by :meth:`furnish`, everything that
    works. A person sees the window before the program is loaded.

    Args:
        settings: The person's wishes.

    Signals:
        closing: The window was closed for good; the program should end.
        wanted: It must be whole now, whatever that costs.
    """

    closing = Signal()
    wanted = Signal()

    services: Services
    browser: BrowserPanel
    viewer: ViewerPane
    full_screen: FullScreen
    review: ReviewPanel
    queue: QueuePanel
    palette_box: CommandPalette
    status: StatusLine
    notifications: NotificationStack
    cases: CaseActions
    reviews: ReviewActions
    look: LookActions
    reporter: Reporter
    link: ReviewLink
    watching: WatchActions
    models: ModelActions
    queueing: QueueActions
    naming: Naming
    removals: RemovalActions
    summary: SummaryLink
    pixel_size: PixelSize
    model_comparison: ModelComparison
    tour: Tour
    session: Session
    field_menu: FieldMenu
    training: TrainingActions
    reports: ReportActions
    exporting: ExportActions
    actions_table: ActionTable
    menus: Menus
    docks: dict[str, QDockWidget]
    _queue_status: QueueStatus

    def __init__(self, settings: SettingsFile) -> None:
        super().__init__()
        self.setObjectName("MainWindow")
        self.setWindowTitle("ALL Station")
        self.first = show_first_page(self, settings.value)
        self.start = self.first.start
        self.is_furnished = False
        self.model: ModelInfo | None = None
        self._record: FieldRecord | None = None
        self._leaving = False
        # While the panels are hidden, how they were left; empty if nobody ever moved them.
        self._layout: QByteArray | None = QByteArray.fromBase64(settings.value.layout.encode())

    def furnish(self, services: Services) -> Iterator[None]:
        """Make everything behind the first page; each step takes a few milliseconds.

        Args:
            services: What does the work.
        """
        from allstation.services.messages import QueueStatus
        from allstation.ui.main_window import build

        self.services = services
        self._queue_status = QueueStatus()
        yield from build.make_parts(self, services)
        yield from build.lay_out(self, services)
        self._connect()
        self.look.restore()
        yield
        self._fill_recent()
        self._show_case(None)
        self.setAcceptDrops(True)
        self.is_furnished = True

    def _connect(self) -> None:
        desk = self.services.desk
        for signal, slot in (
            (desk.opened, self._case_opened),
            (desk.worker.closed, self._case_closed),
            (desk.worker.queue_changed, self._queue_changed),
            (desk.worker.model_changed, self._model_changed),
            (self.browser.current_changed, self._record_changed),
            (self.browser.neighbours_changed, self.viewer.set_neighbours),
            (self.browser.listed, self._listed),
            (self.browser.tree.chosen, self._update_actions),
            (self.queue.pause_asked, desk.pause),
            (self.queue.cancel_asked, desk.cancel),
            (self.queue.retry_asked, desk.retry_failed),
            (self.queue.field_chosen, self.browser.go_to_field),
            (self.viewer.state_changed, self._view_state_changed),
            (self.viewer.full_screen_asked, self.full_screen.set_on),
            (self.viewer.told, self.say),
            (self.watching.changed, self._update_actions),
            (self.full_screen.ended, self._full_screen_ended),
            (self.reviews.refused, self._review_refused),
            (self.removals.told, self.say),
            (self.cases.refused, self.say),
            (self.cases.preparing, self._preparing),
            (self.cases.model_given, self.models.offer),
            (self.cases.moved, self._case_moved),
            (self.start.new_asked, self.cases.new),
            (self.start.open_asked, self.cases.open),
            (self.start.demo_asked, self.cases.open_demo),
            (self.start.add_asked, self.cases.add_folder),
            (self.start.clear_asked, self.browser.show_all),
            (self.start.recent_asked, self.cases.open_folder),
            (self.reviews.stack.undoTextChanged, self._undo_named),
            (self.reviews.stack.redoTextChanged, self._redo_named),
            (self.reviews.stack.canUndoChanged, self._update_actions),
            (self.reviews.stack.canRedoChanged, self._update_actions),
            (self.services.theme.changed, self._theme_changed),
        ):
            signal.connect(slot)

    def _fill_recent(self) -> None:
        folders = [Path(text) for text in self.services.settings.value.recent]
        self.menus.fill_recent(folders, self.cases.open_folder)
        self.start.set_recent(folders)

    def remember(self) -> None:
        """Keep the window's place and the choices made in it for the next start."""
        self.viewer.set_full_screen(False)

        def text(data: QByteArray) -> str:
            return bytes(data.toBase64().data()).decode()

        layout = self._layout if self._layout is not None else self.saveState(_LAYOUT_VERSION)
        self.services.settings.change(
            geometry=text(self.saveGeometry()),
            layout=text(layout),
            **self.look.state(),
        )

    @Slot(object)
    def _case_opened(self, info: CaseInfo) -> None:
        self.reviews.clear()
        self.queue.clear()
        self.services.settings.replace(self.services.settings.value.with_recent(info.folder))
        self._fill_recent()
        self._show_case(info)
        self.services.desk.read_failures()
        if info.read_only:
            from allstation.ui.common.notifications import Level, Notification

            self.notifications.show_notification(Notification(Level.WARNING, info.why_read_only))

    @Slot(object, object)
    def _case_moved(self, before: Path, now: Path) -> None:
        self.services.settings.replace(self.services.settings.value.with_moved(before, now))

    @Slot()
    def _case_closed(self) -> None:
        self.services.settings.change(last_case="")
        self.reviews.clear()
        self.queue.clear()
        self._record = None
        self._show_case(None)

    def _show_case(self, info: CaseInfo | None) -> None:
        self.naming.show(info)
        self.status.show_case(info)
        self.review.set_writable(info is not None and not info.read_only)
        self._show_docks(visible=info is not None)
        self.show_middle()
        self._update_actions()

    def _show_docks(self, *, visible: bool) -> None:
        """Without a case there is only the first page; with one, the panels as they were left."""
        if visible and self._layout is not None:
            from allstation.ui.main_window.docks import arrange_docks

            if not self.restoreState(self._layout, _LAYOUT_VERSION):
                arrange_docks(self, self.docks)
            self._layout = None
        elif not visible and self._layout is None:
            self._layout = self.saveState(_LAYOUT_VERSION)
            for dock in self.docks.values():
                dock.hide()

    def show_middle(self) -> None:
        """Show the field, or what to do while there is none."""
        info = self.services.desk.info
        rows = self.browser.model.rowCount()
        if info is None:
            self.start.show_no_case()
        elif rows == 0 and self.browser.is_filtered():
            self.start.show_filtered()
        elif rows == 0:
            self.start.show_empty_case(read_only=info.read_only)
        showing = info is not None and rows > 0
        self.first.middle.setCurrentWidget(self.viewer if showing else self.start)

    @Slot(str)
    def _preparing(self, text: str) -> None:
        self.start.show_busy(text)
        self.first.middle.setCurrentWidget(self.start)

    @Slot(int, bool)
    def _listed(self, _count: int, _filtered: bool) -> None:
        self.show_middle()
        self._update_actions()

    @Slot(object)
    def _record_changed(self, record: FieldRecord | None) -> None:
        from allstation.core.records import FieldState

        moved = record is not None and (self._record is None or record.id != self._record.id)
        self._record = record
        self.viewer.show_field(record)
        self.link.show(record)
        self.status.show_record(record)
        if moved and record is not None and record.state is FieldState.QUEUED:
            self.services.desk.prioritise([record.id])
        self._update_actions()

    @Slot(object)
    def _queue_changed(self, status: QueueStatus) -> None:
        self._queue_status = status
        self._update_actions()

    @Slot(object)
    def _model_changed(self, model: ModelInfo) -> None:
        names = model.record.classes
        self.model = model
        self.viewer.set_network_size(*model.size)
        self.browser.set_classes(names)
        self.review.set_classes(names)
        self.reviews.add_class_actions(self.actions_table, names)
        self.menus.fill_classes()
        self.status.show_model(model)

    @Slot(str, bool)
    def _view_state_changed(self, key: str, on: bool) -> None:
        self.actions_table[key].setChecked(on)

    @Slot()
    def _full_screen_ended(self) -> None:
        self.viewer.set_full_screen(False)

    @Slot(str)
    def say(self, text: str) -> None:
        """Tell something that matters now but is no fault."""
        from allstation.ui.common.notifications import Level, Notification

        self.notifications.show_notification(Notification(Level.INFO, text))

    @Slot(str)
    def _review_refused(self, text: str) -> None:
        """Tell why nothing was reviewed: one message, however often a key is pressed."""
        from allstation.ui.common.notifications import Level, Notification

        self.notifications.show_notification(Notification(Level.WARNING, text, topic="review"))

    @Slot()
    def comment(self) -> None:
        """Let the person write a comment."""
        self._bring("review")
        self.review.write_comment()

    @Slot()
    def find_field(self) -> None:
        """Let the person type what to look for."""
        self._bring("browser")
        self.browser.filters.focus_text()

    def _bring(self, name: str) -> None:
        # To the front as well: what is typed for a box behind another panel would be taken for keys.
        from allstation.ui.main_window.docks import bring

        bring(self.docks[name])

    def close_workers(self) -> None:
        """Wait for pictures that are being read; call before the window goes."""
        # Answers that are still on their way must not begin new reads.
        self.browser.blockSignals(True)
        self.browser.thumbnails.stop()
        self.viewer.close_workers()
        self.training.close()
        self.reports.close()

    @Slot()
    def _update_actions(self) -> None:
        self.actions_table.update(self._state())
        stack = self.reviews.stack
        self.actions_table["review.undo"].setEnabled(stack.canUndo())
        self.actions_table["review.redo"].setEnabled(stack.canRedo())

    def _state(self) -> Need:
        from allstation.core.records import FieldState
        from allstation.services.messages import QueuePhase
        from allstation.ui.common.actions import Need

        info, status, record = self.services.desk.info, self._queue_status, self._record
        busy = status.phase in (QueuePhase.RUNNING, QueuePhase.PAUSED)
        facts = (
            (info is not None, Need.CASE),
            (info is not None and not info.read_only, Need.WRITABLE),
            (self.browser.model.rowCount() > 0, Need.FIELDS),
            (record is not None, Need.FIELD),
            (record is not None and record.prediction is not None, Need.PREDICTION),
            (self.browser.tree.current_place().slide_id is not None, Need.SLIDE),
            (record is not None and not record.removed, Need.IN_CASE),
            (record is not None and record.removed, Need.REMOVED),
            (busy, Need.BUSY),
            (self.watching.watching, Need.WATCHING),
            (status.counts.get(FieldState.FAILED, 0) > 0, Need.FAILED),
            (status.counts.get(FieldState.CANCELLED, 0) > 0, Need.WAITING),
        )
        state = Need.NOTHING
        for true, need in facts:
            state |= need if true else Need.NOTHING
        return state

    def all_actions(self) -> list[QAction]:
        """Return every action, for the palette and the list of keys."""
        panels = [dock.toggleViewAction() for dock in self.docks.values()]
        return [self.actions_table[spec.id] for spec in self.actions_table.specs()] + panels

    @Slot(str)
    def _undo_named(self, text: str) -> None:
        self.actions_table["review.undo"].setText(tr("&Undo {what}", what=text) if text else tr("&Undo"))

    @Slot(str)
    def _redo_named(self, text: str) -> None:
        self.actions_table["review.redo"].setText(tr("&Redo {what}", what=text) if text else tr("&Redo"))

    @Slot()
    def _theme_changed(self) -> None:
        from allstation.ui.main_window.docks import fit_review

        fit_review(self.review)
        self.menus.scale_icons()
        self.actions_table.refresh_icons()
        for part in (self.browser.filters, self.browser.footer, self.start, self.viewer.bar):
            part.refresh_icons()
        self.notifications.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files and folders from anywhere."""
        if event.mimeData().hasUrls():
            self.start.set_drop_active(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """They went away again."""
        self.start.set_drop_active(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Pass on what was dropped; the worker looks at it."""
        from allstation.ui.main_window.dropped_files import elsewhere_sentence, read_drop

        self.start.set_drop_active(False)
        dropped = read_drop(event.mimeData())
        event.acceptProposedAction()
        if dropped.elsewhere:
            self.say(elsewhere_sentence(dropped.elsewhere))
        if dropped.paths:
            self.cases.add_paths(dropped.paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask if the queue still runs; else remember everything and go."""
        self.wanted.emit()
        if not self.is_furnished:
            event.accept()
            self.closing.emit()
            return
        from allstation.services.messages import QueuePhase
        from allstation.ui.main_window.close_dialog import ask_before_leaving

        status, training = self._queue_status, self.training.is_training
        if not self._leaving and (status.phase is QueuePhase.RUNNING or training):
            event.ignore()
            ask_before_leaving(self, self.leave, waiting=status.waiting, training=training)
            return
        self.remember()
        event.accept()
        self.closing.emit()

    @Slot()
    def leave(self) -> None:
        """Close without asking again."""
        self._leaving = True
        self.close()
