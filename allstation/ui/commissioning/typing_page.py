"""Page of the assistant on which cells are typed, one large after the other; the test blind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.cell_types import CellType
from allstation.services.images.field_cache import FieldCache
from allstation.ui.cells.bench_keys import BenchKey, BenchWidget
from allstation.ui.commissioning.standing_card import StandingCard
from allstation.ui.commissioning.type_keys import TypeKeys
from allstation.ui.common.formatting import number
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import VerticalScrollArea
from allstation.ui.common.window_size import fix_width

_SIDE: Final = 390
_FOOT: Final = (9, 14, 9)
"""Above, right of and below the buttons at the foot."""
BETWEEN: Final = 10
"""Cells typed between two measurements."""


class TypingPage(BenchWidget):
    """Shows the cell to be named and, unless it is tested, how good the program is by now.

    Signals:
        unsure: Nobody could tell the cell.
        freeze_asked: Learning is over: a test part is to be frozen, or opened.
        back_asked: The first page is wanted.
    """

    unsure = Signal()
    freeze_asked = Signal()
    back_asked = Signal()

    def __init__(self, parent: QWidget | None = None, *, files: FieldCache | None = None) -> None:
        super().__init__(parent, files=files)
        self.types = TypeKeys(self)
        self.standing = StandingCard(self)
        self._testing = False
        self._make_words()
        self._make_buttons()
        self._lay_out()
        self.setFocusProxy(self.stage)

    def _make_words(self) -> None:
        self._total = QLabel(self)
        self._total.setProperty("role", "title")
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "muted")
        self._progress = QProgressBar(self, textVisible=False)
        self._progress.setAccessibleName(tr("Cells until the next measurement"))
        self._latest = QLabel(self)
        self._latest.setProperty("role", "muted")

    def _make_buttons(self) -> None:
        self._undo = QPushButton(tr("Take back  (Backspace)"), self)
        self._pass = QPushButton(tr("Later  (Space)"), self)
        self._pass.setToolTip(tr("Leave the cell for later; in the test it comes again at the end"))
        self._unsure = QPushButton(tr("Can’t tell  (?)"), self)
        self._unsure.setToolTip(tr("The cell is kept as unidentified: it is neither learned from nor tested"))
        self._back = QPushButton(tr("Leave  (Esc)"), self)
        self._back.setToolTip(tr("Go back to the first page; everything typed is kept"))
        self.freeze = QPushButton(self)
        for button in (self._undo, self._pass, self._unsure, self._back, self.freeze):
            # Every key is a type here: only Tab and the mouse lead to a button.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._undo.clicked.connect(self.taken_back)
        self._pass.clicked.connect(self.passed)
        self._unsure.clicked.connect(self.unsure)
        self._back.clicked.connect(self.back_asked)
        self.freeze.clicked.connect(self.freeze_asked)

    def _lay_out(self) -> None:
        side = QWidget(self)
        side.setProperty("role", "panel")
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(side)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        for part in (self._total, self._about, self._progress, self.types, self.standing):
            column.addWidget(part)
        column.addStretch(1)
        right = QWidget(self)
        right.setProperty("role", "panel")
        right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        fix_width(right, _SIDE)
        rows = QVBoxLayout(right)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(VerticalScrollArea(side, self), 1)
        line = QHBoxLayout()
        line.setContentsMargins(14, *_FOOT)
        line.addWidget(self.freeze, 1)
        rows.addLayout(line)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.stage, 1)
        left.addWidget(self._foot())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(left, 1)
        layout.addWidget(right)

    def _foot(self) -> QWidget:
        foot = QWidget(self)
        foot.setProperty("role", "panel")
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = QHBoxLayout(foot)
        line.setContentsMargins(14, *_FOOT)
        line.addWidget(self._latest, 1)
        for button in (self._undo, self._pass, self._unsure, self._back):
            line.addWidget(button)
        return foot

    # What is shown

    @property
    def is_testing(self) -> bool:
        """Whether the cells of the test are typed."""
        return self._testing

    def set_testing(self, on: bool) -> None:
        """Show the page for learning, or for the test: without any figure."""
        self._testing = on
        self.standing.setVisible(not on)
        name = tr("Typed cells of the test") if on else tr("Cells until the next measurement")
        self._progress.setAccessibleName(name)
        self.set_ready(ready=False)

    def set_types(self, types: Sequence[CellType]) -> None:
        """Show which keys there are."""
        self.types.set_types(types)

    def set_ready(self, *, ready: bool, enabled: bool = False) -> None:
        """Offer to freeze, or to open, the test.

        Args:
            ready: It is what should be done now.
            enabled: It can be done.
        """
        text = tr("Open the test  (Ctrl+Return)") if self._testing else tr("Freeze and test  (Ctrl+Return)")
        self.freeze.setText(text)
        self.freeze.setEnabled(enabled)
        self.freeze.setProperty("role", "primary" if ready and enabled else "")
        self.freeze.style().polish(self.freeze)

    def show_learning(self, typed: int, *, since: int, reviewer: str) -> None:
        """Show how many cells are typed, and how many since the last measurement."""
        self._total.setText(tr("{n} cells typed", n=number(typed)))
        self._about.setText(tr("by {who}; measured after every ten", who=reviewer))
        self._progress.setMaximum(BETWEEN)
        self._progress.setValue(min(since, BETWEEN))

    def show_test(self, done: int, total: int, *, reviewer: str) -> None:
        """Show how many cells of the test are typed."""
        self._total.setText(tr("Test: {n} of {total}", n=number(done), total=number(total)))
        self._about.setText(
            tr(
                "Typed blind by {who}, on slides that nothing was learned from. No proposals, and no figures "
                "before the test is opened; it is opened once.",
                who=reviewer,
            )
        )
        self._progress.setMaximum(max(total, 1))
        self._progress.setValue(done)

    def show_latest(self, text: str) -> None:
        """Say what was done last."""
        self._latest.setText(text)

    def sentences(self) -> str:
        """Return everything that is said in words."""
        own = "\n".join(label.text() for label in (self._total, self._about, self._latest))
        return own if self._testing else f"{own}\n{self.standing.sentences()}"

    # Keys

    def handle_key(self, meaning: BenchKey) -> bool:
        """Go back, leave the cell untold, or freeze."""
        if meaning is BenchKey.END:
            self.back_asked.emit()
        elif meaning is BenchKey.UNSURE:
            self.unsure.emit()
        elif meaning is BenchKey.GO and self.freeze.isEnabled():
            self.freeze_asked.emit()
        else:
            return False
        return True
