"""Comparison of two models: the same field twice, each with the prediction of one model."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Slot

from allstation.core.records import FieldRecord, Prediction
from allstation.services.case.questions import ReadPredictions
from allstation.ui.common.actions import Action
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.viewer.pane import ViewerPane


class ModelComparisonController(QObject):
    """Shows the latest prediction of another model for the current field on the right."""

    def __init__(self, context: AppContext, viewer: ViewerPane) -> None:
        super().__init__(viewer)
        self._context = context
        self._session = context.session
        self._viewer = viewer
        self._on = False
        context.selection.field_changed.connect(self._field_changed)
        viewer.state_changed.connect(self._state_changed)
        context.session.reader.predictions_read.connect(self._take)

    def actions(self) -> tuple[Action, ...]:
        """Offer the comparison of models."""
        # fmt: off
        return (
            Action("view.models", "Compare &Models", self.set_on, "Ctrl+Shift+D",
                   "Show what another model said about the same field beside it", "compare",
                   menu="&View", place=390, enabled_when=self._context.has_field,
                   checked_when=lambda: self._on),
        )
        # fmt: on

    @Slot(bool)
    def set_on(self, on: bool) -> None:
        """Begin or end comparing models."""
        if on == self._on:
            return
        self._on = on
        if not on:
            self._viewer.set_comparing(False)
        elif self._viewer.record is not None:
            self._session.ask(ReadPredictions(self._viewer.record.id))

    def _end(self) -> None:
        self._on = False
        self._context.changed.emit()

    @Slot(object)
    def _field_changed(self, record: FieldRecord | None) -> None:
        if self._on and record is not None:
            self._session.ask(ReadPredictions(record.id))

    @Slot(str, bool)
    def _state_changed(self, key: str, on: bool) -> None:
        if key == "view.compare" and not on and self._on:
            self._end()

    @Slot(int, list)
    def _take(self, field_id: int, found: list[tuple[str, Prediction]]) -> None:
        record = self._viewer.record
        if not self._on or record is None or record.id != field_id:
            return
        current = record.prediction.model_sha256 if record.prediction is not None else ""
        others = [(name, made) for name, made in found if made.model_sha256 != current]
        if others:
            name, made = others[0]
            here = next((label for label, own in found if own.model_sha256 == current), "")
            self._viewer.compare_models(replace(record, prediction=made), here=here, there=name)
        elif self._viewer.state_of("view.compare"):
            self._viewer.compare_models(replace(record, prediction=None), here="", there=tr("no other model"))
        else:
            self._end()
            self._context.notifier.info(
                tr("Only one model has classified this field. Choose another model, then classify again.")
            )
