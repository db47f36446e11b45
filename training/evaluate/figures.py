"""The figures of a run, drawn with Matplotlib off screen; each returns a figure to save or embed.

No global state (pyplot) is used, so that figures can be drawn on any thread.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Plot
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.classes import class_style
from allstation.core.evaluation import overall
from allstation.core.resampling import BINS
from allstation.imaging.output_kinds import PROGRAM_MARK
from training.evaluate.metrics import Predicted
from training.fit.runs import write_bytes

_BAR: Final = 0.8
_COLUMNS: Final = 4
_DARK_CELL: Final = 0.55
_VAL: Final = "#d55e00"
_TRAIN: Final = "#0072b2"


def _plot(width: float, height: float, *, panels: tuple[int, int] = (1, 1)) -> tuple[Plot, Any]:
    figure = Plot(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(*panels, squeeze=False)


def image_bytes(figure: Plot, *, kind: str = "png", dpi: int = 150) -> bytes:
    """Return a figure as PNG, SVG or PDF bytes, without a date so that equal figures are equal files."""
    memory = io.BytesIO()
    metadata = {
        "png": {"Software": PROGRAM_MARK},
        "svg": {"Date": None, "Creator": PROGRAM_MARK},
        "pdf": {"CreationDate": None, "Creator": PROGRAM_MARK},
    }[kind]
    figure.savefig(memory, format=kind, dpi=dpi, metadata=metadata)
    return memory.getvalue()


def save(figure: Plot, path: Path) -> Path:
    """Write a figure; the suffix (.png, .svg, .pdf) says as what."""
    write_bytes(path, image_bytes(figure, kind=path.suffix.lstrip(".").lower()))
    return path


def _caption(predicted: Predicted) -> str:
    return f"n = {len(predicted.labels)}, {predicted.split}, {predicted.patients}"


def learning_curves(history: Sequence[Mapping[str, float]]) -> Plot:
    """Loss and accuracy by epoch, training and validation, the best epoch marked."""
    figure, axes = _plot(8, 3.2, panels=(1, 2))
    epochs = [row["epoch"] for row in history]
    for axis, name in zip(axes[0], ("loss", "accuracy"), strict=True):
        for key, label, colour in ((name, "training", _TRAIN), (f"val_{name}", "validation", _VAL)):
            if history and key in history[0]:
                axis.plot(epochs, [row[key] for row in history], label=label, color=colour, marker=".")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if history and "val_loss" in history[0]:
            best = min(history, key=lambda row: row["val_loss"])
            axis.axvline(
                best["epoch"], color="#999999", linestyle="--", label=f"best epoch {best['epoch']:.0f}"
            )
        if history:
            axis.legend()
    return figure


def confusion_heat_map(predicted: Predicted) -> Plot:
    """Counts and row percent; rows are the true classes, columns the predicted ones."""
    matrix = predicted.matrix
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure, axes = _plot(5.2, 4.6)
    axis = axes[0, 0]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > _DARK_CELL else "black"
        axis.text(column, row, f"{count}\n{shares[row, column]:.1%}", ha="center", va="center", color=colour)
    places = range(len(predicted.classes))
    axis.set_xticks(places, predicted.classes)
    axis.set_yticks(places, predicted.classes)
    axis.set(xlabel="predicted class", ylabel="true class")
    axis.set_title(_caption(predicted), fontsize=9)
    return figure


def roc_curves(predicted: Predicted) -> Plot:
    """One-versus-rest curves of all classes, with macro and micro area."""
    figure, axes = _plot(5.2, 4.6)
    axis = axes[0, 0]
    areas = metrics.one_vs_rest_auc(predicted.probabilities, predicted.labels)
    for index, name in enumerate(predicted.classes):
        curve = metrics.roc(predicted.probabilities[:, index], predicted.labels == index)
        colour = class_style(name, index).colour
        axis.plot(
            curve.false_positive, curve.true_positive, color=colour, label=f"{name} (AUC {curve.auc:.3f})"
        )
    axis.plot([0, 1], [0, 1], color="#999999", linestyle=":")
    axis.set(xlabel="1 - specificity", ylabel="recall")
    axis.set_title(
        f"macro AUC {areas['macro']:.3f}, micro {areas['micro']:.3f}\n{_caption(predicted)}", fontsize=9
    )
    axis.legend(loc="lower right")
    return figure


def reliability_diagram(predicted: Predicted) -> Plot:
    """Accuracy against confidence in bins; the number of fields is written beside each point."""
    figure, axes = _plot(5.2, 4.6)
    axis = axes[0, 0]
    bins = metrics.reliability(predicted.probabilities, predicted.labels)
    error = overall(predicted.probabilities, predicted.labels)[f"ECE ({BINS} bins)"]
    axis.plot([0, 1], [0, 1], color="#999999", linestyle=":")
    axis.plot([b.confidence for b in bins], [b.accuracy for b in bins], color=_TRAIN, marker="o")
    for entry in bins:
        axis.annotate(
            str(entry.count),
            (entry.confidence, entry.accuracy),
            fontsize=7,
            xytext=(4, -8),
            textcoords="offset points",
        )
    axis.set(xlabel="mean top probability", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.05))
    axis.set_title(f"ECE {error:.3f} (15 bins)\n{_caption(predicted)}", fontsize=9)
    return figure


def class_distribution(counts: Mapping[str, int]) -> Plot:
    """Fields of each class."""
    figure, axes = _plot(6, 3.2)
    axis = axes[0, 0]
    axis.bar_label(axis.bar(range(len(counts)), list(counts.values()), _BAR), fontsize=8)
    axis.set_xticks(range(len(counts)), list(counts))
    axis.set(ylabel="fields")
    return figure


def field_grid(fields: Sequence[NDArray[np.uint8]], titles: Sequence[str]) -> Plot:
    """Fields with a title each: samples per class, sample predictions."""
    rows = max(1, math.ceil(len(fields) / _COLUMNS))
    figure, axes = _plot(2.1 * _COLUMNS, 2.3 * rows, panels=(rows, _COLUMNS))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, field, title in zip(axes.flat, fields, titles, strict=False):
        axis.imshow(field[..., 0] if field.shape[2] == 1 else field, cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=8)
    return figure


def sample_predictions(
    fields: Sequence[NDArray[np.uint8]], predicted: Predicted, rows: Sequence[int]
) -> Plot:
    """Fields with true class, predicted class and its probability.

    Args:
        fields: The fields of ``rows``.
        predicted: Predictions.
        rows: Rows of ``predicted`` that are shown.
    """
    titles = []
    for row in rows:
        best = int(predicted.probabilities[row].argmax())
        true = predicted.classes[int(predicted.labels[row])]
        mark = "" if best == predicted.labels[row] else "WRONG: "
        titles.append(
            f"{mark}{predicted.classes[best]} {predicted.probabilities[row, best]:.2f}\ntrue {true}"
        )
    return field_grid(fields, titles)
