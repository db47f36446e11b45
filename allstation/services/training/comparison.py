"""Comparison of a run and the active model on the same fields, read from the training program and judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.services.training.figures import MODEL

SHOWN: Final = ("accuracy (Wilson)", "balanced accuracy", "macro F1")
"""Figures by which two models are compared before one of them is put to use."""

_DECISIVE: Final = "balanced accuracy"
_LEVEL: Final = 0.05


class Outcome(StrEnum):
    """Verdict of a comparison about the new model."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigurePair:
    """Figure of both models.

    Attributes:
        name: Name of the figure.
        new: Of the run: ``value``, ``interval``, ``n``; None where it has none.
        active: Of the active model.
    """

    name: str
    new: Mapping[str, Any] | None
    active: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """A run and the active model on the run's test fields.

    Attributes:
        active: Name and version of the active model.
        n: Fields that both classified.
        split: Kind of split.
        patients: Patients in words.
        figures: Both models' figures.
        pair: The paired test: ``accuracy_difference`` (run minus active model), its ``interval``,
            ``p_mcnemar`` and counts.
    """

    active: str
    n: int
    split: str
    patients: str
    figures: tuple[FigurePair, ...]
    pair: Mapping[str, Any]

    @property
    def outcome(self) -> Outcome:
        """Whether the new model is shown to be better, or worse.

        Better: the whole 95 % interval of the paired difference in accuracy is above 0, McNemar's exact test
        agrees, and balanced accuracy is not lower: a model that names the most frequent class only can have
        the higher accuracy. Worse: the whole interval is below 0.
        """
        low, high = self.pair["interval"]
        balanced = [pair for pair in self.figures if pair.name == _DECISIVE]
        is_balanced = bool(balanced) and _value(balanced[0].new) >= _value(balanced[0].active)
        if low > 0 and self.pair["p_mcnemar"] < _LEVEL and is_balanced:
            return Outcome.BETTER
        return Outcome.WORSE if high < 0 else Outcome.UNCLEAR


def read_comparison(report: Mapping[str, Any], run: str) -> ModelComparison:
    """Read the report of ``evaluate RUN --model BUNDLE``.

    Args:
        report: What the training program reported.
        run: Name of the run's folder.

    Raises:
        StationError: ``no-comparison`` if it does not hold both models' figures on the same fields.
    """
    try:
        new, active = report["runs"][run], report["runs"][MODEL]
        (pair,) = [each for each in report["pairs"] if (each["first"], each["second"]) == (run, MODEL)]
        _check_pair(pair)
        return ModelComparison(
            active=f"{report['model']['name']} {report['model']['version']}",
            n=int(pair["n"]),
            split=str(new["split"]),
            patients=str(new["patients"]),
            figures=tuple(_figure_pair(name, new, active) for name in SHOWN if name in new["overall"]),
            pair=pair,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        sentence = "The training program did not report both models on the same fields. Compare them again."
        raise StationError("no-comparison", sentence) from error


def _figure_pair(name: str, new: Mapping[str, Any], active: Mapping[str, Any]) -> FigurePair:
    return FigurePair(name=name, new=new["overall"][name], active=active["overall"].get(name))


def _check_pair(pair: Mapping[str, Any]) -> None:
    """Touch what is shown of the paired test; a number that is none proves nothing."""
    low, high = pair["interval"]
    numbers = (low, high, pair["accuracy_difference"], pair["p_mcnemar"], pair["p_holm"], pair["n"])
    counts = (pair["only_first_right"], pair["only_second_right"])
    if not all(math.isfinite(each) for each in (*numbers, *counts)):
        raise ValueError("the paired test is not finite")


def _value(figure: Mapping[str, Any] | None) -> float:
    """Return a figure's value; NaN, to which nothing compares as equal or more, where it has none."""
    value = (figure or {}).get("value")
    return float(value) if isinstance(value, (int, float)) else math.nan
