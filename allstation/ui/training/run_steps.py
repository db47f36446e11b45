"""Steps of a run and the buttons for what comes after it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from allstation.core.events import PHASES
from allstation.services.training.history import RunSummary
from allstation.ui.browser.tile import facing
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr

PHASE_TITLES: Final = {
    "checking": "Checking",
    "preparing": "Preparing",
    "training": "Training",
    "evaluating": "Evaluating",
    "exporting": "Exporting",
}


class PhaseSteps(QWidget):
    """The phases of a run as steps: done, current, to come. Said in words to screen readers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._current = -1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(round(self.fontMetrics().height() * 2.1))
        self.setAccessibleName(tr("Phases of the run"))

    @property
    def current(self) -> str:
        """The phase shown as current, or an empty string."""
        return PHASES[self._current] if 0 <= self._current < len(PHASES) else ""

    def set_phase(self, name: str) -> None:
        """Show a phase as current; empty for none, ``"finished"`` for all done."""
        self._current = len(PHASES) if name == "finished" else PHASES.index(name) if name in PHASES else -1
        self.setAccessibleDescription(tr(PHASE_TITLES.get(name, "")))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint circles with their names."""
        scheme = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        step = self.width() / len(PHASES)
        size = self.fontMetrics().height() * 1.25
        middle, whole = self.height() / 2, QRectF(self.rect())
        for index, name in enumerate(PHASES):
            done, now = index < self._current, index == self._current
            colour = QColor(scheme.ok if done else scheme.accent if now else scheme.border)
            x = index * step
            painter.setPen(QPen(colour, 1.6))
            painter.setBrush(colour if done or now else Qt.BrushStyle.NoBrush)
            circle = facing(painter, whole, QRectF(x + 1, middle - size / 2, size, size))
            painter.drawEllipse(circle)
            font = self.font()
            font.setBold(now)
            painter.setFont(font)
            painter.setPen(QColor(scheme.on_accent if done or now else scheme.muted))
            mark = "✓" if done else str(index + 1)
            painter.drawText(circle, int(Qt.AlignmentFlag.AlignCenter), mark)
            painter.setPen(QColor(scheme.text if now else scheme.muted))
            words = facing(painter, whole, QRectF(x + size + 8, 0, step - size - 10, self.height()))
            painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), tr(PHASE_TITLES[name]))
        painter.end()


class EndButtons(QWidget):
    """Buttons of what can be done with a run that has ended.

    Signals:
        asked: ``compare``, ``activate``, ``try`` or ``go-on``.
    """

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._compare = self._button(
            tr("Compare"), "compare", tr("Evaluate the run and compare it with others")
        )
        self._activate = self._button(
            tr("Activate…"), "activate", tr("Compare it with the model in use, then decide")
        )
        self._try = self._button(
            tr("Try It"), "try", tr("Drop any picture and see what the run's model says of it")
        )
        self._go_on = self._button(tr("Go On Training"), "go-on", tr("Train the stopped run further"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self._go_on, self._try, self._compare, self._activate):
            row.addWidget(button)
        self.hide()

    def _button(self, text: str, what: str, does: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(what)
        button.setToolTip(does)
        button.clicked.connect(self._clicked)
        return button

    def show_for(self, run: RunSummary) -> None:
        """Show what this run allows."""
        self._compare.setVisible(run.is_evaluated)
        self._activate.setVisible(run.bundle is not None)
        self._try.setVisible(run.bundle is not None)
        self._go_on.setVisible(run.can_resume and run.state == "stopped")
        self.show()

    @Slot()
    def _clicked(self) -> None:
        self.asked.emit(self.sender().objectName())
