"""Start controller: drives the start page and shows it while there is no field to look at."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QStackedWidget

from allstation.core.text import shown_name
from allstation.processing.status_types import ImportStatus
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.case.controller import CaseController
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.main_window.menus import Menus
from allstation.ui.main_window.start_page_layout import StartLayout


class StartController(QObject):
    """Shows the fields, or what to do while there is none.

    Args:
        context: Services and state.
        layout: The start page and the stack that holds it.
        case: Makes and opens cases.
        browser: Clears its filters.
        menus: List the recent cases as well.
        views: The viewer, shown while there are fields, and what can stand in its place without any.
    """

    def __init__(
        self,
        context: AppContext,
        layout: StartLayout,
        *,
        case: CaseController,
        browser: BrowserPanel,
        menus: Menus,
        views: QStackedWidget,
    ) -> None:
        super().__init__(layout.start)
        self._context = context
        self._page = layout.start
        self._stack = layout.middle
        self._case = case
        self._menus = menus
        self._views = views
        self._looking = ""
        page = layout.start
        page.fields_asked.connect(case.add_folder)
        page.new_asked.connect(case.new)
        page.open_asked.connect(case.open)
        page.demo_asked.connect(case.open_demo)
        page.add_asked.connect(case.add_folder)
        page.clear_asked.connect(browser.show_all)
        page.recent_asked.connect(case.open_folder)
        case.preparing.connect(self._show_busy)
        case.recent_changed.connect(self.fill_recent)
        session = context.session
        for signal in (
            session.opened,
            session.worker.closed,
            session.worker.problem,
            session.reader.problem,
            context.selection.listing_changed,
        ):
            signal.connect(self.refresh)
        session.worker.import_changed.connect(self._import_changed)
        views.currentChanged.connect(self.refresh)
        context.theme.changed.connect(page.refresh_icons)
        self.fill_recent()
        self.refresh()

    @Slot()
    def fill_recent(self) -> None:
        """List the recent cases on the page and in the menu."""
        folders = [Path(text) for text in self._context.settings.value.recent]
        self._menus.fill_recent(folders, self._case.open_folder)
        self._page.set_recent(folders)

    @Slot()
    def refresh(self) -> None:
        """Show the fields, or what to do while there is none."""
        info, selection = self._context.info, self._context.selection
        if info is None:
            self._page.show_no_case()
        elif not selection.count and selection.is_filtered:
            self._page.show_filtered()
        elif not selection.count and self._looking:
            text = tr("Fields are looked for on {name} and appear here.", name=shown_name(self._looking))
            self._page.show_busy(text)
        elif not selection.count:
            self._page.show_empty_case(read_only=info.read_only)
        showing = info is not None and (selection.count > 0 or self._views.currentIndex() > 0)
        focused = self._page.focusWidget()
        if showing and focused is not None:  # else Qt hands it on to any field for typing
            focused.clearFocus()
        self._stack.setCurrentWidget(self._views if showing else self._page)
        if info is None:
            self._page.setFocus()  # so that its keys work

    @Slot(object)
    def _import_changed(self, status: ImportStatus) -> None:
        """Say that a slide is searched for fields, as long as there is none to show."""
        looking = status.looking if status.running else ""
        if looking != self._looking:
            self._looking = looking
            self.refresh()

    @Slot(str)
    def _show_busy(self, text: str) -> None:
        self._page.show_busy(text)
        self._stack.setCurrentWidget(self._page)
