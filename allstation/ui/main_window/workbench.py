"""Workbench: the panels and controllers of every feature, built in one go after the first paint."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QByteArray, QMimeData, QObject, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import QueuePhase
from allstation.services.images.field_cache import FieldCache
from allstation.ui.browser.controller import BrowserController
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.case.audit_controller import AuditController
from allstation.ui.case.controller import CaseController
from allstation.ui.case.naming_controller import NamingController
from allstation.ui.case.removal_controller import RemovalController
from allstation.ui.case.watch_controller import WatchController
from allstation.ui.cells.feature import CellsFeature
from allstation.ui.commissioning.controller import CommissioningController
from allstation.ui.common import focus_filters
from allstation.ui.common.actions import Action, ActionTable
from allstation.ui.common.docks import raise_dock
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import Level, Notification, NotificationStack
from allstation.ui.context import AppContext
from allstation.ui.control.controller import ControlController
from allstation.ui.machines.controller import MachinesController
from allstation.ui.main_window.about import AboutDialog, KeysDialog
from allstation.ui.main_window.appearance_controller import AppearanceController
from allstation.ui.main_window.cell_menu import CellMenu
from allstation.ui.main_window.close_dialog import ask_before_closing
from allstation.ui.main_window.command_palette import CommandPalette
from allstation.ui.main_window.docks import DockLayout, make_docks
from allstation.ui.main_window.drop_hint import DropHint
from allstation.ui.main_window.dropped_files import elsewhere_sentence, read_drop, slide_names
from allstation.ui.main_window.field_menu import FieldMenu
from allstation.ui.main_window.full_screen import FullScreen
from allstation.ui.main_window.log_panel import LogPanel
from allstation.ui.main_window.menus import Menus
from allstation.ui.main_window.session_state import SessionState
from allstation.ui.main_window.start_controller import StartController
from allstation.ui.main_window.status_line import StatusLine
from allstation.ui.main_window.strip import make_room_above
from allstation.ui.main_window.tour import Tour
from allstation.ui.main_window.window import MainWindow
from allstation.ui.models.controller import ModelController
from allstation.ui.patients.controller import PatientsController
from allstation.ui.queue.controller import QueueController
from allstation.ui.queue.panel import QueuePanel
from allstation.ui.report.controller import ReportController
from allstation.ui.report.export_controller import ExportController
from allstation.ui.report.signed_notice import SignedNotice
from allstation.ui.report.verify_controller import VerifyController
from allstation.ui.review.alike_controller import AlikeController
from allstation.ui.review.controller import CLASS_PREFIX, ReviewController
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.review.people_controller import PeopleController
from allstation.ui.sites.controller import SitesController
from allstation.ui.slide.feature import SlideFeature
from allstation.ui.summary.controller import SummaryController
from allstation.ui.summary.panel import SummaryPanel
from allstation.ui.training.controller import TrainingController
from allstation.ui.viewer.comparison_controller import ModelComparisonController
from allstation.ui.viewer.controller import ViewerController, make_viewer
from allstation.ui.viewer.pixel_size_controller import PixelSizeController


class Feature(Protocol):
    """Protocol of a controller: it offers actions."""

    def actions(self) -> tuple[Action, ...]:
        """Return the actions of the feature."""


class Workbench(QObject):
    """Builds every feature, places its panels and actions in the window, and ends its threads.

    Args:
        context: Services and state.
        window: The shell to fill.

    Attributes:
        shell: The window.
        actions_table: The window's actions by id.
        docks: The docks of the panels by name.
    """

    def __init__(self, context: AppContext, window: MainWindow) -> None:
        super().__init__(window)
        self.context = context
        self.shell = window
        self._is_leaving = False
        files = FieldCache(context.settings.value.limits)
        self.notifications = NotificationStack(window.start_layout.middle)
        context.notifier.posted.connect(self.notifications.show_notification)
        context.notifier.withdrawn.connect(self.notifications.withdraw)
        self.status = StatusLine(context, window)
        self.palette = CommandPalette(window)
        self.docks = docks = make_docks(window)
        self.browser = browser = BrowserPanel(docks["browser"], files=files)
        self._column = make_room_above(window, window.start_layout.middle)
        views = QStackedWidget(window.start_layout.middle)
        self.viewer = viewer = make_viewer(files, views)
        self.review = ReviewPanel(docks["review"])
        self.summary = SummaryPanel(docks["summary"])
        self.queue = QueuePanel(docks["queue"])
        self.case_controller = CaseController(context, viewer=viewer, window=window)
        self.queue_controller = QueueController(context, self.queue, browser=browser)
        self.viewer_controller = ViewerController(context, viewer)
        self.review_controller = ReviewController(context, self.review, browser=browser, viewer=viewer)
        self.alike = AlikeController(context, self.review, browser=browser, files=files, window=window)
        self.browser_controller = BrowserController(context, browser)
        self.training_controller = TrainingController(context, window=window)
        self.report_controller = ReportController(context, window=window)
        self.verify_controller = VerifyController(context, window=window)
        self.export_controller = ExportController(context, window=window)
        self.audit_controller = AuditController(context, window=window)
        self.people_controller = PeopleController(context, self.review, self.review_controller, window=window)
        self.machines_controller = MachinesController(context, window=window)
        self.sites_controller = SitesController(context, window=window)
        self.pixel_size_controller = PixelSizeController(context, viewer)
        self.control_controller = ControlController(context, window=window)
        self.cells = CellsFeature(context, window=window, browser=browser, viewer=viewer, files=files)
        self.commissioning = CommissioningController(
            context,
            window=window,
            commands=self.cells.commands,
            features=self.cells.typer.features,
            files=files,
        )
        self.slides = SlideFeature(context, window=window, views=views, browser=browser, viewer=viewer)
        self.case_controller.adding.connect(self.slides.proposing.note_given)
        self.tour = self._make_tour()
        self.features = self._make_features()
        self._session_state = SessionState(
            context,
            browser,
            [part.view_state for part in (self.browser_controller, self.viewer_controller,
                                          self.review_controller, self.cells)],
        )  # fmt: skip
        self._place_widgets()
        self._place_actions()
        self._connect()

    def _make_features(self) -> tuple[Feature, ...]:
        context, window, browser = self.context, self.shell, self.browser
        # A new feature is one line here: its actions then stand in menus, toolbar, palette and key list.
        return (
            self.case_controller,
            self.browser_controller,
            self.viewer_controller,
            self.review_controller,
            self.alike,
            self.queue_controller,
            self.machines_controller,
            SummaryController(context, self.summary, browser=browser),
            WatchController(context, window=window),
            NamingController(context, browser),
            PatientsController(context, browser, window=window),
            self.audit_controller,
            self.people_controller,
            RemovalController(context, browser),
            self.pixel_size_controller,
            self.sites_controller,
            self.cells,
            self.slides,
            ModelComparisonController(context, self.viewer),
            ModelController(context, window=window),
            self.training_controller,
            self.commissioning,
            self.report_controller,
            self.verify_controller,
            self.export_controller,
            self.control_controller,
            AppearanceController(context),
            self.tour,
            self,
        )

    def _make_tour(self) -> Tour:
        targets: dict[str, QWidget] = {
            "browser": self.browser,
            "viewer": self.viewer,
            "review": self.review,
            "summary": self.summary,
            "menus": self.shell.menuBar(),
        }
        return Tour(
            self.context, self.shell, case=self.case_controller, browser=self.browser, targets=targets
        )

    def _place_widgets(self) -> None:
        window, context = self.shell, self.context
        window.setDockNestingEnabled(True)
        middle = window.start_layout.middle
        middle.addWidget(self.slides.views)
        self._column.insertWidget(0, self.slides.proposals)
        self._drop_hint = DropHint(self.slides.views)
        middle.currentChanged.connect(self.notifications.raise_)
        window.setStatusBar(self.status)
        self.status.insertPermanentWidget(1, self.export_controller.strip)
        self.status.insertPermanentWidget(1, self.sites_controller.badge)
        contents: dict[str, QWidget] = {
            "browser": self.browser,
            "review": self.review,
            "summary": self.summary,
            "queue": self.queue,
            "log": LogPanel(context.logs, self.docks["log"]),
        }
        self._layout = DockLayout(window, self.docks, contents, context.settings.value.layout)
        self.browser.view_shown.connect(self._layout.follow_view)
        self._full_screen = FullScreen(window)

    def _place_actions(self) -> None:
        window, table = self.shell, ActionTable(self.shell)
        self.actions_table = table
        for feature in self.features:
            table.add(feature.actions())
        table.add(self.review_controller.class_actions())
        panels = [dock.toggleViewAction() for dock in self.docks.values()]
        self.menus = Menus(table, window.start_layout, panels)
        self.browser.tree.addActions(
            [table[key] for key in ("slide.rename", "slide.patient", "slide.remove")]
        )
        canvases = (self.viewer.main.canvas, self.viewer.pinned.canvas)
        views = (self.browser.grid, self.browser.table, *canvases)
        FieldMenu(self.context, table, views, parent=self)
        CellMenu(table, self.cells)
        focus_filters.no_drops_into_text(window)
        focus_filters.plain_labels(window)
        table.is_repeating = focus_filters.KeyGuard(window).is_repeating

    def _connect(self) -> None:
        context, session = self.context, self.context.session
        StartController(
            context,
            self.shell.start_layout,
            case=self.case_controller,
            browser=self.browser,
            menus=self.menus,
            views=self.slides.views,
        )
        self.shell.start.train_asked.connect(self.training_controller.show)
        context.changed.connect(self._refresh_actions)
        context.theme.changed.connect(self._theme_changed)
        context.selection.model_changed.connect(self._model_changed)
        session.opened.connect(self._show_case)
        session.renamed.connect(self._show_case)
        session.worker.closed.connect(self._show_case)
        self.training_controller.status_changed.connect(self.status.show_training)
        self.status.queue_asked.connect(self._show_queue)
        SignedNotice(context, self).changed.connect(self.status.show_signed)
        self.viewer.full_screen_asked.connect(self._full_screen.set_on)
        self._full_screen.ended.connect(self._full_screen_ended)
        self._show_case()
        self.shell.setAcceptDrops(True)

    def actions(self) -> tuple[Action, ...]:
        """Offer undo, the lists of actions and quitting."""
        undo = self.context.undo
        # fmt: off
        return (
            Action("review.undo", "&Undo", undo.undo, "Ctrl+Z", "Take back the last review, removal or name",
                   "undo", menu="&Edit", place=110, toolbar=210, enabled_when=undo.canUndo,
                   label=self._undo_text),
            Action("review.redo", "&Redo", undo.redo, "Ctrl+Shift+Z Ctrl+Y", "Do it again",
                   "redo", menu="&Edit", place=120, toolbar=220, enabled_when=undo.canRedo,
                   label=self._redo_text),
            Action("help.palette", "Command &Palette…", self._open_palette, "Ctrl+Shift+P",
                   "Find any action by typing", "palette", menu="&Help", place=110),
            Action("help.keys", "&Keyboard Shortcuts", self._show_keys, "F1", "List every key", "help",
                   menu="&Help", place=130),
            Action("help.about", "&About ALL Station", self._show_about, "Shift+F1",
                   "Versions, notices, intended use", "info", menu="&Help", place=140),
            Action("app.quit", "&Quit", self.shell.close, "Ctrl+Q",
                   "Close the window; a running queue is asked about", menu="&Case", place=420),
        )
        # fmt: on

    def _undo_text(self) -> str:
        what = self.context.undo.undoText()
        return tr("&Undo {what}", what=what) if what else tr("&Undo")

    def _redo_text(self) -> str:
        what = self.context.undo.redoText()
        return tr("&Redo {what}", what=what) if what else tr("&Redo")

    def all_actions(self) -> list[QAction]:
        """Return every action, for the palette and the list of keys."""
        panels = [dock.toggleViewAction() for dock in self.docks.values()]
        return [self.actions_table[action.id] for action in self.actions_table.all()] + panels

    def _open_palette(self) -> None:
        self.palette.open_with(self.all_actions())

    def _show_keys(self) -> None:
        KeysDialog(self.all_actions(), self.shell).open()

    def _show_about(self) -> None:
        AboutDialog(self.context.selection.model, self.shell).open()

    # What follows the case, the model and the theme

    @Slot()
    def _refresh_actions(self) -> None:
        self.actions_table.refresh()

    @Slot()
    def _show_case(self) -> None:
        """Name the case in the title; without one there is only the start page."""
        info = self.context.info
        name = shown_name(info.name) if info is not None else ""
        mode = tr(" (looking only)") if info is not None and info.read_only else ""
        self.shell.setWindowTitle(f"{name}{mode} — ALL Station" if name else "ALL Station")
        self._layout.set_visible(info is not None)

    @Slot()
    def _model_changed(self) -> None:
        self.actions_table.remove(CLASS_PREFIX)
        self.actions_table.add(self.review_controller.class_actions())
        self.menus.fill_classes()

    @Slot()
    def _show_queue(self) -> None:
        raise_dock(self.queue)

    @Slot()
    def _theme_changed(self) -> None:
        self._layout.follow_text(self.context.theme.scale)
        self.menus.scale_icons()
        self.actions_table.refresh_icons()
        self.notifications.refresh()

    @Slot()
    def _full_screen_ended(self) -> None:
        self.viewer.set_full_screen(False)

    def show_crash(self, report: str) -> None:
        """Show that the program itself failed somewhere."""
        text = tr(
            "Something in the program failed. Your work is saved. A report without names, paths or pictures "
            "was kept on this computer; nothing was sent."
        )
        self.context.notifier.post(Notification(Level.ERROR, text, details=report))

    # Dropping and closing

    def take_drop(self, data: QMimeData) -> None:
        """Open or add what was dropped on the window."""
        dropped = read_drop(data)
        if dropped.elsewhere:
            self.context.notifier.info(elsewhere_sentence(dropped.elsewhere))
        if dropped.paths:
            self.case_controller.add_paths(dropped.paths)

    def show_drop(self, data: QMimeData | None) -> None:
        """Say over the field what would become of what is dragged, or (None) no longer."""
        if data is not None and self.context.info is not None:
            given = read_drop(data).paths
            parts = self.case_controller.several.may_part(given)
            self._drop_hint.show_for(self.context.info, slides=slide_names(given), parts=parts)
        else:
            self._drop_hint.hide()

    def may_close(self) -> bool:
        """Tell whether the window may close now; if work goes on, the person is asked."""
        status, training = self.queue_controller.status, self.training_controller.is_training
        if not self._is_leaving and (status.phase is QueuePhase.RUNNING or training):
            ask_before_closing(self.shell, self.leave, waiting=status.waiting, training=training)
            return False
        self._remember()
        return True

    @Slot()
    def leave(self) -> None:
        """Close without asking again."""
        self._is_leaving = True
        self.shell.close()

    def _remember(self) -> None:
        self.viewer.set_full_screen(False)
        self.context.settings.change(
            geometry=_base64(self.shell.saveGeometry()),
            layout=_base64(self._layout.state()),
            **self._session_state.view_state(),
        )

    def close_workers(self) -> None:
        """Wait for pictures that are being read; call before the window is destroyed."""
        # Answers that are still queued must not begin new reads.
        self.browser.blockSignals(True)
        self.browser.thumbnails.stop()
        self.commissioning.close()
        self.cells.close_workers()
        self.slides.close_workers()
        self.viewer.close_workers()
        self.training_controller.close()
        self.report_controller.close()
        self.audit_controller.close()
        self.sites_controller.close()
        self.pixel_size_controller.close()
        self.people_controller.close()
        self.alike.close()
        self.case_controller.several.close()
        self.machines_controller.close()
        self.verify_controller.close()
        self.control_controller.close()


def _base64(data: QByteArray) -> str:
    return bytes(data.toBase64().data()).decode()
