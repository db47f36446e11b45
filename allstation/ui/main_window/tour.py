"""Tour: a short walk through the window on the demo case, never in the way and never twice unasked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from allstation.processing.status_types import CaseInfo
from allstation.ui.browser.panel import BrowserPanel
from allstation.ui.case.controller import CaseController
from allstation.ui.common import theme
from allstation.ui.common.actions import Action
from allstation.ui.common.docks import raise_dock
from allstation.ui.common.i18n import tr
from allstation.ui.context import AppContext

_WIDTH: Final = 340
_GAP: Final = 14


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop of the tour.

    Attributes:
        title: A few words.
        text: One to three sentences.
        target: Name of the widget it is about.
    """

    title: str
    text: str
    target: str


STOPS: Final = (
    Stop(
        "Slides and fields",
        "Slides stand above, their fields below. Filters and orders bring up what matters first; "
        "Ctrl+2 shows a table instead of thumbnails.",
        "browser",
    ),
    Stop(
        "What the network says",
        "The card shows the decision and how sure the network is. E shows where in the field it found "
        "its class, L outlines the white cells. The wheel zooms, dragging pans.",
        "viewer",
    ),
    Stop(
        "Your decision",
        "Space confirms, 1 to 4 set a class, R asks for another look, C comments, U goes to the next field "
        "nobody reviewed. Ctrl+Z takes back anything.",
        "review",
    ),
    Stop(
        "What it comes to",
        "Fractions with their intervals, what is still open, and how far you and the network agree. "
        "Click a bar to see its fields.",
        "summary",
    ),
    Stop(
        "Everything else",
        "Ctrl+Shift+P finds any action by typing a few letters, F1 lists the keys, Ctrl+E makes the report. "
        "Drop a folder of your own fields on the window to begin.",
        "menus",
    ),
)


class TourCard(QFrame):
    """One stop in words, with Back, Next and Skip. Takes the keyboard only by Tab."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setProperty("role", "card")
        self.setAccessibleName(tr("Tour"))
        self.step = QLabel(self)
        self.step.setProperty("role", "small")
        self.title = QLabel(self, wordWrap=True)
        self.title.setProperty("role", "heading")
        self.text = QLabel(self, wordWrap=True)
        self.skip = QPushButton(tr("Skip the tour"), self)
        self.skip.setProperty("role", "link")
        self.back = QPushButton(tr("Back"), self)
        self.next = QPushButton(tr("Next"), self)
        self.next.setProperty("role", "primary")
        for button in (self.skip, self.back, self.next):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        for label in (self.step, self.title, self.text):
            layout.addWidget(label)
        layout.addSpacing(6)
        row = QHBoxLayout()
        row.addWidget(self.skip)
        row.addStretch(1)
        row.addWidget(self.back)
        row.addWidget(self.next)
        layout.addLayout(row)
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the tour with Escape, once the keyboard is here."""
        if event.key() == Qt.Key.Key_Escape:
            self.skip.click()
        else:
            super().keyPressEvent(event)


