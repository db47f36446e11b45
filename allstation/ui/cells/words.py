"""Description of a cell in words: its type, who gave it, its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QLocale

from allstation.core.cell_types import CellType, type_of
from allstation.core.cells import CellRecord
from allstation.core.no_proposal import NoProposal
from allstation.ui.common.formatting import percent, short_name, together
from allstation.ui.common.i18n import tr

_NO_PROPOSAL: Final[dict[int, str]] = {
    NoProposal.UNSURE: "No proposal: the typer is not sure",
    NoProposal.UNLIKE: "No proposal: unlike every typed cell",
    NoProposal.UNMEASURED: "No proposal: the cell could not be measured",
}


def type_words(record: CellRecord, types: Sequence[CellType]) -> str:
    """Return the type of a cell in a few words; a proposed one with a question mark."""
    if record.type:
        return tr(type_of(types, record.type).name)
    if record.proposed:
        return tr("{name}?", name=tr(type_of(types, record.proposed).name))
    return tr("no type")


def summary(record: CellRecord, types: Sequence[CellType], field_name: str, refused: int = 0) -> str:
    """Return everything that is known of a cell, a line each.

    Args:
        record: The cell.
        types: The case's list of types.
        field_name: Name of its field; empty where it is not known.
        refused: Why the typer has no proposal for it, a value of :class:`NoProposal`.
    """
    lines = [
        tr("Cell {n} of {name}", n=record.number, name=short_name(field_name))
        if field_name
        else tr("Cell {n}", n=record.number)
    ]
    if record.removed:
        lines.append(tr("Removed by hand; counts nowhere"))
    lines += _type_lines(record, types)
    if refused in _NO_PROPOSAL and not record.type and not record.proposed:
        lines.append(tr(_NO_PROPOSAL[refused]))
    lines.append(area_words(record))
    if math.isfinite(record.nucleus_share):
        lines.append(tr("Nucleus {share} of the area", share=percent(record.nucleus_share, digits=0)))
    if record.support_class:
        share = percent(record.support[record.support_class], digits=0)
        lines.append(tr("Evidence here: {name} {share}", name=record.support_class, share=share))
    if record.made_by:
        lines.append(tr("Outlined by {who}", who=record.made_by))
    if record.at_edge:
        lines.append(tr("Cut by the edge"))
    return "\n".join(lines)


def _type_lines(record: CellRecord, types: Sequence[CellType]) -> list[str]:
    lines = []
    if record.type:
        name = tr(type_of(types, record.type).name)
        lines.append(tr("{name}, typed by {who}", name=name, who=record.typed_by or tr("unknown")))
    if record.proposed:
        name = tr(type_of(types, record.proposed).name)
        share = "" if record.probability is None else f" {percent(record.probability, digits=0)}"
        lines.append(tr("Proposed: {name}{share}; not counted", name=name, share=share))
    return lines or [tr("No type yet")]


def area_words(record: CellRecord) -> str:
    """Return the area, in µm² where the pixel size is known."""
    area = record.area_um2
    if area is None:
        pixels = QLocale().toString(round(record.area_px))
        return tr("Area {n}; pixel size unknown", n=together(f"{pixels} px"))
    return tr("Area {n}", n=together(f"{QLocale().toString(area, 'f', 0)} µm²"))
