"""Strip above the field: how far a slide is looked through, and what was proposed; it asks nothing."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QToolButton, QWidget

from allstation.ui.common import icons
from allstation.ui.common.formatting import duration, number, short_name
from allstation.ui.common.i18n import tr

_NAME: Final = 36
_BAR: Final = 120
SHOW: Final = "show"
ALL: Final = "all"
CANCEL: Final = "cancel"
OTHER: Final = "other"
PAGES: Final = "pages"
STOP: Final = "stop"


class ProposalBar(QFrame):
    """Says what became of a dropped slide and offers other numbers of fields.

    Signals:
        asked: What is wanted: :data:`SHOW`, :data:`ALL`, :data:`CANCEL`, :data:`OTHER`, :data:`PAGES` or
            :data:`STOP`.
        closed: It was put away.
    """

    asked = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide.proposals")
        self.setProperty("role", "bar")
        self._words = QLabel("", self)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._progress = QProgressBar(self)
        self._progress.setRange(0, 100)
        self._progress.setFixedWidth(_BAR)
        self._progress.setTextVisible(False)
        self._buttons: dict[str, QPushButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 6, 4)
        layout.setSpacing(6)
        layout.addWidget(self._words, 1)
        layout.addWidget(self._progress)
        for key, text in (
            (SHOW, tr("Show on slide")),
            (ALL, tr("All fields")),
            (CANCEL, tr("Cancel the rest")),
            (OTHER, tr("Other number…")),
            (PAGES, tr("Take every page")),
            (STOP, tr("Cancel")),
        ):
            button = QPushButton(text, self)
            button.setProperty("role", "link")
            button.setObjectName(f"slide.proposals.{key}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(self._clicked)
            self._buttons[key] = button
            layout.addWidget(button)
        self._close = QToolButton(self)
        self._close.setAccessibleName(tr("Close this message"))
        self._close.setToolTip(tr("Close this message"))
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.clicked.connect(self._put_away)
        layout.addWidget(self._close)
        self._draw()
        self._offer()
        self.hide()

    @property
    def text(self) -> str:
        """Text of the strip."""
        return self._words.text()

    def show_search(self, name: str, share: float, left: float | None = None) -> None:
        """Say that a slide is looked through.

        Args:
            name: Of the slide's file.
            share: How far that is, 0 to 1.
            left: Seconds that it still takes; None where that is not known yet.
        """
        words = tr("The best places on {name} are looked for…", name=short_name(name, _NAME))
        if left is not None:
            words += " " + tr("about {time} left", time=duration(left))
        self._words.setText(words)
        self._progress.setValue(round(100 * share))
        self._offer(STOP)
        self._progress.show()
        self.show()

    def show_proposal(self, name: str, fields: int, *, note: str = "", all_taken: bool = False) -> None:
        """Say how many fields are proposed.

        Args:
            name: Of the slide's file.
            fields: How many.
            note: A sentence about the scale, or nothing.
            all_taken: Every place with cells is among them.
        """
        name = short_name(name, _NAME)
        if not fields:
            words = tr("No place with cells was found on {name}.", name=name)
        elif fields == 1:
            words = tr("1 field of {name} is proposed.", name=name)
        else:
            words = tr("{n} fields of {name} are proposed.", n=number(fields), name=name)
        self._words.setText(f"{words} {_without_count(note, fields)}".strip())
        self._offer(
            SHOW,
            *((CANCEL,) if all_taken and fields else ()),
            *(() if all_taken else (ALL,)),
            OTHER,
        )
        self.show()

    def show_pages(self, name: str, pages: int) -> None:
        """Say that a file has several pages, of which the first is a field."""
        self._words.setText(
            tr(
                "{name} has {n} pages; the first one is a field.",
                name=short_name(name, _NAME),
                n=number(pages),
            )
        )
        self._offer(PAGES)
        self.show()

    @property
    def is_searching(self) -> bool:
        """Whether it says that a slide is looked through."""
        return not self._progress.isHidden()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon in the colours of now."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _offer(self, *keys: str) -> None:
        self._progress.hide()
        for key, button in self._buttons.items():
            button.setVisible(key in keys)

    def _draw(self) -> None:
        self._close.setIcon(icons.icon("close", self.palette()))

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        key = next((key for key, one in self._buttons.items() if one is button), "")
        if key:
            self.asked.emit(key)

    @Slot()
    def _put_away(self) -> None:
        self.hide()
        self.closed.emit()


def _without_count(note: str, fields: int) -> str:
    """Return a note without a first sentence that only says again how many fields there are."""
    first, _, rest = note.partition(". ")
    return rest if first.startswith(f"{fields:,} field") else note
