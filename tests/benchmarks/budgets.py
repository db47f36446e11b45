"""Budgets of processor time, each as a share of what was measured: over 1 the section fails and names it.

The suite of tests counts calls, signals and queries instead: a crowded machine is no fault of the program.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from measure import table

SLIDES, FIELDS = 1000, 100_000
ENDLESS = """
from training.fit.protocol import over_pipes
writer = over_pipes()
writer.phase("training", "busy")
while True:
    sum(range(100000))
"""


def budgets(*, full: bool) -> tuple[str, dict[str, Any]]:
    """Measure what has a budget.

    Raises:
        RuntimeError: If a budget is exceeded; with the whole table.
    """
    rows, figures = [], {}
    fields, limit_of_report = (1000, 20.0) if full else (200, 4.0)
    measured = {
        "draw a field of 1024x768 (first run of the demo)": (drawing(), 0.4),
        **many_slides(),
        **cells(),
        "95 % of the frames of a slide of 100,000 x 100,000 pixels, below": (slide_frames(), 1 / 60),
        f"write a report of {fields:,} fields, checked": (report(fields), limit_of_report),
        "end of a computing training child after its input ended, wall time": (orphan(), 2.0),
    }
    for name, (seconds, limit) in measured.items():
        rows.append([name, f"{seconds:.3g}", f"{limit:g}", f"{seconds / limit:.2f}"])
        figures[name] = {"seconds": seconds, "limit": limit, "ratio": seconds / limit}
    text = f"## Budgets, processor time\n\n{table(['what', 's', 'budget s', 'share of it'], rows)}"
    if any(one["ratio"] > 1 for one in figures.values()):
        raise RuntimeError(f"over budget:\n{text}")
    return text, figures


def cells() -> dict[str, tuple[float, float]]:
    """Return what the cells of 2,000 fields, ten each, cost: saved (at most 1 ms a field), listed, read."""
    from allstation.core.cells import CellOrder
    from allstation.store import Case
    from tests.benchmarks.store_cells import filled

    fields = 2000
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as folder:
        place = Path(folder) / "cells.allcase"
        saved = filled(place, fields, cells=True)["saving_a_field"]["cpu_us"]
        plain = filled(Path(folder) / "plain.allcase", fields, cells=False)["saving_a_field"]["cpu_us"]
        with Case.open(place, read_only=True) as case:
            ids = case.cells.ids()
            listed = _busy(lambda: case.cells.ids(order=CellOrder.TYPE), 3)
            shown = _busy(lambda: case.cells.records(ids[5000:5200]), 3)
    return {
        "save the cells of 2,000 fields, beyond their predictions": ((saved - plain) * fields / 1e6, 2.0),
        "ids of 20,000 cells by type": (listed, 0.1),
        "records of 200 cells": (shown, 0.05),
    }


def _busy(step: Callable[[], object], rounds: int = 1) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        step()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def drawing() -> float:
    """Return the processor seconds of one synthetic field."""
    from allstation.imaging.synthetic import draw_field

    draw_field("Pre", 0)
    seeds = iter(range(4))
    return _busy(lambda: draw_field("Pre", next(seeds)), rounds=4)


def many_slides() -> dict[str, tuple[float, float]]:
    """Return what the browser's tree and headings cost with 1,000 slides of 100 fields; it was up to 17 s."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from allstation.ui.browser.model import FieldModel
    from allstation.ui.browser.sections import Section
    from allstation.ui.browser.slides import SlideTree
    from allstation.ui.browser.table import FieldTable
    from tests.makers import overview_of

    application = QApplication.instance() or QApplication([])
    tree, model, fields = SlideTree(), FieldModel(), FieldTable()
    tree.show()
    tree.show_overview(overview_of(SLIDES, pro=40))
    fields.setModel(model)
    model.sections_changed.connect(fields.regroup)
    fields.show()
    model.relist(array("q", range(1, FIELDS + 1)))
    each = FIELDS // SLIDES
    sections = [Section(number * each, f"Smear {number}", each) for number in range(SLIDES)]
    steps = {
        "other counts of 1,000 slides": lambda: tree.show_overview(overview_of(SLIDES, pro=39)),
        "one more slide beside 1,000": lambda: tree.show_overview(overview_of(SLIDES + 1, pro=39)),
        "1,000 headings over 100,000 fields": lambda: model.set_sections(sections),
        "no headings over 100,000 fields": lambda: model.set_sections(()),
    }
    found = {name: (_busy(step), 0.2) for name, step in steps.items()}
    tree.close()
    fields.close()
    application.sendPostedEvents()
    return found


def slide_frames() -> float:
    """Return the processor seconds of the window's thread that 95 of 100 frames of a slide stay below."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import numpy as np
    from PySide6.QtWidgets import QApplication

    from allstation.services.images.slide_tiles import SlideTiles
    from allstation.ui.slide.panel import SlidePanel
    from tests.ui.slide.pictured import PicturedSlide, three_fields, walk

    application = QApplication.instance() or QApplication([])
    tiles, panel, seconds = SlideTiles(opener=PicturedSlide(100_000, 100_000).open), SlidePanel(), []
    panel.resize(900, 700)
    panel.tiles_wanted.connect(tiles.want)
    tiles.open(Path("patient.svs"))
    panel.show()
    while tiles.base is None or not panel.windowHandle().isExposed():
        application.processEvents()
    panel.show_slide(tiles.grid, tiles.tile)
    panel.set_base(tiles.base)
    panel.set_marks(three_fields())
    for _ in walk(panel.canvas):
        began = time.thread_time()
        panel.canvas.repaint()
        seconds.append(time.thread_time() - began)
    tiles.stop()
    panel.close()
    application.sendPostedEvents()
    return float(np.percentile(seconds, 95))


def report(count: int) -> float:
    """Return the processor seconds of a full report, read back and checked."""
    from allstation.report.content.options import ReportOptions
    from allstation.report.pdf import write_pdf
    from tests.unit.report.factory import CLOCK, Factory

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snapshot = Factory(folder).snapshot(count, slides=4, reviewed=60)
        return _busy(lambda: write_pdf(snapshot, folder / "r.pdf", ReportOptions(clock=CLOCK)))


def orphan() -> float:
    """Return the seconds from the end of a computing child's input to its own end."""
    child = subprocess.Popen([sys.executable, "-c", ENDLESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    began = time.monotonic()
    child.stdin.close()
    child.wait(60)
    child.stdout.close()
    return time.monotonic() - began
