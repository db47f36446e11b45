"""Reasons why a field needs review, each with its figure and the model's limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from allstation.core.decision import DecisionRule, Reason
from allstation.core.records import ModelRecord, Prediction
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr
from allstation.ui.viewer.card_content import NO_PERCENTAGES, REASON_TEXTS

_NAMED: Final = 2
"""Classes whose probabilities stand beside the limit: between these the model could not choose."""


def rule_of(model: ModelRecord | None) -> DecisionRule | None:
    """Return the decision rule of a model; None where it cannot be read."""
    entry = model.info.get("decision") if model is not None else None
    if not isinstance(entry, Mapping):
        return None
    try:
        return DecisionRule.from_json(entry)
    except (TypeError, ValueError):
        return None


def explained_reasons(prediction: Prediction, rule: DecisionRule | None) -> tuple[str, ...]:
    """Return a line a reason: its words, what was measured and what the model wants.

    Args:
        prediction: What the model said.
        rule: Of the model that said it; without it there are the words alone.
    """
    lines = [tr(REASON_TEXTS[reason]) for reason in prediction.decision.reasons]
    if rule is not None:
        figures = [_FIGURES[reason](prediction, rule) for reason in prediction.decision.reasons]
        lines = [f"{words}: {told}" if told else words for words, told in zip(lines, figures, strict=True)]
    return tuple(lines) if prediction.probabilities_valid else (*lines, tr(NO_PERCENTAGES))


def _confidence(prediction: Prediction, rule: DecisionRule) -> str:
    if not prediction.probabilities_valid:
        return ""
    ranked = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])[:_NAMED]
    shares = ", ".join(f"{percent(share)} {name}" for name, share in ranked)
    return tr("{shares}, limit {limit}", shares=shares, limit=percent(rule.min_probability, digits=0))


def _novelty(prediction: Prediction, rule: DecisionRule) -> str:
    return tr("novelty {n}, limit {limit}", n=f"{prediction.novelty:.2f}", limit=f"{rule.max_novelty:.2f}")


def _sharpness(prediction: Prediction, rule: DecisionRule) -> str:
    measured, least = prediction.quality.sharpness, rule.min_sharpness
    return tr("sharpness {n}, at least {limit}", n=f"{measured:.0f}", limit=f"{least:.0f}")


def _cells(prediction: Prediction, rule: DecisionRule) -> str:
    return tr("{n}, at least {limit}", n=number(prediction.cell_count), limit=number(rule.min_cells))


def _nothing(_prediction: Prediction, _rule: DecisionRule) -> str:
    return ""


_FIGURES: Final[Mapping[Reason, Callable[[Prediction, DecisionRule], str]]] = {
    Reason.LOW_CONFIDENCE: _confidence,
    Reason.UNLIKE_TRAINING: _novelty,
    Reason.BLURRED: _sharpness,
    Reason.NO_WHITE_CELLS: _cells,
    Reason.UNREADABLE: _nothing,
    Reason.OTHER_SCALE: _nothing,
    Reason.OTHER_COLOURS: _nothing,
    Reason.SCALE_UNKNOWN: _nothing,
}
