"""Evaluation of the validation and test set of a run, and the table of its predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from allstation.core.patients import patients_text
from training.data.loading import Data
from training.data.splits import Rows, Split
from training.evaluate.metrics import Predicted, Probabilities, prediction_row, run_metrics
from training.evaluate.timing import Timer
from training.evaluate.types import PartMetrics, Parts
from training.fit import runs
from training.fit.runs import RunFolder


def evaluate_parts(
    data: Data,
    split: Split,
    probabilities_of: Callable[[Rows], Probabilities],
    *,
    folder: RunFolder,
    suffix: str = "",
    timer: Timer | None = None,
) -> Parts:
    """Evaluate validation and test set and write their predictions.

    Args:
        data: The labelled set.
        split: Its division.
        probabilities_of: Predicts rows of the set.
        folder: The run folder.
        suffix: Of the table's name.
        timer: Times predicting rows of the set; None takes no times.

    Returns:
        Figures and times of both parts.
    """
    lines: list[dict[str, str]] = []

    def evaluate(part: str, rows: Rows) -> PartMetrics:
        predicted = as_predicted(data, split, rows, probabilities=probabilities_of(rows))
        lines.extend(prediction_rows(data, predicted, rows, part=part))
        found = run_metrics(predicted)
        if timer is not None and len(rows):
            found["time"] = timer(rows)
        return found

    parts: Parts = {
        "validation": evaluate("validation", split.validation),
        "test": evaluate("test", split.test),
    }
    runs.write_text(folder.path / f"predictions{suffix}.csv", runs.rows_to_csv(lines))
    return parts


def as_predicted(
    data: Data, split: Split, rows: NDArray[np.int64], *, probabilities: NDArray[np.float64]
) -> Predicted:
    """Join probabilities with the truth, groups and split they belong to.

    The groups are patients, those of these rows, where every field of the set has one.
    """
    patients = split.patients_of(rows)
    groups = patients or [data.groups[int(row)] for row in rows]
    labels = data.labelled.labels[rows]
    named = patients_text(patients)
    return Predicted(probabilities, labels, groups, data.labelled.classes, split.kind, named)


def prediction_rows(
    data: Data, predicted: Predicted, rows: Sequence[int] | NDArray[np.int64], *, part: str
) -> list[dict[str, str]]:
    """Return the lines of ``predictions.csv`` (:func:`training.evaluate.metrics.prediction_row`)."""
    return [
        prediction_row(predicted, place, part=part, file=data.labelled.relative(int(row)))
        for place, row in enumerate(rows)
    ]
