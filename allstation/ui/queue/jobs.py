"""List of queued jobs, folder by folder and model by model, in their order."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from allstation.core.text import shown_name
from allstation.processing.status_types import QueueJob
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr

_JOB: Final = int(Qt.ItemDataRole.UserRole)
_ROWS: Final = 5
"""Rows shown without scrolling."""


class JobList(QWidget):
    """Lists :class:`QueueJob` and lets a person change their order; hidden while one job or none waits.

    Signals:
        slides_ordered: A model (empty for the one in use) and its waiting slides in their new order.
        models_ordered: The models whose turn has not come, in their new order.
        job_dropped: A model and a slide, or 0 for the whole model, to take out of the queue.
    """

    slides_ordered = Signal(str, list)
    models_ordered = Signal(list)
    job_dropped = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs: tuple[QueueJob, ...] = ()
        self._list = QTreeWidget(self)
        self._list.setHeaderLabels([tr("Waiting"), tr("Model"), tr("Fields")])
        self._list.setRootIsDecorated(False)
        self._list.setUniformRowHeights(True)
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._list.setAccessibleName(tr("Folders and models that wait"))
        self._list.header().resizeSection(0, 220)
        self._list.setMaximumHeight((_ROWS + 2) * self._list.fontMetrics().height() * 3 // 2)
        self._list.currentItemChanged.connect(self._update_buttons)
        self._up = self._button(tr("Earlier"), self._move_up)
        self._down = self._button(tr("Later"), self._move_down)
        self._drop = self._button(tr("Take out"), self._drop_clicked)
        buttons = QHBoxLayout()
        for button in (self._up, self._down, self._drop):
            buttons.addWidget(button)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._list, 1)
        layout.addLayout(buttons)
        self.setVisible(False)

    def _button(self, text: str, slot: object) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(slot)
        return button

    def show_jobs(self, jobs: tuple[QueueJob, ...]) -> None:
        """Show what waits; the row that was chosen stays chosen."""
        if jobs == self._jobs:
            return
        chosen = self._chosen()
        self._jobs = jobs
        self._list.clear()
        for job in jobs:
            name = shown_name(job.slide) if job.slide_id else tr("All its fields, after these")
            item = QTreeWidgetItem([name, job.model or tr("in use"), number(job.fields)])
            item.setData(0, _JOB, (job.model_sha256, job.slide_id))
            self._list.addTopLevelItem(item)
            if (job.model_sha256, job.slide_id) == chosen:
                self._list.setCurrentItem(item)
        self.setVisible(len(jobs) > 1)
        self._update_buttons()

    def _chosen(self) -> tuple[str, int] | None:
        item = self._list.currentItem()
        return None if item is None else item.data(0, _JOB)

    def _peers(self) -> list[tuple[str, int]]:
        """Return the jobs that the chosen one can change places with, itself among them."""
        chosen = self._chosen()
        if chosen is None:
            return []
        keys = [(job.model_sha256, job.slide_id) for job in self._jobs]
        if chosen[1]:
            return [key for key in keys if key[1] and key[0] == chosen[0]]
        return [key for key in keys if not key[1]]

    @Slot()
    def _update_buttons(self) -> None:
        chosen, peers = self._chosen(), self._peers()
        self._up.setEnabled(chosen is not None and peers[0] != chosen)
        self._down.setEnabled(chosen is not None and peers[-1] != chosen)
        self._drop.setEnabled(chosen is not None)

    @Slot()
    def _move_up(self) -> None:
        self._move(-1)

    @Slot()
    def _move_down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        chosen, peers = self._chosen(), self._peers()
        if chosen is None:
            return
        index = peers.index(chosen)
        peers.insert(index + by, peers.pop(index))
        if chosen[1]:
            self.slides_ordered.emit(chosen[0], [slide for _, slide in peers])
        else:
            self.models_ordered.emit([model for model, _ in peers])

    @Slot()
    def _drop_clicked(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.job_dropped.emit(*chosen)
