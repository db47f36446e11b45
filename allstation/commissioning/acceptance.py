"""Acceptance of a site's model: the test part opened once, its figures, and whether they are good enough."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.core.evaluation import Evaluation, evaluate
from allstation.core.metrics import Figure
from allstation.core.statistics import Interval, mean_of_shares, wilson
from allstation.core.typer.held_out import HeldOutCells, held_out_cells
from allstation.core.typer.model import FEWEST_OF_A_TYPE, NOT_SURE, Typer, fit_typer
from allstation.core.typer.statistics import FloatArray
from allstation.core.typer.validation import held_out

TypedPart = tuple[NDArray[np.floating], Sequence[str], Sequence[str]]
"""Features (n, f), types and groups of cells."""

FEWEST_TESTED: Final = 5
"""Cells of a type in the test part, below which a site's model does not know the type."""
_SAID: Final = 40.0
FEWEST_GROUPS: Final = 2
"""Slides or patients of the test part below which nothing is accepted."""
BALANCED, AREA = "balanced accuracy", "macro AUC"
"""Names of the figures of :mod:`allstation.core.evaluation` that the acceptance shows first."""
SPLIT: Final = "test part never learned from, {groups} {of} kept apart, opened once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Requirements of a laboratory on its model.

    Attributes:
        lowest_balanced: Smallest lower limit of balanced accuracy on the test part.
        error_rate: Largest share of wrong names among the cells that the model names by itself.
    """

    lowest_balanced: float = 0.90
    error_rate: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what no model can have."""
        if not (0 < self.lowest_balanced < 1 and 0 < self.error_rate < 1):
            sentence = (
                f"Wanted were a balanced accuracy of {self.lowest_balanced} and an error rate of "
                f"{self.error_rate}; expected shares between 0 and 1. Choose, for example, 0.90 and 0.05."
            )
            raise StationError("bad-wanted", sentence)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Acceptance:
    """Result of the test part.

    Attributes:
        wanted: What was wanted.
        evaluation: Every figure on the test part.
        limit: The lower limit of balanced accuracy that is compared with what is wanted: the lower one of
            groups resampled and of cells counted.
        learned: Cells that were learned from, by type.
        learned_groups: Slides or patients that they come from.
        tested_groups: Those of the test part.
        left_out: Types that the model does not know, and why.
        named: Cells of the test part that the rule names by itself.
        wrong: Of them, wrongly.
        patients_known: Whether the groups are patients.
    """

    wanted: Wanted
    evaluation: Evaluation
    limit: float
    learned: Mapping[str, int]
    learned_groups: tuple[str, ...]
    tested_groups: tuple[str, ...]
    left_out: Mapping[str, str]
    named: int
    wrong: int
    patients_known: bool

    @property
    def balanced(self) -> Figure:
        """Balanced accuracy on the test part."""
        return self.evaluation.figure(BALANCED)

    @property
    def auroc(self) -> Figure:
        """AUROC of two types, the mean of one against the rest of more."""
        return self.evaluation.figure(AREA)

    @property
    def tested(self) -> int:
        """Cells of the test part."""
        return int(self.evaluation.matrix.sum())


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Accepted:
    """A site's model that was accepted.

    Attributes:
        typer: The model.
        rule: When a cell or a field is named without a person.
        acceptance: What the test part said.
    """

    typer: Typer
    rule: DecisionRule
    acceptance: Acceptance

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Figures on the test part, the two that are shown first in front."""
        return (self.acceptance.balanced, self.acceptance.auroc)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Refused:
    """A refusal.

    Attributes:
        reason: A sentence with numbers, and what to type next.
        acceptance: What the test part said; None where it could not be measured.
    """

    reason: str
    acceptance: Acceptance | None = None


def judged(
    learned: TypedPart,
    tested: TypedPart,
    *,
    wanted: Wanted,
    network_sha256: str = "",
    patients_known: bool = False,
) -> Accepted | Refused:
    """Fit on the learned cells, open the test part, and accept or refuse.

    Args:
        learned: Cells that were learned from.
        tested: Cells of groups that were not.
        wanted: What the figures are held against.
        network_sha256: Of the cell network.
        patients_known: Whether the groups are patients.
    """
    kept, left_out = _kept_types(learned[1], tested[1])
    groups = set(tested[2])
    if len(groups) < FEWEST_GROUPS or len(kept) < 2:  # noqa: PLR2004 - two types
        return Refused(reason=_untestable(tested, kept, len(groups)))
    learned, tested = _of_types(learned, kept), _of_types(tested, kept)
    try:
        held = held_out(*learned)
        typer = fit_typer(learned[0], learned[1], groups=learned[2], network_sha256=network_sha256, held=held)
    except StationError as error:
        return Refused(reason=error.sentence)
    rule = fitted_rule(held_out_cells(held), error_rate=wanted.error_rate)
    probabilities = typer.probabilities(tested[0])
    true = np.array([typer.types.index(name) for name in tested[1]], np.int64)
    evaluation = evaluate(
        probabilities,
        true,
        classes=typer.types,
        split=SPLIT.format(groups=len(groups), of="patients" if patients_known else "slides"),
        groups=tested[2],
        patients=f"{len(groups)} patients" if patients_known else PATIENTS_UNKNOWN,
    )
    by_itself = (probabilities.max(axis=1) >= rule.min_probability) & (typer.novelty(tested[0]) <= 1)
    acceptance = Acceptance(
        wanted=wanted,
        evaluation=evaluation,
        limit=lower_limit(evaluation),
        learned=dict(Counter(learned[1])),
        learned_groups=tuple(sorted(set(learned[2]))),
        tested_groups=tuple(sorted(groups)),
        left_out=left_out,
        named=int(by_itself.sum()),
        wrong=int((probabilities.argmax(axis=1) != true)[by_itself].sum()),
        patients_known=patients_known,
    )
    if acceptance.limit >= wanted.lowest_balanced:
        return Accepted(typer=typer, rule=rule, acceptance=acceptance)
    return Refused(reason=_too_low(acceptance), acceptance=acceptance)


def lower_limit(evaluation: Evaluation) -> float:
    """Return the lower limit of balanced accuracy, the lower one of both ways to see chance.

    Groups resampled know that cells of a patient are alike, but of few groups without a mistake they claim
    certainty; cells counted do not.
    """
    resampled = evaluation.figure(BALANCED).interval
    rates = [each.rates for each in evaluation.per_class if each.rates.support]
    counted = mean_of_shares([(each.hits, each.support) for each in rates])
    low = resampled.low if resampled is not None else math.nan
    return min(low, counted.low) if math.isfinite(low) else 0.0


def fitted_rule(held: HeldOutCells, *, error_rate: float) -> DecisionRule:
    """Return the rule that keeps wrong names within a rate on held-out cells, types weighing alike.

    The share of wrong names among the surest cells is that of the typed cells and of as many as
    :data:`_SAID` cells that err as often as their probabilities say: the surest few cells of a few slides
    alone would let one mistake decide.

    Args:
        held: Learned cells, named by typers without their group.
        error_rate: Largest share of wrong names among those made.
    """
    top, wrong = held.probabilities.max(axis=1), held.probabilities.argmax(axis=1) != held.true
    weights = 1.0 / np.maximum(np.bincount(held.true, minlength=len(held.types)), 1)[held.true]
    weights *= len(weights) / weights.sum()
    order = np.argsort(-top, kind="stable")
    cells, erring, said = (
        np.cumsum(values[order]) for values in (weights, weights * wrong, weights * (1 - top))
    )
    share: FloatArray = (erring + _SAID * said / cells) / (cells + _SAID)
    within = np.flatnonzero(share <= error_rate)
    # A cell of a higher probability than 1 - rate is within the rate by itself, however sure all others were.
    least = min(float(top[order][within[-1]]), 1 - error_rate) if len(within) else 1.0
    return DecisionRule(min_probability=max(NOT_SURE, least), max_novelty=1.0, min_cells=1)


def _kept_types(learned: Sequence[str], tested: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the types that can be learned and tested, and why each other one is left out."""
    mine, theirs = Counter(learned), Counter(tested)
    left_out = {}
    for name in sorted({*mine, *theirs}):
        if mine[name] < FEWEST_OF_A_TYPE:
            left_out[name] = f"{mine[name]} cells learned, expected {FEWEST_OF_A_TYPE}; {theirs[name]} tested"
        elif theirs[name] < FEWEST_TESTED:
            left_out[name] = f"{theirs[name]} cells tested, expected {FEWEST_TESTED}; {mine[name]} learned"
    return [name for name in sorted(mine) if name not in left_out], left_out


