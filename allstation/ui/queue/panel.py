"""The batch queue: how far, how fast, how long still, and what did not work."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from allstation.core.records import FieldRecord, FieldState
from allstation.core.text import shown_name
from allstation.processing.status_types import ImportStatus, Problem, QueuePhase, QueueStatus
from allstation.ui.common import theme
from allstation.ui.common.formatting import duration, field_name, number, tip
from allstation.ui.common.i18n import tr
from allstation.ui.queue.jobs import JobList
from allstation.ui.queue.machines import MachineList

_STEPS: Final = 10_000
_WHOLE_RATES: Final = 10
_WIDTHS: Final = (180, 130)
"""Of a problem's file and kind, where there is room."""
_SENTENCE: Final = 2
"""Column of the problems that says what to do."""
_CELL_MARGIN: Final = 8
_TALL: Final = 10_000
_FIELD: Final = int(Qt.ItemDataRole.UserRole)


class QueuePanel(QWidget):
    """Shows a :class:`QueueStatus` and the problems of fields and files.

    Signals:
        pause_asked: True to pause, False to go on.
        cancel_asked: Drop what waits.
        retry_asked: Try the failed fields again.
        model_asked: Queue another model over the same fields.
        slides_ordered: A model (empty for the one in use) and its waiting slides in their new order.
        models_ordered: The models whose turn has not come, in their new order.
        job_dropped: A model and a slide, or 0 for the whole model, to take out of the queue.
        field_chosen: Id of a failed field.
    """

    pause_asked = Signal(bool)
    cancel_asked = Signal()
    retry_asked = Signal()
    model_asked = Signal()
    slides_ordered = Signal(str, list)
    models_ordered = Signal(list)
    job_dropped = Signal(str, int)
    field_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._status = QueueStatus()
        self._is_adding = False
        self._not_added: tuple[Problem, ...] = ()
        self._failed: tuple[FieldRecord, ...] = ()
        self._line = QLabel(self)
        # The buttons keep their room; a long sentence is cut and stands in the tip as well.
        self._line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, _STEPS)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("Progress of the queue"))
        self._pause = self._button(tr("Pause"), checkable=True)
        self._cancel = self._button(tr("Cancel"))
        self._retry = self._button(tr("Retry failed"))
        self._model = self._button(tr("Add model…"))
        self._model.setToolTip(tr("Classify the same fields with another model as well"))
        self._copy = self._button(tr("Copy problems"))
        self._intake = QLabel(self)
        self._intake.setProperty("role", "muted")
        self._intake.setWordWrap(True)
        self._jobs = JobList(self)
        self._machines = MachineList(self)
        self._problems = _ProblemList(self)
        self._lay_out()
        self._connect()
        self.show_status(QueueStatus())
        self.show_intake(None)
        self._show_problems()

    def _button(self, text: str, *, checkable: bool = False) -> QPushButton:
        button = QPushButton(text, self)
        button.setCheckable(checkable)
        return button

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._line, 1)
        for button in (self._pause, self._cancel, self._retry):
            top.addWidget(button)
        # In two rows: all in one would make the window wider than a screen when text is large.
        second = QHBoxLayout()
        second.addWidget(self._intake, 1)
        for button in (self._model, self._copy):
            second.addWidget(button)
        self._intake.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self._bar)
        layout.addLayout(second)
        layout.addWidget(self._machines)
        layout.addWidget(self._jobs)
        layout.addWidget(self._problems, 1)
        layout.addStretch(0)

    def _connect(self) -> None:
        self._pause.toggled.connect(self.pause_asked)
        self._cancel.clicked.connect(self._cancel_clicked)
        self._retry.clicked.connect(self._retry_clicked)
        self._model.clicked.connect(self._model_clicked)
        self._copy.clicked.connect(self.copy_problems)
        self._jobs.slides_ordered.connect(self.slides_ordered)
        self._jobs.models_ordered.connect(self.models_ordered)
        self._jobs.job_dropped.connect(self.job_dropped)
        self._problems.itemActivated.connect(self._problem_activated)
        self._problems.itemClicked.connect(self._problem_activated)

    # What is shown

    @property
    def status(self) -> QueueStatus:
        """The queue as it stands."""
        return self._status

    @property
    def not_added(self) -> tuple[Problem, ...]:
        """Files that were not added, as they are listed."""
        return self._not_added

    @Slot(object)
    def show_status(self, status: QueueStatus) -> None:
        """Show the queue as it stands."""
        self._status = status
        busy = status.phase in (QueuePhase.RUNNING, QueuePhase.PAUSED)
        self._show_line()
        self._line.setToolTip(sentence(status))
        self._bar.setValue(round(_STEPS * status.finished / status.total) if status.total else 0)
        state = "paused" if status.phase is QueuePhase.PAUSED else "" if busy else "done"
        if self._bar.property("state") != state:
            self._bar.setProperty("state", state)
            self._bar.style().polish(self._bar)
        self._pause.blockSignals(True)
        self._pause.setChecked(status.phase is QueuePhase.PAUSED)
        self._pause.setText(tr("Resume") if status.phase is QueuePhase.PAUSED else tr("Pause"))
        self._pause.blockSignals(False)
        self._pause.setEnabled(busy)
        self._enable_cancel()
        self._model.setEnabled(status.total > 0)
        self._jobs.show_jobs(status.jobs)
        self._machines.show_machines(status.machines)
        self._retry.setEnabled(status.counts.get(FieldState.FAILED, 0) > 0)

    def _enable_cancel(self) -> None:
        busy = self._status.phase in (QueuePhase.RUNNING, QueuePhase.PAUSED)
        self._cancel.setEnabled(busy or self._status.later > 0 or self._is_adding)

    def _show_line(self) -> None:
        words = self._line.fontMetrics().elidedText(
            sentence(self._status), Qt.TextElideMode.ElideRight, max(self._line.width(), 1)
        )
        self._line.setText(words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the sentence to its room."""
        super().resizeEvent(event)
        self._show_line()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the problems in the colours of light or dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_problems()

    @Slot(object)
    def show_intake(self, status: ImportStatus | None) -> None:
        """Show what became of dropped files."""
        self._is_adding = status is not None and status.running and not status.cancelled
        self._enable_cancel()
        if status is None:
            self._intake.clear()
        else:
            self._intake.setText(intake_sentence(status))
            not_added = (*status.refused, *status.same, *status.passed)
            if not_added != self._not_added:
                self._not_added = not_added
                self._show_problems()

    @Slot(list)
    def show_failures(self, records: list[FieldRecord]) -> None:
        """List the fields that failed."""
        if tuple(records) != self._failed:
            self._failed = tuple(records)
            self._show_problems()

    @Slot()
    def clear(self) -> None:
        """Show nothing: no case."""
        self._not_added, self._failed = (), ()
        self.show_status(QueueStatus())
        self.show_intake(None)
        self._show_problems()

    @Slot()
    def copy_problems(self) -> None:
        """Put the list on the clipboard, one line each."""
        QGuiApplication.clipboard().setText("\n".join(self._problems.lines()))

    def _show_problems(self) -> None:
        self._problems.fill(self._failed, self._not_added)
        some = self._problems.topLevelItemCount() > 0
        self._problems.setVisible(some)
        self._copy.setEnabled(some)

    def _cancel_clicked(self) -> None:
        self.cancel_asked.emit()

    def _retry_clicked(self) -> None:
        self.retry_asked.emit()

    def _model_clicked(self) -> None:
        self.model_asked.emit()

    def _problem_activated(self, item: QTreeWidgetItem) -> None:
        field_id = item.data(0, _FIELD)
        if isinstance(field_id, int):
            self.field_chosen.emit(field_id)


class _ProblemList(QTreeWidget):
    """Name, code and sentence of everything that did not work."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setHeaderLabels([tr("File"), tr("Problem"), tr("What to do")])
        self.setRootIsDecorated(False)
        self.setWordWrap(True)
        self.setItemDelegate(_WholeSentence(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAccessibleName(tr("Files and fields with problems"))
        header = self.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.sectionResized.connect(self.scheduleDelayedItemsLayout)  # sentences wrap to their column

    def fill(self, failed: tuple[FieldRecord, ...], refused: tuple[Problem, ...]) -> None:
        """Show failed fields first, then what was not added."""
        self.clear()
        danger = QColor(theme.tokens(self.palette()).danger)
        for record in failed:
            item = self._add(field_name(record.path), record.error_code, record.error)
            item.setForeground(1, danger)
            item.setData(0, _FIELD, record.id)
        for problem in refused:
            self._add(shown_name(problem.name), problem.code, problem.sentence)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the sentence half of a narrow list."""
        super().resizeEvent(event)
        for column, wide in enumerate(_WIDTHS):
            self.setColumnWidth(column, min(wide, self.viewport().width() // 4))

    def lines(self) -> list[str]:
        """Return the rows as text."""
        items = (self.topLevelItem(row) for row in range(self.topLevelItemCount()))
        return ["\t".join(item.text(column) for column in range(3)) for item in items if item is not None]

    def _add(self, name: str, code: str, sentence: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem([name, tr(code.replace("-", " ")), sentence])
        item.setToolTip(_SENTENCE, tip(sentence))
        self.addTopLevelItem(item)
        return item


class _WholeSentence(QStyledItemDelegate):
    """Makes a row as high as its sentence needs in its column; Qt measures it on one line."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the room of a cell."""
        hint, view = super().sizeHint(option, index), self.parent()
        if isinstance(view, QTreeWidget) and index.column() == _SENTENCE:
            room = QRect(0, 0, view.columnWidth(_SENTENCE) - 2 * _CELL_MARGIN, _TALL)
            wrapped = view.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, str(index.data()))
            hint.setHeight(max(hint.height(), wrapped.height() + hint.height() - view.fontMetrics().height()))
        return hint


def sentence(status: QueueStatus, *, failures: bool = True) -> str:
    """Return the queue in one line: how far, how fast, how long still.

    Args:
        status: The queue.
        failures: Whether it tells how many fields failed; not where that stands beside it.
    """
    if not status.total:
        return tr("The queue is empty")
    parts = [progress_text(status)]
    if status.phase is QueuePhase.NO_MODEL and status.waiting:
        parts.append(tr("waiting for a model"))
    elif status.phase is QueuePhase.PAUSED:
        parts.append(tr("paused"))
    elif status.phase is QueuePhase.RUNNING:
        if status.rate > 0:
            shown = f"{status.rate:.1f}" if status.rate < _WHOLE_RATES else f"{status.rate:.0f}"
            parts.append(tr("{rate} fields/s", rate=shown))
        left = status.seconds_left
        parts.append(tr("about {time} left", time=duration(left)) if left is not None else tr("starting"))
    elif status.cells:
        several = tr("finding the cells of {n} fields", n=number(status.cells))
        parts.append(several if status.cells > 1 else tr("finding the cells of 1 field"))
    return "  ·  ".join([*parts, *_besides(status, failures=failures)])


def progress_text(status: QueueStatus) -> str:
    """Return how many fields are classified; empty for no queue."""
    done, total = number(status.finished - status.failed), number(status.total)
    return tr("{done} of {total} fields", done=done, total=total) if status.total else ""


def finished_sentence(status: QueueStatus) -> str:
    """Return what the queue came to, with counts of the whole case, which a drop only added to."""
    total, done = number(status.total), number(status.finished - status.failed)
    if not status.failed and status.finished == status.total:
        return tr("Queue finished: all {n} fields of the case are read", n=total)
    parts = [tr("Queue finished: {done} of the {n} fields of the case are read", done=done, n=total)]
    if status.failed:
        parts.append(tr("{n} cannot be read", n=number(status.failed)))
    return "  ·  ".join([*parts, *_besides(status, failures=False)])


def _besides(status: QueueStatus, *, failures: bool) -> list[str]:
    """Return what else there is to say: other models, what did not work, memory."""
    running = status.phase is QueuePhase.RUNNING
    cancelled = status.counts.get(FieldState.CANCELLED, 0)
    said = (
        (status.model if running else "", tr("model {name}", name=status.model)),
        (status.later, tr("{n} later for other models", n=number(status.later))),
        (cancelled, tr("{n} cancelled", n=number(cancelled))),
        (failures and status.failed, tr("{n} failed", n=number(status.failed))),
        (running and status.memory, tr("{n} MB of memory", n=number(round(status.memory / 2**20)))),
    )
    return [text for worth_saying, text in said if worth_saying]


def _refused(status: ImportStatus) -> str:
    """Return how many files were refused; of one also why."""
    known = status.refused_count == 1 and len(status.refused) == 1
    if known:
        return tr("1 refused: {sentence}", sentence=status.refused[0].sentence)
    return tr("{n} refused", n=number(status.refused_count))


def cancelled_sentence(status: ImportStatus) -> str:
    """Return what is left of an import that a person ended."""
    if not status.added:
        return tr("Adding was cancelled: nothing was added. Add the files again to look through them.")
    added = tr("1 field was") if status.added == 1 else tr("{n} fields were", n=number(status.added))
    return tr("Adding was cancelled: {added} added before that. Add the files again to go on.", added=added)


def intake_sentence(status: ImportStatus) -> str:
    """Return what became of dropped files, in one line."""
    parts = [tr("{n} fields added", n=number(status.added)) if status.added != 1 else tr("1 field added")]
    if status.duplicates:
        parts.append(tr("{n} already in the case", n=number(status.duplicates)))
    if status.mix_ups:
        parts.append(tr("{n} on two slides: a mix-up?", n=number(status.mix_ups)))
    if status.paged:
        parts.append(tr("{n} of several pages: only the first is classified", n=number(status.paged)))
    if status.refused_count:
        parts.append(_refused(status))
    parts += [problem.sentence for problem in status.passed]
    if status.running and status.cancelled:
        parts.append(tr("being cancelled…"))
    elif status.running and status.looking:
        share = number(round(100 * status.looked))
        parts.append(tr("looking for fields on {name}: {n} %", name=status.looking, n=share))
    elif status.running:
        parts.append(tr("looking for more…"))
    return "  ·  ".join(parts)
