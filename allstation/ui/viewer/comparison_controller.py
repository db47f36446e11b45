"""The same field beside itself with what another model said about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from allstation.core.records import FieldRecord, Prediction
from allstation.services.desk import CaseDesk
from allstation.ui.common.i18n import tr

if TYPE_CHECKING:
    from allstation.ui.main_window.window import MainWindow


class ModelComparison(QObject):
    """Follows the current field and shows the latest prediction of another model on the right."""

    def __init__(self, desk: CaseDesk, window: MainWindow) -> None:
        super().__init__(window)
        self._desk = desk
        self._window = window
        self._viewer = window.viewer
        self._on = False
        window.browser.current_changed.connect(self._current_changed)
        window.viewer.state_changed.connect(self._state_changed)
        desk.reader.predictions_read.connect(self._take)

    @Slot(bool)
    def set_on(self, on: bool) -> None:
        """Begin or end comparing models."""
        if on == self._on:
            return
        self._on = on
        if not on:
            self._viewer.set_comparing(False)
        elif self._viewer.record is not None:
            self._desk.read_predictions(self._viewer.record.id)

    @Slot(object)
    def _current_changed(self, record: FieldRecord | None) -> None:
        if self._on and record is not None:
            self._desk.read_predictions(record.id)

    @Slot(str, bool)
    def _state_changed(self, key: str, on: bool) -> None:
        if key == "view.compare" and not on and self._on:
            self._on = False
            self._window.actions_table["view.models"].setChecked(False)

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
            self._window.actions_table["view.models"].setChecked(False)
            self._window.say(
                tr("Only one model has classified this field. Choose another model, then classify again.")
            )
