"""Contents of a field's overlay as plain data, shared by picture, screen reader and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from allstation.core.classes import NEEDS_REVIEW, class_style
from allstation.core.decision import Reason
from allstation.core.records import FieldRecord, FieldState, Prediction, Review
from allstation.ui.common.formatting import percent
from allstation.ui.common.i18n import tr

REASON_TEXTS: Final[Mapping[Reason, str]] = {
    Reason.LOW_CONFIDENCE: "Low confidence",
    Reason.UNLIKE_TRAINING: "Unlike the training data",
    Reason.BLURRED: "Blurred",
    Reason.NO_WHITE_CELLS: "No white cells found",
    Reason.UNREADABLE: "Unreadable output",
    Reason.OTHER_SCALE: "Another scale than the model's fields",
    Reason.OTHER_COLOURS: "Other colours than the model's laboratory",
    Reason.SCALE_UNKNOWN: "Scale not known",
}
NO_PERCENTAGES: Final = "Its class percentages mean nothing"
"""Said beside the reasons for which it is so."""

_STATE_TEXTS: Final[Mapping[FieldState, str]] = {
    FieldState.QUEUED: "Waiting to be classified",
    FieldState.RUNNING: "Being classified…",
    FieldState.DONE: "No prediction stored",
    FieldState.FAILED: "Could not be classified",
    FieldState.CANCELLED: "Cancelled before it was classified",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark of a class: letter and colour, never colour alone.

    Attributes:
        letter: One letter.
        colour: ``#rrggbb``.
        name: Full name.
    """

    letter: str
    colour: str
    name: str


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Class with its probability.

    Attributes:
        mark: The class.
        share: Probability, 0 to 1.
        percent: The probability as text.
        is_top: Whether it is the highest of the field.
    """

    mark: Mark
    share: float
    percent: str
    is_top: bool


@dataclass(frozen=True, slots=True)
class CardContent:
    """Content of the card.

    Attributes:
        heading: Decision, or the state of a field without a prediction.
        mark: Mark of the decision; None while there is none.
        reasons: Why the field needs review, or why it failed; sentences.
        rows: Probabilities in the model's class order; none where they mean nothing.
        review: What a person decided, or an empty string.
        review_mark: Mark of the reviewed class, if one was set.
    """

    heading: str
    mark: Mark | None = None
    reasons: tuple[str, ...] = ()
    rows: tuple[ClassRow, ...] = ()
    review: str = ""
    review_mark: Mark | None = None

    @property
    def top_row(self) -> ClassRow | None:
        """The class with the highest probability."""
        return next((row for row in self.rows if row.is_top), None)

    def description(self) -> str:
        """The card in words, for a screen reader."""
        parts = [self.heading, *self.reasons]
        parts.extend(f"{row.mark.name} {row.percent}" for row in self.rows)
        if self.review:
            parts.append(self.review)
        return ". ".join(part.rstrip(".") for part in parts) + "."


def mark_for(name: str, index: int = 0) -> Mark:
    """Return letter, colour and name of a class or of *needs review*."""
    style = class_style(name, index)
    return Mark(style.letter, style.colour, name)


def card_content(record: FieldRecord, *, hidden: bool = False) -> CardContent:
    """Put a field's prediction and review into words.

    Args:
        record: The field.
        hidden: Blind review: leave out everything that others said, network and people.
    """
    prediction = record.prediction
    # That a field waits or cannot be read tells nothing that a person could be led by.
    if hidden and (prediction or record.review or record.state is FieldState.DONE):
        return CardContent(tr("Prediction hidden until you decide"))
    removed = (tr("Removed from the case"),) if record.removed else ()
    review, review_mark = _review(record.review, prediction)
    if prediction is None:
        reasons = (*removed, record.error) if record.error else removed
        return CardContent(tr(_STATE_TEXTS[record.state]), None, reasons, (), review, review_mark)
    return CardContent(
        _heading(prediction),
        _mark_in(prediction, prediction.decision.name),
        (*removed, *reason_texts(prediction)),
        _rows(prediction),
        review,
        review_mark,
    )


def _heading(prediction: Prediction) -> str:
    if prediction.decision.class_name is None:
        return tr("Needs review")
    return tr("Decision: {name}", name=prediction.decision.class_name)


def reason_texts(prediction: Prediction) -> tuple[str, ...]:
    """Return why a field needs review, and that its percentages mean nothing if it is so."""
    reasons = tuple(tr(REASON_TEXTS[reason]) for reason in prediction.decision.reasons)
    return reasons if prediction.probabilities_valid else (*reasons, tr(NO_PERCENTAGES))


def invalid_text(prediction: Prediction) -> str:
    """Return the reasons for which the percentages mean nothing; empty if they mean something."""
    if prediction.probabilities_valid:
        return ""
    reasons = prediction.decision.invalid_because or (Reason.UNREADABLE,)
    return ", ".join(tr(REASON_TEXTS[reason]) for reason in reasons)


def _rows(prediction: Prediction) -> tuple[ClassRow, ...]:
    if not prediction.probabilities_valid:
        return ()
    top = prediction.top_class
    return tuple(
        ClassRow(mark_for(name, index), share, percent(float(share)), name == top)
        for index, (name, share) in enumerate(prediction.probabilities.items())
    )


def _mark_in(prediction: Prediction | None, name: str) -> Mark:
    if prediction is None or name == NEEDS_REVIEW:
        return mark_for(name)
    names = list(prediction.probabilities)
    return mark_for(name, names.index(name) if name in names else 0)


def _review(review: Review | None, prediction: Prediction | None) -> tuple[str, Mark | None]:
    if review is None:
        return "", None
    if review.class_name is None:
        text = tr("Needs another look, says {reviewer}", reviewer=review.reviewer)
        return text, mark_for(NEEDS_REVIEW)
    text = tr("Reviewed: {name}, by {reviewer}", name=review.class_name, reviewer=review.reviewer)
    return text, _mark_in(prediction, review.class_name)