def _of_types(part: TypedPart, types: Sequence[str]) -> TypedPart:
    rows = [row for row, name in enumerate(part[1]) if name in types]
    return part[0][rows], [part[1][row] for row in rows], [part[2][row] for row in rows]


def _untestable(tested: TypedPart, kept: Sequence[str], groups: int) -> str:
    return (
        f"The test part has {len(tested[1])} typed cells of {groups} slides or patients, and {len(kept)} "
        f"types with enough cells; expected at least 2 types with {FEWEST_TESTED} cells each from "
        f"{FEWEST_GROUPS} slides or patients. Type cells of each type on further slides."
    )


def _too_low(found: Acceptance) -> str:
    """Say by how much the limit is missed, and what to type next."""
    value, limit, wanted = found.balanced.value, found.limit, found.wanted.lowest_balanced
    measured = f"balanced accuracy {value:.3f}, {found.tested} cells"
    begin = f"Lower limit {limit:.2f} below your {wanted:.2f} ({measured})"
    of = "patients" if found.patients_known else "slides"
    if value > wanted:
        times = ((value - limit) / (value - wanted)) ** 2
        cells, groups = (math.ceil(found.tested * (times - 1) / 10) * 10, len(found.tested_groups))
        more = max(1, math.ceil(groups * (times - 1)))
        return f"{begin}: the test was too small. Test {cells} more cells from at least {more} further {of}."
    worst = min(
        (each for each in found.evaluation.per_class if each.rates.support),
        key=lambda each: each.rates.recall,
    )
    learned = sum(found.learned.values())
    more, groups = max(10, math.ceil(learned / 20) * 10), max(3, math.ceil(len(found.learned_groups) / 2))
    return (
        f"{begin}: type {more} more cells from at least {groups} further {of}, most of all of {worst.name}, "
        f"of which {worst.rates.hits} of {worst.rates.support} were named rightly"
        f"{_mostly(found, worst.name)}."
    )


