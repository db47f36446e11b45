"""Texts of a field for the table's cells and the tips."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QLocale, Qt

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.core.records import FieldRecord, FieldState, Prediction
from allstation.ui.common.formatting import field_name, moment, number, percent, together
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card_content import NO_PERCENTAGES, invalid_text

TITLES: Final = (
    "Field",
    "Decision",
    "Probabilities",
    "Margin",
    "Sharpness",
    "White cells",
    "Review",
    "State",
    "Size",
    "Added",
)
"""Column titles, in the order of ``model.Column``."""

_RIGHT: Final = frozenset({3, 4, 5, 8})

STATES: Final = {
    FieldState.QUEUED: "waiting",
    FieldState.RUNNING: "running",
    FieldState.DONE: "done",
    FieldState.FAILED: "failed",
    FieldState.CANCELLED: "cancelled",
}


def alignment(column: int) -> Qt.AlignmentFlag:
    """Return numbers to the right, words to the left."""
    side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def text(record: FieldRecord, column: int) -> str:
    """Return the text of one cell."""
    prediction = record.prediction
    if column == 0:
        return field_name(record.path)
    if column == 7:  # noqa: PLR2004 - Column.STATE, which lives above this module
        return state_text(record)
    if column >= 8:  # noqa: PLR2004 - Column.SIZE and Column.ADDED
        return (together(f"{record.width} × {record.height}"), moment(record.added))[column - 8]
    if column == 6:  # noqa: PLR2004 - Column.REVIEW
        return review_text(record)
    if prediction is None:
        return undecided_text(record) if column == 1 else ""
    locale, valid = QLocale(), prediction.probabilities_valid
    shares = ", ".join(f"{name} {percent(share)}" for name, share in prediction.probabilities.items())
    sharp = prediction.quality.sharpness
    return (
        decision_text(record),
        shares if valid else invalid_text(prediction),
        locale.toString(prediction.margin * 100, "f", 1) if valid else "",
        locale.toString(sharp, "f", 0) if math.isfinite(sharp) else "",
        number(record.white_cells or 0),
    )[column - 1]


def state_text(record: FieldRecord) -> str:
    """Return where a field stands: in the queue, or no longer in the case."""
    return tr("removed") if record.removed else tr(STATES[record.state])


def undecided_text(record: FieldRecord) -> str:
    """Return what stands in place of the decision of a field that has none, or whose decision is hidden."""
    is_hidden = record.state is FieldState.DONE and not record.removed
    return tr("hidden") if is_hidden else state_text(record)


def decision_text(record: FieldRecord) -> str:
    """Return the model's decision, and after an arrow the class that a person set in its place."""
    if record.prediction is None:
        return undecided_text(record)
    reviewed = record.review.class_name if record.review is not None else None
    decided = _decided(record.prediction)
    changed = reviewed and reviewed != record.prediction.decision.name
    return f"{decided} → {reviewed}" if changed else decided


def _decided(prediction: Prediction) -> str:
    name = prediction.decision.name
    return tr("needs review") if name == NEEDS_REVIEW else name


def review_text(record: FieldRecord) -> str:
    """Return what a person decided, in a few words."""
    review = record.review
    if review is None:
        return ""
    if review.class_name is None:
        return tr("another look")
    agreed = record.prediction is not None and review.class_name == record.prediction.decision.class_name
    return tr("{name} (agrees)", name=review.class_name) if agreed else review.class_name


def summary(record: FieldRecord) -> str:
    """Return everything that matters about a field, for its tip and for screen readers."""
    lines = [field_name(record.path)]
    if record.removed:
        lines.append(tr("Removed from the case"))
    if record.error:
        lines.append(record.error)
    elif record.prediction is None:
        lines.append(state_text(record))
    else:
        prediction = record.prediction
        lines.append(tr("Decision: {name}", name=_decided(prediction)))
        if prediction.decision.reasons:
            lines.append(tr("Why: {reasons}", reasons=", ".join(prediction.decision.reasons)))
        if prediction.probabilities_valid:
            lines += [
                f"{class_style(name, index).letter}  {name} {percent(share)}"
                for index, (name, share) in enumerate(prediction.probabilities.items())
            ]
        else:
            lines.append(tr(NO_PERCENTAGES))
    if record.review is not None:
        lines.append(tr("Review: {text} by {name}", text=review_text(record), name=record.review.reviewer))
    return "\n".join(lines)
