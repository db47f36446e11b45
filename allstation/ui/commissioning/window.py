"""Window of the assistant: its pages, and where one is among them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from allstation.services.images.field_cache import FieldCache
from allstation.ui.commissioning.prepare_page import PreparePage
from allstation.ui.commissioning.result_page import ResultPage
from allstation.ui.commissioning.typing_page import TypingPage
from allstation.ui.common import focus_filters
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import NotificationStack
from allstation.ui.common.window_size import resize_on_screen

_SIZE: Final = (1180, 820)
_STEPS: Final = ("1  Prepare", "2  Type cells", "3  Test", "4  Result")


class Step(IntEnum):
    """Step of the assistant."""

    PREPARE = 0
    TYPE = 1
    TEST = 2
    RESULT = 3


class CommissioningWindow(QWidget):
    """Holds the pages. Closing it keeps everything; it goes on where it was.

    Attributes:
        prepare: The first page.
        typing: Cells are typed, for learning and for the test.
        result: The report.
        notifications: What is told while the window is in front.

    Signals:
        closed: The window was closed.
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None, *, files: FieldCache | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("Commissioning — ALL Station"))
        self.prepare = PreparePage(self)
        self.typing = TypingPage(self, files=files)
        self.result = ResultPage(self)
        self._pages = QStackedWidget(self)
        for page in (self.prepare, self.typing, self.result):
            self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._make_steps())
        layout.addWidget(self._pages, 1)
        self.notifications = NotificationStack(self)
        resize_on_screen(self, *_SIZE)
        focus_filters.plain_labels(self)
        self._step = Step.PREPARE
        self.show_step(Step.PREPARE)

    def _make_steps(self) -> QFrame:
        bar = QFrame(self)
        bar.setProperty("role", "bar")
        bar.setAccessibleName(tr("Steps"))
        line = QHBoxLayout(bar)
        line.setContentsMargins(18, 9, 18, 9)
        line.setSpacing(12)
        self._labels = []
        for number, text in enumerate(_STEPS):
            if number:
                between = QLabel("›", bar)
                between.setProperty("role", "muted")
                line.addWidget(between)
            label = QLabel(tr(text), bar)
            self._labels.append(label)
            line.addWidget(label)
        line.addStretch(1)
        use = QLabel(tr("For Research Use Only"), bar)
        use.setProperty("role", "research")
        line.addWidget(use)
        return bar

    @property
    def step(self) -> Step:
        """The step that is shown."""
        return self._step

    def show_step(self, step: Step) -> None:
        """Show a page and bring the keyboard to it."""
        self._step = step
        for number, label in enumerate(self._labels):
            label.setProperty("role", "subheading" if number == step else "muted")
            label.style().polish(label)
        bar = self._labels[0].parentWidget()
        if bar is not None:
            bar.setAccessibleDescription(tr(_STEPS[step]))
        if step in (Step.TYPE, Step.TEST):
            self.typing.set_testing(step is Step.TEST)
            self._pages.setCurrentWidget(self.typing)
            self.typing.stage.setFocus()
        elif step is Step.RESULT:
            self._pages.setCurrentWidget(self.result)
            self.result.set_focus()
        else:
            self._pages.setCurrentWidget(self.prepare)
            self.prepare.set_focus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close with Escape, press a button with Return, where the page has no use for these keys."""
        focused = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
        elif isinstance(focused, QPushButton):
            focused.click()
        elif self._step is Step.PREPARE:
            self.prepare.begin.click()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the assistant is left."""
        super().closeEvent(event)
        self.closed.emit()
