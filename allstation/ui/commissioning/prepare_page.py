"""First page of the assistant: the cells of the case, what is told apart, how well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from allstation.core.cell_types import CellType
from allstation.ui.common.formatting import duration, number
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import limit_width

QUICK_TYPES: Final = ("blast", "lymphocyte")
_WIDTH: Final = 720
_FEWEST_SLIDES: Final = 4
"""Slides from which on two can be kept for the test."""
_MANY_SLIDES: Final = 10
_INDENT: Final = 7
"""Left of a number in a box with arrows, where the style sheet's padding ends."""
_LOWEST: Final = (50, 99, 90)
_ERRORS: Final = (1, 30, 5)
"""Least, most and usual value of both choices, percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """State that the page shows.

    Attributes:
        cells: Whole cells of the case.
        measured: Of them with features.
        slides: Slides with whole cells.
        waiting: Fields that were not read yet, or wait for their cells.
        is_measuring: Features are computed now.
        seconds: Until they are; None where it is not known.
        typed: Whole cells with a type of those that are told apart.
        is_accepted: The last test was passed, and its model saved.
        frozen: Cells of a test part that is frozen; 0 for none.
        tested: Of them typed.
        problem: Why it cannot begin.
    """

    cells: int = 0
    measured: int = 0
    slides: int = 0
    waiting: int = 0
    is_measuring: bool = False
    seconds: float | None = None
    typed: int = 0
    is_accepted: bool = False
    frozen: int = 0
    tested: int = 0
    problem: str = ""


class PreparePage(QWidget):
    """Asks what is told apart and how well, and shows how far the cells of the case are measured.

    Signals:
        begin_asked: Typing begins, or goes on.
        measuring_asked: Cells are to be measured, or no more.
        slides_asked: Further slides are to be added.
        choice_changed: Types, or a limit, are others.
    """

    begin_asked = Signal()
    measuring_asked = Signal(bool)
    slides_asked = Signal()
    choice_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._shown = Preparation()
        self._wants_focus = False
        self._types: tuple[CellType, ...] = ()
        self._make_cells()
        self._make_choices()
        self._note = QLabel(self, wordWrap=True)
        self._note.setProperty("role", "warning")
        self.begin = QPushButton(tr("Type cells"), self)
        self.begin.setProperty("role", "primary")
        self.begin.setAutoDefault(True)
        self._lay_out()
        self.begin.clicked.connect(self.begin_asked)
        self._measure.clicked.connect(self._measuring_clicked)
        self._add.clicked.connect(self.slides_asked)
        self._quick.toggled.connect(self.choice_changed)
        self._lowest.valueChanged.connect(self.choice_changed)
        self._errors.valueChanged.connect(self.choice_changed)
        self.show_preparation(self._shown)

    def _make_cells(self) -> None:
        self._cells = QLabel(self, wordWrap=True)
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Measured cells"))
        self._eta = QLabel(self, wordWrap=True)
        self._eta.setProperty("role", "muted")
        self._measure = QPushButton(tr("Pause"), self)
        self._measure.setAccessibleName(tr("Pause measuring cells"))
        self._add = QPushButton(tr("Add a folder of slides…"), self)

    def _make_choices(self) -> None:
        self._quick = QRadioButton(tr("Blast and lymphocyte (the quick way)"), self)
        self._list = QRadioButton(tr("All types of the laboratory's list"), self)
        group = QButtonGroup(self)
        group.addButton(self._quick)
        group.addButton(self._list)
        self._quick.setChecked(True)
        self._lowest = _percent_box(self, _LOWEST, tr("Balanced accuracy at least, lower limit"))
        self._errors = _percent_box(self, _ERRORS, tr("Wrong names at most"))

    def _lay_out(self) -> None:
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        title = QLabel(tr("Adapt the program to this laboratory"), body, wordWrap=True)
        title.setProperty("role", "title")
        about = QLabel(
            tr(
                "You name cells by one key each, 20 to 40 of each type from several slides. The program "
                "measures on slides that it did not learn from how well it would name the others. In the end "
                "it makes a model of your laboratory, or says why not and what is missing. Nothing is used "
                "before you say so. Best are slides of ten or more patients of known diagnosis, with blasts "
                "and without."
            ),
            body,
            wordWrap=True,
        )
        about.setProperty("role", "muted")
        for part in (title, about, self._cells_card(), self._types_card(), self._wanted_card(), self._note):
            column.addWidget(part)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.begin)
        column.addLayout(foot)
        column.addStretch(1)
        limit_width(body, _WIDTH)
        middle = QWidget(self)
        across = QHBoxLayout(middle)
        across.setContentsMargins(0, 0, 0, 0)
        across.addStretch(1)
        across.addWidget(body, 6)
        across.addStretch(1)
        area = scroll_area(middle, self, sideways=True, focusable=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def _cells_card(self) -> QFrame:
        card, column = _card(tr("Cells of this case"), self)
        column.addWidget(self._cells)
        column.addWidget(self._progress)
        line = QHBoxLayout()
        line.addWidget(self._eta, 1)
        line.addWidget(self._measure)
        line.addWidget(self._add)
        column.addLayout(line)
        return card

    def _types_card(self) -> QFrame:
        card, column = _card(tr("Told apart"), self)
        column.addWidget(self._quick)
        column.addWidget(self._list)
        return card

    def _wanted_card(self) -> QFrame:
        card, column = _card(tr("Wanted"), self)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        for row, (box, before, after) in enumerate(
            (
                (
                    self._lowest,
                    tr("Balanced accuracy at least"),
                    tr("as the lower end of its 95 % interval, on the test slides"),
                ),
                (
                    self._errors,
                    tr("Wrong names at most"),
                    tr("of the cells that the model names by itself; the others go to a person"),
                ),
            )
        ):
            label = QLabel(before, card)
            label.setBuddy(box)
            rest = QLabel(after, card, wordWrap=True)
            rest.setProperty("role", "muted")
            grid.addWidget(label, row, 0)
            grid.addWidget(box, row, 1)
            grid.addWidget(rest, row, 2)
        grid.setColumnStretch(2, 1)
        column.addLayout(grid)
        return card

    # Choices

    def set_choices(self, types: Sequence[CellType], *, quick: bool, lowest: float, errors: float) -> None:
        """Show what was chosen before.

        Args:
            types: The laboratory's list.
            quick: Two types are told apart.
            lowest: Balanced accuracy, 0 to 1.
            errors: Error rate, 0 to 1.
        """
        self._types = tuple(types)
        self._list.setText(tr("All {n} types of the laboratory's list", n=number(len(types))))
        for blocked in (self._quick, self._lowest, self._errors):
            blocked.blockSignals(True)
        (self._quick if quick else self._list).setChecked(True)
        self._lowest.setValue(round(100 * lowest))
        self._errors.setValue(round(100 * errors))
        for blocked in (self._quick, self._lowest, self._errors):
            blocked.blockSignals(False)

    def types(self) -> tuple[str, ...]:
        """Return the keys of the types that are told apart."""
        if self._quick.isChecked():
            return QUICK_TYPES
        return tuple(kind.key for kind in self._types)

    def lowest_balanced(self) -> float:
        """Return the wanted lower limit of balanced accuracy, 0 to 1."""
        return self._lowest.value() / 100

    def error_rate(self) -> float:
        """Return the wanted error rate, 0 to 1."""
        return self._errors.value() / 100

    # What is shown

    def show_preparation(self, shown: Preparation) -> None:
        """Show how far the case is."""
        self._shown = shown
        self._cells.setText(self._count_words(shown))
        with QSignalBlocker(self._progress):
            self._progress.setMaximum(max(shown.cells, 1))
            self._progress.setValue(shown.measured)
        whole = bool(shown.cells) and shown.measured >= shown.cells
        self._progress.setProperty("state", "done" if whole else "" if shown.is_measuring else "paused")
        self._progress.style().polish(self._progress)
        self._eta.setText(self._eta_words(shown))
        self._measure.setVisible(bool(shown.cells) and not whole)
        self._measure.setText(tr("Pause") if shown.is_measuring else tr("Go on"))
        words = tr("Pause measuring cells") if shown.is_measuring else tr("Go on measuring cells")
        self._measure.setAccessibleName(words)
        for choice in (self._quick, self._list, self._lowest, self._errors):
            choice.setEnabled(not shown.frozen)
        note = self._note_words(shown)
        self._note.setText(note)
        self._note.setVisible(bool(note))
        if shown.frozen:
            self.begin.setText(tr("Go on with the test"))
        else:
            self.begin.setText(tr("Go on typing") if shown.typed else tr("Type cells"))
        self.begin.setEnabled(shown.measured > 0 and shown.slides > 1)
        if self._wants_focus and self.begin.isEnabled():
            self._wants_focus = False
            self.begin.setFocus()

    def set_focus(self) -> None:
        """Bring the keyboard to what is done next, as soon as it can be done."""
        self._wants_focus = not self.begin.isEnabled()
        (self.begin if self.begin.isEnabled() else self).setFocus()

    @property
    def is_measured(self) -> bool:
        """Whether every cell of the case is measured."""
        shown = self._shown
        return bool(shown.cells) and not shown.waiting and shown.measured >= shown.cells

    def sentences(self) -> str:
        """Return what is said in words."""
        labels = (self._cells, self._eta, self._note)
        return "\n".join(label.text() for label in labels if label.text())

    @staticmethod
    def _count_words(shown: Preparation) -> str:
        if not shown.cells:
            return tr("No white cells yet. Add folders of fields, a folder for each slide.")
        words = tr(
            "{cells} whole white cells on {slides} slides, {measured} of them measured.",
            cells=number(shown.cells),
            slides=number(shown.slides),
            measured=number(shown.measured),
        )
        if shown.typed:
            words += " " + tr("{n} are typed.", n=number(shown.typed))
        if shown.is_accepted:
            words += " " + tr("The last test was accepted and its model saved: Ctrl+M chooses it.")
        return words

    @staticmethod
    def _eta_words(shown: Preparation) -> str:
        if shown.waiting:
            return tr("Cells of {n} fields are still to be found.", n=number(shown.waiting))
        left = shown.cells - shown.measured
        if not shown.cells or left <= 0:
            return ""
        if not shown.is_measuring:
            return tr("{n} cells are not measured. What is measured stays.", n=number(left))
        if shown.seconds is None:
            return tr("Measuring {n} cells…", n=number(left))
        return tr("Measuring {n} cells, about {time} to go.", n=number(left), time=duration(shown.seconds))

    @staticmethod
    def _note_words(shown: Preparation) -> str:
        if shown.problem:
            return shown.problem
        if shown.frozen:
            return tr(
                "A test part is frozen: {done} of its {n} cells are typed. What is wanted stands until it is "
                "opened.",
                done=number(shown.tested),
                n=number(shown.frozen),
            )
        if shown.cells and shown.slides < _FEWEST_SLIDES:
            return tr(
                "With {n} slides no test can be passed: at least {least} are needed, of different patients; "
                "{many} are better.",
                n=number(shown.slides),
                least=_FEWEST_SLIDES,
                many=_MANY_SLIDES,
            )
        return ""

    @Slot()
    def _measuring_clicked(self) -> None:
        self.measuring_asked.emit(not self._shown.is_measuring)


def _card(title: str, parent: QWidget) -> tuple[QFrame, QVBoxLayout]:
    card = QFrame(parent)
    card.setProperty("role", "card")
    column = QVBoxLayout(card)
    column.setContentsMargins(16, 12, 16, 14)
    column.setSpacing(8)
    heading = QLabel(title, card)
    heading.setProperty("role", "subheading")
    column.addWidget(heading)
    return card, column


def _percent_box(parent: QWidget, range_: tuple[int, int, int], name: str) -> QSpinBox:
    least, most, usual = range_
    box = QSpinBox(parent, minimum=least, maximum=most, value=usual, suffix=" %")
    box.lineEdit().setTextMargins(_INDENT, 0, 0, 0)
    box.setAccessibleName(name)
    return box
