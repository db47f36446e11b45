"""What the window costs: its start beside a bare one, a case of 100,000 fields, scrolling, memory.

    python tests/benchmarks/window.py [--fields 100000] [--result PATH]

Processor time stands beside wall time, because the first can be compared between busy machines. Gaps
are those of a 5 ms timer on the window's thread; the idle gap of the same run says what the machine
itself adds. Runs offscreen unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allstation.ui.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
REPEATS = 5
SLIDES = 20
SCROLLS = 200

BARE = """
import time; began = time.process_time(), time.perf_counter()
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication([]); app.setStyle("Fusion"); window = QMainWindow(); window.show(); window.repaint()
print(time.process_time() - began[0], time.perf_counter() - began[1])
"""
OURS = """
import time; began = time.process_time(), time.perf_counter()
from PySide6.QtWidgets import QApplication
from allstation import app as program
app = QApplication([]); station = program.Station(app, program.parse([]))
station.window.show(); station.window.repaint()
print(time.process_time() - began[0], time.perf_counter() - began[1])
station.join()
"""


def start_ratio(profile: Path) -> dict[str, Any]:
    """Start both windows in turn, as processes of their own, and compare medians."""
    environment = os.environ | {"ALLSTATION_PROFILE": str(profile), "PYTHONPATH": str(ROOT)}
    seen: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
    for _ in range(REPEATS):
        for name, script in (("bare", BARE), ("ours", OURS)):
            command = [sys.executable, "-c", script]
            said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            cpu, wall = said.split()
            seen[name].append((float(cpu), float(wall)))
    medians = {
        name: [sorted(value[part] for value in values)[REPEATS // 2] for part in (0, 1)]
        for name, values in seen.items()
    }
    return {
        "processor_s": {name: round(value[0], 3) for name, value in medians.items()},
        "wall_s": {name: round(value[1], 3) for name, value in medians.items()},
        "processor_ratio": round(medians["ours"][0] / medians["bare"][0], 2),
        "wall_ratio": round(medians["ours"][1] / medians["bare"][1], 2),
    }


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
    quality = Quality(100.0, 150.0, 0.0, 0.1)
    with Case.create(folder) as case:
        case.add_model(ModelRecord("ab" * 32, "m", "1", classes, {}))
        for number in range(SLIDES):
            place = folder.parent / f"Smear {number}"
            place.mkdir()
            new = []
            for index in range(fields // SLIDES):
                path = place / f"field {index}.jpg"
                path.symlink_to(next(pictures))
                new.append(NewField(path, hashlib.sha256(str(path).encode()).hexdigest(), 1, 1024, 768))
            case.add_fields(case.add_slide(place.name, place).id, new)
        while claimed := case.claim(1000):
            batch = []
            for field in claimed:
                name = classes[field.id % 4]
                shares = {other: 0.97 if other == name else 0.01 for other in classes}
                made = Prediction("ab" * 32, shares, Decision(name), 0.5, 3, quality, None, 5.0)
                batch.append((field.id, made))
            case.save_predictions(batch)


class Gaps:
    """Gaps between the events of a 5 ms timer on the window's thread."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._last = time.perf_counter()

    def tick(self) -> None:
        now = time.perf_counter()
        self._seen.append((now - self._last) * 1000)
        self._last = now

    def take(self) -> dict[str, float]:
        ordered = sorted(self._seen)
        self._seen.clear()
        return {"worst_ms": round(ordered[-1], 1), "p99_ms": round(ordered[len(ordered) * 99 // 100], 1)}


def story(window: MainWindow, case: Path, gaps: Gaps, figures: dict[str, Any]) -> Iterator[float]:
    """What a person does with the case; each yield waits so many seconds."""
    yield 1.0
    gaps.take()
    yield 2.0
    figures["idle"] = gaps.take()
    began = time.perf_counter()
    arrived: list[float] = []
    window.browser.listed.connect(lambda *_: figures.setdefault("listed_s", time.perf_counter() - began))
    window.browser.thumbnails.arrived.connect(lambda _id: arrived.append(time.perf_counter() - began))
    window.services.desk.open(case)
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
    window.browser.relist()
    yield 1.5
    figures["filtering"] = gaps.take()


def browse(case: Path, profile: Path) -> dict[str, Any]:
    """Open the case in the real window, scroll, jump, filter; note gaps and memory."""
    os.environ["ALLSTATION_PROFILE"] = str(profile)
    import psutil
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from allstation import app as program

    qt = QApplication([])
    station = program.Station(qt, program.parse([]))
    figures: dict[str, Any] = {}
    gaps = Gaps()
    steps = story(station.window, case, gaps, figures)

    def advance() -> None:
        try:
            QTimer.singleShot(round(next(steps) * 1000), advance)
        except StopIteration:
            figures["memory_mib"] = round(psutil.Process().memory_info().rss / 2**20)
            station.window.leave()

    ticker = QTimer(interval=5)
    ticker.timeout.connect(gaps.tick)
    ticker.start()
    station.begin()
    advance()
    qt.exec()
    ticker.stop()
    station.join()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=100_000)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as scratch:
        base = Path(scratch)
        figures = {"start": start_ratio(base / "profile")}
        make_case(base / "Big.allcase", options.fields)
        figures["browse"] = browse(base / "Big.allcase", base / "profile") | {"fields": options.fields}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    figures["machine"] = {"processors": os.cpu_count(), "load": load}
    text = json.dumps(figures, indent=1)
    print(text)
    if options.result:
        options.result.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
