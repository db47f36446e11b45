"""Start page: what to do while there is no field to show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from allstation.core.classes import RESEARCH_USE
from allstation.core.text import shown_name
from allstation.ui.common import icons, theme
from allstation.ui.common.formatting import tip
from allstation.ui.common.i18n import tr

_RECENT_SHOWN: Final = 5
_ICON: Final = 56


def _centred(label: QLabel) -> QLabel:
    # By name, as Qt.AlignmentFlag would make all enumerations of the Qt namespace before the first paint:
    # 20 to 35 ms, a fifth of the time in which a bare window is up.
    label.setProperty("alignment", "AlignHCenter")
    return label


class StartPage(QWidget):
    """Says what to do next: open or make a case, drop fields, clear a filter.

    Args:
        parent: The window.
        recent: Cases to open again.

    Signals:
        new_asked: Make a case.
        open_asked: Open a case.
        demo_asked: Open the demo case.
        add_asked: Add a folder.
        clear_asked: Clear the filters.
        recent_asked: A case folder.
        painted: The page was painted for the first time.
    """

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
        self._seen = False
        self._frame = QFrame(self)
        self._frame.setProperty("role", "drop")
        self._icon = _centred(QLabel(self._frame))
        self._title = _centred(QLabel(self._frame))
        self._title.setProperty("role", "title")
        self._text = _centred(QLabel(self._frame, wordWrap=True))
        self._text.setProperty("role", "muted")
        self._new = QPushButton(tr("New case…"), self._frame)
        self._open = QPushButton(tr("Open case…"), self._frame)
        self._demo = QPushButton(tr("Open the demo case"), self._frame)
        self._add = QPushButton(tr("Add a folder…"), self._frame)
        self._clear = QPushButton(tr("Clear filters"), self._frame)
        self._buttons = (self._new, self._open, self._demo, self._add, self._clear)
        self._recent_title = QLabel(tr("Recent cases"), self._frame)
        self._recent_title.setProperty("role", "small")
        self._recent = QVBoxLayout()
        self._lay_out()
        for button, signal in zip(
            self._buttons,
            (self.new_asked, self.open_asked, self.demo_asked, self.add_asked, self.clear_asked),
            strict=True,
        ):
            button.clicked.connect(signal)
        self.set_recent(recent)
        self.show_no_case()
        self._fresh = False

    def _lay_out(self) -> None:
        inner = QVBoxLayout(self._frame)
        inner.setContentsMargins(40, 36, 40, 28)
        inner.setSpacing(12)
        inner.addWidget(self._icon)
        inner.addWidget(self._title)
        inner.addWidget(self._text)
        row = QHBoxLayout()
        row.addStretch(1)
        for button in self._buttons:
            row.addWidget(button)
        row.addStretch(1)
        inner.addSpacing(6)
        inner.addLayout(row)
        inner.addSpacing(8)
        inner.addWidget(self._recent_title)
        inner.addLayout(self._recent)
        notice = _centred(QLabel(RESEARCH_USE, self, wordWrap=True))
        notice.setProperty("role", "research")
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._frame, 4)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addSpacing(14)
        outer.addWidget(notice)
        outer.addStretch(3)
        self._frame.setMaximumWidth(680)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say so the first time."""
        super().paintEvent(event)
        if not self._seen:
            self._seen = True
            self.painted.emit()

    # What it can say

    def show_no_case(self) -> None:
        """There is no case."""
        self._say(
            "slide",
            tr("Look through blood smear fields"),
            tr("Drop a folder of fields anywhere on this window to start a case, or choose one below."),
            (self._new, self._open, self._demo),
        )
        self._show_recent(visible=True)

    def show_empty_case(self, *, read_only: bool) -> None:
        """The case has no fields."""
        text = tr("Drop a folder of fields, single image files, or both, anywhere on this window.")
        if read_only:
            text = tr("This case is open for looking only; fields are added where it is open for writing.")
        self._say("drop", tr("This case has no fields yet"), text, () if read_only else (self._add,))
        self._show_recent(visible=False)

    def show_filtered(self) -> None:
        """The filter hides every field."""
        self._say(
            "filter", tr("No field meets the filter"), tr("Other fields are hidden by it."), (self._clear,)
        )
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

    def _say(self, icon: str, title: str, text: str, buttons: tuple[QPushButton, ...]) -> None:
        self._icon_name = icon
        self.refresh_icons()
        self._title.setText(title)
        self._text.setText(text)
        for button in self._buttons:
            button.setVisible(button in buttons)
            button.setProperty("role", "primary" if buttons and button is buttons[0] else "")
            # What was never shown is polished when it is; the call would make the Qt namespace as well.
            if not self._fresh:
                button.style().polish(button)

    def refresh_icons(self) -> None:
        """Draw the icon in the colours of now."""
        colour = QColor(theme.tokens(self.palette()).accent)
        self._icon.setPixmap(
            icons.pixmap(self._icon_name, colour, size=_ICON, ratio=self.devicePixelRatioF())
        )
