"""Every run that was made: what it was, how it ended, and what can be done with it now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QItemSelectionModel, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QMessageBox,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from allstation.services.training.activation import Activation
from allstation.services.training.history import INTERRUPTED, RunSummary
from allstation.ui.common.formatting import duration, moment, tip
from allstation.ui.common.i18n import tr
from allstation.ui.training.activation import ActivationDialog
from allstation.ui.training.plots.curves import CurvesView
from allstation.ui.training.plots.plotting import PlotLoader
from allstation.ui.training.run_page import figure_text

_FOLDER: Final = int(Qt.ItemDataRole.UserRole)
_STATES: Final = {
    "running": "Running",
    "finished": "Finished",
    "stopped": "Stopped, best kept",
    "discarded": "Discarded",
    "failed": "Failed",
    INTERRUPTED: "Interrupted",
}
_COLUMNS: Final = ("Name", "Method", "State", "Test accuracy", "Split", "Duration", "Started", "Note")


class HistoryPage(QWidget):
    """Lists runs and offers resume, rename, note, trash, compare, activate.

    Signals:
        run_chosen: The :class:`RunSummary` to show curves of.
        resume_asked: Run to continue.
        notes_changed: Folder, title, note.
        trash_asked: Folders; the person has confirmed it.
        compare_asked: Folders of evaluated runs.
        try_asked: Folder of a run whose model shall be tried on pictures.
        activation_opened: The :class:`ActivationDialog` that asks; to be filled with both models' figures.
        activate_asked: Run whose bundle shall be used, and the name for it.
        take_back_asked: Work with the model before the latest activation again.
    """

    run_chosen = Signal(object)
    resume_asked = Signal(object)
    notes_changed = Signal(object, str, str)
    trash_asked = Signal(object)
    compare_asked = Signal(object)
    try_asked = Signal(object)
    activation_opened = Signal(object)
    activate_asked = Signal(object, str)
    take_back_asked = Signal()

    def __init__(self, loader: PlotLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: dict[str, RunSummary] = {}
        self._build_table()
        self.curves = CurvesView(loader, self)
        self._details = QLabel(self, wordWrap=True)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._details.setMinimumWidth(240)
        below = QWidget(self)
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._details, 1)
        row.addWidget(self.curves, 3)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self._table)
        split.addWidget(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addWidget(split, 1)
        layout.addLayout(self._build_buttons())
        self.set_runs([])

    def _build_table(self) -> None:
        self._table = QTableWidget(0, len(_COLUMNS), self)
        self._table.setTabKeyNavigation(False)
        self._table.setHorizontalHeaderLabels([tr(text) for text in _COLUMNS])
        self._table.setAccessibleName(tr("Training runs"))
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setShowGrid(False)
        self._table.setWordWrap(False)
        self._table.verticalHeader().hide()
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.installEventFilter(self)
        self._table.itemSelectionChanged.connect(self._selection_changed)

    def _build_buttons(self) -> QHBoxLayout:
        self._resume = self._button(tr("Resume"), self._resume_clicked)
        self._rename = self._button(tr("Rename…"), self._rename_clicked)
        self._note = self._button(tr("Note…"), self._note_clicked)
        self._trash = self._button(tr("Move to Trash…"), self._trash_clicked)
        self._try = self._button(tr("Try It"), self._try_clicked)
        self._compare = self._button(tr("Evaluate and Compare"), self._compare_clicked)
        self._activate = self._button(tr("Activate…"), self.ask_activation)
        self._activate.setProperty("role", "primary")
        self._back = self._button(tr("Take Back Activation"), self.take_back_asked)
        self._back.hide()
        row = QHBoxLayout()
        for button in (self._resume, self._rename, self._note, self._trash):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._back)
        row.addWidget(self._try)
        row.addWidget(self._compare)
        row.addWidget(self._activate)
        return row

    def _button(self, text: str, slot: object) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(slot)
        return button

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Widen the columns with the size of text."""
        if event.type() == QEvent.Type.FontChange:
            self._table.resizeColumnsToContents()
        return super().eventFilter(watched, event)

    # State -----------------------------------------------------------------------------------

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """List runs; what was selected stays selected, else the first one is."""
        kept = {str(run.folder) for run in self.selected()}
        self._runs = {str(run.folder): run for run in runs}
        self._table.blockSignals(True)
        self._table.setRowCount(len(runs))
        for row, run in enumerate(runs):
            for column, text in enumerate(cells(run)):
                item = QTableWidgetItem(text)
                item.setData(_FOLDER, str(run.folder))
                item.setToolTip(tip(text))
                self._table.setItem(row, column, item)
        self._table.resizeColumnsToContents()
        self._table.clearSelection()
        if runs and not kept:
            kept = {str(runs[0].folder)}
        for row, run in enumerate(runs):
            if str(run.folder) in kept:
                self._mark(row, QItemSelectionModel.SelectionFlag.Select)
        self._table.blockSignals(False)
        self._selection_changed()

    def selected(self) -> list[RunSummary]:
        """Return the selected runs, from top to bottom."""
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        keys = [item.data(_FOLDER) for row in rows if (item := self._table.item(row, 0)) is not None]
        return [self._runs[key] for key in keys if key in self._runs]

    def select(self, folder: Path) -> None:
        """Select one run."""
        for row in range(self._table.rowCount()):
            item = self._table.item(row, 0)
            if item is not None and item.data(_FOLDER) == str(folder):
                self._mark(row, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _mark(self, row: int, command: QItemSelectionModel.SelectionFlag) -> None:
        """Select a row by the model: ``selectRow`` would add or toggle while Shift or Ctrl is held."""
        index = self._table.model().index(row, 0)
        self._table.selectionModel().select(index, command | QItemSelectionModel.SelectionFlag.Rows)

    @Slot(object)
    def set_activation(self, held: Activation | None) -> None:
        """Offer to take the latest activation back, if one holds."""
        self._back.setVisible(held is not None)
        if held is not None:
            words = tr("{name} is in use. Go back to the model before it; cases keep what they have.",
                       name=held.name)  # fmt: skip
            self._back.setToolTip(words)

    def show_history(self, rows: Sequence[dict[str, float]]) -> None:
        """Draw the curves of the selected run."""
        self.curves.set_rows(rows)

    @Slot()
    def _selection_changed(self) -> None:
        runs = self.selected()
        one = runs[0] if len(runs) == 1 else None
        self._resume.setEnabled(one is not None and one.can_resume)
        self._rename.setEnabled(one is not None)
        self._note.setEnabled(one is not None)
        self._trash.setEnabled(bool(runs) and all(run.state != "running" for run in runs))
        self._compare.setEnabled(bool(runs) and all(run.is_evaluated for run in runs))
        for button in (self._activate, self._try):
            button.setEnabled(one is not None and one.bundle is not None)
        self._activate.setToolTip(activation_hint(one))
        words = details(one) if one else self._words_without_one(len(runs))
        self._details.setText(words)
        self.curves.set_nothing(tr("This run has no whole epoch.") if one else words)
        if one is not None:
            self.curves.set_chance(chance_of(one))
            self.run_chosen.emit(one)
        else:
            self.curves.set_rows([])

    def _words_without_one(self, count: int) -> str:
        if not self._runs:
            return tr("No runs yet. Start one on the Recipe page; it stays listed here.")
        return tr("{n} runs selected.", n=count) if count else tr("Select a run to see what it was.")

    # Slots -----------------------------------------------------------------------------------

    def _one(self) -> RunSummary | None:
        runs = self.selected()
        return runs[0] if len(runs) == 1 else None

    @Slot()
    def _resume_clicked(self) -> None:
        run = self._one()
        if run is not None:
            self.resume_asked.emit(run)

    @Slot()
    def _rename_clicked(self) -> None:
        run = self._one()
        if run is not None:
            self._ask(tr("Rename run"), tr("Name"), run.title, "rename")

    @Slot()
    def _note_clicked(self) -> None:
        run = self._one()
        if run is not None:
            self._ask(tr("Note on run"), tr("Note"), run.note, "note")

    @Slot()
    def ask_activation(self) -> None:
        """Ask whether the model of the selected run shall be used."""
        run = self._one()
        if run is not None:
            dialog = ActivationDialog(run, self)
            dialog.accepted.connect(self._activation_accepted)
            dialog.open()
            self.activation_opened.emit(dialog)

    @Slot()
    def _activation_accepted(self) -> None:
        dialog = self.sender()
        if isinstance(dialog, ActivationDialog):
            self.activate_asked.emit(dialog.run, dialog.name.text().strip())

    def _ask(self, title: str, label: str, text: str, what: str) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle(title)
        dialog.setLabelText(label)
        dialog.setTextValue(text)
        dialog.setObjectName(what)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self._answered)
        dialog.open()

    @Slot(str)
    def _answered(self, text: str) -> None:
        dialog, run = self.sender(), self._one()
        what = dialog.objectName() if dialog is not None else ""
        if run is None or (what != "note" and not text.strip()):
            return
        if what == "rename":
            self.notes_changed.emit(run.folder, text.strip(), run.note)
        else:
            self.notes_changed.emit(run.folder, run.title, text.strip())

    @Slot()
    def _trash_clicked(self) -> None:
        runs = self.selected()
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(tr("Move to trash"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(
            tr("Move {title} to the trash?", title=runs[0].title)
            if len(runs) == 1
            else tr("Move {n} runs to the trash?", n=len(runs))
        )
        trash = box.addButton(tr("Move to Trash"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(tr("Keep"), QMessageBox.ButtonRole.RejectRole))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        trash.clicked.connect(self._trash_confirmed)
        box.open()

    @Slot()
    def _trash_confirmed(self) -> None:
        self.trash_asked.emit([run.folder for run in self.selected()])

    @Slot()
    def _try_clicked(self) -> None:
        run = self._one()
        if run is not None:
            self.try_asked.emit(run.folder)

    @Slot()
    def _compare_clicked(self) -> None:
        self.compare_asked.emit([run.folder for run in self.selected()])


def cells(run: RunSummary) -> tuple[str, ...]:
    """Write the cells of one run, in the order of the columns."""
    return (
        run.title,
        run.method,
        tr(_STATES.get(run.state, run.state)),
        short_figure(run),
        run.split,
        duration(run.seconds) if run.seconds is not None else "",
        moment(run.started),
        run.note,
    )


def short_figure(run: RunSummary) -> str:
    """Write a run's test accuracy with its interval and n."""
    if not run.accuracy:
        return ""
    low, high = run.accuracy["interval"]
    return f"{run.accuracy['value']:.3f} [{low:.3f}, {high:.3f}], n = {run.accuracy['n']}"


def details(run: RunSummary) -> str:
    """Write what a run was: recipe, data, split, versions, outcome."""
    counts = run.info.get("counts", {})
    made_with = ", ".join(f"{key} {value}" for key, value in run.info.get("versions", {}).items())
    listed = ", ".join(f"{key} {value}" for key, value in counts.items() if value)
    lines = [
        run.title,
        tr("State: {state}", state=tr(_STATES.get(run.state, run.state))),
        run.error,
        tr("Test accuracy: {figure}", figure=figure_text(dict(run.accuracy))) if run.accuracy else "",
        tr("Its test fields were measured {n} times: the figure is optimistic.", n=run.test_openings)
        if run.test_openings > 1
        else "",
        tr("Split: {split}, {patients}", split=run.split, patients=run.patients) if run.split else "",
        tr("Fields: {listed}", listed=listed) if listed else "",
        tr("Data: {digest}", digest=run.data_sha256[:16]) if run.data_sha256 else "",
        tr("Versions: {listed}", listed=made_with) if made_with else "",
        tr("Note: {note}", note=run.note) if run.note else "",
        tr("Folder: {name}", name=run.folder.name),
    ]
    return "\n".join(line for line in lines if line)


def chance_of(run: RunSummary) -> float | None:
    """Return the accuracy of guessing among the classes of a run; None where they are not known."""
    classes = run.info.get("classes")
    return 1 / len(classes) if isinstance(classes, list) and classes else None


def activation_hint(run: RunSummary | None) -> str:
    """Say what activating does, or why it cannot be done."""
    if run is None:
        return tr("Select one run.")
    if run.bundle is None:
        return tr("This run has no model bundle; only runs that exported one can be activated.")
    return tr("Use this run's model from now on; cases keep the model they were classified with.")