class _Frame(QWidget):
    """A line around what the tour speaks of; the mouse goes through it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.tokens(self.palette()).accent), 3))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 8, 8)
        painter.end()


class Tour(QObject):
    """Shows the stops one after the other; started by the first demo case, or from the menu.

    Args:
        context: Services and state.
        window: What the tour is drawn over.
        case: Opens the demo case.
        browser: Gets the keyboard at the end.
        targets: What the stops are about, by name.
    """

    def __init__(
        self,
        context: AppContext,
        window: QWidget,
        *,
        case: CaseController,
        browser: BrowserPanel,
        targets: Mapping[str, QWidget],
    ) -> None:
        super().__init__(window)
        self._context = context
        self._settings = context.settings
        self._case = case
        self._browser = browser
        self._targets = targets
        self._window = window
        self._at = -1
        self._asked = False
        self.card = TourCard(window)
        self._frame = _Frame(window)
        self.card.next.clicked.connect(self._next)
        self.card.back.clicked.connect(self._back)
        self.card.skip.clicked.connect(self.end)
        context.session.opened.connect(self._case_opened)
        context.session.worker.closed.connect(self._closed)
        case.preparing.connect(self._demo_asked)
        window.installEventFilter(self)

    def actions(self) -> tuple[Action, ...]:
        """Offer the tour."""
        # fmt: off
        return (
            Action("help.tour", "&Tour", self.start, "Ctrl+F1",
                   "A short walk through the window on the demo case", menu="&Help", place=120),
        )
        # fmt: on

    @property
    def is_on(self) -> bool:
        """Whether a stop is shown."""
        return self._at >= 0

    @Slot()
    def start(self) -> None:
        """Begin at the first stop; without a case the demo case is opened for it."""
        if not self._context.has_case():
            self._settings.change(tour_done=False)
            self._case.open_demo()
            return
        self._show(0)
        self.card.next.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def end(self) -> None:
        """Stop, and do not begin again unasked."""
        had_keyboard = self.card.isAncestorOf(self._window.focusWidget() or self._window)
        self._at = -1
        self.card.hide()
        self._frame.hide()
        self._settings.change(tour_done=True)
        if had_keyboard:
            self._browser.focus_view()

    @Slot(str)
    def _demo_asked(self, _text: str) -> None:
        self._asked = True

    @Slot(object)
    def _case_opened(self, _info: CaseInfo) -> None:
        if self._asked and not self._settings.value.tour_done:
            self._show(0)
        self._asked = False

    @Slot()
    def _closed(self) -> None:
        if self.is_on:
            self.end()

    @Slot()
    def _next(self) -> None:
        if self._at + 1 < len(STOPS):
            self._show(self._at + 1)
        else:
            self.end()

    @Slot()
    def _back(self) -> None:
        self._show(max(self._at - 1, 0))

    def _show(self, at: int) -> None:
        self._at = at
        stop, last = STOPS[at], at + 1 == len(STOPS)
        raise_dock(self._targets[stop.target])
        self.card.step.setText(tr("Tour, {n} of {all}", n=at + 1, all=len(STOPS)))
        self.card.title.setText(tr(stop.title))
        self.card.text.setText(tr(stop.text))
        self.card.next.setText(tr("Done") if last else tr("Next"))
        self.card.back.setEnabled(at > 0)
        self.card.skip.setVisible(not last)
        self._frame.show()
        self.card.show()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size and its panels."""
        if self.is_on and event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        """Stand beside what is spoken of, on the side where there is room."""
        window = self._window
        target = self._targets[STOPS[self._at].target]
        area = QRect(target.mapTo(window, QPoint(0, 0)), target.size())
        self._frame.setGeometry(area)
        width = min(_WIDTH, window.width() - 2 * _GAP)
        self.card.setFixedWidth(width)
        layout = self.card.layout()
        wanted = layout.totalHeightForWidth(width) if layout is not None else 0
        height = max(wanted, self.card.sizeHint().height() if wanted <= 0 else wanted)
        self.card.resize(width, height)
        room = window.rect().adjusted(_GAP, _GAP, -_GAP, -_GAP)
        at = QPoint(area.right() + _GAP, area.top() + 40)
        if at.x() + width > room.right():
            at.setX(area.left() - _GAP - width)
        if at.x() < room.left():
            at = QPoint(area.center().x() - width // 2, min(area.bottom() + _GAP, area.bottom() - height))
        if area.height() < height:
            at.setY(area.bottom() + _GAP)
        at.setX(min(max(at.x(), room.left()), max(room.right() - width, room.left())))
        at.setY(min(max(at.y(), room.top()), max(room.bottom() - height, room.top())))
        self.card.move(at)
        self._frame.raise_()
        self.card.raise_()
