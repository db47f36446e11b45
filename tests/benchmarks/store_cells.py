"""What a case of 100,000 fields and 1,000,000 cells costs: saving, opening, listing, typing, verification.

    python tests/benchmarks/store_cells.py --fields 100000 --result tests/benchmarks/results/store_cells.json

The cells are made up: ten a field, of five sizes. Saving is measured against the same fields without cells.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from allstation import __version__
from allstation.core.cells import CellFilter, CellOrder
from allstation.core.filters import FieldSort
from allstation.core.records import ModelRecord
from allstation.store import Case
from tests.benchmarks.store import BATCH, CLASSES, MODEL, add, prediction, timed
from tests.makers import new_cell

PER_FIELD = 10
TYPES = ("blast", "lymphocyte", "monocyte", "segmented", "smudge-cell")
_MADE = [
    new_cell(number, support={name: (number * 7 + i) % 11 / 11 for i, name in enumerate(CLASSES)})
    for number in range(1, 200)
]


def cells_of(field_id: int) -> list[Any]:
    """Return ten cells, others for each field."""
    return [_MADE[(field_id * PER_FIELD + index) % len(_MADE)] for index in range(PER_FIELD)]


def classify(case: Case, *, cells: bool) -> dict[str, float]:
    """Empty the queue; return what saving cost, in microseconds a field."""
    wall, cpu, fields = time.perf_counter(), time.process_time(), 0
    while batch := case.queue.claim(BATCH):
        found = {field.id: cells_of(field.id) for field in batch} if cells else {}
        case.queue.save_predictions([(field.id, prediction(field.id)) for field in batch], found)
        fields += len(batch)
    return {
        "wall_us": round((time.perf_counter() - wall) / fields * 1e6, 1),
        "cpu_us": round((time.process_time() - cpu) / fields * 1e6, 1),
    }


def filled(place: Path, fields: int, *, cells: bool) -> dict[str, Any]:
    """Make a case; return what saving it cost."""
    with Case.create(place) as case:
        case.models.add(ModelRecord(sha256=MODEL, name="model", version="1", classes=CLASSES, info={}))
        add(case, place.parent / "fields", fields)
        cost = classify(case, cells=cells)
    return {"saving_a_field": cost, "bytes": (place / "case.sqlite").stat().st_size}


def gallery(case: Case) -> dict[str, Any]:
    """Return what the gallery's questions cost."""
    cells = case.cells
    figures: dict[str, Any] = {}
    for order in CellOrder:
        figures[f"ids_by_{order}"] = timed(lambda order=order: cells.ids(order=order), 3)
    middle = cells.ids(order=CellOrder.SIZE)[len(cells.ids()) // 2 :][:200]
    figures["records_of_200"] = timed(lambda: cells.records(middle))
    figures["count"] = timed(cells.count, 3)
    figures["counts_by_type"] = timed(cells.counts_by_type, 3)
    filters = {
        "slide": CellFilter(slides=(7,)),
        "type": CellFilter(types=("monocyte",)),
        "untyped": CellFilter(typed=False),
        "support": CellFilter(support_classes=("Pro",)),
        "reviewer_untyped": CellFilter(reviewer="Ada", typed=False),
        "reviewer_types": CellFilter(reviewer="Ada", types=("blast",)),
    }
    for name, where in filters.items():
        figures[f"ids_where_{name}"] = timed(lambda where=where: cells.ids(where), 3)
        figures[f"counts_where_{name}"] = timed(lambda where=where: cells.counts_by_type(where), 3)
    figures["of_field"] = timed(lambda: cells.of_field(500))
    return figures


def measure(folder: Path, fields: int) -> dict[str, Any]:
    """Measure everything in a temporary folder."""
    plain = filled(folder / "plain.allcase", min(fields, 20_000), cells=False)
    place = folder / "large.allcase"
    full = filled(place, fields, cells=True)
    figures: dict[str, Any] = {"fields": fields, "cells": fields * PER_FIELD, "plain": plain, "full": full}
    extra = full["bytes"] - plain["bytes"] * fields / min(fields, 20_000)
    figures["bytes_a_cell"] = round(extra / fields / PER_FIELD)
    figures["open"] = timed(lambda: Case.open(place).close())
    figures["open_read_only_and_list"] = timed(lambda: _first_page(place), 3)
    with Case.open(place) as case:
        figures["field_ids"] = timed(lambda: case.fields.ids(None, FieldSort.SLIDE), 3)
        some = [list(range(first, fields * 3, 7)) for first in range(1, 6)]
        for kind, ids in zip(TYPES, some, strict=True):
            case.cells.set_type(ids[:20_000], kind, "Ada")
        figures["type_1000_cells"] = timed(lambda: case.cells.set_type(some[0][:1000], "blast", "Bob"), 3)
        figures["type_one_cell"] = timed(lambda: case.cells.set_type([1234], "blast", "Bob"), 30)
        figures["gallery"] = gallery(case)
        rows = [(number, TYPES[number % 5], 0.5 + number % 50 / 100) for number in range(1, fields * 10, 2)]
        figures["save_proposals"] = {
            "cells": len(rows),
            **timed(lambda: case.cells.save_proposals(rows, "t"), 1),
        }
        figures["gallery_with_proposals"] = gallery(case)
        figures["remove_and_restore_2000_fields"] = timed(
            lambda: (case.fields.remove(range(1, 2001)), case.fields.restore(range(1, 2001))), 1
        )
        figures["verify_audit"] = timed(case.audit.verify, 1)
        assert case.audit.verify() is None
    return figures


def _first_page(place: Path) -> None:
    with Case.open(place, read_only=True) as case:
        case.fields.ids()


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=100_000)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.fields)
    figures["machine"] = {
        "allstation": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "processors": os.cpu_count(),
    }
    text = json.dumps(figures, indent=1)
    print(text)
    if options.result:
        options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
