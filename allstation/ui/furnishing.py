"""Makes what stands behind the first page, one part a step, while the window answers already."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QWidget

from allstation.services.field_cache import FieldCache
from allstation.ui import keys, viewer_actions
from allstation.ui.actions import ACTIONS, ActionTable
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.case_actions import CaseActions
from allstation.ui.docks import add_docks, fit_review
from allstation.ui.field_menu import FieldMenu
from allstation.ui.handlers import handlers
from allstation.ui.look_actions import LookActions
from allstation.ui.menus import Menus
from allstation.ui.model_actions import ModelActions
from allstation.ui.model_comparison import ModelComparison
from allstation.ui.naming import Naming
from allstation.ui.panels.log import LogPanel
from allstation.ui.panels.notices import Notices
from allstation.ui.panels.palette import CommandPalette
from allstation.ui.panels.queue import QueuePanel
from allstation.ui.panels.status import StatusLine
from allstation.ui.pixel_size import PixelSize
from allstation.ui.queue_actions import QueueActions
from allstation.ui.removal_actions import RemovalActions
from allstation.ui.report.actions import ReportActions
from allstation.ui.report.exporting import ExportActions
from allstation.ui.reporter import Reporter
from allstation.ui.review.guard import ReviewGuard
from allstation.ui.review.panel import ReviewPanel
from allstation.ui.review_actions import ReviewActions
from allstation.ui.review_link import ReviewLink
from allstation.ui.services import Services
from allstation.ui.session import Session
from allstation.ui.summary_link import SummaryLink
from allstation.ui.tour import Tour
from allstation.ui.training_window import TrainingActions
from allstation.ui.viewer.full_screen import FullScreen
from allstation.ui.viewer.loader import FieldLoader, read_picture
from allstation.ui.viewer.outlines import OutlineFinder, find_outlines
from allstation.ui.viewer.pane import ViewerPane
from allstation.ui.watch_actions import WatchActions

if TYPE_CHECKING:
    from allstation.ui.main_window import MainWindow

_PICTURE_BYTES: Final = 96 * 1024**2
"""Fields kept decoded: about 25 of 1024x768, so that the window stays small beside a long queue."""
_ACTIONS_A_STEP: Final = 10


def _make_viewer(window: MainWindow, files: FieldCache) -> ViewerPane:
    """Return a viewer that accepts what the queue accepts."""
    loader = FieldLoader(reader=partial(read_picture, files=files), limit=_PICTURE_BYTES)
    finder = OutlineFinder(finder=partial(find_outlines, files=files))
    viewer = ViewerPane(window, loader=loader, finder=finder)
    loader.setParent(viewer)
    finder.setParent(viewer)
    return viewer


def make_parts(window: MainWindow, services: Services) -> Iterator[None]:
    """Make panels and what listens to them. Nothing of it is on screen yet."""
    session, settings = services.session, services.settings
    window.setDockNestingEnabled(True)
    files = FieldCache(settings.value.limits)
    window.browser = BrowserPanel(session, window, files=files)
    yield
    window.viewer = _make_viewer(window, files)
    window.full_screen = FullScreen(window)
    yield
    window.review = ReviewPanel(window)
    window.queue = QueuePanel(window)
    window.palette_box = CommandPalette(window)
    yield
    window.status = StatusLine(window)
    window.notices = Notices(window.first.middle)
    window.cases = CaseActions(session, settings, window)
    canvas = window.viewer.main.canvas
    guard = ReviewGuard(canvas, window.browser, limit=lambda: settings.value.seconds_on_screen, parent=window)
    window.reviews = ReviewActions(session, window.browser, window.review, guard=guard, parent=window)
    yield
    window.look = LookActions(services, window)
    window.reporter = Reporter(services, window)
    window.link = ReviewLink(services, window)
    window.watching = WatchActions(services, window)
    window.models = ModelActions(session, settings, window)
    window.queueing = QueueActions(session, window.queue, browser=window.browser, window=window)
    window.naming = Naming(session, window, stack=window.reviews.stack)
    window.removals = RemovalActions(session, window.browser, stack=window.reviews.stack)
    window.training = TrainingActions(services, window)
    window.reports = ReportActions(services, window)
    window.exporting = ExportActions(services, window)
    window.summary = SummaryLink(services, window)
    window.pixel_size = PixelSize(services, window)
    window.model_comparison = ModelComparison(services.session, window)
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
    viewer_actions.add(window.actions_table, window.viewer)
    yield


def lay_out(window: MainWindow, services: Services) -> Iterator[None]:
    """Put the parts in their places."""
    window.first.middle.addWidget(window.viewer)
    window.first.middle.currentChanged.connect(window.notices.raise_)
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
    keys.no_drops_into_text(window)
    keys.plain_labels(window)
    window.actions_table.is_repeating = keys.KeyGuard(window).is_repeating
    yield
