"""Curves of a finished run: ROC of each class against the rest, and reliability."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtGui import QPalette

from allstation.services.training.figures import RunFigures
from allstation.ui.common.i18n import tr
from allstation.ui.common.theme import class_colour, tokens
from allstation.ui.training.plots.plotting import style_axes, style_legend

_STYLES: Final = ("-", "--", "-.", ":")


def draw_figures(figure: Any, *, run: RunFigures, palette: QPalette) -> None:  # noqa: ANN401 - Matplotlib's
    """Draw ROC curves and the reliability diagram. Runs on the worker's thread."""
    _draw_roc(figure.add_subplot(1, 2, 1), run, palette)
    _draw_reliability(figure.add_subplot(1, 2, 2), run, palette)


def _draw_roc(axes: Any, run: RunFigures, palette: QPalette) -> None:  # noqa: ANN401 - Matplotlib's
    for index, (name, curve) in enumerate(run.roc.items()):
        colour, style = class_colour(name, index).name(), _STYLES[index % len(_STYLES)]
        label = tr("{name}: {area}", name=name, area=f"{curve.auc:.3f}")
        axes.plot(curve.false_positive, curve.true_positive, style, color=colour, label=label)
    axes.plot([0, 1], [0, 1], ":", color=tokens(palette).faint, linewidth=1)
    axes.set_aspect("equal", adjustable="box")
    style_axes(axes, palette, title=tr("ROC, each class against the rest (area)"),
               x=tr("False positive rate"), y=tr("True positive rate"))  # fmt: skip
    if run.roc:
        style_legend(axes, palette, loc="lower right")


def _draw_reliability(axes: Any, run: RunFigures, palette: QPalette) -> None:  # noqa: ANN401 - Matplotlib's
    bins = [each for each in run.metrics["reliability"] if each["count"]]
    scheme = tokens(palette)
    axes.plot([0, 1], [0, 1], ":", color=scheme.faint, linewidth=1)
    sizes = [20 + 18 * each["count"] ** 0.5 for each in bins]
    confidence, accuracy = ([each[key] for each in bins] for key in ("confidence", "accuracy"))
    axes.plot(confidence, accuracy, "-", color=scheme.accent, linewidth=1)
    axes.scatter(confidence, accuracy, s=sizes, color=scheme.accent, zorder=3)
    for each in bins:
        axes.annotate(str(each["count"]), (each["confidence"], each["accuracy"]), fontsize=7.5,
                      xytext=(6, -9), textcoords="offset points", color=scheme.muted)  # fmt: skip
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_aspect("equal", adjustable="box")
    style_axes(axes, palette, title=tr("Reliability (fields per point)"),
               x=tr("Mean top probability"), y=tr("Share right"))  # fmt: skip
