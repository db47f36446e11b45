"""Last page of the assistant: the acceptance report, or the refusal with what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.common.scrolling import scroll_area
from allstation.ui.common.window_size import limit_width

_WIDTH: Final = 760
_TWO: Final = 2
Report = Mapping[str, Any]
"""As ``commissioning.acceptance.acceptance_json`` gives it."""


class ResultPage(QWidget):
    """Shows what the test said, and offers what can be done with it.

    Signals:
        use_asked: The model is to be compared with the one in use, and perhaps activated.
        take_back_asked: The model before it is to be used again.
        report_asked: The report is to be written as PDF.
        more_asked: Typing goes on.
        closed: Nothing more is wanted.
    """

    use_asked = Signal()
    take_back_asked = Signal()
    report_asked = Signal()
    more_asked = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._body = QWidget(self)
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(24, 20, 24, 12)
        self._column.setSpacing(10)
        self._state = QLabel(self, wordWrap=True)
        self._state.setProperty("role", "muted")
        self._make_buttons()
        self._lay_out()

    def _make_buttons(self) -> None:
        self.use = QPushButton(tr("Compare and &use…"), self)
        self.take_back = QPushButton(tr("&Take back"), self)
        self.take_back.setToolTip(tr("Classify with the model before it again"))
        self.report = QPushButton(tr("&Report as PDF…"), self)
        self.more = QPushButton(tr("&Go on typing"), self)
        self.leave = QPushButton(tr("&Close"), self)
        self.use.clicked.connect(self.use_asked)
        self.take_back.clicked.connect(self.take_back_asked)
        self.report.clicked.connect(self.report_asked)
        self.more.clicked.connect(self.more_asked)
        self.leave.clicked.connect(self.closed)

    def _lay_out(self) -> None:
        middle = QWidget(self)
        across = QHBoxLayout(middle)
        across.setContentsMargins(0, 0, 0, 0)
        across.addStretch(1)
        limit_width(self._body, _WIDTH)
        across.addWidget(self._body, 6)
        across.addStretch(1)
        area = scroll_area(middle, self, sideways=True)
        area.setAccessibleName(tr("Acceptance report"))
        foot = QWidget(self)
        foot.setProperty("role", "panel")
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = QHBoxLayout(foot)
        line.setContentsMargins(14, 8, 14, 8)
        line.addWidget(self._state, 1)
        for button in (self.report, self.take_back, self.more, self.use, self.leave):
            line.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(area, 1)
        layout.addWidget(foot)

    # What is shown

    def show_report(self, report: Report, name_of: Callable[[str], str]) -> None:
        """Show an outcome.

        Args:
            report: The outcome.
            name_of: Gives the shown name of a type's key.
        """
        accepted = bool(report["accepted"])
        self._clear()
        self._add(tr("Accepted") if accepted else tr("Refused"), "title")
        if report["reason"]:
            self._add(str(report["reason"]), "warning")
        if "figures" in report:
            self._add_summary(report)
            self._add_figures(report)
            self._add_types(report, name_of)
            self._add_rule(report, name_of)
        self._column.addStretch(1)
        self.report.setEnabled("figures" in report)
        self.show_saved("")
        self.more.setVisible(not accepted)
        self.use.setVisible(accepted)
        self.use.setEnabled(False)
        self.take_back.hide()
        _set_primary(self.use, self.more, first=accepted)

    def show_saved(self, text: str, *, can_use: bool = False) -> None:
        """Say where the bundle is, and offer to use it."""
        self._state.setText(text)
        self.use.setEnabled(can_use)
        if can_use and self.isVisible():
            self.use.setFocus()

    def show_active(self, text: str, *, on: bool) -> None:
        """Say that the model is in use, or no longer."""
        self._state.setText(text)
        self.use.setVisible(not on)
        self.take_back.setVisible(on)
        (self.take_back if on else self.use).setFocus()

    def set_focus(self) -> None:
        """Bring the keyboard to what is done next."""
        (self.more if self.more.isVisible() else self.use if self.use.isEnabled() else self.leave).setFocus()

    def sentences(self) -> str:
        """Return what is said in words."""
        labels = [*self._body.findChildren(QLabel), self._state]
        return "\n".join(label.text() for label in labels if label.text())

    def _clear(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()

    def _add(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text, self._body, wordWrap=True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setProperty("role", role)
        self._column.addWidget(label)
        return label

    def _add_summary(self, report: Report) -> None:
        learned, tested, wanted = report["learned"], report["tested"], report["wanted"]
        patients = str(report["patients"])
        self._add(
            tr(
                "Learned from {n} cells of {groups} {of}; tested once on {cells} cells of {others} {of} that "
                "were never learned from, typed blind; {patients}.",
                of=tested_groups(report),
                n=number(learned["cells"]),
                groups=number(learned["groups"]),
                cells=number(tested["cells"]),
                others=number(tested["groups"]),
                patients=tr(patients),
            )
        )
        self._add(
            tr(
                "Lower limit of balanced accuracy {limit}, wanted {wanted}.",
                limit=percent(report["lower_limit"]),
                wanted=percent(wanted["lowest_balanced"], digits=0),
            ),
            "subheading",
        )

    def _add_figures(self, report: Report) -> None:
        types = len(report["per_type"])
        rows = [
            (_figure_name(one["name"], types), *_value_words(one), number(one["n"]))
            for one in report["figures"]
        ]
        self._add_table(
            tr("On the test part"), (tr("Figure"), tr("Value"), tr("95 % interval"), tr("n")), rows
        )
        words = tr(
            "Intervals resample whole {groups}; without a mistake there is nothing to tell them from. "
            "The lower limit above counts cells as well.",
            groups=tested_groups(report),
        )
        self._add(words, "small")

    def _add_types(self, report: Report, name_of: Callable[[str], str]) -> None:
        rows = []
        for one in report["per_type"]:
            recall = one["recall"]
            low, high = recall["interval"]
            rows.append(
                (
                    name_of(one["class"]),
                    number(one["support"]),
                    percent(recall["value"]),
                    _between(low, high),
                    percent(one["precision"]["value"]),
                    number(report["learned"]["by_type"].get(one["class"], 0)),
                )
            )
        titles = (
            tr("Type"),
            tr("Tested"),
            tr("Named rightly"),
            tr("95 % interval"),
            tr("Right when named"),
            tr("Learned"),
        )
        self._add_table(tr("By type"), titles, rows)

    def _add_rule(self, report: Report, name_of: Callable[[str], str]) -> None:
        rule, wanted = report["rule"], report["wanted"]
        self._add(tr("Decision rule"), "heading")
        words = tr(
            "For at most {rate} wrong names the model names {named} of {of} test cells by itself; the others "
            "go to a person.",
            rate=percent(wanted["error_rate"], digits=0),
            named=number(rule["named"]),
            of=number(rule["of"]),
        )
        if rule["named"]:
            low, high = rule["interval"]
            words += " " + tr(
                "Of the named ones {wrong} were wrong ({share}, 95 % interval {between}).",
                wrong=number(rule["wrong"]),
                share=percent(rule["error_rate"]),
                between=_between(low, high),
            )
        self._add(words)
        for key, why in report["types_left_out"].items():
            self._add(tr("Not known to it: {name} ({why}).", name=name_of(key), why=why), "warning")

    def _add_table(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._add(title, "heading")
        card = QFrame(self._body)
        card.setProperty("role", "card")
        card.setAccessibleName(title)
        grid = QGridLayout(card)
        grid.setContentsMargins(14, 8, 14, 8)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(5)
        for line, texts in enumerate([titles, *rows]):
            for column, text in enumerate(texts):
                label = QLabel(text, card)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setProperty("role", "muted" if not line else "subheading" if not column else "")
                side = Qt.AlignmentFlag.AlignLeft if not column else Qt.AlignmentFlag.AlignRight
                grid.addWidget(label, line, column, side)
        grid.setColumnStretch(0, 1)
        self._column.addWidget(card)


def tested_groups(report: Report) -> str:
    """Return what was kept apart in the test, in words: patients where they are known, else slides."""
    return tr("patients") if report.get("groups") == "patients" else tr("slides")


def _set_primary(use: QPushButton, more: QPushButton, *, first: bool) -> None:
    for button, primary in ((use, first), (more, not first)):
        button.setProperty("role", "primary" if primary else "")
        button.setAutoDefault(True)
        button.style().polish(button)


def _figure_name(name: str, types: int) -> str:
    if "AUC" not in name:
        return tr(name.capitalize())
    return tr("AUROC") if types == _TWO else tr("AUROC (mean of one type against the rest)")


def _value_words(figure: Mapping[str, Any]) -> tuple[str, str]:
    """Return a figure and its interval."""
    value, spread = figure["value"], figure["interval"]
    if value is None:
        return tr("not defined"), "–"
    if spread and spread[0] == spread[1]:
        # Resampled slides without a mistake are all alike: an interval from 100 to 100 % would be no truth.
        shown = f"{value:.3f}" if "AUC" in figure["name"] else percent(value)
        return shown, tr("no mistake")
    if "AUC" in figure["name"]:
        interval = tr("{low} to {high}", low=f"{spread[0]:.3f}", high=f"{spread[1]:.3f}") if spread else "–"
        return f"{value:.3f}", interval
    return percent(value), _between(*spread) if spread else "–"


def _between(low: float, high: float) -> str:
    return tr("{low} to {high} %", low=f"{100 * low:.1f}", high=f"{100 * high:.1f}")
