"""Status line: case, current field, queue, training, watched folder, model and intended use."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton, QWidget

from allstation.core.records import FieldRecord
from allstation.processing.status_types import CaseInfo, ModelInfo, QueuePhase, QueueStatus
from allstation.services.folder_watcher import WatchStatus
from allstation.ui.case.watch_controller import watch_text
from allstation.ui.common.formatting import field_name, number, short_name, tip, together
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext
from allstation.ui.queue.panel import progress_text, sentence

_NAME: Final = 44
_STEPS: Final = 1000
_SPACING: Final = 8
"""Logical pixels between the parts, and beside their words."""
_SHORT_SIGNER, _SHORT_QUEUE, _GIVES_WAY = 2, 3, 4
"""How much gives way: from 1 on the model, then these, then the bar."""


class ElidedLabel(QLabel):
    """Label that takes the room there is, and ends its text with an ellipsis where that is too little."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw as much of the text as fits."""
        painter, room = QPainter(self), self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


class StatusLine(QStatusBar):
    """Small facts that are always in view.

    Args:
        context: Services and state to follow.
        parent: The window.

    Signals:
        queue_asked: The queue is to be shown: how it stands, or what failed.
    """

    queue_asked = Signal()

    def __init__(self, context: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._field = ElidedLabel(self)
        self._queue = self._button(tr("Show the queue"))
        self._failed = self._button(tr("Show what could not be classified"))
        self._failed.setProperty("role", "badge")
        self._bar = QProgressBar(self)
        self._bar.setRange(0, _STEPS)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(120)
        self._bar.setAccessibleName(tr("Progress of the queue"))
        self._training = QLabel(self)
        self._training.hide()
        self._watch = QLabel(self)
        self._watch.hide()
        self._signed = QLabel(self)
        self._signed.hide()
        self._signed_texts = self._queue_texts = ("", "")
        self._is_busy = False
        self._model = QLabel(self)
        self._model_text = ""
        self._use = QLabel(tr("For Research Use Only"), self)
        self._use.setProperty("role", "research")
        self.addWidget(self._field, 1)
        for part in (
            self._training,
            self._watch,
            self._signed,
            self._queue,
            self._bar,
            self._failed,
            self._model,
            self._use,
        ):
            self.addPermanentWidget(part)
        self.show_model(None)
        self.show_queue(QueueStatus())
        context.session.opened.connect(self.show_case)
        context.session.worker.closed.connect(self._case_closed)
        context.session.worker.queue_changed.connect(self.show_queue)
        context.selection.field_changed.connect(self.show_record)
        context.selection.model_changed.connect(self.show_model)
        context.watcher.status_changed.connect(self._watch_changed)

    def _button(self, does: str) -> QToolButton:
        """Return a text that can be clicked; what it says is read out before what it does."""
        button = QToolButton(self)
        button.setToolTip(does)
        button.setAccessibleName(does)
        button.setProperty("role", "status")
        button.clicked.connect(self._queue_clicked)
        return button

    @Slot()
    def _queue_clicked(self) -> None:
        self.queue_asked.emit()

    @Slot()
    def _case_closed(self) -> None:
        self.show_case(None)

    @Slot(object)
    def _watch_changed(self, status: WatchStatus) -> None:
        self.show_watch(watch_text(status), str(status.folder or ""))

    @Slot(object)
    def show_case(self, info: CaseInfo | None) -> None:
        """Clear what belonged to another case."""
        self._field.setToolTip(tip(str(info.folder)) if info is not None else "")
        if info is None:
            self._field.clear()
            self.show_queue(QueueStatus())

    @Slot(object)
    def show_record(self, record: FieldRecord | None) -> None:
        """Name the field in the viewer."""
        if record is None:
            self._field.clear()
            return
        name = short_name(field_name(record.path), _NAME)
        size = f"{record.width} × {record.height}"
        self._field.setText(f"{name}  ·  {together(size)}")

    @Slot(object)
    def show_queue(self, status: QueueStatus) -> None:
        """Show the queue in short."""
        short = progress_text(status)
        self._queue_texts = (sentence(status, failures=False) if short else "", short)
        self._queue.setAccessibleDescription(self._queue_texts[0])
        self._failed.setVisible(status.failed > 0)
        self._failed.setText(tr("{n} failed", n=number(status.failed)))
        self._is_busy = status.phase in (QueuePhase.RUNNING, QueuePhase.PAUSED)
        self._bar.setValue(round(_STEPS * status.finished / status.total) if status.total else 0)
        self._fit()

    @Slot(str)
    def show_training(self, text: str) -> None:
        """Say how a training run goes; nothing if the text is empty."""
        self._training.setText(text)
        self._training.setToolTip(text)
        self._training.setVisible(bool(text))
        self._fit()

    @Slot(str, bool)
    def show_signed(self, text: str, differs: bool) -> None:
        """Say that the case has a signed report, or that it differs from it; nothing if the text is empty."""
        short = tr("Report differs") if differs else tr("Signed")
        self._signed_texts = (text, short if text else "")
        self._signed.setToolTip(tip(text))
        self._signed.setProperty("role", "warning" if differs else "ok")
        self._signed.style().polish(self._signed)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Room for what does not give way: the window must fit its screen at any size of text."""
        return QSize(self._needed(_GIVES_WAY), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say less where there is no room."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the size of text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self.isVisible():
            self._fit()

    def _fit(self) -> None:
        """Say less, one thing after the other, until the rest has room."""
        less = next((n for n in range(_GIVES_WAY) if self._needed(n) <= self.width()), _GIVES_WAY)
        for part, text in self._texts(less).items():
            if isinstance(part, QLabel | QToolButton):
                part.setText(text)
            part.setHidden(not text)

    def _texts(self, less: int) -> dict[QWidget, str]:
        """Return what each part that may give way says; empty where it is left out.

        Args:
            less: How much gives way: the model, which the menu names too, the signer's name, then what the
                queue's own panel says.
        """
        bar = "bar" if self._is_busy and less <= _SHORT_QUEUE else ""
        return {
            self._model: "" if less else self._model_text,
            self._signed: self._signed_texts[int(less >= _SHORT_SIGNER)],
            self._queue: self._queue_texts[int(less >= _SHORT_QUEUE)],
            self._bar: bar,
        }

    def _needed(self, less: int) -> int:
        """Return the width of everything, with so much of it left out."""
        said = self._texts(less)
        parts = self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        fixed = [one for one in parts if one is not self._field and one not in said]
        width = sum(one.sizeHint().width() + _SPACING for one in fixed if not one.isHidden())
        texts = [text for part, text in said.items() if text and part is not self._bar]
        width += sum(self.fontMetrics().horizontalAdvance(text) + 3 * _SPACING for text in texts)
        return width + (self._bar.width() + _SPACING if said[self._bar] else 0)

    def show_watch(self, text: str, folder: str) -> None:
        """Say which folder is watched; nothing if the text is empty."""
        self._watch.setText(text)
        self._watch.setToolTip(tip(folder))
        self._watch.setVisible(bool(text))
        self._fit()

    @Slot(object)
    def show_model(self, model: ModelInfo | None) -> None:
        """Name the model that classifies."""
        self._model_text = tr("No model")
        if model is None:
            self._fit()
            return
        record = model.record
        name, unknown = f"{record.name} {record.version}", record.is_of_unknown_maker
        self._model_text = tr("{name}: unknown maker", name=name) if unknown else name
        self._model.setProperty("role", "warning" if unknown else "")
        self._model.style().polish(self._model)
        about = tr("Model bundle {sha}, {maker}", sha=record.sha256, maker=record.signed_by)
        self._model.setToolTip(tip(about))
        self._fit()
