"""Asks before a run's model is put to use, with both models' figures on the same fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from allstation.core.errors import StationError
from allstation.core.events import Event, Progress, Report
from allstation.services.training_child import Ending, Job, JobState
from allstation.services.training_comparison import ModelComparison, Outcome, read_comparison
from allstation.services.training_figures import MODEL
from allstation.services.training_history import RunSummary
from allstation.services.training_runs import TrainingRuns
from allstation.ui.common import focus_filters, icons
from allstation.ui.common.formatting import number, short_name
from allstation.ui.common.i18n import tr
from allstation.ui.training.compare_page import fill_row, interval_text, pair_line, table_of
from allstation.ui.training.comparison_controller import EVALUATE

_KIND: Final = "activation"
_WIDTH: Final = 640
_TITLE: Final = 32
_SPARE: Final = 4
_VERDICTS: Final = {
    Outcome.BETTER: "Better than the model in use, on the same {n} fields.",
    Outcome.WORSE: "Worse than the model in use, on the same {n} fields.",
    Outcome.UNCLEAR: "Not shown to be better than the model in use, on the same {n} fields.",
}


class ActivationDialog(QDialog):
    """Asks for the model's name and whether to use it.

    *Keep* is the default, and nothing can be activated while the comparison runs. *Activate* becomes the
    default only once the new model is shown to be better.

    Args:
        run: The run.
        parent: Owner.

    Attributes:
        run: The run.
        name: Name of the model.
        activate: Uses the new model.
        keep: Keeps the one in use.
    """

    def __init__(self, run: RunSummary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self.setObjectName("activate")
        self.setWindowTitle(tr("Activate model"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(icons.scaled(_WIDTH))
        self.name = QLineEdit(run.title, self)
        self.name.textChanged.connect(self._show_buttons)
        self._verdict = QLabel(self, wordWrap=True)
        self._verdict.setProperty("role", "heading")
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "muted")
        self._figures = table_of((), tr("Both models on the same fields"))
        self._figures.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._figures.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self._figures.hide()
        self._pair = QLabel(self, wordWrap=True)
        self._pair.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._ready = False
        self._build_buttons()
        self._lay_out()
        focus_filters.plain_labels(self)
        self.show_progress(tr("Comparing with the model in use on the run's test fields…"))

    def _build_buttons(self) -> None:
        self._box = QDialogButtonBox(self)
        self.keep = QPushButton(tr("Keep the One in Use"), self)
        self.activate = QPushButton(tr("Activate"), self)
        self._box.addButton(self.keep, QDialogButtonBox.ButtonRole.RejectRole)
        self._box.addButton(self.activate, QDialogButtonBox.ButtonRole.AcceptRole)
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
        self._show_buttons()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(tr("Name of the model"), self.name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(form)
        for widget in (self._verdict, self._about, self._figures, self._pair):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._box)

    @property
    def is_compared(self) -> bool:
        """Whether the comparison has ended, with figures or with a problem."""
        return self._ready

    def show_progress(self, text: str) -> None:
        """Say how far the comparison is."""
        self._verdict.setText(text)

    def show_comparison(self, found: ModelComparison) -> None:
        """Show both models' figures; offer the new one by default only if it is better."""
        self._verdict.setText(tr(_VERDICTS[found.outcome], n=number(found.n)))
        self._about.setText(
            tr(
                "Test set of the run: n = {n} fields, {split}, {patients}; 95 % intervals. Whether the "
                "model in use learned from some of these fields is not known here; if so, its figures are "
                "too high.",
                n=number(found.n),
                split=found.split,
                patients=found.patients,
            )
        )
        self._fill_figures(found)
        titles = {self.run.folder.name: self.run.title, MODEL: found.active}
        self._pair.setText(pair_line(found.pair, titles))
        self._finish(better=found.outcome is Outcome.BETTER)

    def show_problem(self, sentence: str) -> None:
        """Say why the models could not be compared; nothing speaks for the new one then."""
        self._verdict.setText(tr("The models could not be compared: keep the one in use."))
        self._about.setText(sentence)
        self._finish(better=False)

    def _fill_figures(self, found: ModelComparison) -> None:
        table = self._figures
        table.setColumnCount(3)
        titles = (short_name(self.run.title, _TITLE), short_name(found.active, _TITLE))
        table.setHorizontalHeaderLabels([tr("Figure"), titles[0], tr("{name} (in use)", name=titles[1])])
        table.setRowCount(len(found.figures))
        for row, pair in enumerate(found.figures):
            fill_row(table, row, [pair.name, interval_text(pair.new), interval_text(pair.active)])
        table.resizeColumnsToContents()
        table.resizeRowsToContents()
        rows = sum(table.rowHeight(row) for row in range(table.rowCount()))
        table.setFixedHeight(
            rows + table.horizontalHeader().sizeHint().height() + 2 * table.frameWidth() + _SPARE
        )
        table.show()

    def _finish(self, *, better: bool) -> None:
        self._ready = True
        self._show_buttons()
        if better and self.activate.isEnabled():
            self.activate.setDefault(True)
        else:
            self.keep.setDefault(True)
        self._fit()

    def _fit(self) -> None:
        """Take the room that the table's columns and the wrapped sentences need."""
        layout, table = self.layout(), self._figures
        if layout is None:
            return
        margins = layout.contentsMargins()
        columns = table.horizontalHeader().length() + 2 * table.frameWidth() + _SPARE
        wide = margins.left() + margins.right() + columns if not table.isHidden() else 0
        width = max(self.minimumWidth(), wide)
        self.setMinimumSize(width, layout.totalHeightForWidth(width))
        self.resize(self.minimumSize())

    @Slot()
    def _show_buttons(self) -> None:
        self.activate.setEnabled(self._ready and bool(self.name.text().strip()))
        if not self.activate.isEnabled():
            self.keep.setDefault(True)


