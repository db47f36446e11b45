"""Evaluation of the validation and test set of a run, and the table of its predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.loading import Data
from training.data.splits import Rows, Split
from training.evaluate.metrics import Predicted, Probabilities, prediction_row, run_metrics
from training.evaluate.timing import Timer
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
) -> dict[str, Any]:
    """Evaluate validation and test set and write their predictions.

    Args:
        data: The labelled set.
        split: Its division.
        probabilities_of: Predicts rows of the set.
        folder: The run folder.
        suffix: Of the table's name.
        timer: Times predicting rows of the set; None takes no times.

    Returns:
        ``validation`` and ``test`` as :func:`training.evaluate.metrics.run_metrics` gives them, and times.
    """
    result: dict[str, Any] = {}
    tables: list[dict[str, Any]] = []
    for part in ("validation", "test"):
        rows = getattr(split, part)
        predicted = as_predicted(data, split, rows, probabilities=probabilities_of(rows))
        result[part] = run_metrics(predicted)
        tables.extend(prediction_rows(data, predicted, rows, part=part))
        if timer is not None and len(rows):
            result[part]["time"] = timer(rows)
    runs.write_text(folder.path / f"predictions{suffix}.csv", runs.rows_to_csv(tables))
    return result


def as_predicted(
    data: Data, split: Split, rows: NDArray[np.int64], *, probabilities: NDArray[np.float64]
) -> Predicted:
    """Join probabilities with the truth, groups and split they belong to."""
    groups = [data.groups[int(row)] for row in rows]
    labels = data.labelled.labels[rows]
    return Predicted(probabilities, labels, groups, data.labelled.classes, split.kind, split.patients)


def prediction_rows(
    data: Data, predicted: Predicted, rows: Sequence[int] | NDArray[np.int64], *, part: str
) -> list[dict[str, Any]]:
    """Return the lines of ``predictions.csv`` (:func:`training.evaluate.metrics.prediction_row`)."""
    return [
        prediction_row(predicted, place, part=part, file=data.labelled.relative(int(row)))
        for place, row in enumerate(rows)
    ]
