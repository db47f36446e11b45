"""Pages of tables and figures for paper: the very texts that are on the screen, on white."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from PySide6.QtGui import QPalette

from allstation.core.classes import RESEARCH_USE
from allstation.services.training.figures import RunFigures
from allstation.ui.common import theme
from allstation.ui.common.i18n import tr
from allstation.ui.training.plots.compare_plots import draw_figures
from allstation.ui.training.plots.plotting import Drawing

_INK: Final = "#1a1d23"
_LINE: Final = "#c9ced6"
_ROW: Final = 0.075
_LETTERS: Final = 150
"""In a line of text across the page."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Table as it is on the screen.

    Attributes:
        title: Above it.
        rows: Texts, the header first.
    """

    title: str
    rows: Sequence[Sequence[str]]


def pages(sheets: Sequence[Sheet], runs: Sequence[RunFigures], *, about: str, below: str) -> list[Drawing]:
    """Lay out tables and curves, a page each.

    Args:
        sheets: Tables; empty ones are left out.
        runs: Runs whose curves are drawn.
        about: Test set, n, split and patients, on every page.
        below: Sentences of the paired tests, on a page of their own.
    """
    made: list[Drawing] = [
        partial(_draw_sheet, sheet=sheet, about=about) for sheet in sheets if len(sheet.rows) > 1
    ]
    if below:
        made.append(partial(_draw_text, text=below, about=about))
    return [*made, *(partial(_draw_curves, run=run, about=about) for run in runs if run.roc)]


def _caption(figure: Any, title: str, about: str) -> None:  # noqa: ANN401 - Matplotlib's
    font = {"family": theme.FONT_FAMILY, "color": _INK}
    figure.set_facecolor("white")
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="semibold", **font)
    figure.text(0.02, 0.02, f"{about}\n{RESEARCH_USE}", fontsize=7, va="bottom", **font)


def _draw_sheet(figure: Any, *, sheet: Sheet, about: str) -> None:  # noqa: ANN401 - Matplotlib's
    figure.set_layout_engine(None)
    _caption(figure, sheet.title, about)
    axes = figure.add_axes((0.02, 0.12, 0.96, 0.76))
    axes.set_axis_off()
    header, *rows = sheet.rows
    columns = len(header)
    rows = [[*row, *[""] * (columns - len(row))] for row in rows]
    height = min(_ROW, 0.9 / (len(rows) + 1))
    table = axes.table(
        cellText=rows, colLabels=list(header), cellLoc="left", colLoc="left",
        bbox=(0, 1 - height * (len(rows) + 1), 1, height * (len(rows) + 1)),
    )  # fmt: skip
    table.auto_set_font_size(False)
    widths = _widths(sheet.rows, columns)
    for (row, column), cell in table.get_celld().items():
        cell.set_width(widths[column])
        cell.set_edgecolor(_LINE)
        cell.visible_edges = "B"
        weight = "semibold" if row == 0 else "normal"
        cell.set_text_props(fontsize=6.5, fontfamily=theme.FONT_FAMILY, color=_INK, fontweight=weight)


def _draw_text(figure: Any, *, text: str, about: str) -> None:  # noqa: ANN401 - Matplotlib's
    figure.set_layout_engine(None)
    _caption(figure, tr("Paired tests on the same fields"), about)
    wrapped = "\n\n".join(textwrap.fill(line, _LETTERS) for line in text.splitlines())
    figure.text(0.02, 0.86, wrapped, fontsize=8, va="top", color=_INK, family=theme.FONT_FAMILY)


def _widths(rows: Sequence[Sequence[str]], columns: int) -> list[float]:
    longest = [max((len(row[at]) for row in rows if at < len(row)), default=1) + 2 for at in range(columns)]
    return [length / sum(longest) for length in longest]


def _draw_curves(figure: Any, *, run: RunFigures, about: str) -> None:  # noqa: ANN401 - Matplotlib's
    draw_figures(figure, run=run, palette=QPalette("white"))
    figure.set_facecolor("white")
    figure.supxlabel(
        f"{run.title}. {about}. {RESEARCH_USE}", fontsize=6, family=theme.FONT_FAMILY, color=_INK
    )
