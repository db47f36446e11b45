"""Card with the figures of a commissioning so far: balanced accuracy, accuracy, AUROC, curve, advice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from allstation.store.site.commissioning_record import CurvePoint
from allstation.ui.commissioning.curve import LearningCurve
from allstation.ui.common.formatting import kept_apart, number, percent
from allstation.ui.common.i18n import tr

if TYPE_CHECKING:
    from allstation.commissioning.session import Standing
    from allstation.core.metrics import Figure


class StandingCard(QFrame):
    """Shows the figures by cross-validation, with n and intervals, and says when to stop."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setAccessibleName(tr("Figures so far"))
        self._rows: list[tuple[QLabel, QLabel, QLabel]] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(0, 1)
        for row in range(3):
            made = QLabel(self), QLabel(self), QLabel(self)
            made[1].setProperty("role", "subheading")
            made[2].setProperty("role", "small")
            for column, label in enumerate(made):
                self._grid.addWidget(label, row, column)
            self._rows.append(made)
        self._about = QLabel(self, wordWrap=True)
        self._about.setProperty("role", "small")
        self._curve = LearningCurve(self)
        self._advice = QLabel(self, wordWrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(7)
        layout.addLayout(self._grid)
        layout.addWidget(self._about)
        layout.addWidget(self._curve)
        layout.addWidget(self._advice)

    def show_standing(self, standing: Standing, curve: Sequence[CurvePoint], *, wanted: float) -> None:
        """Show other figures.

        Args:
            standing: By cross-validation; without figures only its advice is shown.
            curve: Balanced accuracy over typed cells.
            wanted: Lower limit that is to be reached, 0 to 1.
        """
        figures = standing.figures
        shown = (
            (tr("Balanced accuracy"), standing.balanced),
            (tr("Accuracy"), figures.accuracy if figures is not None else None),
            (tr("AUROC"), standing.auroc),
        )
        for row, (name, figure) in zip(self._rows, shown, strict=True):
            texts = (name, *_figure_words(figure)) if figure is not None else ("", "", "")
            for label, text in zip(row, texts, strict=True):
                label.setText(text)
                label.setVisible(bool(text))
        self._about.setText(_about_words(standing))
        self._about.setVisible(figures is not None)
        self._curve.show_points(curve, wanted=wanted)
        self._curve.setVisible(bool(curve))
        self._advice.setText(standing.advice)
        self._advice.setProperty("role", "subheading" if standing.enough else "")
        self._advice.style().polish(self._advice)

    def show_advice(self, text: str) -> None:
        """Say what to do before anything is measured."""
        for row in self._rows:
            for label in row:
                label.hide()
        self._about.hide()
        self._curve.hide()
        self._advice.setText(text)

    def sentences(self) -> str:
        """Return what is said in words."""
        labels = [*(label for row in self._rows for label in row), self._about, self._advice]
        return "\n".join(label.text() for label in labels if label.text() and not label.isHidden())


def _figure_words(figure: Figure) -> tuple[str, str]:
    """Return a figure and its interval; an AUROC, too, as a number between 0 and 1."""
    as_share = "AUC" not in figure.name and "AUROC" not in figure.name
    if not math.isfinite(figure.value):
        return "–", figure.reason
    value = percent(figure.value) if as_share else f"{figure.value:.3f}"
    spread = figure.interval
    if spread is None or not math.isfinite(spread.low + spread.high):
        return value, tr("no interval")
    if spread.low >= 1:
        # Resampling what has no mistake finds none; that is no certainty.
        return value, tr("no mistake yet")
    if as_share:
        low, high = (f"{100 * end:.1f}" for end in (spread.low, spread.high))
        return value, tr("{low} to {high} %", low=low, high=high)
    return value, tr("{low} to {high}", low=f"{spread.low:.3f}", high=f"{spread.high:.3f}")


def _about_words(standing: Standing) -> str:
    figures = standing.figures
    if figures is None:
        return ""
    return tr(
        "n = {n} cells, cross-validation with {apart}; 95 % intervals. {total} cells typed.",
        n=number(figures.cells),
        apart=kept_apart(figures),
        total=number(standing.typed),
    )
