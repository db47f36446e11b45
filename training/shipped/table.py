"""Result table: targets and results with n, interval and split; Markdown and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.classes import CLASS_NAMES, PATIENTS_UNKNOWN, RESEARCH_USE
from allstation.core.evaluation import overall
from allstation.core.statistics import Interval, wilson
from allstation.inference.engine import softmax
from training.fit.calibration import fit_temperature

Rows = NDArray[np.int64]

TARGETS: Final[Mapping[str, tuple[str, float]]] = {
    "image-random, mean test accuracy": (">=", 0.993),
    "balanced accuracy, contiguous blocks": (">=", 0.985),
    "Benign specificity, same folds": (">=", 0.97),
    "ECE (15 bins) after calibration": ("<=", 0.015),
    "accuracy at 95 % coverage": (">=", 0.997),
    "novelty alarms in the domain": ("<=", 0.03),
    "background swap: top class is that of the cells": (">=", 0.95),
    "background only: sent to review": (">=", 0.95),
    "corner mark removed, added, swapped": ("<=", 0.002),
    "evidence inside cells over share of area": (">=", 3.0),
    "drop of accuracy in points": ("<=", 2.0),
    "novelty, AUROC": (">=", 0.99),
    "processor time of one field": ("<=", 30.0),
    "high-resolution twins: same decision": (">=", 0.97),
    "parameters": ("<=", 5e6),
    "bundle": ("<=", 25.0),
}
"""What was to be reached, by the beginning of the measure's name."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One row of the table.

    Attributes:
        measure: What was measured.
        target: What was to be reached, in words.
        value: What was reached, in words.
        reached: Whether the target is met; None where there is no target.
        n: Fields.
        interval: 95 %, or None.
        split: Kind of split.
    """

    measure: str
    target: str
    value: str
    reached: bool | None
    n: int
    interval: Interval | None
    split: str


@dataclass(frozen=True)
class Tested:
    """One trained division's outputs on its test fields.

    Attributes:
        name: Of the division.
        logits: (n, k).
        labels: (n,).
        novelty: (n,) in units of the division's own limit.
        temperature: Fitted on the division's validation fields.
    """

    name: str
    logits: NDArray[Any]
    labels: Rows
    novelty: NDArray[Any]
    temperature: float


def calibrated(tests: Sequence[Tested]) -> NDArray[np.float64]:
    """Return probabilities of all test fields; each fold's temperature comes from the other folds."""
    found = []
    for test in tests:
        others = [other for other in tests if other is not test]
        temperature = test.temperature
        if others:
            logits = np.concatenate([other.logits for other in others])
            temperature = fit_temperature(logits, np.concatenate([other.labels for other in others]))
        found.append(softmax(test.logits / temperature))
    return np.concatenate(found)


def block_rows(tests: Sequence[Tested], split: str) -> tuple[list[ResultRow], metrics.IntArray]:
    """Return the rows of the contiguous blocks and the confusion matrix."""
    labels = np.concatenate([test.labels for test in tests])
    probabilities = calibrated(tests)
    matrix = metrics.confusion(labels, probabilities.argmax(axis=1), classes=len(CLASS_NAMES))
    n = len(labels)
    values = overall(probabilities, labels)
    spread = _bootstrap(labels, probabilities.argmax(axis=1))
    benign, hits = int(matrix[0].sum()), int(matrix[0, 0])
    order = np.argsort(-probabilities.max(axis=1), kind="stable")[: round(0.95 * n)]
    right = int((probabilities.argmax(axis=1)[order] == labels[order]).sum())
    alarms = int((np.concatenate([test.novelty for test in tests]) > 1).sum())
    total = int(np.trace(matrix))
    rows = [
        judged(
            "balanced accuracy, contiguous blocks", values["balanced accuracy"], n, split, interval=spread
        ),
        judged("accuracy, contiguous blocks", total / n, n, split, interval=wilson(total, n)),
        judged("Benign specificity, same folds", hits / benign, benign, split, interval=wilson(hits, benign)),
        judged("ECE (15 bins) after calibration on the other folds", values["ECE (15 bins)"], n, split),
        judged(
            "accuracy at 95 % coverage",
            right / len(order),
            len(order),
            split,
            interval=wilson(right, len(order)),
        ),
        judged("novelty alarms in the domain, blocks", alarms / n, n, split, interval=wilson(alarms, n)),
    ]
    return rows, matrix


