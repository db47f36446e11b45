"""Counting window: one cell after the other is named by a key, as at a bench counter, and tallied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from allstation.core.cell_types import CellType, Counts
from allstation.core.differential import TARGETS
from allstation.services.images.field_cache import FieldCache
from allstation.ui.cells.bench_keys import BenchKey, BenchWidget
from allstation.ui.cells.tally import TallyRow, TallyView
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import resize_on_screen

_SIZE: Final = (1180, 820)
_FIRST_LIMIT: Final = 20
_INDENT: Final = 7
"""Left of a number in a box with arrows, where the style sheet's padding ends."""
_CLICK_ONLY: Final = Qt.FocusPolicy.ClickFocus


class CountingWindow(BenchWidget):
    """Shows the cell to be named and the tally; every key is a type here.

    Signals:
        target_changed: White cells to count.
        order_changed: Whether the cells are spread over the case.
        question_changed: The type and the share (0 to 1) that it is to be told from.
        sound_changed: Whether each cell makes a sound.
        closed: The window was closed.
    """

    target_changed = Signal(int)
    order_changed = Signal(bool)
    question_changed = Signal()
    sound_changed = Signal(bool)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None, *, files: FieldCache | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window, files=files)
        self.setWindowTitle(tr("Count cells"))
        self.tally = TallyView(self)
        self._make_words()
        self._make_choices()
        self._lay_out()
        self._connect()
        resize_on_screen(self, *_SIZE)
        self.setFocusProxy(self.stage)

    def _make_words(self) -> None:
        self._total = QLabel(self)
        self._total.setProperty("role", "title")
        self._reader = QLabel(self)
        self._reader.setProperty("role", "muted")
        self._note = QLabel(self, wordWrap=True)
        self._note.setProperty("role", "warning")
        self._stop = QLabel(self, wordWrap=True)
        self._latest = QLabel(self)
        self._latest.setProperty("role", "muted")
        self._comparison = QLabel(self, wordWrap=True)
        for label in (self._total, self._reader, self._note, self._stop, self._latest, self._comparison):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._comparison.hide()
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Progress of the count"))

    def _make_choices(self) -> None:
        self._target = QComboBox(self)
        for target in TARGETS:
            self._target.addItem(tr("Count {n}", n=target), target)
        self._target.setAccessibleName(tr("White cells to count"))
        self._order = QComboBox(self)
        self._order.addItem(tr("Spread over the case"), True)
        self._order.addItem(tr("Field by field"), False)
        self._order.setAccessibleName(tr("Order of the cells"))
        self._order.setToolTip(tr("Both orders are the same for every reader"))
        self._sound = QCheckBox(tr("Sound"), self)
        self._kind = QComboBox(self)
        self._kind.setAccessibleName(tr("Type that is to be told from a share"))
        self._limit = QSpinBox(self, minimum=1, maximum=99, value=_FIRST_LIMIT, suffix=" %")
        self._limit.lineEdit().setTextMargins(_INDENT, 0, 0, 0)
        self._limit.setAccessibleName(tr("Share that it is to be told from"))
        self._limit.setToolTip(tr("A share of your choice; none is a diagnosis"))
        self._undo = QPushButton(tr("Take back  (Backspace)"), self)
        self._pass = QPushButton(tr("Pass over  (Space)"), self)
        self._end = QPushButton(tr("End  (Esc)"), self)
        for widget in (self._target, self._order, self._sound, self._kind, self._limit):
            # Letters are types: only who clicks into a box types there.
            widget.setFocusPolicy(_CLICK_ONLY)
        for button in (self._undo, self._pass, self._end):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _lay_out(self) -> None:
        side = QWidget(self)
        side.setProperty("role", "panel")
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(side)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        for part in (self._total, self._reader, self._progress):
            column.addWidget(part)
        area = scroll_area(self.tally, side, sideways=True, focusable=False)
        column.addWidget(area, 1)
        for part in (self._note, self._stop, self._comparison):
            column.addWidget(part)
        column.addLayout(self._question())
        column.addLayout(self._choices())
        main = QWidget(self)
        rows = QVBoxLayout(main)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.stage, 1)
        rows.addWidget(self._foot())
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(main)
        split.addWidget(side)
        split.setStretchFactor(0, 1)
        split.setChildrenCollapsible(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)

    def _question(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addWidget(QLabel(tr("Tell"), self))
        line.addWidget(self._kind, 1)
        line.addWidget(QLabel(tr("from"), self))
        line.addWidget(self._limit)
        return line

    def _choices(self) -> QGridLayout:
        grid = QGridLayout()
        grid.addWidget(self._target, 0, 0)
        grid.addWidget(self._order, 0, 1)
        grid.addWidget(self._sound, 0, 2)
        grid.setColumnStretch(1, 1)
        return grid

    def _foot(self) -> QWidget:
        foot = QWidget(self)
        foot.setProperty("role", "panel")
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = QHBoxLayout(foot)
        line.addWidget(self._latest, 1)
        for button in (self._undo, self._pass, self._end):
            line.addWidget(button)
        return foot

    def _connect(self) -> None:
        self._target.activated.connect(self._target_chosen)
        self._order.activated.connect(self._order_chosen)
        self._sound.clicked.connect(self.sound_changed)
        self._kind.activated.connect(self._question_chosen)
        self._limit.valueChanged.connect(self._question_chosen)
        self._undo.clicked.connect(self.taken_back)
        self._pass.clicked.connect(self.passed)
        self._end.clicked.connect(self.close)

    # What is shown

    def set_choices(self, *, target: int, sound: bool) -> None:
        """Show what was chosen the last time."""
        self._target.setCurrentIndex(max(0, self._target.findData(target)))
        self._sound.setChecked(sound)

    def set_types(self, types: Sequence[CellType]) -> None:
        """Offer the white cells of a list of types for the question."""
        kept = self._kind.currentData()
        self._kind.clear()
        for kind in types:
            if kind.counts is Counts.WHITE:
                self._kind.addItem(tr(kind.name), kind.key)
        self._kind.setCurrentIndex(max(0, self._kind.findData(kept)))

    def target(self) -> int:
        """Return the white cells to count."""
        return int(self._target.currentData())

    def is_spread(self) -> bool:
        """Tell whether the cells are spread over the case."""
        return bool(self._order.currentData())

    def question(self) -> tuple[str, float]:
        """Return the type and the share, 0 to 1, that it is to be told from."""
        return str(self._kind.currentData() or ""), self._limit.value() / 100

    def show_count(self, rows: Sequence[TallyRow], *, white: int, latest: str, reader: str) -> None:
        """Show the tally."""
        target = self.target()
        self.tally.show_rows(rows, latest=latest)
        self._total.setText(tr("{n} of {target}", n=number(white), target=number(target)))
        self._reader.setText(tr("white cells counted by {who}", who=reader))
        self._progress.setMaximum(target)
        self._progress.setValue(min(white, target))
        self._progress.setProperty("state", "done" if white >= target else "")
        self._progress.style().polish(self._progress)

    def show_sentences(self, *, note: str, stop: str) -> None:
        """Show whether the count is small, and how many more cells answer the question."""
        self._note.setText(tr(note))
        self._note.setVisible(bool(note))
        self._stop.setText(stop)

    def show_latest(self, text: str) -> None:
        """Say what was done last."""
        self._latest.setText(text)

    def show_comparison(self, text: str) -> None:
        """Say how another reader's count compares; nothing before this one is done."""
        self._comparison.setText(text)
        self._comparison.setVisible(bool(text))

    def sentences(self) -> str:
        """Return everything that is said in words."""
        labels = (self._total, self._reader, self._note, self._stop, self._latest, self._comparison)
        return "\n".join(label.text() for label in labels if not label.isHidden())

    # Keys

    def handle_key(self, meaning: BenchKey) -> bool:
        """End counting."""
        if meaning is BenchKey.END:
            self.close()
        return meaning is BenchKey.END

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that counting is over."""
        super().closeEvent(event)
        self.closed.emit()

    @Slot()
    def _target_chosen(self) -> None:
        self.target_changed.emit(self.target())
        self.stage.setFocus()

    @Slot()
    def _order_chosen(self) -> None:
        self.order_changed.emit(self.is_spread())
        self.stage.setFocus()

    @Slot()
    def _question_chosen(self) -> None:
        self.question_changed.emit()
        if self.sender() is self._kind:
            self.stage.setFocus()
