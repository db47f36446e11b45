"""Evaluation of a site's model on typed cells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from allstation.commissioning.acceptance import AREA, BALANCED
from allstation.commissioning.typed_cells import TypedCells
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.evaluation import Evaluation, evaluate
from allstation.core.metrics import Figure
from allstation.core.patients import patients_text
from allstation.core.statistics import wilson
from allstation.inference.bundle import ModelBundle
from allstation.inference.site_bundle import SEEN_DIGITS, learned_pictures, site_typer

SPLIT: Final = "typed cells given by the user, those of slides that were learned from left out by their hash"
SPLIT_UNKNOWN: Final = (
    "typed cells given by the user; which cells the model learned from is not known, and none were left out"
)
"""Of a model of merged statistics, which hold no hash of any picture."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CellEvaluation:
    """Figures of a site's model on typed cells.

    Attributes:
        evaluation: Every figure, over the cells that were measured, are of a known type and were never seen.
        patients: Patients of these cells; 0 where patients are not known.
        named: Cells that the rule names by itself.
        wrong: Of them, wrongly.
        seen: Cells left out, as their slide or picture was learned from.
        other_types: Cells left out, as the model does not know their type, by type.
        others_named: Of them, those that the rule names by itself all the same.
        unfound: Rows that no features could be measured of.
        unfound_by_type: The same by type.
    """

    evaluation: Evaluation
    patients: int
    named: int
    wrong: int
    seen: int
    other_types: Mapping[str, int]
    others_named: int
    unfound: int
    unfound_by_type: Mapping[str, int]

    @property
    def cells(self) -> int:
        """Cells that the figures are of."""
        return int(self.evaluation.matrix.sum())

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        area, balanced = self.evaluation.figure(AREA), self.evaluation.figure(BALANCED)
        spread = wilson(self.wrong, self.named)
        rows = self.cells + self.seen + sum(self.other_types.values()) + self.unfound
        return {
            "auroc": _finite(area.value),
            "auroc_interval": _pair(area),
            "balanced_accuracy": _finite(balanced.value),
            "balanced_accuracy_interval": _pair(balanced),
            "cells": self.cells,
            "patients": self.patients or PATIENTS_UNKNOWN,
            "split": balanced.split,
            "per_type": [each.to_json() for each in self.evaluation.per_class],
            "coverage": self.named / self.cells if self.cells else None,
            "named": {
                "cells": self.named,
                "of": self.cells,
                "wrong": self.wrong,
                "error_rate": self.wrong / self.named if self.named else None,
                "interval": [spread.low, spread.high],
            },
            "rows": rows,
            "not_measured": {"cells": self.unfound, "by_type": dict(self.unfound_by_type)},
            "learned_from": self.seen,
            "other_types": {
                "cells": sum(self.other_types.values()),
                "by_type": dict(self.other_types),
                "named_all_the_same": self.others_named,
            },
            **self.evaluation.to_json(),
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _pair(figure: Figure) -> list[float] | None:
    return None if figure.interval is None else [figure.interval.low, figure.interval.high]


def evaluate_cells(bundle: ModelBundle, cells: TypedCells) -> CellEvaluation:
    """Measure a site's model.

    Args:
        bundle: Of a site, for the cell network that measured the cells.
        cells: Typed and measured.

    Raises:
        StationError: ``other-network``; ``nothing-to-evaluate`` if no cell is left.
    """
    typer = site_typer(bundle)
    if typer.network_sha256 != cells.network_sha256:
        sentence = "The model is for another cell network than this program has. Commission the site again."
        raise StationError("other-network", sentence)
    known, seen = set(typer.types), learned_pictures(bundle)
    learned = np.array([picture[:SEEN_DIGITS] in seen for picture in cells.pictures], np.bool_)
    typed = np.array([name in known for name in cells.types], np.bool_)
    rows = np.flatnonzero(typed & ~learned)
    if not len(rows):
        sentence = (
            f"None of the {len(cells.types)} measured cells can be evaluated: {int(learned.sum())} are of "
            f"slides that the model learned from, {int((~typed).sum())} of types that it does not know. Give "
            f"typed cells of other slides with the types {', '.join(typer.types)}."
        )
        raise StationError("nothing-to-evaluate", sentence)
    shares = typer.probabilities(cells.features)
    sure = (shares.max(axis=1) >= bundle.rule.min_probability) & (
        typer.novelty(cells.features) <= bundle.rule.max_novelty
    )
    names = [cells.types[row] for row in rows.tolist()]
    true = np.array([typer.types.index(name) for name in names], np.int64)
    patients = {cells.patients[row] for row in rows.tolist()}
    all_known = all(patients)
    return CellEvaluation(
        evaluation=evaluate(
            shares[rows],
            true,
            classes=typer.types,
            split=SPLIT if seen else SPLIT_UNKNOWN,
            groups=[cells.groups[row] for row in rows.tolist()],
            patients=patients_text(patients),
        ),
        patients=len(patients) if all_known else 0,
        named=int(sure[rows].sum()),
        wrong=int((shares[rows].argmax(axis=1) != true)[sure[rows]].sum()),
        seen=int((learned & typed).sum()),
        other_types=dict(Counter(name for name in cells.types if name not in known)),
        others_named=int((sure & ~typed).sum()),
        unfound=len(cells.unfound),
        unfound_by_type=dict(Counter(one.type for one in cells.unfound)),
    )