def judged(
    measure: str, value: float, n: int, split: str, *, interval: Interval | None = None, text: str = ""
) -> ResultRow:
    """Compare a value with its target.

    Args:
        measure: As ``TARGETS`` names it; without a target there, nothing is judged.
        value: What was measured.
        n: Fields.
        split: Kind of split.
        interval: 95 %.
        text: Instead of the value with four digits.
    """
    target = next((known for start, known in TARGETS.items() if measure.startswith(start)), None)
    written = text or f"{value:.4f}"
    if target is None:
        return ResultRow(measure, "", written, None, n, interval, split)
    sign, limit = target
    reached = bool(value >= limit if sign == ">=" else value <= limit)
    return ResultRow(measure, f"{sign} {limit:g}", written, reached, n, interval, split)


def _bootstrap(labels: Rows, predicted: Rows) -> Interval:
    """Percentile interval of balanced accuracy over 2,000 stratified resamples of fields."""
    random = np.random.default_rng(1)
    values = []
    right = [(predicted[labels == kind] == kind).astype(float) for kind in range(len(CLASS_NAMES))]
    for _ in range(2000):
        values.append(np.mean([random.choice(hits, len(hits)).mean() for hits in right]))
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))


def random_row(tests: Sequence[Tested], seeds: int) -> ResultRow:
    """Return the row of image-random splits."""
    shares = [float((test.logits.argmax(axis=1) == test.labels).mean()) for test in tests]
    n = sum(len(test.labels) for test in tests)
    hits = sum(int((test.logits.argmax(axis=1) == test.labels).sum()) for test in tests)
    mean, spread = float(np.mean(shares)), float(np.std(shares, ddof=1)) if len(shares) > 1 else 0.0
    value = f"{mean:.4f} (SD {spread:.4f})"
    split = f"image-random 70/15/15, {len(tests)} of {seeds} seeds"
    measure = "image-random, mean test accuracy"
    return judged(measure, mean, n, split, interval=wilson(hits, n), text=value)


def render(rows: Sequence[ResultRow], matrix: metrics.IntArray, notes: Sequence[str]) -> str:
    """Return the table as Markdown."""
    lines = [
        "# What the shipped model reaches",
        "",
        f"{RESEARCH_USE} Generated by `python -m training.shipped`; "
        f"every figure counts fields, {PATIENTS_UNKNOWN}.",
        "",
        "| measure | target | reached | | n | 95 % interval | split |",
        "|---|---|---|---|---|---|---|",
    ]
    marks = {True: "met", False: "**missed**", None: ""}
    for row in rows:
        count, interval = row.n or "", row.interval or ""
        cells = (row.measure, row.target, row.value, marks[row.reached], count, interval, row.split)
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += ["", "Contiguous blocks, true classes as rows:", "", "| | " + " | ".join(CLASS_NAMES) + " |"]
    lines += ["|---|" + "---|" * len(CLASS_NAMES)]
    lines += [
        f"| {name} | " + " | ".join(str(v) for v in row) + " |"
        for name, row in zip(CLASS_NAMES, matrix, strict=True)
    ]
    lines += ["", "## Notes", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[ResultRow], matrix: metrics.IntArray, notes: Sequence[str]) -> Mapping[str, Any]:
    """Return the table as a JSON object."""
    return {
        "schema": 1,
        "patients": PATIENTS_UNKNOWN,
        "rows": [
            {**asdict(row), "reached": None if row.reached is None else bool(row.reached)} for row in rows
        ],
        "confusion_blocks": {"classes": list(CLASS_NAMES), "matrix": matrix.tolist()},
        "notes": list(notes),
    }
