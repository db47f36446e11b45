"""What the window costs with a large case: opening, scrolling, filtering, adding fields, classifying.

    python tests/benchmarks/window.py [--fields 100000] [--full] [--work FOLDER]

Gaps are those of a 5 ms timer on the window's thread; the idle gap of the same run says what the
machine itself adds. Runs offscreen unless QT_QPA_PLATFORM says otherwise. How fast the window starts
is measured by ``run.py --only start``, training beside it by ``training_gap.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import Gaps

from allstation.services.case.requests import CancelQueue, OpenCase, Pause

if TYPE_CHECKING:
    from allstation.ui.main_window.workbench import Workbench

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]
SLIDES = 20
SCROLLS = 200
ADDED = {False: 500, True: 10_000}
CLASSIFYING = 15.0
"""Seconds during which gaps are noted while the queue runs."""


def make_case(folder: Path, fields: int) -> None:
    """A classified case whose files are links to a few synthetic fields."""
    from allstation.core.decision import Decision
    from allstation.core.records import ModelRecord, NewField, Prediction, Quality
    from allstation.imaging.synthetic import write_demo
    from allstation.store.case import Case

    classes = ("Benign", "Early", "Pre", "Pro")
    source = folder.parent / "source"
    write_demo(source, fields=24)
    pictures = cycle(sorted(source.rglob("*.jpg")))
    quality = Quality(sharpness=100.0, brightness=150.0, clipped=0.0, cell_area=0.1)
    with Case.create(folder) as case:
        case.models.add(ModelRecord(sha256="ab" * 32, name="m", version="1", classes=classes, info={}))
        for number in range(SLIDES):
            place = folder.parent / f"Smear {number}"
            place.mkdir()
            new = []
            for index in range(fields // SLIDES):
                path = place / f"field {index}.jpg"
                path.symlink_to(next(pictures))
                new.append(
                    NewField(
                        path=path,
                        sha256=hashlib.sha256(str(path).encode()).hexdigest(),
                        bytes=1,
                        width=1024,
                        height=768,
                    )
                )
            case.fields.add(case.slides.add(place.name, place).id, new)
        while claimed := case.queue.claim(1000):
            batch = []
            for field in claimed:
                name = classes[field.id % 4]
                shares = {other: 0.97 if other == name else 0.01 for other in classes}
                made = Prediction(
                    model_sha256="ab" * 32,
                    probabilities=shares,
                    decision=Decision(name),
                    novelty=0.5,
                    cell_count=3,
                    quality=quality,
                    evidence=None,
                    milliseconds=5.0,
                )
                batch.append((field.id, made))
            case.queue.save_predictions(batch)


def story(window: Workbench, case: Path, gaps: Gaps, figures: dict[str, Any]) -> Iterator[float]:
    """What a person does with the case; each yield waits so many seconds."""
    yield 2.0
    gaps.take()
    yield 2.0
    figures["idle"] = gaps.take()
    began = time.perf_counter()
    arrived: list[float] = []

    def listed(count: int, _filtered: bool) -> None:
        if count:
            figures.setdefault("listed_s", time.perf_counter() - began)

    window.browser.listed.connect(listed)
    window.browser.thumbnails.arrived.connect(lambda _id: arrived.append(time.perf_counter() - began))
    window.context.session.submit(OpenCase(case))
    while not arrived:
        yield 0.02
    figures["first_thumbnail_s"] = arrived[0]
    yield 1.0
    figures["opening"] = gaps.take()
    bar = window.browser.grid.verticalScrollBar()
    for step in range(SCROLLS):
        bar.setValue(bar.value() + (350 if step < SCROLLS // 2 else bar.maximum() // SCROLLS))
        yield 0.016
    yield 1.0
    figures["scrolling"] = gaps.take()
    window.browser.filters.show_final("Pro")
    window.browser_controller.relist()
    yield 1.5
    figures["filtering"] = gaps.take()
    figures["memory_mib"] = round(resident())


def adding(
    window: Workbench, folder: Path, count: int, figures: dict[str, Any], gaps: Gaps
) -> Iterator[float]:
    """Drop a folder on a new case, drop it again, then classify."""
    session, statuses = window.context.session, []
    session.worker.import_changed.connect(statuses.append)
    session.submit(OpenCase(folder.parent / "Adding.allcase", create=True))
    yield 1.0
    session.submit(Pause(True))
    gaps.take()
    for turn in ("adding", "adding_the_same_again"):
        statuses.clear()
        began = time.perf_counter()
        window.case_controller.add_paths([folder])
        yield 0.2
        while not statuses or statuses[-1].running:
            yield 0.05
        figures[f"{turn}_s"] = time.perf_counter() - began
        figures[turn] = gaps.take()
    figures["added"], figures["duplicates"] = count, statuses[-1].duplicates
    session.submit(Pause(False))
    yield CLASSIFYING
    figures["classifying"] = gaps.take()
    session.submit(CancelQueue())
    yield 0.5


def resident() -> float:
    """Return this process's memory in MiB."""
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


def run_story(tell: Callable[[Workbench, Gaps], Iterator[float]], profile: Path) -> None:
    """Run the real window until its story is told.

    Raises:
        Exception: What the story met; the window is left before.
    """
    os.environ["ALLSTATION_PROFILE"] = str(profile)
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from allstation import app as program

    sys.setswitchinterval(program._SWITCH_SECONDS)
    qt = QApplication([])
    qt.setQuitOnLastWindowClosed(False)
    station = program.AppController(qt, program.parse([]))
    gaps = Gaps()
    steps: list[Iterator[float]] = []
    met: list[Exception] = []

    def advance() -> None:
        if station.workbench is None:
            QTimer.singleShot(100, advance)
            return
        if not steps:
            steps.append(tell(station.workbench, gaps))
        try:
            QTimer.singleShot(round(next(steps[0]) * 1000), advance)
        except StopIteration:
            station.workbench.leave()
        except Exception as problem:
            met.append(problem)
            station.workbench.leave()

    ticker = QTimer(interval=5)
    ticker.timeout.connect(gaps.tick)
    ticker.start()
    station.show()
    advance()
    qt.exec()
    ticker.stop()
    station.join()
    if met:
        raise met[0]


def main() -> int:
    """Print one JSON line."""
    import folders

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=100_000)
    parser.add_argument("--full", action="store_true", help="add 10,000 fields instead of 500")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    folder, _ = folders.small(options.work, ADDED[options.full])
    figures: dict[str, Any] = {"fields": options.fields}
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as scratch:
        base = Path(scratch)
        make_case(base / "Big.allcase", options.fields)
        (base / "drop").symlink_to(folder)

        def tell(window: Workbench, gaps: Gaps) -> Iterator[float]:
            yield from story(window, base / "Big.allcase", gaps, figures)
            yield from adding(window, base / "drop", ADDED[options.full], figures, gaps)

        run_story(tell, base / "profile")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
