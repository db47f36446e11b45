"""Third step: watch it learn. Phases, progress, curves, log, and the two ways to end it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from allstation.core.events import Batch, Epoch, Event, Failed, Message, Phase, Progress
from allstation.services.training.history import RunSummary
from allstation.services.training.job_lines import Ending, Job, JobState
from allstation.services.training.runs import RunningJob
from allstation.ui.common.formatting import duration, number
from allstation.ui.common.i18n import tr
from allstation.ui.training.plots.curves import CurvesView, value_line
from allstation.ui.training.plots.plotting import PlotLoader
from allstation.ui.training.run_steps import PHASE_TITLES, EndButtons, PhaseSteps

_NUMBER: Final = int(Qt.ItemDataRole.UserRole)
_RUNNING: Final = _NUMBER + 1
_LOG_LINES: Final = 5000
_STEPS: Final = 1000


class RunPage(QWidget):
    """Follows the current run and lists those that wait.

    Signals:
        stop_asked: Keep the best weights, evaluate, end.
        pause_asked: True to end the training program for now, False to go on.
        compare_asked: Folder of the run that has ended.
        activate_asked: Folder of the run that has ended.
        go_on_asked: Folder of the run that was stopped: train it further.
        try_asked: Folder of the run that has ended: try its model on pictures.
        discard_asked: End and delete; the person has confirmed it.
        cancel_asked: Number of a waiting run.
        watch_asked: Number of a run that trains now.
    """

    stop_asked = Signal()
    pause_asked = Signal(bool)
    compare_asked = Signal(object)
    activate_asked = Signal(object)
    go_on_asked = Signal(object)
    try_asked = Signal(object)
    discard_asked = Signal()
    cancel_asked = Signal(int)
    watch_asked = Signal(int)

    def __init__(self, loader: PlotLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._build(loader)
        self.show_idle()

    def _build(self, loader: PlotLoader) -> None:
        self._title = QLabel(self, wordWrap=True)
        self._title.setProperty("role", "heading")
        self._stop = QPushButton(tr("Stop and Keep the Best"), self)
        self._stop.setToolTip(tr("End after this batch, evaluate the best weights so far"))
        self._stop.clicked.connect(self.stop_asked)
        self._discard = QPushButton(tr("Discard…"), self)
        self._discard.setToolTip(tr("End now and delete the run"))
        self._discard.clicked.connect(self._ask_discard)
        self._pause = QPushButton(tr("Pause"), self)
        self._pause.setCheckable(True)
        self._pause.setToolTip(tr("Free the computer now; the run goes on from its last whole epoch"))
        self._pause.clicked.connect(self.pause_asked)
        self._next = EndButtons(self)
        self._next.asked.connect(self._end_asked)
        top = QHBoxLayout()
        top.addWidget(self._title, 1)
        top.addWidget(self._next)
        top.addWidget(self._pause)
        top.addWidget(self._stop)
        top.addWidget(self._discard)
        self.steps = PhaseSteps(self)
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Progress of the run"))
        self._line = QLabel(self, wordWrap=True)
        self._outcome = QLabel(self, wordWrap=True)
        self._outcome.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.curves = CurvesView(loader, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(8)
        layout.addLayout(top)
        for widget in (self.steps, self._progress, self._line, self._outcome):
            layout.addWidget(widget)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self.curves)
        split.addWidget(self._lower())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        layout.addWidget(split, 1)

    def _lower(self) -> QWidget:
        lower = QSplitter(Qt.Orientation.Horizontal, self)
        lower.setChildrenCollapsible(False)
        self._log = QPlainTextEdit(self, readOnly=True)
        self._log.setMaximumBlockCount(_LOG_LINES)
        self._log.setAccessibleName(tr("Log of the run"))
        self._log.setPlaceholderText(tr("What the training program says stands here."))
        queue = QWidget(self)
        self._caption = QLabel(self)
        self._caption.setProperty("role", "muted")
        self._queue = QListWidget(self)
        self._queue.setAccessibleName(tr("Waiting runs"))
        self._cancel = QPushButton(tr("Remove from Queue"), self)
        self._cancel.clicked.connect(self._cancel_clicked)
        self._queue.itemSelectionChanged.connect(self._show_cancel)
        self._queue.itemClicked.connect(self._item_chosen)
        self._queue.itemActivated.connect(self._item_chosen)
        column = QVBoxLayout(queue)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._caption, self._queue, self._cancel):
            column.addWidget(widget)
        lower.addWidget(self._log)
        lower.addWidget(queue)
        lower.setStretchFactor(0, 3)
        lower.setStretchFactor(1, 1)
        return lower

    # State -----------------------------------------------------------------------------------

    def show_idle(self) -> None:
        """Show that nothing trains."""
        self._title.setText(tr("No run yet"))
        self._line.setText(
            tr("Choose a labelled folder and a recipe, then start. Classification goes on meanwhile.")
        )
        self._outcome.hide()
        self._progress.setRange(0, 1)
        self._progress.setValue(0)
        self.steps.set_phase("")
        self._show_buttons(running=False)
        self.set_jobs((), ())

    def show_job(self, job: Job) -> None:
        """A run was started."""
        self._job = job
        self._title.setText(job.title)
        self._line.setText(tr("Starting the training program…"))
        self._outcome.hide()
        self._log.clear()
        self._progress.setRange(0, 0)
        self.steps.set_phase("checking")
        self.curves.set_nothing(tr("Curves appear after the first epoch."))
        self.curves.set_rows([])
        self._show_buttons(running=True)

    def show_paused(self, *, paused: bool) -> None:
        """Show whether the run is paused."""
        self._pause.setChecked(paused)
        self._pause.setText(tr("Go On") if paused else tr("Pause"))
        if paused:
            self._line.setText(tr("Paused. The run goes on from its last whole epoch."))
            self._show_buttons(running=False)
            self._pause.setEnabled(True)

    def show_next(self, run: RunSummary) -> None:
        """Offer what can be done with the run that has ended."""
        if self._job is not None and self._job.folder == run.folder and not self._stop.isEnabled():
            self._next.show_for(run)

    @Slot(str)
    def _end_asked(self, what: str) -> None:
        folder = self._job.folder if self._job is not None else None
        signals = {
            "compare": self.compare_asked,
            "activate": self.activate_asked,
            "go-on": self.go_on_asked,
            "try": self.try_asked,
        }
        if folder is not None:
            signals[what].emit(folder)

    def show_stopping(self) -> None:
        """The run was asked to end."""
        self._stop.setEnabled(False)
        self._stop.setText(tr("Stopping…"))

    def show_machine(self, name: str) -> None:
        """Show on which of the laboratory's machines the run is; empty for this one."""
        if self._job is not None:
            on = tr("{title}, on {machine}", title=self._job.title, machine=name)
            self._title.setText(on if name else self._job.title)

    def set_jobs(self, running: tuple[RunningJob, ...], waiting: tuple[Job, ...]) -> None:
        """List the runs on the laboratory's machines, and those that come next."""
        far = [one for one in running if one.far is not None]
        self._caption.setText(tr("Runs on the machines, and waiting runs") if far else tr("Waiting runs"))
        self._queue.clear()
        for one in far:
            place = one.machine or tr("starting")
            self._add(tr("{title}, on {machine}", title=one.job.title, machine=place), one.job, running=True)
        for job in waiting:
            self._add(job.title, job, running=False)
        self._show_cancel()

    def _add(self, text: str, job: Job, *, running: bool) -> None:
        item = QListWidgetItem(text)
        item.setData(_NUMBER, job.number)
        item.setData(_RUNNING, running)
        if running:
            item.setToolTip(tr("Click to watch this run"))
        self._queue.addItem(item)

    def show_event(self, event: Event) -> None:
        """Follow the run."""
        match event:
            case Phase(name, text):
                self.steps.set_phase(name)
                self._progress.setRange(0, 0)
                self._line.setText(text)
                self._say(f"— {tr(PHASE_TITLES.get(name, name))}: {text}")
            case Progress():
                self._progress.setRange(0, max(event.total, 1))
                self._progress.setValue(event.done)
                self._line.setText(progress_line(event))
            case Batch():
                share = (event.epoch - 1 + event.batch / max(event.batches, 1)) / max(event.epochs, 1)
                self._progress.setRange(0, _STEPS)
                self._progress.setValue(round(share * _STEPS))
                self._line.setText(batch_line(event))
            case Epoch(epoch, epochs, seconds, values, _):
                self.curves.add_epoch(epoch, values)
                words = value_line(self.curves.rows, epoch)
                self._say(
                    tr("{words} ({n} planned, {seconds} s)", words=words, n=epochs, seconds=f"{seconds:.1f}")
                )
            case Message(text, level):
                self._say(text if level == "info" else f"! {text}")
            case Failed(_, sentence):
                self._say(f"! {sentence}")

    def say(self, line: str) -> None:
        """Add a line of the child's error output to the log."""
        self._say(line)

    def show_ending(self, ending: Ending) -> None:
        """Say how the run ended."""
        self._progress.setRange(0, 1)
        self._progress.setValue(0 if ending.state is JobState.FAILED else 1)
        if ending.state in (JobState.FINISHED, JobState.STOPPED):
            self.steps.set_phase("finished")
        self._line.clear()
        self._outcome.setText(ending_line(ending))
        self._outcome.setProperty("role", "danger" if ending.state is JobState.FAILED else "")
        self._outcome.style().unpolish(self._outcome)
        self._outcome.style().polish(self._outcome)
        self._outcome.show()
        self.curves.set_nothing(tr("The run ended before its first epoch."))
        self._show_buttons(running=False)

    def _say(self, text: str) -> None:
        self._log.appendPlainText(text)

    def _show_buttons(self, *, running: bool) -> None:
        self._stop.setText(tr("Stop and Keep the Best"))
        self._stop.setEnabled(running)
        self._discard.setEnabled(running)
        self._pause.setEnabled(running)
        if running:
            self._next.hide()

    @Slot()
    def _show_cancel(self) -> None:
        chosen = self._queue.selectedItems()
        self._cancel.setEnabled(any(not item.data(_RUNNING) for item in chosen))

    # Slots -----------------------------------------------------------------------------------

    @Slot()
    def _cancel_clicked(self) -> None:
        for item in self._queue.selectedItems():
            if not item.data(_RUNNING):
                self.cancel_asked.emit(item.data(_NUMBER))

    @Slot(QListWidgetItem)
    def _item_chosen(self, item: QListWidgetItem) -> None:
        if item.data(_RUNNING):
            self.watch_asked.emit(item.data(_NUMBER))

    @Slot()
    def _ask_discard(self) -> None:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(tr("Discard run"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(tr("Discard {title}?", title=self._job.title if self._job else ""))
        box.setInformativeText(tr("The run ends and what it has learnt is deleted. This cannot be undone."))
        discard = box.addButton(tr("Discard"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(tr("Keep Training"), QMessageBox.ButtonRole.RejectRole))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        discard.clicked.connect(self.discard_asked)
        box.open()


def progress_line(event: Progress) -> str:
    """Write how far a phase is."""
    left = tr(", about {time} left", time=duration(event.seconds_left)) if event.seconds_left else ""
    return f"{number(event.done)} / {number(event.total)} {event.text}{left}"


def batch_line(event: Batch) -> str:
    """Write how far the training is."""
    words = tr(
        "Epoch {e} of {n}, batch {b} of {m}", e=event.epoch, n=event.epochs, b=event.batch, m=event.batches
    )
    loss = tr(", loss {value}", value=f"{event.loss:.4f}") if event.loss is not None else ""
    left = tr(", about {time} left", time=duration(event.seconds_left)) if event.seconds_left else ""
    return words + loss + left


def ending_line(ending: Ending) -> str:
    """Say how a run ended, with its figure, n, interval and kind of split."""
    if ending.state is JobState.FAILED:
        return ending.sentence
    if ending.state is JobState.DISCARDED:
        return ending.sentence or tr("The run was discarded.")
    words = (
        tr("Stopped; the best weights were kept.") if ending.state is JobState.STOPPED else tr("Finished.")
    )
    figure = figure_text(ending.summary.get("test"))
    return f"{words} {tr('Test accuracy')} {figure}" if figure else words


def figure_text(figure: object) -> str:
    """Write a figure with its interval, n, split and patients; empty when it is none."""
    if not isinstance(figure, dict) or figure.get("value") is None:
        return ""
    pair = figure.get("interval")
    interval = f" [{pair[0]:.3f}, {pair[1]:.3f}]" if pair else ""
    about = ", ".join(str(figure[key]) for key in ("split", "patients") if figure.get(key))
    return f"{figure['value']:.3f}{interval}, n = {figure['n']}, {about}"
