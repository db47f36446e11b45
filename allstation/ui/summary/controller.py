"""Keeps the summary in step with the case, the chosen slide and blind review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from allstation.core.filters import FieldFilter
from allstation.core.summary import Tally
from allstation.ui.browser.slide_model import Place
from allstation.ui.common.i18n import tr
from allstation.ui.context import Services
from allstation.ui.main_window.docks import bring
from allstation.ui.summary.panel import SummaryPanel

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow


class SummaryLink(QObject):
    """Asks for figures only while they can be seen."""

    def __init__(self, services: Services, window: MainWindow) -> None:
        super().__init__(window)
        self._desk = services.desk
        self._window = window
        self.panel = SummaryPanel(window)
        reader = services.desk.reader
        self.panel.wanted.connect(self.refresh)
        self.panel.filter_asked.connect(self._filter)
        window.browser.tree.chosen.connect(self.refresh)
        window.review.blind_changed.connect(self.refresh)
        window.review.reviewer_changed.connect(self.refresh)
        reader.overview_read.connect(self.refresh)
        reader.tally_read.connect(self._take)
        services.desk.worker.model_changed.connect(self._model_changed)

    @Slot()
    def show(self) -> None:
        """Bring the summary to the front and give it the keyboard."""
        bring(self._window.docks["summary"])
        self.refresh()
        self.panel.take_keyboard()

    @Slot()
    def refresh(self) -> None:
        """Ask for the figures of the chosen slide, or of the case."""
        if not self.panel.is_seen or self._desk.info is None:
            return
        if self._desk.reviewer is not None:
            self.panel.show_hidden()
        else:
            self._desk.read_tally(self._slide())

    def _slide(self) -> int | None:
        return self._window.browser.tree.current_place().slide_id

    @Slot(int, object, object)
    def _take(self, generation: int, slide_id: int | None, tally: Tally) -> None:
        late = generation != self._desk.generation or slide_id != self._slide()
        if late or self._desk.reviewer is not None or not self.panel.is_seen:
            return
        name = self._window.browser.tree.name_of(slide_id) if slide_id is not None else tr("All fields")
        self.panel.show_tally(name, tally)

    @Slot(object)
    def _filter(self, where: FieldFilter) -> None:
        browser = self._window.browser
        place = Place(self._slide(), where.final)
        browser.tree.choose(place if browser.tree.has(place) else Place(place.slide_id))
        browser.filters.choose(where)

    @Slot(object)
    def _model_changed(self, model: object) -> None:
        record = getattr(model, "record", None)
        if record is not None:
            self.panel.set_classes(record.classes)
            self.refresh()
