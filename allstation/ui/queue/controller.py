"""What the queue panel asks for beyond pausing: other models over the same fields, and another order."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from allstation.services.desk import CaseDesk
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.common.i18n import tr
from allstation.ui.queue.panel import QueuePanel


class QueueActions(QObject):
    """Connects the queue panel with the case.

    Args:
        desk: The case.
        panel: What asks.
        browser: Knows which fields are selected.
        window: Parent of the dialog.
    """

    def __init__(self, desk: CaseDesk, panel: QueuePanel, *, browser: BrowserPanel, window: QWidget) -> None:
        super().__init__(window)
        self._desk = desk
        self._browser = browser
        self._window = window
        panel.model_asked.connect(self.ask_model)
        panel.slides_ordered.connect(desk.order_slides)
        panel.models_ordered.connect(desk.order_models)
        panel.job_dropped.connect(desk.drop_job)

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
        selected = self._browser.selected_ids()
        self._desk.queue_model(Path(name), selected if len(selected) > 1 else None)
