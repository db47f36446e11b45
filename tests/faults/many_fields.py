"""100,000 fields through the real window: does memory grow, does it slow down?

    python tests/faults/many_fields.py --fields 100000 --source ../shared/data/taleqani/Original \
        --bundle small.allmodel --result tests/faults/results/many_fields.json

The case holds links to a few hundred files, each link a field of its own. The window is the program's own,
without a screen: its queue, its list of fields, its counts and its thumbnails follow the work as they do for
a user. Rates are given in processor time (user and system, all threads), which other programs on the machine
do not change, beside wall time. ``small_bundle.py`` writes a network that takes next to no time, so that what
is left to measure is the station.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from itertools import cycle, islice
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication

from allstation import __version__, paths
from allstation.app import AppController, parse
from allstation.core.records import FieldState, NewField
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.inference.bundle import ModelBundle
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.services.settings import SettingsFile
from allstation.store import Case

SLIDES = 50
WINDOWS = 20
"""Equal parts of the run that are measured one by one."""


def fill(folder: Path, source: Path, fields: int) -> Path:
    """Make a case of links to the files of a folder, every link with a hash of its own."""
    files = sorted(path.absolute() for path in source.rglob("*") if looks_like_field(path))[:400]
    links = cycle(files)
    place = folder / "many.allcase"
    with Case.create(place) as case:
        for number in range(SLIDES):
            slide = folder / "fields" / f"slide {number}"
            slide.mkdir(parents=True)
            new = []
            for index, file in enumerate(islice(links, fields // SLIDES)):
                link = slide / f"field {index}{file.suffix}"
                link.symlink_to(file)
                digest = hashlib.sha256(str(link).encode()).hexdigest()
                new.append(
                    NewField(path=link, sha256=digest, bytes=file.stat().st_size, width=224, height=224)
                )
            case.fields.add(case.slides.add(slide.name, slide).id, new)
    return place


class Watcher(QObject):
    """Notes memory and time whenever another part of the fields is done, and ends the program at the end."""

    def __init__(self, station: AppController, fields: int) -> None:
        super().__init__()
        self._station, self._fields = station, fields
        self._process = psutil.Process()
        self._last = (0, time.monotonic(), self._used())
        self.parts: list[dict[str, float]] = []
        self.failed = 0
        station.context.session.worker.queue_changed.connect(self.note)

    def _used(self) -> tuple[float, float]:
        """Return the processor seconds of the threads that classify, and of all the others."""
        classify = {thread.native_id for thread in threading.enumerate() if thread.name.startswith("field")}
        inside = sum(t.user_time + t.system_time for t in self._process.threads() if t.id in classify)
        return inside, sum(self._process.cpu_times()[:2]) - inside

    @Slot(object)
    def note(self, status: QueueStatus) -> None:
        """Look at the counts that the window is shown."""
        done = status.counts.get(FieldState.DONE, 0)
        self.failed = status.failed
        began, wall, processor = self._last
        if done - began >= self._fields // WINDOWS or (done == self._fields and done > began):
            now, used = time.monotonic(), self._used()
            memory = self._process.memory_info()
            self.parts.append(
                {
                    "fields": done,
                    "classifying_ms_per_field": round((used[0] - processor[0]) / (done - began) * 1000, 3),
                    "keeping_ms_per_field": round((used[1] - processor[1]) / (done - began) * 1000, 3),
                    "fields_per_second": round((done - began) / (now - wall), 1),
                    "resident_mb": round(memory.rss / 2**20, 1),
                    "threads": self._process.num_threads(),
                }
            )
            self._last = (done, now, used)
            sys.stderr.write(f"{self.parts[-1]}\n")
        if status.phase is QueuePhase.IDLE and done + status.failed >= self._fields:
            self._station.workbench.leave()


def growth(parts: list[dict[str, float]], fields: int) -> dict[str, float]:
    """Return what memory and rate did between a tenth and all of the fields."""
    early = [part for part in parts if fields * 0.1 < part["fields"] <= fields * 0.3]
    late = [part for part in parts if part["fields"] > fields * 0.8]
    first = min(parts, key=lambda part: abs(part["fields"] - fields * 0.1))
    keys = "classifying_ms_per_field", "keeping_ms_per_field"
    cost = {key: [statistics.median(part[key] for part in some) for some in (early, late)] for key in keys}
    before, after = (sum(cost[key][when] for key in keys) for when in (0, 1))
    return {
        "resident_mb_after_a_tenth": first["resident_mb"],
        "resident_mb_at_the_end": parts[-1]["resident_mb"],
        "grew_mb": round(parts[-1]["resident_mb"] - first["resident_mb"], 1),
        "from_10_to_30_percent": {key: cost[key][0] for key in keys},
        "last_20_percent": {key: cost[key][1] for key in keys},
        "rate_fell_percent": round((1 - before / after) * 100, 1),
    }


def run(folder: Path, options: argparse.Namespace) -> tuple[Watcher, float]:
    os.environ[paths.PROFILE_VARIABLE] = str(folder / "profile")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    case = fill(folder, options.source, options.fields)
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)
    SettingsFile(paths.config_folder()).change(model=str(options.bundle.absolute()))
    station = AppController(app, parse(["--case", str(case)]))
    began = time.monotonic()
    station.show()
    station.build()
    watcher = Watcher(station, options.fields)
    app.exec()
    station.join()
    with Case.open(case, read_only=True) as done:
        assert done.queue.counts()[FieldState.DONE] == options.fields - watcher.failed
        assert done.audit.verify() is None
    return watcher, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fields", type=int, default=100_000)
    parser.add_argument("--source", type=Path, required=True, help="folder with a few fields to link to")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="allstation-many-") as folder:
        watcher, seconds = run(Path(folder), options)
    bundle = ModelBundle.open(options.bundle)
    figures = {
        "what": "fields through the program's own window without a screen, links to a few hundred files",
        "command": " ".join(["python tests/faults/many_fields.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(seconds),
        "load_average_at_the_end": [round(value, 1) for value in os.getloadavg()],
        "versions": {
            "allstation": __version__,
            "python": platform.python_version(),
            "processors": os.cpu_count(),
        },
        "bundle": f"{bundle.name} {bundle.version}",
        "fields": options.fields,
        "failed": watcher.failed,
        **growth(watcher.parts, options.fields),
        "parts": watcher.parts,
    }
    text = json.dumps(figures, indent=2) + "\n"
    sys.stdout.write(text)
    if options.result:
        options.result.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
