"""What the gallery of cells costs with a large case: listing, scrolling, selecting all, typing.

    python tests/benchmarks/gallery.py [--fields 100000] [--work FOLDER]

Ten cells a field. Gaps are those of a 5 ms timer on the window's thread; the idle gap of the same run says
what the machine itself adds. The fields are links to a few synthetic ones, so their hashes are not compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from window import ROOT, SCROLLS, make_case, resident, run_story

from allstation.services.case.requests import OpenCase

if TYPE_CHECKING:
    from measure import Gaps

    from allstation.ui.main_window.workbench import Workbench

sys.path.insert(0, str(ROOT))
PER_FIELD = 10
BATCH = 1000


def add_cells(folder: Path) -> int:
    """Give every field of a case ten cells, without classifying it again; return how many there are."""
    from allstation.store.case import Case
    from tests.makers import new_cell

    shapes = [new_cell(number, support={"Early": number % 11 / 11}) for number in range(1, 200)]
    with Case.open(folder) as case:
        case.queue.requeue(case.fields.ids())
        while claimed := case.queue.claim(BATCH):
            found = {
                field.id: [shapes[(field.id * PER_FIELD + n) % len(shapes)] for n in range(PER_FIELD)]
                for field in claimed
            }
            made = [(field.id, field.prediction) for field in claimed if field.prediction is not None]
            case.queue.save_predictions(made, found)
        return case.cells.count()


def story(window: Workbench, case: Path, gaps: Gaps, figures: dict[str, Any]) -> Iterator[float]:
    """What a person does with the gallery; each yield waits so many seconds."""
    from PySide6.QtTest import QTest

    from allstation.services.case import gallery_questions

    plain = gallery_questions._places

    def any_bytes(opened: Any, ids: list[int]) -> dict[int, Any]:
        return {key: replace(place, sha256="") for key, place in plain(opened, ids).items()}

    gallery_questions._places = any_bytes
    yield 2.0
    gaps.take()
    yield 2.0
    figures["idle"] = gaps.take()
    window.context.session.submit(OpenCase(case))
    while not window.context.has_field():
        yield 0.05
    yield 2.0
    gaps.take()
    panel = window.cells.panel
    crops: list[float] = []
    began = time.perf_counter()
    panel.crops.arrived.connect(lambda _ids: crops.append(time.perf_counter() - began))
    window.actions_table["cells.by_type"].trigger()
    while not crops:
        yield 0.02
    figures["cells"], figures["first_crop_s"] = panel.model.rowCount(), crops[0]
    yield 1.0
    figures["showing"] = gaps.take()
    bar, before = panel.gallery.verticalScrollBar(), len(crops)
    busy: list[float] = []
    last = time.thread_time()
    for step in range(SCROLLS):
        bar.setValue(bar.value() + (350 if step < SCROLLS // 2 else bar.maximum() // SCROLLS))
        yield 0.016
        busy.append((time.thread_time() - last) * 1000)
        last = time.thread_time()
    yield 2.0
    busy.sort()
    # What the thread itself worked between two steps, whatever else the processors did.
    figures["scrolling_processor_ms"] = {
        "worst": round(busy[-1], 1),
        "median": round(busy[len(busy) // 2], 1),
    }
    figures["scrolling"], figures["batches_of_crops"] = gaps.take(), len(crops) - before
    panel.gallery.setFocus()
    window.actions_table["browse.all"].trigger()
    yield 0.5
    figures["selecting_all"], figures["selected"] = gaps.take(), panel.selected_count()
    window.context.selection.set_reviewer("Ada")
    QTest.keyClick(panel.gallery, "b")
    yield 3.0
    figures["typing_what_was_seen"] = gaps.take()
    window.actions_table["cells.by_field"].trigger()
    yield 6.0
    figures["by_field"] = gaps.take()
    figures["memory_mib"] = round(resident())


def main() -> int:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=100_000)
    parser.add_argument("--work", type=Path, help="folder to work in; a case that is there is used again")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    figures: dict[str, Any] = {"fields": options.fields}
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as scratch:
        base = options.work or Path(scratch)
        case = base / "Large.allcase"
        if not case.is_dir():
            base.mkdir(parents=True, exist_ok=True)
            make_case(case, options.fields)
            add_cells(case)
        run_story(lambda window, gaps: story(window, case, gaps, figures), Path(scratch) / "profile")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
