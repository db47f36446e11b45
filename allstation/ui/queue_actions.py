"""What the queue panel asks for beyond pausing: other models over the same fields, and another order."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.services.case_session import CaseSession
from allstation.services.requests import (
    CancelQueue,
    ClassifyAgain,
    DropJob,
    OrderModels,
    OrderSlides,
    Pause,
    QueueModel,
    RequeueCancelled,
    RetryFailed,
)
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.panels.queue import QueuePanel
from allstation.ui.text import tr


class QueueActions(QObject):
    """Connects the queue panel with the case.

    Args:
        session: The case.
        panel: What asks.
        browser: Knows which fields are selected.
        window: Parent of the dialog.
    """

    def __init__(
        self, session: CaseSession, panel: QueuePanel, *, browser: BrowserPanel, window: QWidget
    ) -> None:
        super().__init__(window)
        self._session = session
        self._browser = browser
        self._window = window
        panel.model_asked.connect(self.ask_model)
        panel.pause_asked.connect(self.pause)
        panel.cancel_asked.connect(self.cancel)
        panel.retry_asked.connect(self.retry)
        panel.slides_ordered.connect(self._order_slides)
        panel.models_ordered.connect(self._order_models)
        panel.job_dropped.connect(self._drop_job)

    @Slot(bool)
    def pause(self, paused: bool) -> None:
        """Pause the queue, or resume it."""
        self._session.submit(Pause(paused))

    @Slot()
    def cancel(self) -> None:
        """Drop what is queued."""
        self._session.submit(CancelQueue())

    @Slot()
    def resume(self) -> None:
        """Queue cancelled fields again."""
        self._session.submit(RequeueCancelled())

    @Slot()
    def retry(self) -> None:
        """Queue failed fields again."""
        self._session.submit(RetryFailed())

    @Slot()
    def classify_again(self) -> None:
        """Queue the selected fields, or all, for the model in use."""
        self._session.submit(ClassifyAgain(self._chosen()))

    @Slot(str, list)
    def _order_slides(self, model: str, slides: list[int]) -> None:
        self._session.submit(OrderSlides(model, slides))

    @Slot(list)
    def _order_models(self, models: list[str]) -> None:
        self._session.submit(OrderModels(models))

    @Slot(str, int)
    def _drop_job(self, model: str, slide_id: int) -> None:
        self._session.submit(DropJob(model, slide_id))

    def _chosen(self) -> list[int]:
        selected = self._browser.selected_ids()
        return selected if len(selected) > 1 else []

    @Slot()
    def ask_model(self) -> None:
        """Ask for a bundle that also classifies the selected fields, or all."""
        dialog = QFileDialog(self._window, tr("Choose another model bundle"))
        dialog.setNameFilter(tr("Model bundles (*.allmodel)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.queue_model)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def queue_model(self, name: str) -> None:
        """Let a bundle classify the selected fields, or all, after the model in use."""
        self._session.submit(QueueModel(Path(name), self._chosen()))
