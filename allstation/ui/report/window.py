"""The window of the report: choices on the left, its pages on the right."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.classes import RESEARCH_USE
from allstation.services.settings import SettingsFile
from allstation.ui.common import focus_filters, icons, theme
from allstation.ui.common.formatting import number, together
from allstation.ui.common.i18n import tr
from allstation.ui.common.notifications import NotificationStack
from allstation.ui.common.scrolling import VerticalScrollArea
from allstation.ui.common.window_size import fix_width, resize_on_screen
from allstation.ui.report.form import ReportForm
from allstation.ui.report.pages import PageView

_SIZE: Final = (1180, 860)
_FORM_WIDTH: Final = 344


class ReportWindow(QWidget):
    """Holds the form and the pages. Closing it hides it.

    Signals:
        export_asked: The person wants the report as it is shown.
        shown: It came to the front; its pages should be those of now.
    """

    export_asked = Signal()
    shown = Signal()

    def __init__(self, settings: SettingsFile, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("Report — ALL Station"))
        resize_on_screen(self, *_SIZE)
        self.form = ReportForm(settings, self)
        self.pages = PageView(self)
        self.export = QPushButton(tr("&Export PDF…"), self)
        self.export.setProperty("role", "primary")
        self.export.clicked.connect(self.export_asked)
        self._message = QLabel(self, wordWrap=True)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("Progress of the pages"))
        self._place = QLabel(self)
        self._scale = QLabel(self)
        self._buttons: list[tuple[QToolButton, str]] = []
        self._lay_out()
        self.notifications = NotificationStack(self)
        self.pages.page_changed.connect(self._page_changed)
        self.pages.scale_changed.connect(self._scale_changed)
        for key in (QKeySequence.StandardKey.Close, QKeySequence.StandardKey.Cancel):
            QShortcut(QKeySequence(key), self, self.close)
        self.refresh_icons()
        focus_filters.no_drops_into_text(self)
        focus_filters.plain_labels(self)
        self.show_busy("")

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._left())
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self._top())
        right.addWidget(self.pages, 1)
        layout.addLayout(right, 1)

    def _left(self) -> QWidget:
        side = QFrame(self)
        side.setProperty("role", "panel")
        fix_width(side, _FORM_WIDTH)
        foot = QFrame(side)
        foot.setProperty("role", "footer")
        under = QVBoxLayout(foot)
        under.setContentsMargins(18, 10, 18, 12)
        under.setSpacing(8)
        use = QLabel(RESEARCH_USE, foot, wordWrap=True)
        use.setProperty("role", "research")
        self._message.setProperty("role", "small")
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        under.addWidget(self._message)
        under.addWidget(self._bar)
        under.addWidget(self.export)
        under.addWidget(use)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(VerticalScrollArea(self.form, side), 1)
        column.addWidget(foot)
        return side

    def _top(self) -> QWidget:
        bar = QFrame(self)
        bar.setProperty("role", "bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 5, 12, 5)
        row.addWidget(self._place)
        row.addStretch(1)
        for name, text, does in (
            ("zoom-out", tr("Smaller  (-)"), self._smaller),
            ("zoom-in", tr("Larger  (+)"), self._larger),
        ):
            row.addWidget(self._button(name, text, does))
            if name == "zoom-out":
                row.addWidget(self._scale)
        for text, does in (
            (tr("Page width"), self.pages.fit_width),
            (tr("Whole page"), self.pages.fit_page),
        ):
            button = QToolButton(bar)
            button.setText(text)
            button.clicked.connect(does)
            row.addWidget(button)
        fix_width(self._scale, self._scale.fontMetrics().horizontalAdvance("400.0 %"))
        self._scale.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return bar

    def _button(self, icon: str, text: str, does: object) -> QToolButton:
        button = QToolButton(self)
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.clicked.connect(does)
        self._buttons.append((button, icon))
        return button

    def refresh_icons(self) -> None:
        """Draw the icons in the colours of now."""
        for button, name in self._buttons:
            button.setIcon(icons.icon(name, self.palette()))
        self.notifications.refresh()

    @Slot()
    def _smaller(self) -> None:
        self.pages.zoom(-1)

    @Slot()
    def _larger(self) -> None:
        self.pages.zoom(1)

    @Slot(int, int)
    def _page_changed(self, page: int, count: int) -> None:
        text = tr("Page {page} of {count}", page=number(page), count=number(count)) if count else ""
        self._place.setText(text)

    @Slot(float)
    def _scale_changed(self, scale: float) -> None:
        self._scale.setText(together(f"{number(round(100 * scale))} %"))

    def show_busy(self, text: str) -> None:
        """Say what is under way; nothing is if the text is empty."""
        self._bar.setVisible(bool(text))
        self.say(text)

    def say(self, text: str, *, problem: bool = False) -> None:
        """Say something about the report above the button."""
        self._message.setText(text)
        self._message.setVisible(bool(text))
        theme.restyle(self._message, "role", "danger" if problem else "small")

    @property
    def message(self) -> str:
        """Sentence above the button."""
        return self._message.text()

    def showEvent(self, event: QShowEvent) -> None:
        """Have the pages made anew: the case may have changed meanwhile."""
        super().showEvent(event)
        if not event.spontaneous():
            self.shown.emit()
