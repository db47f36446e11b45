"""Strip below the gallery: proposals of the typer that learns from typed cells, and how good it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr

ENOUGH: Final = 30
"""Typed cells from which on types are proposed (``core.typer.model.FEWEST_CELLS``, which loads NumPy)."""
_DETAILS: Final = 170


@dataclass(frozen=True, slots=True)
class TypeFigure:
    """Recall of the typer for one type, with slides or patients kept apart.

    Attributes:
        name: Of the type.
        cells: Typed cells of it.
        share: That were given the right type, 0 to 1.
        low: Lower end of the 95 % interval; None where there is one slide only.
        high: Upper end.
    """

    name: str
    cells: int
    share: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TyperState:
    """State that the strip shows.

    Attributes:
        typed: Cells that a person typed.
        total: Cells of the case.
        proposed: Cells with a proposal that nobody typed.
        on: Proposals are made.
        busy: What is being done; empty for nothing.
        problem: Why there are no proposals.
        figures: Sentence about the cross-validated figures; empty without.
        types: Figures of each type.
    """

    typed: int = 0
    total: int = 0
    proposed: int = 0
    on: bool = False
    busy: str = ""
    problem: str = ""
    figures: str = ""
    types: Sequence[TypeFigure] = ()


class TyperStrip(QFrame):
    """Switches proposals on and off, shows their figures, accepts and clears them.

    Signals:
        toggled: Proposals are wanted, or not.
        unsure_asked: The least sure cells come first.
        accept_asked: The proposals of the selected cells are right.
        clear_asked: No proposals any more.
    """

    toggled = Signal(bool)
    unsure_asked = Signal()
    accept_asked = Signal()
    clear_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "footer")
        self._state = TyperState()
        self._hidden = False
        self._can_write = False
        self._on = QCheckBox(tr("Proposals"), self)
        self._on.setToolTip(
            tr("Propose types for cells that nobody typed, learned from those that were. Never counted.")
        )
        self._status = QLabel(self, wordWrap=True)
        self._status.setProperty("role", "small")
        self._more = QToolButton(self)
        self._more.setText(tr("Figures"))
        self._more.setCheckable(True)
        self._more.setToolTip(
            tr("How often proposals were right for each type, with slides or patients kept apart")
        )
        self._unsure = QPushButton(tr("Least sure first"), self)
        self._accept = QPushButton(tr("Accept selected"), self)
        self._accept.setToolTip(tr("Type the selected cells as proposed: then it is your typing"))
        self._clear = QPushButton(tr("Clear"), self)
        self._clear.setToolTip(tr("Take all proposals away"))
        self._table = QWidget(self)
        self._rows = QGridLayout(self._table)
        self._area = QScrollArea(self)
        self._lay_out()
        self._connect()
        self.show_state(self._state)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self._on)
        line.addWidget(self._status, 1)
        line.addWidget(self._more)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for button in (self._unsure, self._accept, self._clear):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._rows.setContentsMargins(4, 2, 4, 2)
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(2)
        self._area.setWidget(self._table)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setMaximumHeight(_DETAILS)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 5, 8, 6)
        layout.setSpacing(4)
        layout.addLayout(line)
        layout.addWidget(self._area)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self._on.clicked.connect(self.toggled)
        self._more.toggled.connect(self._show_details)
        self._unsure.clicked.connect(self.unsure_asked)
        self._accept.clicked.connect(self.accept_asked)
        self._clear.clicked.connect(self.clear_asked)

    # What is shown

    def show_state(self, state: TyperState) -> None:
        """Show how many cells are typed, what is done, and how good proposals were."""
        changed = state.types != self._state.types
        self._state = state
        with QSignalBlocker(self._on):
            self._on.setChecked(state.on)
        self._status.setText(self._words())
        self._enable()
        self._more.setVisible(bool(state.types) and not self._hidden)
        if changed:
            self._fill(state.types)
        self._show_details()

    def set_writable(self, on: bool) -> None:
        """Offer proposals, or only looking."""
        self._can_write = on
        self._enable()

    def set_blind(self, on: bool) -> None:
        """Offer nothing: proposals tell what others said."""
        self._hidden = on
        self.show_state(self._state)

    def status(self) -> str:
        """Return what the strip says."""
        return self._status.text()

    def _enable(self) -> None:
        state = self._state
        able = self._can_write and not self._hidden
        self._on.setEnabled(able and (state.on or state.typed >= ENOUGH))
        some = able and state.proposed > 0
        for button in (self._unsure, self._accept, self._clear):
            button.setEnabled(some)
            button.setVisible(state.proposed > 0 and not self._hidden)

    def _words(self) -> str:
        state = self._state
        if self._hidden:
            return tr("Hidden in blind review: proposals are learned from what others said.")
        typed = tr("{n} of {total} cells typed.", n=number(state.typed), total=number(state.total))
        if state.problem:
            return f"{typed} {state.problem}"
        if state.busy:
            return f"{typed} {state.busy}"
        if state.typed < ENOUGH:
            more = ENOUGH - state.typed
            return f"{typed} " + tr("Types are proposed from {n} on: {more} more.", n=ENOUGH, more=more)
        if not state.on:
            return f"{typed} " + tr("Switch proposals on to have the rest typed for you to check.")
        return " ".join(filter(None, (typed, state.figures)))

    def _fill(self, figures: Sequence[TypeFigure]) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for row, one in enumerate(figures):
            share = tr("{share} right", share=percent(one.share, digits=0))
            if one.low is not None and one.high is not None:
                ends = percent(one.low, digits=0), percent(one.high, digits=0)
                share += tr(" ({low} to {high})", low=ends[0], high=ends[1])
            for column, text in enumerate((one.name, tr("n = {n}", n=number(one.cells)), share)):
                label = QLabel(text, self._table)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setProperty("role", "small")
                self._rows.addWidget(label, row, column)
        self._rows.setColumnStretch(3, 1)

    @Slot()
    def _show_details(self) -> None:
        self._area.setVisible(self._more.isChecked() and bool(self._state.types) and not self._hidden)