class Activating(QObject):
    """Lets the training program compare a run with the active model, and fills the dialog with it.

    Args:
        runs: Starts the child.
        active_model: Gives the bundle that classifies now, or None.
        parent: Owner.
    """

    def __init__(
        self, runs: TrainingRuns, active_model: Callable[[], Path | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._active_model = active_model
        self._dialog: ActivationDialog | None = None
        self._job: Job | None = None
        runs.event_received.connect(self._job_event)
        runs.ended.connect(self._ended)

    @Slot(object)
    def compare(self, dialog: ActivationDialog) -> None:
        """Fill a dialog that was just opened."""
        self._dialog = dialog
        dialog.finished.connect(self._closed)
        model = self._active_model()
        if model is None:
            dialog.show_problem(tr("No model is in use. Look at the run's own figures on the Compare page."))
            return
        arguments = [str(dialog.run.folder), "--model", str(model)]
        self._job = self._runs.start_background(EVALUATE, arguments, title=tr("Comparison"), kind=_KIND)

    @Slot()
    def _closed(self) -> None:
        self._dialog = self._job = None
        self._runs.drop(_KIND)

    @Slot(object, object)
    def _job_event(self, job: Job, event: Event) -> None:
        if job is not self._job or self._dialog is None:
            return
        if isinstance(event, Progress):
            self._dialog.show_progress(
                tr(
                    "The model in use classifies the same fields: {done} / {total}",
                    done=number(event.done),
                    total=number(event.total),
                )
            )
        elif isinstance(event, Report):
            self._show(self._dialog, event.data)

    @Slot(object)
    def _ended(self, ending: Ending) -> None:
        if ending.job is not self._job or self._dialog is None:
            return
        if ending.state is JobState.FAILED:
            self._dialog.show_problem(ending.sentence)
        elif not self._dialog.is_compared:
            self._dialog.show_problem(tr("The training program ended without a comparison."))
        self._job = None

    @staticmethod
    def _show(dialog: ActivationDialog, report: Mapping[str, object]) -> None:
        try:
            dialog.show_comparison(read_comparison(report, dialog.run.folder.name))
        except StationError as error:
            dialog.show_problem(error.sentence)
