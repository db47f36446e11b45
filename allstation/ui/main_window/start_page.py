"""Start page: three doors while there is no case, and what to do while there is no field to show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.core.classes import RESEARCH_USE
from allstation.core.text import shown_name
from allstation.ui.common import icons, theme
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.main_window.start_door import DoorText, StartDoor

_RECENT_SHOWN: Final = 5
_ICON: Final = 56
_NARROW, _WIDE = 42, 62
"""Largest width of the frame in lines of text, without doors and with them."""


def _centred(label: QLabel) -> QLabel:
    # By name, as Qt.AlignmentFlag would make all enumerations of the Qt namespace before the first paint:
    # 20 to 35 ms, a fifth of the time in which a bare window is up.
    label.setProperty("alignment", "AlignHCenter")
    return label


class _Body(QWidget):
    """Content of the page, which covers all of it.

    Signals:
        painted: For the first time.
    """

    painted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._was_painted = False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say so the first time."""
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            self.painted.emit()


class StartPage(QWidget):
    """Says what to do next: look at smears, try the demo or train; drop fields; clear a filter.

    Args:
        parent: The window.
        recent: Cases to open again.

    Signals:
        fields_asked: Choose a folder of fields and begin.
        train_asked: Train a model.
        new_asked: Make a case.
        open_asked: Open a case.
        demo_asked: Open the demo case.
        add_asked: Add a folder.
        clear_asked: Clear the filters.
        recent_asked: A case folder.
        painted: The page was painted for the first time.
    """

    fields_asked = Signal()
    train_asked = Signal()
    new_asked = Signal()
    open_asked = Signal()
    demo_asked = Signal()
    add_asked = Signal()
    clear_asked = Signal()
    recent_asked = Signal(object)
    painted = Signal()

    def __init__(self, parent: QWidget | None = None, *, recent: Sequence[Path] = ()) -> None:
        super().__init__(parent)
        self._folders: list[Path] = []
        self._fresh = True
        self._frame = QFrame(self)
        self._frame.setProperty("role", "drop")
        self._icon = _centred(QLabel(self._frame))
        self._title = _centred(QLabel(self._frame))
        self._title.setProperty("role", "title")
        self._text = _centred(QLabel(self._frame, wordWrap=True))
        self._text.setProperty("role", "muted")
        self._new = QPushButton(tr("New case…"), self._frame)
        self._open = QPushButton(tr("Open case…"), self._frame)
        self._add = QPushButton(tr("Add a folder…"), self._frame)
        self._clear = QPushButton(tr("Clear filters"), self._frame)
        self._buttons = (self._new, self._open, self._add, self._clear)
        self._doors = tuple(StartDoor(content, self._frame) for content in _door_texts())
        self._recent_title = QLabel(tr("Recent cases"), self._frame)
        self._recent_title.setProperty("role", "small")
        self._recent = QVBoxLayout()
        self._lay_out()
        for button, signal in (
            (self._new, self.new_asked),
            (self._open, self.open_asked),
            (self._add, self.add_asked),
            (self._clear, self.clear_asked),
            *zip(self._doors, (self.fields_asked, self.demo_asked, self.train_asked), strict=True),
        ):
            button.clicked.connect(signal)
        self.set_recent(recent)
        self.show_no_case()
        self._fresh = False

    def _lay_out(self) -> None:
        inner = QVBoxLayout(self._frame)
        inner.setContentsMargins(32, 28, 32, 22)
        inner.setSpacing(12)
        inner.addWidget(self._icon)
        inner.addWidget(self._title)
        inner.addWidget(self._text)
        doors = QHBoxLayout()
        doors.setSpacing(14)
        for door in self._doors:
            doors.addWidget(door, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        for button in self._buttons:
            row.addWidget(button)
        row.addStretch(1)
        inner.addSpacing(6)
        inner.addLayout(doors)
        inner.addLayout(row)
        inner.addSpacing(8)
        inner.addWidget(self._recent_title)
        inner.addLayout(self._recent)
        notice = _centred(QLabel(RESEARCH_USE, self, wordWrap=True))
        notice.setProperty("role", "research")
        self._body = body = _Body(self)
        body.painted.connect(self.painted)
        outer = QVBoxLayout(body)
        outer.addStretch(2)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._frame, 100)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addSpacing(14)
        outer.addWidget(notice)
        outer.addStretch(3)
        # Large text on a small screen is scrolled, never cut off.
        area = scroll_area(body, self, sideways=True)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        self.setFocusProxy(self._doors[0])

    def minimumSizeHint(self) -> QSize:
        """As wide as the content, which scrolls down only; the fields that take its place need the width."""
        return QSize(self._body.minimumSizeHint().width(), super().minimumSizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the door whose key was pressed."""
        door = next((one for one in self._doors if one.key == event.text() and one.isVisible()), None)
        if door is None or event.isAutoRepeat():
            super().keyPressEvent(event)
        else:
            door.click()

    # What it can say

    def show_no_case(self) -> None:
        """There is no case."""
        self._say(
            "",
            tr("What do you want to do?"),
            tr("Drop fields, folders or a scanner’s slides on this window, click, or press 1, 2 or 3."),
            (self._new, self._open),
            doors=True,
        )
        self._show_recent(visible=True)

    def show_empty_case(self, *, read_only: bool) -> None:
        """The case has no fields."""
        text = tr("Drop folders of fields, single image files or a scanner’s slides anywhere on this window.")
        if read_only:
            text = tr("This case is open for looking only; fields are added where it is open for writing.")
        self._say("drop", tr("This case has no fields yet"), text, () if read_only else (self._add,))
        self._show_recent(visible=False)

    def show_filtered(self) -> None:
        """The filter, or the slide that is chosen, hides every field."""
        text = tr("Fields of other slides, or that do not meet the filter, are hidden.")
        self._say("filter", tr("No field to show here"), text, (self._clear,))
        self._show_recent(visible=False)

    def show_busy(self, text: str) -> None:
        """Something is being prepared."""
        self._say("recent", tr("One moment…"), text, ())
        self._show_recent(visible=False)

    def set_drop_active(self, active: bool) -> None:
        """Show that what is dragged may be dropped here."""
        self._frame.setProperty("active", active)
        self._frame.style().polish(self._frame)

    def set_recent(self, folders: Sequence[Path]) -> None:
        """List cases to open again."""
        self._folders = list(folders)[:_RECENT_SHOWN]
        while (item := self._recent.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for folder in self._folders:
            button = QPushButton(shown_name(folder.name.removesuffix(".allcase")), self._frame)
            button.setProperty("role", "link")
            button.setToolTip(tip(str(folder)))
            button.clicked.connect(self._recent_clicked)
            self._recent.addWidget(button)

    def _show_recent(self, *, visible: bool) -> None:
        self._recent_title.setVisible(visible and bool(self._folders))
        for row in range(self._recent.count()):
            item = self._recent.itemAt(row)
            if item is not None and (widget := item.widget()) is not None:
                widget.setVisible(visible)

    def _recent_clicked(self) -> None:
        button = self.sender()
        for row, folder in enumerate(self._folders):
            item = self._recent.itemAt(row)
            if item is not None and item.widget() is button:
                self.recent_asked.emit(folder)

    def _say(
        self, icon: str, title: str, text: str, buttons: tuple[QPushButton, ...], *, doors: bool = False
    ) -> None:
        self._icon_name = icon
        self._icon.setVisible(bool(icon))
        self.refresh_icons()
        self._title.setText(title)
        self._text.setText(text)
        for door in self._doors:
            door.setVisible(doors)
        # Links beside doors: what most people want is behind these.
        first = "link" if doors else "primary"
        for button in self._buttons:
            button.setVisible(button in buttons)
            role = first if buttons and button is buttons[0] else "link" if doors else ""
            button.setProperty("role", role)
            # What was never shown is polished when it is; the call would make the Qt namespace as well.
            if not self._fresh:
                button.style().polish(button)

    def refresh_icons(self) -> None:
        """Draw the icons in the colours and at the size of now."""
        doors = not self._icon_name
        self._frame.setMaximumWidth(self.fontMetrics().height() * (_WIDE if doors else _NARROW))
        for door in self._doors:
            door.refresh_icon()
        if self._icon_name:
            colour = QColor(theme.tokens(self.palette()).accent)
            picture = icons.pixmap(self._icon_name, colour, size=_ICON, ratio=self.devicePixelRatioF())
            self._icon.setPixmap(picture)


def _door_texts() -> tuple[DoorText, DoorText, DoorText]:
    return (
        DoorText(
            "1",
            "slide",
            tr("Look at smears"),
            tr("Choose a folder of fields or slides, or drop it here. It makes a case; files are only read."),
        ),
        DoorText(
            "2",
            "demo",
            tr("Try the demo"),
            tr("A case of drawn fields and a short tour. Nothing of yours is touched."),
        ),
        DoorText(
            "3",
            "train",
            tr("Train a model"),
            tr("From fields sorted into classes, or sort them here first."),
        ),
    )
