"""The passport of laboratories as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training.evaluate.carrying import CONTROLS, MODEL, VIEWS, PassportRow
from training.evaluate.passport import BaseRow, SiteRow

_SHORTCUTS: Final = tuple(name for name in VIEWS if name != MODEL)

HOW: Final = (
    "Each laboratory is left out in turn. *Carried*: a typer of all other laboratories' cells (at most "
    "300 a type of each) names the cells of this one as it is, no label from here; *standardised*: "
    "after every laboratory's features were brought to the same mean and spread. *Commissioned*: 20 "
    "draws of patients whose cells are typed, tested on all others; a type that none of the drawn "
    "patients has counts as wrong. *All of its own cells*: what more typing could bring.",
    "The columns of shortcuts hold the same figure, made in the same way, from the size of cells alone, "
    "their mean colour, the background around them, or the number of cells in their field; a dash "
    "stands where that is not known. Matched columns hold the model's figure on cells drawn so that the "
    "types have the same sizes, or come from fields of as many cells (n in brackets).",
    "Cells of Tehran and of drawn fields bear the class of their field, which nobody gave to a cell: "
    "leukemic (Early, Pre, Pro) against Benign. Their groups are 37 consecutive file numbers, and "
    "single drawn fields; no patients are known. Drawn fields look like Tehran's and lend no cells. In "
    "Baltimore blasts are myeloid and the others lymphocytes; in Delhi lymphoblasts stand against normal "
    "precursors. These are not the same question, and a low figure of what was carried says so.",
    "Intervals (95 %) resample patients or groups; the spread is the standard deviation over draws, "
    "which overlap in cells tested, and is no interval.",
)


def table(rows: Sequence[PassportRow]) -> list[str]:
    """Return rows as a Markdown table."""
    named = ("laboratory", "cells told apart", "way", "measure", "value", "95 % interval or spread", "n")
    return [*_head((*named, "clicks", *_SHORTCUTS, *CONTROLS, "split")), *map(_line, rows)]


def _head(columns: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _line(row: PassportRow) -> str:
    if row.low is not None and row.high is not None:
        sure = f"{row.low:.3f} to {row.high:.3f}"
    else:
        spread = "" if row.spread is None else f"SD {row.spread:.3f} over "
        sure = f"{spread}{row.draws} draws"
    matched = [row.controls.get(name) for name in CONTROLS]
    cells = [
        row.laboratory,
        row.question,
        row.way,
        row.measure,
        "none: too few cells typed" if row.value is None else f"{row.value:.3f}",
        sure,
        f"{row.cells} cells, {row.patients}",
        str(row.clicks),
        *(_number(row.shortcuts.get(name)) for name in _SHORTCUTS),
        *("-" if each is None else f"{each[0]:.3f} ({each[1]})" for each in matched),
        row.split,
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def sites_table(rows: Sequence[SiteRow]) -> list[str]:
    """Return simulated sites as a Markdown table."""
    named = (
        "measure",
        "sites",
        "refused",
        "mean",
        "SD",
        "tenth percentile",
        "lowest",
        "typed cells",
        "wanted",
    )
    head = _head((*named, "sites that reach it"))
    return head + [
        f"| {row.measure} | {row.sites} | {row.refused} | {row.mean:.3f} | {row.spread:.3f} | "
        f"{row.tenth:.3f} | {row.lowest:.3f} | {row.clicks:.0f} | {row.wanted} | {row.reached} |"
        for row in rows
    ]


def base_table(rows: Sequence[BaseRow]) -> list[str]:
    """Return what the base model does elsewhere as a Markdown table."""
    named = ("pictures", "n", "named with confidence (95 % interval)", "as", "wrongly", "no white cell found")
    head = _head((*named, "beyond the novelty limit"))
    return head + [
        f"| {row.pictures} | {row.n} | {row.named}: {row.share()} | "
        f"{', '.join(f'{name} {count}' for name, count in row.names.items()) or '-'} | "
        f"{'-' if row.wrong is None else row.wrong} | {row.without_cells} | {row.novel} |"
        for row in rows
    ]
