"""Review history of a field: reviewer, class, time, comment."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from allstation.core.records import Review
from allstation.ui.common.formatting import moment
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card_content import mark_for


class HistoryList(QWidget):
    """Reviews, the newest first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: list[QLabel] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def count(self) -> int:
        """Reviews listed."""
        return len(self._labels)

    def texts(self) -> list[str]:
        """The lines, newest first."""
        return [label.text() for label in self._labels]

    def set_reviews(self, reviews: Sequence[Review], classes: Sequence[str]) -> None:
        """List reviews given oldest first."""
        for label in self._labels:
            self._layout.removeWidget(label)
            label.hide()
            label.deleteLater()
        self._labels = [self._label(review, classes) for review in reversed(reviews)]

    def _label(self, review: Review, classes: Sequence[str]) -> QLabel:
        label = QLabel(review_line(review, classes), self, wordWrap=True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "small")
        self._layout.addWidget(label)
        return label


def review_line(review: Review, classes: Sequence[str]) -> str:
    """Format a review: letter and class, name, time, comment."""
    if review.is_remark:
        verdict = tr("Comment")
    elif review.class_name is None:
        verdict = tr("? needs another look")
    else:
        index = list(classes).index(review.class_name) if review.class_name in classes else 0
        verdict = f"{mark_for(review.class_name, index).letter} {review.class_name}"
    line = tr(
        "{verdict} · {reviewer} · {time}", verdict=verdict, reviewer=review.reviewer, time=moment(review.at)
    )
    if not review.at:
        line = tr("{verdict} · {reviewer}", verdict=verdict, reviewer=review.reviewer)
    return f"{line}\n“{review.comment}”" if review.comment else line
