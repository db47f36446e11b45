"""What a report of 1,000 fields costs, and whether the window stays smooth while it is made.

    python tests/benchmarks/report.py [--fields 1000] [--result PATH]

The report is written by a child process on one core, checks included; its peak of memory is the child's
own. Then the window opens the same case and shows the report: gaps are those of a 5 ms timer on the
window's thread while the pages are made; the idle gap of the same run says what the machine itself adds.
Fields are synthetic, 1024x768. Runs offscreen unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DRAWN = 24
TICK = 5
PATIENCE = 300.0
CHILD = """
import json, os, sys, time
from pathlib import Path
if hasattr(os, "sched_setaffinity"): os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
began = time.perf_counter()
from allstation.report.content.options import ReportOptions
from allstation.report.pdf import write_pdf
from allstation.store.case import Case
folder, target = Path(sys.argv[1]), Path(sys.argv[2])
with Case.open(folder, read_only=True) as case:
    snapshot = case.snapshot()
write_pdf(snapshot, target, ReportOptions(template=sys.argv[3], annex=True))
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(json.dumps({
    "wall_seconds": round(time.perf_counter() - began, 2), "processor_seconds": round(time.process_time(), 2),
    "peak_mb": round(int(peak) / 1024), "file_mb": round(target.stat().st_size / 1e6, 2)}))
"""


def fill(folder: Path, fields: int) -> Path:
    """Make a case of that many classified fields; few are drawn, each file has bytes of its own."""
    import numpy as np

    from allstation.core.classes import CLASS_NAMES
    from allstation.core.records import ModelRecord, NewField, Review
    from allstation.store.case import Case
    from tests.unit.report.factory import DETAILS, INFO, MODEL_SHA, Factory

    maker = Factory(folder / "drawn", size=(768, 1024))
    maker.folder.mkdir()
    drawn = [maker.picture(index).read_bytes() for index in range(DRAWN)]
    slides, rng = folder / "slides", np.random.default_rng(1)
    new = []
    for number in range(fields):
        path = slides / f"Smear {number % 4 + 1}" / f"field-{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = drawn[number % DRAWN] + number.to_bytes(4, "big")
        path.write_bytes(data)
        new.append(
            NewField(
                path=path, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), width=1024, height=768
            )
        )
    place = folder / "Bench.allcase"
    with Case.create(place) as case:
        case.models.add(
            ModelRecord(
                sha256=MODEL_SHA, name="station-small", version="1.0.0", classes=CLASS_NAMES, info=dict(INFO)
            )
        )
        case.set_details(DETAILS)
        ids = []
        for slide in range(1, 5):
            here = [one for one in new if one.path.parent.name == f"Smear {slide}"]
            ids += case.fields.add(case.slides.add(f"Smear {slide}", here[0].path.parent).id, here).added
        case.queue.save_predictions([(number, maker.prediction(rng)) for number in ids])
        for number in ids[:60]:
            case.reviews.add(Review(field_id=number, reviewer="Dr. B", class_name=CLASS_NAMES[number % 4]))
    return place


def written(case: Path, template: str) -> dict[str, Any]:
    """Write the report in a child of its own."""
    target = case.parent / f"{template}.pdf"
    command = [sys.executable, "-c", CHILD, str(case), str(target), template]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


class Beat:
    """Notes when a timer of the window's thread came."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.times: list[float] = []
        self._timer = QTimer(interval=TICK, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._note)
        self._timer.start()

    def _note(self) -> None:
        self.times.append(time.perf_counter())

    def stop(self) -> None:
        self._timer.stop()

    def gaps(self, first: float, last: float) -> dict[str, Any]:
        """Milliseconds between two beats of a stretch of time."""
        inside = [one for one in self.times if first <= one <= last]
        gaps = sorted(1000 * (b - a) for a, b in pairwise(inside))
        if not gaps:
            return {}
        return {
            "seconds": round(last - first, 1),
            "median_ms": round(gaps[len(gaps) // 2], 1),
            "p99_ms": round(gaps[int(len(gaps) * 0.99)], 1),
            "longest_ms": round(gaps[-1], 1),
            "over_100_ms": sum(gap > 100 for gap in gaps),
        }


def window(case: Path, profile: Path) -> dict[str, Any]:
    """Open the case in the window, show its report, and watch the window's thread meanwhile."""
    gc.disable()  # as the program begins; it sweeps again once its window is whole
    os.environ["ALLSTATION_PROFILE"] = str(profile)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from allstation import app as program

    qt = QApplication(["bench"])
    sys.setswitchinterval(program._SWITCH_SECONDS)
    station = program.AppController(qt, program.parse([]))
    station.build()
    main = station.workbench
    station.window.show()
    beat, marks = Beat(), {}
    began = time.perf_counter()

    def step() -> None:
        now, reports = time.perf_counter(), main.report_controller
        if now - began > PATIENCE:
            main.leave()
        elif "opened" not in marks and main.context.session.info is not None:
            if main.browser.model.rowCount():
                marks["opened"] = now
        elif "opened" in marks and "idle" not in marks and now - marks["opened"] > 5:
            marks["idle"] = now
            main.actions_table["case.report"].trigger()
        elif "idle" in marks and "made" not in marks and _drawn(reports):
            marks["made"] = now
            main.leave()

    ticker = QTimer(interval=20)
    ticker.timeout.connect(step)
    ticker.start()
    QTimer.singleShot(0, lambda: main.case_controller.open_folder(case))
    qt.exec()
    ticker.stop()
    beat.stop()
    station.join()
    idle = beat.gaps(marks["opened"] + 2, marks["idle"])
    return {"idle": idle, "report_is_made": beat.gaps(marks["idle"] + 0.3, marks["made"])}


def _drawn(reports: Any) -> bool:
    return reports.preview is not None and reports.window.pages.is_drawn(0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", type=int, default=1000)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as folder:
        case = fill(Path(folder), options.fields)
        figures = {
            "what": "report of a large case: budget 20 s and 300 MB on one core; made-up predictions",
            "command": f"python tests/benchmarks/report.py --fields {options.fields}",
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "load_when_it_began": [round(value, 1) for value in os.getloadavg()],
            "fields": options.fields,
            "written": {name: written(case, name) for name in ("full", "summary", "contact")},
            "window_gaps": window(case, Path(folder) / "profile"),
        }
    text = json.dumps(figures, indent=2)
    print(text)
    if options.result:
        options.result.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
