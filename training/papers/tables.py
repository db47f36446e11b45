"""Rows of the papers' tables beside those of finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from allstation.core.evaluation import ACCURACY_BY_FIELD
from allstation.core.statistics import wilson
from training.evaluate.comparison import read_predictions
from training.evaluate.metrics import Predicted, compare
from training.fit.runs import RunFolder
from training.papers import published
from training.papers.plan import BOTH_EPOCHS, TABLE2, Planned

Rows = list[list[str]]
_LEAST_P: Final = 0.0001
_NEARLY_ALL: Final = 0.98


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, read back.

    Attributes:
        key: Name of the run folder.
        arm: Key of its row.
        seed: Its seed.
        folder: The run folder.
        metrics: What ``metrics.json`` says.
    """

    key: str
    arm: str
    seed: int
    folder: RunFolder
    metrics: Mapping[str, Any]

    def of_epoch(self, epoch: int | None) -> Mapping[str, Any]:
        """Metrics after an epoch that was kept as a snapshot, or at the end."""
        kept = self.metrics.get("snapshots", {}).get(str(epoch))
        return kept if kept is not None else self.metrics


def accuracy_of(found: Mapping[str, Any], part: str = "test") -> tuple[float, int]:
    """Return the accuracy of a part of the data, and the number of its fields."""
    figure = found[part]["overall"][ACCURACY_BY_FIELD]
    return float(figure["value"]), int(figure["n"])


def _seeds_text(values: Sequence[float]) -> str:
    spread = f" (SD {np.std(values, ddof=1):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}, {len(values)} seed{'s' if len(values) > 1 else ''}"


def has_collapsed(found: Mapping[str, Any]) -> bool:
    """Tell whether a run names one class for practically every field: it says nothing of its settings."""
    named = np.sum(found["test"]["confusion_rows_true"], axis=0)
    return bool(named.max() >= _NEARLY_ALL * named.sum())


def _runs_text(found: Sequence[FinishedRun], *, part: str = "test", epoch: int | None = None) -> str:
    """Mean over the seeds that learned something; those that collapsed are named beside it."""
    kept = [(run.seed, run.of_epoch(epoch)) for run in found]
    learned = [accuracy_of(entry, part)[0] for _, entry in kept if not has_collapsed(entry)]
    lost = [
        f"seed {seed} ({accuracy_of(entry, part)[0]:.3f})" for seed, entry in kept if has_collapsed(entry)
    ]
    if not lost:
        return _seeds_text(learned)
    mean = f"{_seeds_text(learned)} that learned" if learned else "no seed learned"
    return f"{mean}; collapsed: {', '.join(lost)}"


def _of_first_seed(found: Mapping[str, Any]) -> str:
    """Accuracy of the first seed with the interval by groups: what a single paper row compares with."""
    text = _figure_text(found["test"]["overall"]["accuracy"])
    return f"{text} (collapsed)" if has_collapsed(found) else text


def _verdict(paper: float, values: Sequence[float]) -> str:
    if not values:
        return "not run"
    return "met or beaten" if float(np.mean(values)) >= paper - 0.0005 else "not reached"


def zhang_rows(done: Sequence[FinishedRun]) -> Rows:
    """The factorial beside the paper's four rows, with times."""
    rows: Rows = [
        ["epochs", "batch", "loss", "paper val / test (times, s)", "ours val (mean)", "ours test (mean)",
         "seed 1 test [95 % by groups]", "val / test time, warm median s (p95)", "verdict"],
    ]  # fmt: skip
    printed = {(row.epochs, row.batch, row.loss): row for row in published.ZHANG_TABLE1}
    long, short = max(BOTH_EPOCHS), min(BOTH_EPOCHS)
    for batch in (64, 32):
        for loss in ("CCE", "BCE"):
            found = [run for run in done if run.arm == f"zhang-b{batch}-{loss.lower()}"]
            for epochs in (long, short):
                paper = printed.get((epochs, batch, loss))
                rows.append([str(epochs), str(batch), loss, *_zhang_cells(found, epochs, paper)])
    return rows


def _zhang_cells(found: Sequence[FinishedRun], epochs: int, paper: published.ZhangRow | None) -> list[str]:
    theirs = "not in the paper"
    if paper:
        times = f"{paper.validation_seconds:.2f} / {paper.test_seconds:.2f}"
        theirs = f"{paper.validation:.2f} / {paper.test:.2f} ({times})"
    if not found:
        return [theirs, "not run", "not run", "not run", "not run", "not run"]
    epoch = epochs if epochs == min(BOTH_EPOCHS) else None
    kept = [run.of_epoch(epoch) for run in found]
    test = [accuracy_of(entry)[0] for entry in kept]
    return [
        theirs,
        _runs_text(found, part="validation", epoch=epoch),
        _runs_text(found, epoch=epoch),
        _of_first_seed(kept[0]),
        " / ".join(_time_text(found[0].metrics[part]["time"]) for part in ("validation", "test")),
        _verdict(paper.test, test) if paper else "",
    ]


def _time_text(time: Mapping[str, Any]) -> str:
    return f"{time['median_s']:.2f} ({time['p95_s']:.2f}) for {time['fields']}"


