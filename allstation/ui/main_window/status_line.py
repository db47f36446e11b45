"""The line at the bottom: case, current field, queue, model, and what the program is for."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QStatusBar, QWidget

from allstation.core.records import FieldRecord
from allstation.core.text import shown_name
from allstation.services.messages import CaseInfo, ModelInfo, QueuePhase, QueueStatus
from allstation.ui.common.formatting import short_name, tip, together
from allstation.ui.common.i18n import tr
from allstation.ui.queue.panel import sentence

_NAME: Final = 44
_STEPS: Final = 1000


class StatusLine(QStatusBar):
    """Small facts that are always in view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._field = QLabel(self)
        self._queue = QLabel(self)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, _STEPS)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(120)
        self._bar.setAccessibleName(tr("Progress of the queue"))
        self._training = QLabel(self)
        self._training.hide()
        self._watch = QLabel(self)
        self._watch.hide()
        self._model = QLabel(self)
        self._use = QLabel(tr("For Research Use Only"), self)
        self._use.setProperty("role", "research")
        self.addWidget(self._field, 1)
        self._field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for part in (self._training, self._watch, self._queue, self._bar, self._model, self._use):
            self.addPermanentWidget(part)
        self.show_model(None)
        self.show_queue(QueueStatus())

    def show_case(self, info: CaseInfo | None) -> None:
        """Clear what belonged to another case."""
        self._field.setToolTip(tip(str(info.folder)) if info is not None else "")
        if info is None:
            self._field.clear()
            self.show_queue(QueueStatus())

    def show_record(self, record: FieldRecord | None) -> None:
        """Name the field in the viewer."""
        if record is None:
            self._field.clear()
            return
        name = short_name(shown_name(record.path.name), _NAME)
        size = f"{record.width} × {record.height}"
        self._field.setText(f"{name}  ·  {together(size)}")

    def show_queue(self, status: QueueStatus) -> None:
        """Show the queue in short."""
        busy = status.phase in (QueuePhase.RUNNING, QueuePhase.PAUSED)
        self._queue.setVisible(bool(status.total))
        self._queue.setText(sentence(status))
        self._bar.setVisible(busy)
        self._bar.setValue(round(_STEPS * status.finished / status.total) if status.total else 0)

    @Slot(str)
    def show_training(self, text: str) -> None:
        """Say how a training run goes; nothing if the text is empty."""
        self._training.setText(text)
        self._training.setVisible(bool(text))

    def show_watch(self, text: str, folder: str) -> None:
        """Say which folder is watched; nothing if the text is empty."""
        self._watch.setText(text)
        self._watch.setToolTip(tip(folder))
        self._watch.setVisible(bool(text))

    def show_model(self, model: ModelInfo | None) -> None:
        """Name the model that classifies."""
        if model is None:
            self._model.setText(tr("No model"))
            return
        record = model.record
        self._model.setText(f"{record.name} {record.version}")
        self._model.setToolTip(tr("Model bundle {sha}", sha=record.sha256))
