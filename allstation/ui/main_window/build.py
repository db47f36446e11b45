"""Makes what stands behind the first page, one part a step, while the window answers already."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QWidget

from allstation.core.limits import DecodeLimits
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.case.controller import CaseActions
from allstation.ui.case.naming_controller import Naming
from allstation.ui.case.removal_controller import RemovalActions
from allstation.ui.case.watch_controller import WatchActions
from allstation.ui.common import focus_filters
from allstation.ui.common.actions import ACTIONS, ActionTable
from allstation.ui.common.notifications import NotificationStack
from allstation.ui.context import Services
from allstation.ui.main_window.appearance_controller import LookActions
from allstation.ui.main_window.command_palette import CommandPalette
from allstation.ui.main_window.docks import add_docks, fit_review
from allstation.ui.main_window.field_menu import FieldMenu
from allstation.ui.main_window.handlers import handlers
from allstation.ui.main_window.log_panel import LogPanel
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
from allstation.ui.review.guard import ReviewGuard
from allstation.ui.review.link import ReviewLink
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.summary.controller import SummaryLink
from allstation.ui.training.controller import TrainingActions
from allstation.ui.viewer import controller
from allstation.ui.viewer.comparison_controller import ModelComparison
from allstation.ui.viewer.full_screen import FullScreen
from allstation.ui.viewer.loader import FieldLoader, decode_field
from allstation.ui.viewer.outlines import OutlineFinder, find_outlines
from allstation.ui.viewer.pane import ViewerPane
from allstation.ui.viewer.pixel_size_controller import PixelSize

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow

_PICTURE_BYTES: Final = 96 * 1024**2
"""Fields kept decoded: about 25 of 1024x768, so that the window stays small beside a long queue."""
_ACTIONS_A_STEP: Final = 10


def _make_viewer(window: MainWindow, limits: DecodeLimits) -> ViewerPane:
    """Return a viewer that accepts what the queue accepts."""
    loader = FieldLoader(decoder=partial(decode_field, limits=limits), limit=_PICTURE_BYTES)
    finder = OutlineFinder(finder=partial(find_outlines, limits=limits))
    viewer = ViewerPane(window, loader=loader, finder=finder)
    loader.setParent(viewer)
    finder.setParent(viewer)
    return viewer


def make_parts(window: MainWindow, services: Services) -> Iterator[None]:
    """Make panels and what listens to them. Nothing of it is on screen yet."""
    desk, settings = services.desk, services.settings
    window.setDockNestingEnabled(True)
    window.browser = BrowserPanel(desk, window, limits=settings.value.limits)
    yield
    window.viewer = _make_viewer(window, settings.value.limits)
    window.full_screen = FullScreen(window)
    yield
    window.review = ReviewPanel(window)
    window.queue = QueuePanel(window)
    window.palette_box = CommandPalette(window)
    yield
    window.status = StatusLine(window)
    window.notifications = NotificationStack(window.first.middle)
    window.cases = CaseActions(desk, settings, window)
    canvas = window.viewer.main.canvas
    guard = ReviewGuard(canvas, window.browser, limit=lambda: settings.value.seconds_on_screen, parent=window)
    window.reviews = ReviewActions(desk, window.browser, window.review, guard=guard, parent=window)
    yield
    window.look = LookActions(services, window)
    window.reporter = Reporter(services, window)
    window.link = ReviewLink(services, window)
    window.watching = WatchActions(services, window)
    window.models = ModelActions(desk, settings, window)
    window.queueing = QueueActions(desk, window.queue, browser=window.browser, window=window)
    window.naming = Naming(desk, window, stack=window.reviews.stack)
    window.removals = RemovalActions(desk, window.browser, stack=window.reviews.stack)
    window.training = TrainingActions(services, window)
    window.reports = ReportActions(services, window)
    window.exporting = ExportActions(services, window)
    window.summary = SummaryLink(services, window)
    window.pixel_size = PixelSize(services, window)
    window.model_comparison = ModelComparison(services.desk, window)
    window.tour = Tour(services, window)
    window.session = Session(services, window)
    window.field_menu = FieldMenu(window)
    yield
    yield from _make_actions(window)


def _make_actions(window: MainWindow) -> Iterator[None]:
    called = handlers(window)
    window.actions_table = ActionTable(window, (), called)
    for number, spec in enumerate(ACTIONS, 1):
        window.actions_table.add(spec, called[spec.id])
        if number % _ACTIONS_A_STEP == 0:
            yield
    window.reviews.add_class_actions(window.actions_table, window.browser.tree.classes())
    controller.add(window.actions_table, window.viewer)
    yield


def lay_out(window: MainWindow, services: Services) -> Iterator[None]:
    """Put the parts in their places."""
    window.first.middle.addWidget(window.viewer)
    window.first.middle.currentChanged.connect(window.notifications.raise_)
    window.setStatusBar(window.status)
    yield
    contents: dict[str, QWidget] = {
        "browser": window.browser,
        "review": window.review,
        "summary": window.summary.panel,
        "queue": window.queue,
        "log": LogPanel(services.logs, window),
    }
    window.docks = add_docks(window, contents)
    fit_review(window.review)
    yield
    window.menus = Menus(window, window.actions_table, window.first)
    window.browser.tree.addActions([window.actions_table[key] for key in ("slide.rename", "slide.remove")])
    focus_filters.no_drops_into_text(window)
    focus_filters.plain_labels(window)
    window.actions_table.is_repeating = focus_filters.KeyGuard(window).is_repeating
    yield