def _mostly(found: Acceptance, name: str) -> str:
    """Say what a type was most often taken for, as two types that nobody parts may be one."""
    at = found.evaluation.classes.index(name)
    others = found.evaluation.matrix[at].copy()
    others[at] = 0
    most = int(others.max())
    return f" and {most} as {found.evaluation.classes[int(others.argmax())]}" if most else ""


def acceptance_json(outcome: Accepted | Refused) -> dict[str, Any]:
    """Return an outcome as a JSON object: whether it was accepted, why not, and every figure."""
    found = outcome.acceptance
    refused = isinstance(outcome, Refused)
    document: dict[str, Any] = {
        "schema": 1,
        "accepted": not refused,
        "reason": outcome.reason if isinstance(outcome, Refused) else "",
    }
    if found is None:
        return document
    spread: Interval = wilson(found.wrong, found.named)
    return {
        **document,
        "wanted": {"lowest_balanced": found.wanted.lowest_balanced, "error_rate": found.wanted.error_rate},
        "auroc": found.auroc.to_json()["value"],
        "auroc_interval": found.auroc.to_json()["interval"],
        "balanced_accuracy": found.balanced.value,
        "balanced_accuracy_interval": found.balanced.to_json()["interval"],
        "lower_limit": found.limit,
        "figures": [found.balanced.to_json(), found.auroc.to_json()],
        "per_type": [each.to_json() for each in found.evaluation.per_class],
        "learned": {
            "cells": sum(found.learned.values()),
            "by_type": dict(found.learned),
            "groups": len(found.learned_groups),
        },
        "tested": {"cells": found.tested, "groups": len(found.tested_groups)},
        "patients": found.balanced.patients,
        "split": found.balanced.split,
        "types_left_out": dict(found.left_out),
        "rule": {
            "named": found.named,
            "of": found.tested,
            "wrong": found.wrong,
            "error_rate": found.wrong / found.named if found.named else None,
            "interval": [spread.low, spread.high],
        },
        "evaluation": found.evaluation.to_json(),
    }
