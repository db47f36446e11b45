"""Summary controller: keeps the figures in step with case, slide and blind review while they can be seen."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from allstation.core.filters import FieldFilter
from allstation.core.place_shares import PlaceShares
from allstation.core.summary import Tally
from allstation.processing.status_types import ModelInfo
from allstation.services.case.questions import ReadTally
from allstation.services.case.share_questions import ReadShares
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.browser.slide_model import Place
from allstation.ui.common.actions import Action
from allstation.ui.common.docks import raise_dock
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.summary.panel import SummaryPanel


class SummaryController(QObject):
    """Asks for figures only while they can be seen.

    Args:
        context: Services and state.
        panel: Shows the figures.
        browser: Shows the fields behind a bar.
    """

    def __init__(self, context: AppContext, panel: SummaryPanel, *, browser: BrowserPanel) -> None:
        super().__init__(panel)
        self._context = context
        self._session = context.session
        self._selection = context.selection
        self._panel = panel
        self._browser = browser
        panel.wanted.connect(self.refresh)
        panel.filter_asked.connect(self._filter)
        for signal in (
            self._selection.slide_changed,
            self._selection.blind_changed,
            self._selection.reviewer_changed,
            self._session.reader.overview_read,
            self._session.worker.cells_changed,
        ):
            signal.connect(self.refresh)
        self._selection.model_changed.connect(self._model_changed)
        self._session.reader.tally_read.connect(self._take)
        self._session.reader.shares_read.connect(self._take_shares)

    def actions(self) -> tuple[Action, ...]:
        """Offer the summary."""
        # fmt: off
        return (
            Action("browse.summary", "Su&mmary", self.show, "S",
                   "Fractions, open questions, agreement and quality of the slide or case", "summary",
                   menu="&View", place=240, enabled_when=self._context.has_case),
        )
        # fmt: on

    def show(self) -> None:
        """Bring the summary to the front and give it the keyboard."""
        raise_dock(self._panel)
        self.refresh()
        self._panel.take_keyboard()

    @Slot()
    def refresh(self) -> None:
        """Ask for the figures of the chosen slide, or of the case."""
        if not self._panel.is_seen or not self._context.has_case():
            return
        if self._session.reviewer is not None:
            self._panel.show_hidden()
        else:
            self._session.ask(ReadTally(self._selection.slide))
            self._session.ask(ReadShares(self._selection.slide, self._panel.classes))

    @Slot(int, object, object)
    def _take(self, generation: int, slide_id: int | None, tally: Tally) -> None:
        late = generation != self._session.generation or slide_id != self._selection.slide
        if late or self._session.reviewer is not None or not self._panel.is_seen:
            return
        name = self._browser.tree.name_of(slide_id) if slide_id is not None else tr("All fields")
        self._panel.show_tally(name, tally)

    @Slot(int, object, object)
    def _take_shares(self, generation: int, slide_id: int | None, places: tuple[PlaceShares, ...]) -> None:
        late = generation != self._session.generation or slide_id != self._selection.slide
        if late or self._session.reviewer is not None or not self._panel.is_seen:
            return
        self._panel.show_places(places)

    @Slot(object)
    def _filter(self, where: FieldFilter) -> None:
        tree = self._browser.tree
        place = Place(self._selection.slide, where.final)
        tree.choose(place if tree.has(place) else Place(place.slide_id))
        self._browser.filters.choose(where)

    @Slot(object)
    def _model_changed(self, model: ModelInfo) -> None:
        self._panel.set_classes(model.record.classes)
        self.refresh()
