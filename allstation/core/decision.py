"""Decision rule: calibrated probabilities to a class, or *needs review* with its reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from allstation.core.classes import NEEDS_REVIEW


class Reason(StrEnum):
    """Reason why a field needs review. The value is stored; the sentence is shown."""

    LOW_CONFIDENCE = "low confidence"
    UNLIKE_TRAINING = "unlike the training data"
    BLURRED = "blurred"
    NO_WHITE_CELLS = "no white cells found"
    UNREADABLE = "unreadable output"
    OTHER_SCALE = "other scale"
    OTHER_COLOURS = "other colours"
    SCALE_UNKNOWN = "scale not known"


WITHOUT_PROBABILITIES: Final = frozenset(
    {Reason.UNLIKE_TRAINING, Reason.NO_WHITE_CELLS, Reason.UNREADABLE, Reason.SCALE_UNKNOWN}
)
"""Reasons under which class probabilities mean nothing: the network was asked about what it cannot know.

``OTHER_SCALE`` and ``OTHER_COLOURS`` say more of ``UNLIKE_TRAINING`` and never stand without it."""


def invalidating(reasons: Iterable[str]) -> tuple[Reason, ...]:
    """Return those of a decision's reasons under which its class probabilities mean nothing."""
    return tuple(Reason(reason) for reason in reasons if reason in WITHOUT_PROBABILITIES)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The plain numbers a decision is made from.

    Attributes:
        probabilities: Calibrated, one per class, summing to 1.
        novelty: Distance from the training data in units of its own limit: 1.0 is the limit.
        sharpness: Variance of the Laplacian of the field at the network's size, grey levels squared.
        cell_count: White cells that the segmentation found.
        other_scale: Whether the field shows much more or less of the smear than those the model learned from.
        other_colours: Whether its pale background has a colour that theirs never has.
    """

    probabilities: Sequence[float]
    novelty: float
    sharpness: float
    cell_count: int
    other_scale: bool = False
    other_colours: bool = False


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Decision rule of a model bundle: limits within which it names a class by itself, fitted on validation.

    Attributes:
        min_probability: Smallest top probability that is accepted.
        max_novelty: Largest accepted novelty (1.0 = the limit fitted with the model).
        min_sharpness: Smallest accepted sharpness; 0 switches the check off.
        min_cells: Fewest white cells a field must show; 0 switches the check off.
    """

    min_probability: float
    max_novelty: float = 1.0
    min_sharpness: float = 0.0
    min_cells: int = 1

    def to_json(self) -> dict[str, float]:
        """Return the rule as the object stored in ``bundle.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> DecisionRule:
        """Read a rule from ``bundle.json``. Missing keys take the defaults; unknown keys fail.

        Raises:
            TypeError: If a key is unknown or ``min_probability`` is missing.
            ValueError: If a limit is not finite, negative, or a probability above 1: such a check would
                never or always fail.
        """
        values: dict[str, Any] = {key: float(value) for key, value in data.items()}
        for key, value in values.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{key} of the decision rule is {value}")
        if "min_cells" in values:
            values["min_cells"] = int(values["min_cells"])
        rule = cls(**values)
        if rule.min_probability > 1:
            raise ValueError(f"min_probability of the decision rule is {rule.min_probability}")
        return rule

    def decide(self, classes: Sequence[str], evidence: Evidence) -> Decision:
        """Apply the rule to one field. A number that is not finite is a failed check, never a passed one.

        Args:
            classes: Class names in the order of ``evidence.probabilities``.
            evidence: The field's numbers.
        """
        probabilities = evidence.probabilities
        measured = (*probabilities, evidence.novelty, evidence.sharpness, evidence.cell_count)
        if not all(map(math.isfinite, measured)):
            return Decision(None, (Reason.UNREADABLE,))
        top = max(range(len(probabilities)), key=probabilities.__getitem__)
        elsewhere = evidence.other_scale or evidence.other_colours
        # Each check asks whether the limit is met: compared with a limit that is not a number, none is.
        met = (
            (evidence.cell_count >= self.min_cells, Reason.NO_WHITE_CELLS),
            (evidence.sharpness >= self.min_sharpness, Reason.BLURRED),
            (evidence.novelty <= self.max_novelty and not elsewhere, Reason.UNLIKE_TRAINING),
            (probabilities[top] >= self.min_probability, Reason.LOW_CONFIDENCE),
            (not evidence.other_scale, Reason.OTHER_SCALE),
            (not evidence.other_colours, Reason.OTHER_COLOURS),
        )
        reasons = tuple(reason for passed, reason in met if not passed)
        return Decision(None if reasons else classes[top], reasons)


@dataclass(frozen=True, slots=True)
class Decision:
    """A class, or *needs review* with at least one reason.

    Attributes:
        class_name: The class, or None when the field needs review.
        reasons: Empty exactly when a class is named.
    """

    class_name: str | None
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        """Keep the two halves consistent; a decision without either would be a silent gap."""
        if (self.class_name is None) != bool(self.reasons):
            message = f"A decision has a class or reasons, not {self.class_name!r} with {self.reasons!r}."
            raise ValueError(message)

    @property
    def name(self) -> str:
        """The class name, or ``"needs review"``."""
        return self.class_name or NEEDS_REVIEW

    @property
    def probabilities_valid(self) -> bool:
        """Whether the class probabilities beside this decision may be shown, sorted by and summed up."""
        return not self.invalid_because

    @property
    def invalid_because(self) -> tuple[Reason, ...]:
        """The reasons under which the class probabilities mean nothing."""
        return invalidating(self.reasons)
