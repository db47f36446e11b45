"""Filter, sort order and grouping of the fields of a case, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from allstation.core.decision import Reason
from allstation.core.records import FieldState


class FieldSort(StrEnum):
    """Sort order of the browser. The value is stored in settings."""

    SLIDE = "slide"
    NAME = "name"
    DECISION = "decision"
    FINAL = "final"
    PROBABILITY = "probability"
    MARGIN = "margin"
    NOVELTY = "novelty"
    SHARPNESS = "sharpness"
    CELLS = "cells"
    REVIEWED = "reviewed"
    STATE = "state"
    SIZE = "size"
    ADDED = "added"


class FieldGroup(StrEnum):
    """Grouping of the browser. The value is stored in settings."""

    NONE = "none"
    SLIDE = "slide"
    DECISION = "decision"


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """Conditions that must all hold. None, or an empty text, leaves a condition out.

    Attributes:
        slide_id: Fields of this slide only.
        decision: The model's decision: a class name or ``"needs review"``.
        final: The reviewed class if there is one, else the decision.
        needs_review: True for fields a person should look at: no class was set by a review, and
            either the decision is *needs review* or the reviewer asked for another look.
        reason: One of the decision's reasons.
        reviewed: Whether a review counts for the field.
        reviewer: Whether this person reviewed it (with ``reviewed`` False: did not).
        commented: Whether somebody wrote a comment about the field.
        poor_quality: True for fields that are blurred, show no white cells or could not be read.
        state: Place in the queue.
        text: Part of the file name or of the slide's name, whatever the case of its letters.
        max_sharpness: At most this sharpness.
        max_probability: At most this top probability, 0 to 1.
        max_margin: At most this difference of the two highest probabilities, 0 to 1.
        model_sha256: Current prediction made by this model.
        removed: Fields that were taken out of the case, instead of those in it.
    """

    slide_id: int | None = None
    decision: str | None = None
    final: str | None = None
    needs_review: bool | None = None
    reason: Reason | None = None
    poor_quality: bool | None = None
    reviewed: bool | None = None
    reviewer: str | None = None
    commented: bool | None = None
    state: FieldState | None = None
    text: str = ""
    max_sharpness: float | None = None
    max_probability: float | None = None
    max_margin: float | None = None
    model_sha256: str | None = None
    removed: bool = False
