"""Result table: targets and results with n, interval and split; Markdown and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.classes import CLASS_NAMES, PATIENTS_UNKNOWN, RESEARCH_USE
from allstation.core.evaluation import overall
from allstation.core.resampling import BINS, bootstrap, coverage_name, figures, mean_interval
from allstation.core.statistics import Interval, mcnemar_exact
from allstation.inference.engine import softmax

Rows = NDArray[np.int64]

BLOCK: Final = 37
"""File numbers of a class in one block of the intervals: the embargo, over which fields are alike."""
BLOCKS: Final = f"blocks of {BLOCK} file numbers"
FIELDS: Final = "fields (Wilson)"
"""What an interval counts as independent."""

TARGETS: Final[Mapping[str, tuple[str, float]]] = {
    "image-random, mean test accuracy": (">=", 0.99),
    "balanced accuracy, contiguous blocks": (">=", 0.975),
    "benign fields called Benign (specificity for leukemia), same folds": (">=", 0.97),
    "ECE (15 bins) after calibration": ("<=", 0.015),
    "accuracy at 95 % coverage": (">=", 0.988),
    "novelty alarms in the domain": ("<=", 0.03),
    "background swap: top class is that of the cells": (">=", 0.95),
    "background only: sent to review": (">=", 0.95),
    "corner mark removed, added, swapped": ("<=", 0.002),
    "evidence inside cells over share of area": (">=", 3.0),
    "drop of accuracy in points": ("<=", 2.0),
    "novelty, AUROC": (">=", 0.99),
    "processor time of one field": ("<=", 10.0),
    "high-resolution twins: same decision": (">=", 0.97),
    "parameters": ("<=", 5e6),
    "bundle": ("<=", 12.0),
}
"""What was to be reached, by the beginning of the measure's name."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """Row of the table.

    Attributes:
        measure: What was measured.
        target: What was to be reached, in words.
        value: What was reached, in words.
        reached: Whether the target is met; None where there is no target.
        n: Fields.
        interval: 95 %, or None.
        split: Kind of split.
        resampled: What the interval counts as independent: fields, blocks, seeds.
    """

    measure: str
    target: str
    value: str
    reached: bool | None
    n: int
    interval: Interval | None
    split: str
    resampled: str = ""


@dataclass(frozen=True)
class Tested:
    """Outputs of a trained division on its test fields.

    Attributes:
        name: Of the division.
        logits: (n, k).
        labels: (n,).
        novelty: (n,) in units of the division's own limit.
        temperature: Fitted on blocks of the division's training fields, as that of the shipped network is.
        blocks: Block of file numbers of each field; fields of one block are not independent.
        sampled: Those of the fields that were also disturbed.
        disturbed: (disturbances, sampled) whether the top class stayed or became the true one.
    """

    name: str
    logits: NDArray[Any]
    labels: Rows
    novelty: NDArray[Any]
    temperature: float
    blocks: Sequence[str]
    sampled: Rows
    disturbed: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether the top class is the true one."""
        return np.asarray(self.logits.argmax(axis=1) == self.labels)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(n, k) by the division's own temperature."""
        return softmax(self.logits / self.temperature)


def block_rows(tests: Sequence[Tested], split: str) -> tuple[list[ResultRow], metrics.IntArray]:
    """Return the rows of the contiguous blocks and the confusion matrix; intervals resample blocks."""
    labels = np.concatenate([test.labels for test in tests])
    probabilities = np.concatenate([test.probabilities for test in tests])
    blocks = [block for test in tests for block in test.blocks]
    n = len(labels)
    values = overall(probabilities, labels)
    spread = bootstrap(lambda weights: figures(probabilities, labels, weights), blocks)
    named = {
        "balanced accuracy, contiguous blocks": ("balanced accuracy", n),
        "accuracy, contiguous blocks": ("accuracy", n),
        "ECE (15 bins) after calibration, all folds": ("ECE (15 bins)", n),
        "accuracy at 95 % coverage": (coverage_name(0.95), math.ceil(0.95 * n)),
    }
    rows = [
        judged(measure, values[name], count, split, interval=spread[name], resampled=BLOCKS)
        for measure, (name, count) in named.items()
    ]
    right = np.concatenate([test.right for test in tests])
    alarms = np.concatenate([test.novelty for test in tests]) > 1
    measure = "benign fields called Benign (specificity for leukemia), same folds"
    rows.append(share_by_block(measure, right[labels == 0], _some(blocks, labels == 0), split))
    rows.append(share_by_block("novelty alarms in the domain, blocks", alarms, blocks, split))
    rows += [_fold_calibration(test, split) for test in tests]
    return rows, metrics.confusion(labels, probabilities.argmax(axis=1), classes=len(CLASS_NAMES))


def _some(blocks: Sequence[str], chosen: NDArray[np.bool_]) -> list[str]:
    return [blocks[row] for row in np.flatnonzero(chosen).tolist()]


def share_by_block(measure: str, hits: NDArray[np.bool_], blocks: Sequence[str], split: str) -> ResultRow:
    """Return the row of a share whose interval resamples blocks."""
    interval = mean_interval(hits.astype(np.float64), blocks)
    return judged(measure, float(hits.mean()), len(hits), split, interval=interval, resampled=BLOCKS)


