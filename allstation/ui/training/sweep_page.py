"""A grid of runs as one job, with a table that fills while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.services.training.history import RunSummary
from allstation.sweep import AXES, LOSSES, ZHANG_TABLE_1, GridRun, grid
from allstation.ui.common.formatting import duration
from allstation.ui.common.i18n import tr
from allstation.ui.training.history_page import short_figure

_NONE: Final[Mapping[Path, str]] = MappingProxyType({})
_COLUMNS: Final = ("Run", "State", "Test accuracy", "Duration")


class SweepPage(QWidget):
    """Edits a grid and shows its runs.

    Signals:
        start_asked: Combinations, each a mapping of axis to value.
        cancel_asked: Take the runs that wait out of the queue.
        resume_asked: Queue the runs that are not done.
    """

    start_asked = Signal(object)
    cancel_asked = Signal()
    resume_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: list[GridRun] = []
        self._refusal = ""
        self._on_machines = False
        self._edits: dict[str, QLineEdit] = {}
        split = QSplitter(self)
        split.setChildrenCollapsible(False)
        split.addWidget(self._build_form())
        split.addWidget(self._build_table())
        split.setStretchFactor(1, 1)
        split.setSizes([340, 700])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addWidget(split)
        self._changed()

    def _build_form(self) -> QWidget:
        side = QWidget(self)
        title = QLabel(tr("What to vary"), self)
        title.setProperty("role", "heading")
        hint = QLabel(
            tr("Write values with commas between. Rows left empty keep the value of the Recipe page."), self,
            wordWrap=True,
        )  # fmt: skip
        hint.setProperty("role", "muted")
        form = QFormLayout()
        for _, key, label in AXES:
            edit = QLineEdit(self)
            edit.setAccessibleName(tr(label))
            if key == "loss":
                edit.setToolTip(", ".join(LOSSES))
            edit.textChanged.connect(self._changed)
            form.addRow(tr(label), edit)
            self._edits[key] = edit
        self._preset = QPushButton(tr("Zhang's Table 1"), self)
        self._preset.setToolTip(
            tr("Fill in every combination of epochs, batch size and loss in Zhang's Table 1")
        )
        self._preset.clicked.connect(self.fill_zhang)
        self._count = QLabel(self, wordWrap=True)
        self._start = QPushButton(tr("Start Sweep"), self)
        self._start.setProperty("role", "primary")
        self._start.clicked.connect(self._start_clicked)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 12, 0)
        column.addWidget(title)
        column.addWidget(hint)
        column.addLayout(form)
        column.addWidget(self._preset)
        column.addWidget(self._count)
        column.addWidget(self._start)
        column.addStretch(1)
        return side

    def _build_table(self) -> QWidget:
        side = QWidget(self)
        self._table = QTableWidget(0, len(_COLUMNS), self)
        self._table.setTabKeyNavigation(False)
        self._table.setHorizontalHeaderLabels([tr(text) for text in _COLUMNS])
        self._table.setAccessibleName(tr("Runs of the sweep"))
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setShowGrid(False)
        self._table.verticalHeader().hide()
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._cancel = QPushButton(tr("Cancel the Rest"), self)
        self._cancel.clicked.connect(self.cancel_asked)
        self._resume = QPushButton(tr("Resume"), self)
        self._resume.clicked.connect(self.resume_asked)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._cancel)
        row.addWidget(self._resume)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._table, 1)
        column.addLayout(row)
        return side

    # State -----------------------------------------------------------------------------------

    @property
    def runs(self) -> list[GridRun]:
        """The runs of the sweep that is shown."""
        return list(self._runs)

    def set_refusal(self, text: str) -> None:
        """Say why no sweep can be started; empty if it can."""
        self._refusal = text
        self._changed()

    def set_on_machines(self, used: bool) -> None:
        """Say whether the laboratory's machines train the runs."""
        if used != self._on_machines:
            self._on_machines = used
            self._changed()

    def show_runs(self, runs: Sequence[GridRun]) -> None:
        """Show a sweep."""
        self._runs = list(runs)
        self._table.setRowCount(len(runs))
        for row, run in enumerate(runs):
            for column, text in enumerate((run.title, "", "", "")):
                self._table.setItem(row, column, QTableWidgetItem(text))
        self.show_states({}, running={}, waiting=frozenset())

    def show_states(
        self,
        summaries: Mapping[Path, RunSummary],
        *,
        running: Mapping[Path, str],
        waiting: frozenset[Path],
        failed: Mapping[Path, str] = _NONE,
    ) -> None:
        """Fill in what is known about each run.

        Args:
            summaries: What the run folders say.
            running: Machines of the runs that train now; empty texts for this one.
            waiting: Runs in the queue.
            failed: Why runs failed; a run may fail before it has a folder to say so.
        """
        for row, run in enumerate(self._runs):
            known = summaries.get(run.folder)
            if run.folder in running:
                machine = running[run.folder]
                state = tr("Running on {machine}", machine=machine) if machine else tr("Running")
            elif run.folder in waiting:
                state = tr("Waiting")
            elif run.folder in failed:
                state = tr("Failed")
            else:
                state = known.state.capitalize() if known is not None else tr("Not started")
            took = duration(known.seconds) if known is not None and known.seconds is not None else ""
            figure = short_figure(known) if known is not None else ""
            for column, text in enumerate((run.title, state, figure, took)):
                item = self._table.item(row, column)
                if item is not None:
                    item.setText(text)
                    item.setToolTip(failed.get(run.folder, "") if state == tr("Failed") else "")
        undone = any(
            run.folder not in summaries or not summaries[run.folder].is_evaluated for run in self._runs
        )
        self._cancel.setEnabled(any(run.folder in waiting for run in self._runs))
        self._resume.setEnabled(undone and not waiting and bool(self._runs) and not running)

    @Slot()
    def fill_zhang(self) -> None:
        """Fill in the grid of Zhang's Table 1."""
        for key, edit in self._edits.items():
            edit.setText(ZHANG_TABLE_1.get(key, ""))

    def texts(self) -> dict[str, str]:
        """Return what was written, by axis."""
        return {key: edit.text() for key, edit in self._edits.items()}

    @Slot()
    def _changed(self) -> None:
        try:
            words = tr("{n} runs, one after another.", n=(n := len(grid(self.texts()))))
            if self._on_machines:
                words = tr("{n} runs, one a machine of the laboratory at a time.", n=n)
            able = not self._refusal
        except StationError as error:
            words, able = error.sentence, False
        self._count.setText(self._refusal or words)
        self._start.setEnabled(able)

    @Slot()
    def _start_clicked(self) -> None:
        self.start_asked.emit(grid(self.texts()))
