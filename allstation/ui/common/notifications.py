"""Notifications in a corner of a window: they say what happened and never take the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsDropShadowEffect,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from allstation.ui.common import icons, theme
from allstation.ui.common.i18n import tr

FIELDS: Final = "fields"
"""Topic of messages about fields that left the case or came back to it; the last one tells it all."""
_SHOWN: Final = 3
_STAY: Final = 8_000
_STAY_LONGER: Final = 20_000
_SHADOW: Final = 12
_BETWEEN: Final = 6
_ABOVE: Final = 56
"""Height of what the notifications must leave free at the bottom: the strip of the viewer."""
_WIDTH: Final = 400


class Level(StrEnum):
    """Severity of a notification; also the name of its icon."""

    INFO = "info"
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notification:
    """Notification: a message and its action.

    Attributes:
        level: How much it matters; errors stay until closed.
        text: One or two sentences.
        action: Text of a button, or empty.
        do: What the button calls.
        details: What *Copy details* puts on the clipboard, or empty.
        topic: A message takes the place of an earlier one of its topic; empty for none.
    """

    level: Level
    text: str
    action: str = ""
    do: Callable[[], object] | None = None
    details: str = ""
    topic: str = ""


class Notifier(QObject):
    """Posts notifications from anywhere to the main window.

    Signals:
        posted: A :class:`Notification`.
        withdrawn: Topic of which nothing is to be said any more.
    """

    posted = Signal(object)
    withdrawn = Signal(str)

    def withdraw(self, topic: str) -> None:
        """Take away what was said about a topic that is over."""
        self.withdrawn.emit(topic)

    @Slot(object)
    def post(self, notification: Notification) -> None:
        """Show a notification."""
        self.posted.emit(notification)

    @Slot(str)
    def info(self, text: str) -> None:
        """Show what matters now but is no fault."""
        self.post(Notification(Level.INFO, text))

    def warn(self, text: str, *, topic: str = "") -> None:
        """Show why something was not done."""
        self.post(Notification(Level.WARNING, text, topic=topic))


class NotificationStack(QWidget):
    """Stacks notifications in the lower right corner of its window.

    Args:
        window: The window; followed when it is resized.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._cards: list[_Card] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(_SHADOW, _SHADOW, _SHADOW, _SHADOW)
        self._column.setSpacing(8)
        self.setAccessibleName(tr("Messages"))
        self.hide()
        window.installEventFilter(self)

    @Slot(object)
    def show_notification(self, notification: Notification) -> None:
        """Show a message; the same one twice in a row counts once."""
        if self._cards and self._cards[-1].notification.text == notification.text:
            self._cards[-1].stay()
            return
        if notification.topic:
            self.withdraw(notification.topic)
        card = _Card(notification, self)
        self._cards.append(card)
        self._column.addWidget(card)
        while len(self._cards) > _SHOWN:
            self.remove(self._cards[0])
        self.show()
        self.raise_()
        self._place()

    @Slot(str)
    def withdraw(self, topic: str) -> None:
        """Take the messages about a topic away."""
        for card in [card for card in self._cards if card.notification.topic == topic]:
            self.remove(card)

    def texts(self) -> list[str]:
        """Return what is shown, the oldest first."""
        return [card.notification.text for card in self._cards]

    def remove(self, card: _Card) -> None:
        """Take one away."""
        if card in self._cards:
            self._cards.remove(card)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.setVisible(bool(self._cards))
        self._place()

    def clear(self) -> None:
        """Take all away."""
        for card in list(self._cards):
            self.remove(card)

    def refresh(self) -> None:
        """Draw the icons in the colours of now."""
        for card in self._cards:
            card.refresh()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size."""
        if event.type() == QEvent.Type.Resize and self._cards:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        window = self.parentWidget()
        if window is None or not self._cards:
            return
        width = min(_WIDTH, window.width() - 24)
        for card in self._cards:
            # The column would share out the room by what the hints guess, and cut one text for another.
            card.setFixedHeight(card.height_for(width))
        height = sum(card.height() for card in self._cards)
        height += self._column.spacing() * (len(self._cards) - 1) + 2 * _SHADOW
        top = max(8, window.height() - height - _ABOVE)
        outer = width + 2 * _SHADOW
        self.setFixedWidth(outer)
        self.setGeometry(window.width() - outer - 4, top, outer, height)


class _Card(QFrame):
    def __init__(self, notification: Notification, stack: NotificationStack) -> None:
        super().__init__(stack)
        self.notification = notification
        self._stack = stack
        self.setProperty("role", "card")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._icon = QLabel(self)
        self._text = QLabel(notification.text, self, textFormat=Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._text.setContentsMargins(0, 2, 0, 0)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._close = QToolButton(self)
        self._close.setAccessibleName(tr("Close this message"))
        self._close.setToolTip(tr("Close this message"))
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.clicked.connect(self._closed)
        self._timer = QTimer(self, singleShot=True, interval=_STAY)
        self._timer.timeout.connect(self._closed)
        self._lay_out()
        shadow = QGraphicsDropShadowEffect(self, blurRadius=18, xOffset=0, yOffset=3)
        shadow.setColor(QColor(0, 0, 0, 70))
        self.setGraphicsEffect(shadow)
        self.refresh()
        self.stay()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icons in the colours of now, in whichever window this is."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.layout() is not None:
            self.refresh()

    def stay(self) -> None:
        """Begin the time again after which it goes; errors stay."""
        if self.notification.level is Level.WARNING:
            self._timer.start(_STAY_LONGER)
        elif self.notification.level is not Level.ERROR:
            self._timer.start(_STAY)

    def height_for(self, width: int) -> int:
        """Return the height that the text needs at a width; the size hint guesses too much."""
        layout = self.layout()
        if layout is None:
            return self.sizeHint().height()
        for part in (self, *self.findChildren(QWidget)):
            part.ensurePolished()  # before a card is shown, hints do not know the style sheet
        margins, gap = layout.contentsMargins(), layout.spacing()
        beside = self._icon.sizeHint().width() + self._close.sizeHint().width() + 2 * gap
        room = width - margins.left() - margins.right() - beside - 2 * self.frameWidth()
        links = [link.sizeHint().height() + _BETWEEN for link in self.findChildren(QPushButton)]
        inner = max(self._text.heightForWidth(room) + max(links, default=0), self._close.sizeHint().height())
        return inner + margins.top() + margins.bottom() + 2 * self.frameWidth()

    def refresh(self) -> None:
        """Draw the icons in the colours of now."""
        scheme = theme.tokens(self.palette())
        colours = {
            Level.INFO: scheme.accent,
            Level.OK: scheme.ok,
            Level.WARNING: scheme.warning,
            Level.ERROR: scheme.danger,
        }
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(
            icons.pixmap(self.notification.level.value, QColor(colours[self.notification.level]), ratio=ratio)
        )
        self._close.setIcon(icons.icon("close", self.palette()))

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 8, 10)
        layout.setSpacing(10)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(_BETWEEN)
        column.addWidget(self._text)
        row = QHBoxLayout()
        if self.notification.action:
            row.addWidget(self._text_button(self.notification.action, self._acted))
        if self.notification.details:
            row.addWidget(self._text_button(tr("Copy details"), self._copied))
        if row.count():
            row.addStretch(1)
            column.addLayout(row)
        layout.addLayout(column, 1)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)

    def _text_button(self, text: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setProperty("role", "link")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(slot)
        return button

    def _acted(self) -> None:
        if self.notification.do is not None:
            self.notification.do()
        self._closed()

    def _copied(self) -> None:
        QGuiApplication.clipboard().setText(self.notification.details)

    def _closed(self) -> None:
        self._timer.stop()
        self._stack.remove(self)
