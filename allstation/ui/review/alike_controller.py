"""Controller of the most alike reviewed fields: asks for them, shows them, goes to the one that is chosen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from allstation.core.field_distance import AlikeAnswer, AlikeField
from allstation.core.records import FieldRecord
from allstation.processing.status_types import ModelInfo
from allstation.services.alike_fields import AlikeFields
from allstation.services.images.field_cache import FieldCache
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.actions import Action
from allstation.ui.context import AppContext
from allstation.ui.review.atlas_controller import AtlasController
from allstation.ui.review.atlas_field import AtlasFieldWindow
from allstation.ui.review.panel import ReviewPanel


class AlikeController(QObject):
    """Shows reviewed fields beside the reasons of a field for which the model named no class.

    In blind review none is shown: what others called a field like this one would tell what they think.

    Args:
        context: Services and state.
        panel: The review panel.
        browser: Goes to a field of the case.
        files: Reads pictures.
        window: Parent of the window of an atlas field.
    """

    def __init__(
        self,
        context: AppContext,
        panel: ReviewPanel,
        *,
        browser: BrowserPanel,
        files: FieldCache,
        window: QWidget,
    ) -> None:
        super().__init__(panel)
        self._context = context
        self._panel = panel
        self._browser = browser
        self._files = files
        self._window = window
        self._shown = 0
        self.service = AlikeFields(context.session, files, self)
        self.service.found.connect(self._show_answer)
        self.atlas = AtlasController(context, browser=browser, window=window)
        self.atlas.changed.connect(self.look_again)
        self.atlas_window: AtlasFieldWindow | None = None
        selection, worker = context.selection, context.session.worker
        selection.field_changed.connect(self._field_changed)
        selection.model_changed.connect(self._model_changed)
        selection.blind_changed.connect(self.look_again)
        worker.review_saved.connect(self.look_again)
        worker.closed.connect(self._forget)
        panel.alike.chosen.connect(self._chosen)

    def actions(self) -> tuple[Action, ...]:
        """Offer the reference atlas."""
        return self.atlas.actions()

    def close(self) -> None:
        """Wait for what is being compared or added; call before the window goes."""
        self.service.close()
        self.atlas.close()
        if self.atlas_window is not None:
            self.atlas_window.close_workers()

    @Slot()
    def look_again(self) -> None:
        """Compare anew: there may be other reviewed fields, or another atlas."""
        record = self._context.selection.field
        if record is None or not self._wanted(record):
            self._forget()
        else:
            self._ask(record)

    @Slot(object)
    def _model_changed(self, model: ModelInfo) -> None:
        self.service.use_model(model.path)
        self.look_again()

    @Slot(object)
    def _field_changed(self, record: FieldRecord | None) -> None:
        if record is None or not self._wanted(record):
            self._forget()
        elif record.id != self._shown:
            self._panel.show_alike(None)
            self._ask(record)

    def _ask(self, record: FieldRecord) -> None:
        self._shown = record.id
        atlas = self._context.settings.value.atlas_folder
        self.service.ask(record.id, atlas=Path(atlas) if atlas else None)

    def _wanted(self, record: FieldRecord) -> bool:
        needs_review = record.prediction is not None and record.prediction.decision.class_name is None
        return needs_review and not record.removed and not self._context.selection.is_blind

    @Slot()
    def _forget(self) -> None:
        self._shown = 0
        self.service.drop()
        self._panel.show_alike(None)

    @Slot(object)
    def _show_answer(self, answer: AlikeAnswer) -> None:
        if answer.field_id == self._shown:
            self._panel.show_alike(answer)

    @Slot(object)
    def _chosen(self, field: AlikeField) -> None:
        if field.reviewed.from_atlas:
            shown = self.atlas_window = self.atlas_window or AtlasFieldWindow(self._files, self._window)
            shown.show_field(field)
        else:
            self._browser.go_to_field(field.reviewed.field_id)