def _fold_calibration(test: Tested, split: str) -> ResultRow:
    shares, labels = test.probabilities, test.labels
    name = f"ECE ({BINS} bins)"
    spread = bootstrap(lambda weights: figures(shares, labels, weights), test.blocks)[name]
    text = (
        f"{overall(shares, labels)[name]:.4f} (claimed {shares.max(axis=1).mean():.3f}, "
        f"right {test.right.mean():.3f}, temperature {test.temperature:.2f})"
    )
    return ResultRow(f"{name}, {test.name}", "", text, None, len(labels), spread, split, BLOCKS)


def seed_rows(by_seed: Sequence[Sequence[Tested]], split: str) -> list[ResultRow]:
    """Return what the draw of the altered copies alone changes; smaller differences are noise.

    Args:
        by_seed: The folds' tests, once for every draw.
        split: Kind of split.
    """
    found = []
    for tests in by_seed:
        labels = np.concatenate([test.labels for test in tests])
        shares = np.concatenate([test.probabilities for test in tests])
        values = overall(shares, labels)
        benign = np.concatenate([test.right for test in tests])[labels == 0].mean()
        found.append((values["balanced accuracy"], float(benign), values[coverage_name(0.95)]))
    if len(found) < 2:  # noqa: PLR2004
        return []
    names = ("balanced accuracy", "benign fields called Benign", "accuracy at 95 % coverage")
    measures = zip(names, np.transpose(found), strict=True)
    return [
        ResultRow(
            f"{name}: mean over {len(found)} draws of copies (differences below their spread are noise)",
            "",
            f"{values.mean():.4f} (SD {values.std(ddof=1):.4f}, {values.min():.4f} to {values.max():.4f})",
            None,
            sum(len(test.labels) for test in by_seed[0]),
            t_interval(values.tolist()),
            split,
            f"t over {len(found)} draws",
        )
        for name, values in measures
    ]


def disturbance_rows(tests: Sequence[Tested], names: Sequence[str], split: str) -> list[ResultRow]:
    """Return what each disturbance costs on fields of held-out blocks.

    Args:
        tests: One per fold.
        names: Of the disturbances, in the order of ``Tested.disturbed``.
        split: Kind of split.
    """
    before = np.concatenate([test.right[test.sampled] for test in tests])
    blocks = [test.blocks[row] for test in tests for row in test.sampled.tolist()]
    rows = []
    for place, name in enumerate(names):
        after = np.concatenate([test.disturbed[place] for test in tests])
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        change = 100 * (before.astype(np.float64) - after)
        text = (
            f"{change.mean():.1f} ({before.mean():.4f} to {after.mean():.4f}; {lost} lost, {won} won, "
            f"exact McNemar p {mcnemar_exact(lost, won):.2g})"
        )
        measure = f"drop of accuracy in points: {name}"
        interval = mean_interval(change, blocks)
        row = judged(measure, float(change.mean()), len(before), split, interval=interval, text=text)
        rows.append(replace(row, resampled=BLOCKS))
    return rows


def t_interval(values: Sequence[float]) -> Interval | None:
    """Return the 95 % interval of a mean over independent repetitions (Student 1908); None for one."""
    from scipy.stats import t

    n = len(values)
    if n < 2:  # noqa: PLR2004
        return None
    half = float(t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Interval(float(np.mean(values)) - half, float(np.mean(values)) + half)


def judged(
    measure: str,
    value: float,
    n: int,
    split: str,
    *,
    interval: Interval | None = None,
    resampled: str = "",
    text: str = "",
) -> ResultRow:
    """Compare a value with its target.

    Args:
        measure: As ``TARGETS`` names it; without a target there, nothing is judged.
        value: What was measured.
        n: Fields.
        split: Kind of split.
        interval: 95 %.
        resampled: What the interval counts as independent.
        text: Instead of the value with four digits.
    """
    target = next((known for start, known in TARGETS.items() if measure.startswith(start)), None)
    written = text or f"{value:.4f}"
    if target is None:
        return ResultRow(measure, "", written, None, n, interval, split, resampled)
    sign, limit = target
    reached = bool(value >= limit if sign == ">=" else value <= limit)
    return ResultRow(measure, f"{sign} {limit:g}", written, reached, n, interval, split, resampled)


def random_row(tests: Sequence[Tested], seeds: int) -> ResultRow:
    """Return the row of image-random splits: their test sets overlap, so the seeds are what is repeated."""
    shares = [float(test.right.mean()) for test in tests]
    mean, spread = float(np.mean(shares)), float(np.std(shares, ddof=1)) if len(shares) > 1 else 0.0
    value, each = f"{mean:.4f} (SD {spread:.4f})", len(tests[0].labels)
    split = f"image-random 70/15/15, {len(tests)} of {seeds} seeds of {each} test fields that overlap"
    measure, resampled = "image-random, mean test accuracy", f"t over {len(tests)} seeds"
    return judged(measure, mean, each, split, interval=t_interval(shares), resampled=resampled, text=value)


def render(rows: Sequence[ResultRow], matrix: metrics.IntArray, notes: Sequence[str]) -> str:
    """Return the table as Markdown."""
    lines = [
        "# What the shipped model reaches",
        "",
        f"{RESEARCH_USE} Generated by `python -m training.shipped`; "
        f"every figure counts fields, {PATIENTS_UNKNOWN}.",
        "",
        "| measure | target | reached | | n | 95 % interval | interval over | split |",
        "|---|---|---|---|---|---|---|---|",
    ]
    marks = {True: "met", False: "**missed**", None: ""}
    for row in rows:
        count, interval = row.n or "", row.interval or ""
        value, mark = row.value, marks[row.reached]
        cells = (row.measure, row.target, value, mark, count, interval, row.resampled, row.split)
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
