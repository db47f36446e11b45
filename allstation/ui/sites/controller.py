"""Site of the case: opens its dialog, measures in the background, names it in the status line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QPushButton, QWidget

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.site import Site
from allstation.core.text import shown_name
from allstation.processing.status_types import CaseInfo
from allstation.services.case.questions import ReadSite
from allstation.services.site.measuring import MeasuredSite, measure_case
from allstation.services.tasks import Serial
from allstation.store.site.library import SiteLibrary
from allstation.ui.common.actions import Action
from allstation.ui.common.formatting import short_name, tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.undo_commands import SiteCommand
from allstation.ui.context import AppContext
from allstation.ui.sites.dialog import SiteDialog

_NAME: Final = 24


class SitesController(QObject):
    """Lets a person say at which site the case was taken.

    Args:
        context: Services and state.
        window: Parent of the dialog.

    Attributes:
        badge: Names the site, for the status line; opens the dialog.
        dialog: While it is open.
    """

    def __init__(self, context: AppContext, *, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._session = context.session
        self._window = window
        self._serial = Serial(self)
        self._site: Site | None = None
        self.dialog: SiteDialog | None = None
        self.badge = QPushButton(window)
        self.badge.setObjectName("site-badge")
        self.badge.setProperty("role", "link")
        self.badge.clicked.connect(self.open)
        session = context.session
        session.opened.connect(self._case_opened)
        session.worker.closed.connect(self._case_closed)
        session.reader.site_read.connect(self._site_read)
        session.worker.site_changed.connect(self._show)
        self._show(None)

    def actions(self) -> tuple[Action, ...]:
        """Offer the site of the case."""
        # fmt: off
        return (
            Action("case.site", "S&ite…", self.open, "Ctrl+Shift+O",
                   "Microscope, objective, stain, pixel size and white point of this case's laboratory",
                   menu="&Case", place=345, enabled_when=self._context.can_write),
        )
        # fmt: on

    def close(self) -> None:
        """Wait for what is being read or measured."""
        self._serial.close()

    @Slot()
    def open(self) -> None:
        """Read the station's sites, then show the case's."""
        if not self._context.can_write() or self.dialog is not None:
            return
        task = self._serial.run(_known_sites)
        task.done.connect(self._open_with)
        task.failed.connect(self._failed)

    @Slot(object)
    def _open_with(self, sites: Sequence[Site]) -> None:
        if not self._context.can_write() or self.dialog is not None:
            return
        field = self._context.selection.field
        frame = None if field is None else (field.width, field.height)
        dialog = self.dialog = SiteDialog(sites, self._site, frame, self._window)
        dialog.chosen.connect(self._choose)
        dialog.measuring_asked.connect(self._measure)
        dialog.finished.connect(self._closed)
        dialog.open()

    @Slot()
    def _closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None

    @Slot(object)
    def _choose(self, site: Site | None) -> None:
        if site == self._site:
            return
        self._context.undo.push(SiteCommand(self._session, self._site, site))
        if self._context.has_fields():
            self._context.notifier.info(
                tr(
                    "Fields are classified with this site’s pixel size and white point from now on; "
                    "“Classify Again” does the same for earlier ones."
                )
            )

    @Slot(object)
    def _measure(self, site: Site | None) -> None:
        info = self._context.info
        if info is None:
            return
        limits = self._context.settings.value.limits
        task = self._serial.run(partial(measure_case, info.folder, site, limits))
        task.done.connect(self._measured)
        task.failed.connect(self._failed)

    @Slot(object)
    def _measured(self, measured: MeasuredSite) -> None:
        if self.dialog is not None:
            self.dialog.show_measured(measured)

    @Slot(object)
    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        if self.dialog is not None:
            self.dialog.show_problem(error.sentence)
        else:
            self._context.notifier.warn(error.sentence)

    # The badge

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        self._show(None)
        self._session.ask(ReadSite())

    @Slot()
    def _case_closed(self) -> None:
        self.badge.hide()
        if self.dialog is not None:
            self.dialog.reject()

    @Slot(int, object)
    def _site_read(self, generation: int, site: Site | None) -> None:
        if generation == self._session.generation:
            self._show(site)

    @Slot(object)
    def _show(self, site: Site | None) -> None:
        self._site = site
        name = tr("No site chosen") if site is None else tr("Site: {name}", name=shown_name(site.name))
        self.badge.setText(short_name(name, _NAME))
        self.badge.setToolTip(tip(name))
        self.badge.setAccessibleName(name)
        self.badge.setEnabled(self._context.can_write())
        self.badge.setVisible(self._context.info is not None)


def _known_sites() -> tuple[Site, ...]:
    """Return the station's sites; runs on another thread."""
    return SiteLibrary(paths.config_folder()).all()
