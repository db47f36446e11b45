"""Summary panel of a slide or case: shares with intervals, open fields, agreement, poor quality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDockWidget, QLabel, QVBoxLayout, QWidget

from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW
from allstation.core.decision import Reason
from allstation.core.filters import FieldFilter
from allstation.core.place_shares import PlaceShares
from allstation.core.records import FieldState
from allstation.core.summary import Agreement, Tally, agreement, shares
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import VerticalScrollArea
from allstation.ui.summary.place_words import place_parts
from allstation.ui.summary.share_bars import Bar, BarButton, ShareBars
from allstation.ui.viewer.card_content import REASON_TEXTS

_POOR: Final = (
    (str(Reason.BLURRED), "Blurred", FieldFilter(reason=Reason.BLURRED)),
    (str(Reason.NO_WHITE_CELLS), "No white cells found", FieldFilter(reason=Reason.NO_WHITE_CELLS)),
    (str(FieldState.FAILED), "Could not be read", FieldFilter(state=FieldState.FAILED)),
)


class SummaryPanel(QWidget):
    """Figures of a slide or of the case. A click on a bar shows the fields behind it.

    Attributes:
        is_seen: Whether a person can see it: not hidden, and not behind another tab.

    Signals:
        wanted: It can be seen now and needs figures.
        filter_asked: The :class:`FieldFilter` of a bar.
    """

    wanted = Signal()
    filter_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = CLASS_NAMES
        self._built = False
        self._stretched = False
        self._dock: QDockWidget | None = None
        self.is_seen = False
        self._keyboard_wanted = False
        self._places: list[tuple[QLabel, QLabel]] = []

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for figures, or listen to the dock: behind another tab a panel counts as shown."""
        super().showEvent(event)
        dock = self.parent()
        if not isinstance(dock, QDockWidget):
            self._visibility_changed(visible=True)
        elif dock is not self._dock:
            self._dock = dock
            dock.visibilityChanged.connect(self._visibility_changed)

    @Slot(bool)
    def _visibility_changed(self, visible: bool) -> None:
        self.is_seen = visible
        if visible:
            self._build()
            self.wanted.emit()

    def set_classes(self, names: Sequence[str]) -> None:
        """Order the classes as a model does."""
        self._classes = tuple(names)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order they are shown."""
        return self._classes

    def take_keyboard(self) -> None:
        """Give the first bar the keyboard, now or as soon as there is one."""
        button = next(
            (b for b in self.findChildren(BarButton) if b.isVisibleTo(self) and b.isEnabled()), None
        )
        self._keyboard_wanted = button is None
        if button is not None:
            button.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def texts(self) -> list[str]:
        """Return what is written, from top to bottom."""
        labels = (label for label in self.findChildren(QLabel) if not label.isHidden())
        return [label.text() for label in labels if label.text()]

    # What it can say

    def show_tally(self, place: str, tally: Tally) -> None:
        """Show the figures of a place."""
        from allstation.report.content.wording import INTERVAL_NOTE, too_few

        self._build()
        self._place.setText(place)
        self._facts.setText(_facts(tally))
        few = too_few(tally.read, tally.cells)
        _say(self._few, tr(few) if few else "")
        self._shares.set_bars(
            [
                Bar(tr(s.name), s.count, s.n, FieldFilter(final=s.name), s.name, s.interval)
                for s in shares(tally, self._classes)
            ]
            if tally.read
            else []
        )
        _say(self._note, tr(INTERVAL_NOTE) if tally.read else "")
        bars = list(_open_bars(tally))
        self._open_title.setText(_open_words(tally, sum(bar.count for bar in bars)))
        self._part(self._open_title, self._open, bars)
        self._part(self._poor_title, self._poor, list(_poor_bars(tally)))
        lines = list(_agreement_lines(tally))
        _say(self._agreement, "\n\n".join(lines))
        self._agreement_title.setVisible(bool(lines))
        if self._keyboard_wanted:
            self.take_keyboard()

    def show_places(self, places: Sequence[PlaceShares]) -> None:
        """Show the shares of typed cells and of patients below the figures of the place.

        Args:
            places: A slide and its patient, or the case and its patients; the place itself first.
        """
        self._build()
        parts = list(place_parts(places))
        while len(self._places) < len(parts):
            title, lines = self._label("subheading"), self._label("")
            lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._places.append((title, lines))
        for place, (title, lines) in enumerate(self._places):
            said = parts[place] if place < len(parts) else ("", "")
            _say(title, said[0])
            _say(lines, said[1])

    def show_hidden(self) -> None:
        """Say why there are no figures while a review is blind."""
        self._build()
        for label in (self._facts, self._few, self._note, self._agreement):
            label.hide()
        for title, bars in ((self._open_title, self._open), (self._poor_title, self._poor)):
            self._part(title, bars, [])
        self._shares.set_bars([])
        self.show_places(())
        self._agreement_title.hide()
        self._place.setText(tr("Hidden while you review blind"))
        _say(
            self._few,
            tr("Fractions would tell what the model said. Switch Blind off to see them and your agreement."),
        )

    # Parts

    def _build(self) -> None:
        if self._built:
            return
        self._built = True
        body = QWidget(self)
        body.setProperty("role", "panel")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(10, 12, 10, 12)
        self._column.setSpacing(6)
        self._place = self._label("heading")
        self._facts = self._label("muted")
        self._few = self._label("warning")
        self._shares = self._bars(tr("Fields per class"))
        self._note = self._label("small")
        self._open_title, self._open = self._label("subheading"), self._bars(tr("Why fields need a person"))
        self._agreement_title, self._agreement = self._label("subheading"), self._label("")
        self._agreement_title.setText(tr("Agreement"))
        self._agreement.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._poor_title, self._poor = self._label("subheading"), self._bars(tr("Quality problems"))
        self._poor_title.setText(tr("Quality problems"))
        self._column.addStretch(1)
        self._stretched = True
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(VerticalScrollArea(body, self))
        for part in (self._open_title, self._open, self._poor_title, self._poor, self._agreement_title):
            part.hide()

    def _label(self, role: str) -> QLabel:
        label = QLabel(self, wordWrap=True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setContentsMargins(6, 8 if role == "subheading" else 0, 6, 0)
        label.setProperty("role", role)
        if self._stretched:
            self._column.insertWidget(self._column.count() - 1, label)
        else:
            self._column.addWidget(label)
        return label

    def _bars(self, name: str) -> ShareBars:
        bars = ShareBars(name, self)
        bars.chosen.connect(self.filter_asked)
        self._column.addWidget(bars)
        return bars

    @staticmethod
    def _part(title: QLabel, bars: ShareBars, shown: Sequence[Bar]) -> None:
        title.setVisible(bool(shown))
        bars.set_bars(shown)


def _say(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))


def _facts(tally: Tally) -> str:
    waiting = sum(tally.states.get(state, 0) for state in (FieldState.QUEUED, FieldState.RUNNING))
    parts = [
        tr("{n} fields, {read} of them read", n=number(tally.fields), read=number(tally.read)),
        tr("{n} white cells counted", n=number(tally.cells)),
        _needs_words(tally),
        tr("{n} fields reviewed", n=number(tally.reviewed))
        if tally.reviewed != 1
        else tr("1 field reviewed"),
    ]
    if waiting:
        parts.append(tr("{n} fields still wait for the model", n=number(waiting)))
    return "\n".join(parts)


def _needs_words(tally: Tally) -> str:
    """Return how many fields need a person, and why that is another number than that of *needs review*."""
    one = tally.open == 1
    words = tr("1 field needs a person") if one else tr("{n} fields need a person", n=number(tally.open))
    if not tally.another_look:
        return words
    said = {"none": number(tally.open - tally.another_look), "marked": number(tally.another_look)}
    return words + tr(": {none} that the model named no class, {marked} marked for another look", **said)


def _open_words(tally: Tally, counted: int) -> str:
    """Return the heading of the reasons, which are more than the fields where one has several."""
    words = tr("Why fields need a person")
    return words + tr(" (a field may have several reasons)") if counted > tally.open else words


def _open_bars(tally: Tally) -> Iterator[Bar]:
    for reason in Reason:
        count = tally.open_reasons.get(str(reason), 0)
        if count:
            where = FieldFilter(needs_review=True, reason=reason)
            yield Bar(tr(REASON_TEXTS[reason]), count, tally.open, where, NEEDS_REVIEW)
    if tally.another_look:
        where = FieldFilter(needs_review=True, reviewed=True)
        yield Bar(tr("Marked for another look"), tally.another_look, tally.open, where, NEEDS_REVIEW)


def _poor_bars(tally: Tally) -> Iterator[Bar]:
    for key, title, where in _POOR:
        count = tally.poor.get(key, 0)
        if count:
            yield Bar(tr(title), count, tally.fields, where)


def _agreement_lines(tally: Tally) -> Iterator[str]:
    for reviewer in sorted(tally.with_model.keys() | tally.unnamed.keys()):
        found = agreement(tally.with_model.get(reviewer, {}))
        line = tr("{reviewer} and the model", reviewer=reviewer) + "\n" + _agreement_words(found)
        unnamed = tally.unnamed.get(reviewer, 0)
        if unnamed:
            line += "\n" + tr("{n} more where the model named no class", n=number(unnamed))
        yield line
    for (one, other), pairs in sorted(tally.between.items()):
        yield tr("{one} and {other}", one=one, other=other) + "\n" + _agreement_words(agreement(pairs))


def _agreement_words(found: Agreement) -> str:
    if not found.n:
        return tr("No field to compare yet")
    words = tr(
        "agree on {agreed} of {n} fields: {share} ({low} to {high})",
        agreed=number(found.agreed),
        n=number(found.n),
        share=percent(found.fraction),
        low=percent(found.interval.low),
        high=percent(found.interval.high),
    )
    words = words.replace(" %", "\N{NO-BREAK SPACE}%")
    if found.kappa is None:
        return words + "\n" + tr("kappa means nothing here: one of the two used one class only")
    return words + "\n" + tr("kappa {kappa}", kappa=f"{found.kappa:.2f}".replace("-", "\N{MINUS SIGN}"))