def blocks_rows(done: Sequence[FinishedRun]) -> Rows:
    """The number of convolution blocks, which the paper calls adjustable and never tabulates."""
    rows: Rows = [
        ["blocks", "parameters", "MB float32", "test accuracy (mean)", "seed 1 test [95 % by groups]"]
    ]
    for blocks in (1, 2, 3, 4):
        key = "zhang-b64-cce" if blocks == 3 else f"zhang-blocks{blocks}"  # noqa: PLR2004 - the paper's
        rows.append([str(blocks), *_size_cells([run for run in done if run.arm == key])])
    return rows


def _size_cells(found: Sequence[FinishedRun]) -> list[str]:
    if not found:
        return ["not run"] * 4
    first = found[0].metrics
    return [
        f"{first['parameters']:,}",
        f"{first['megabytes_float32']:.2f}",
        _runs_text(found),
        _of_first_seed(first),
    ]


def arm_rows(done: Sequence[FinishedRun], planned: Sequence[Planned], paper: Mapping[str, float]) -> Rows:
    """One row an arm: the paper's accuracy, ours, balanced accuracy, size, time."""
    rows: Rows = [
        ["method", "paper", "test accuracy (mean)", "seed 1 test [95 % by groups]", "balanced accuracy",
         "parameters", "ms a field", "verdict"],
    ]  # fmt: skip
    for key, title in {entry.arm.key: entry.arm.title for entry in planned}.items():
        found = [run for run in done if run.arm == key]
        theirs = f"{paper[key]:.4f}" if key in paper else "not in the paper"
        if not found:
            rows.append([title, theirs, *["not run"] * 6])
            continue
        values = [accuracy_of(run.metrics)[0] for run in found]
        first = found[0].metrics
        balanced = [run.metrics["test"]["overall"]["balanced accuracy"]["value"] for run in found]
        rows.append(
            [
                title + _input_text(found[0]),
                theirs,
                _runs_text(found),
                _of_first_seed(first),
                f"{np.mean(balanced):.3f}",
                f"{first['parameters']:,}",
                f"{first['test']['time']['median_ms_per_field']:.2f}",
                _verdict(paper[key], values) if key in paper else "",
            ]
        )
    return rows


def _input_text(run: FinishedRun) -> str:
    recipe = run.folder.info["recipe"]
    spec, fit = recipe["input"], recipe["fit"]
    text = f" ({spec['width']}x{spec['height']} {spec['colour']}"
    if "epochs" in run.metrics:
        text += f", {run.metrics['epochs']} of {fit['epochs']} epochs, weights: {recipe['method']['weights']}"
    return text + ")"


def _figure_text(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.3f} [{low:.3f}, {high:.3f}]"


def class_rows(run: FinishedRun) -> Rows:
    """Precision, recall and specificity of every class, with intervals and support."""
    rows: Rows = [["class", "support", "precision", "recall", "specificity", "F1", "AUC"]]
    for name, entry in run.metrics["test"]["by_class"].items():
        cells = [_figure_text(entry[key]) for key in ("precision", "recall", "specificity")]
        rows.append([name, str(entry["support"]), *cells, f"{entry['F1']:.3f}", f"{entry['AUC']:.3f}"])
    return rows


def confusion_rows(run: FinishedRun) -> Rows:
    """Counts, rows true."""
    classes = run.metrics["test"]["classes"]
    matrix = run.metrics["test"]["confusion_rows_true"]
    return [["true \\ predicted", *classes]] + [
        [name, *map(str, row)] for name, row in zip(classes, matrix, strict=True)
    ]


def pair_rows(done: Sequence[FinishedRun]) -> Rows:
    """Exact McNemar and paired group bootstrap of the first seed's runs, Holm over all pairs.

    Runs that collapsed are in no pair: they say which seeds were drawn, not what the rows differ in.
    """
    firsts: list[tuple[str, Predicted]] = []
    for run in done:
        if run.seed == 1 and not has_collapsed(run.metrics):
            firsts.append((run.key, read_predictions(run.folder)[0]))
    rows: Rows = [
        ["first", "second", "difference of accuracy [95 %]", "only first / second right", "p (Holm)"]
    ]
    for pair in compare(firsts):
        low, high = pair["interval"]
        rows.append(
            [
                pair["first"],
                pair["second"],
                f"{pair['accuracy_difference']:+.3f} [{low:+.3f}, {high:+.3f}]",
                f"{pair['only_first_right']} / {pair['only_second_right']}",
                f"{pair['p_holm']:.4f}" if pair["p_holm"] >= _LEAST_P else f"< {_LEAST_P}",
            ]
        )
    return rows


def reference_rows() -> Rows:
    """Return the references' own figures by family, each with the interval of its number of images."""
    rows: Rows = [
        ["reference", "families here", "classifier", "its test images", "its accuracy %", "95 % of that n"]
    ]
    for row in TABLE2:
        interval = wilson(row.accuracy / 100 * row.test_set, row.test_set)
        rows.append(
            [
                row.reference,
                row.families,
                row.classifier.upper(),
                str(row.test_set),
                f"{row.accuracy}",
                str(interval),
            ]
        )
    return rows
