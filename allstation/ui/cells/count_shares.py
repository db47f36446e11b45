"""Shares of a count with exact intervals, and how other readers' counts compare, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allstation.core.cell_types import CellType
from allstation.core.differential import Differential, compare_readers, differential, stop_sentence
from allstation.services.case.gallery_questions import OtherCount
from allstation.ui.common.formatting import number, percent
from allstation.ui.common.i18n import tr


@dataclass(frozen=True, slots=True)
class CountQuestion:
    """Input of the shares: counts of one reader by type, and what they are compared with.

    Attributes:
        counts: Cells by the key of the type.
        types: The laboratory's list.
        reader: Who counted.
        kind: Type that is to be told from a share; empty for none.
        other: That share, 0 to 1.
        others: Other readers' counts.
    """

    counts: Mapping[str, int]
    types: tuple[CellType, ...]
    reader: str
    kind: str
    other: float
    others: tuple[OtherCount, ...] = ()


@dataclass(frozen=True, slots=True)
class CountShares:
    """Shares of a count.

    Attributes:
        counts: Of what.
        found: The shares.
        stop: How many more cells answer the question.
        others: How the counts of others compare.
    """

    counts: Mapping[str, int]
    found: Differential
    stop: str
    others: str = ""


def shares_of(asked: CountQuestion) -> CountShares:
    """Work out the shares of a count. For another thread: exact intervals take a moment."""
    found = differential(asked.counts, asked.types, reader=asked.reader)
    stop = stop_sentence(asked.counts.get(asked.kind, 0), found.n, asked.other) if asked.kind else ""
    sentences = [_comparison(found, one, asked.types) for one in asked.others]
    return CountShares(asked.counts, found, stop, "\n".join(sentences))


def _comparison(mine: Differential, other: OtherCount, types: tuple[CellType, ...]) -> str:
    """Say how another reader's count compares, by Rümke's limits and kappa."""
    theirs = differential(other.counts, types, reader=other.reader)
    compared = compare_readers(mine, theirs, other.pairs)
    counted = tr("{who} counted {n} white cells.", who=other.reader, n=number(theirs.n))
    if not theirs.n or not mine.n:
        return counted
    outside = ", ".join(
        tr(
            "{name} {share} (limits {low} to {high} %)",
            name=tr(one.type.name),
            share=percent(one.second.share, digits=0),
            low=one.limits[0],
            high=one.limits[1],
        )
        for one in compared.apart
    )
    if outside:
        limits = tr("Outside Rümke's limits of your count: {what}.", what=outside)
    else:
        limits = tr("Every share lies within Rümke's limits of your count.")
    common = compared.common
    if common is None:
        kappa = tr("No cell was named by both.")
    elif common.kappa is None:
        kappa = tr("Kappa means nothing here: one type only.")
    else:
        kappa = tr("Kappa {k} on {n} cells that both named.", k=f"{common.kappa:.2f}", n=number(common.n))
    return f"{counted} {limits} {kappa}"
