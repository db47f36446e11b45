"""Cells of an open case as exports read them. No Qt: the window's exports and the command line use it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from allstation.core.cells import CellRecord
from allstation.report.content.cell_source import CellsOfFields
from allstation.store.case import Case

_TOGETHER: Final = 1000


def cells_of_case(case: Case) -> CellsOfFields:
    """Return the cells of a case, read in parts as they are asked for; memory grows by their ids only.

    Args:
        case: Open as long as cells are read. What is read belongs together inside one read transaction.
    """
    ids = case.cells.ids()

    def cells() -> Iterator[CellRecord]:
        for start in range(0, len(ids), _TOGETHER):
            yield from case.cells.records(ids[start : start + _TOGETHER])

    slides = {slide.id: slide.name for slide in case.slides.all()}
    return CellsOfFields(case.case_id, case.cells.types(), slides, partial(case.fields.records), cells)
