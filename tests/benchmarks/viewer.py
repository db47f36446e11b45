"""How fast a field is shown: ``python tests/benchmarks/viewer.py [--repeats N]``.

Time runs from the call that asks for a field to the end of the paint that shows its pixels, in a pane
of 1000 x 700. Cold fields are read from the disk's cache but not from the program's own.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from measure import machine, spread, table
from PIL import Image
from PySide6.QtCore import QCoreApplication, QElapsedTimer
from PySide6.QtWidgets import QApplication

from allstation.core.records import FieldRecord, FieldState
from allstation.imaging.synthetic import draw_field
from allstation.ui.viewer.pane import ViewerPane

SIZES = ((1024, 768), (2560, 1920))
LIMITS = {"preloaded": 50, "cold 1024x768": 150, "cold 2560x1920": 250}
"""Milliseconds that must hold on two ordinary cores."""
GIVEN_UP = 20_000
"""Milliseconds after which a field counts as not shown."""


def write_fields(folder: Path, size: tuple[int, int], count: int) -> list[FieldRecord]:
    """Write one drawn field under several names, each with other bytes behind the picture's end."""
    drawn = io.BytesIO()
    Image.fromarray(draw_field("Early", 1, size=size[::-1])).save(drawn, "JPEG", quality=90)
    records = []
    for number in range(count):
        path = folder / f"{size[0]}-{number}.jpg"
        content = drawn.getvalue() + number.to_bytes(8, "big")
        path.write_bytes(content)
        records.append(
            FieldRecord(
                id=number + 1,
                slide_id=1,
                path=path,
                sha256=hashlib.sha256(content).hexdigest(),
                width=size[0],
                height=size[1],
                state=FieldState.DONE,
            )
        )
    return records


def shown(pane: ViewerPane, record: FieldRecord) -> float:
    """Show a field and return the milliseconds until it is painted."""
    timer = QElapsedTimer()
    timer.start()
    pane.show_field(record)
    while pane.main.canvas.scene.picture is None:
        if timer.hasExpired(GIVEN_UP):
            raise RuntimeError(f"{record.path.name} was not shown")
        QCoreApplication.processEvents()
        time.sleep(0.0005)
    pane.main.canvas.repaint()
    return timer.nsecsElapsed() / 1e6


def measure(repeats: int) -> dict[str, list[float]]:
    """Measure every kind of step."""
    pane = ViewerPane()
    pane.resize(1000, 700)
    pane.show()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            records = write_fields(Path(folder), size, repeats + 1)
            shown(pane, records[0])
            cold = [shown(pane, record) for record in records[1:]]
            times[f"cold {size[0]}x{size[1]}"] = cold
            if size == SIZES[0]:
                times["preloaded"] = [shown(pane, record) for record in records[1:]]
        pane.close_workers()
    return times


def main() -> int:
    """Measure, print, and tell by the status whether the limits hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    app = QApplication([])
    times = measure(options.repeats)
    rows = [[name, spread(values), LIMITS[name]] for name, values in times.items()]
    print(table(["step", "milliseconds", "limit"], rows))
    print(json.dumps({"machine": machine(), "load": os.getloadavg()[0], "milliseconds": times}))
    del app
    return int(any(sorted(values)[len(values) // 2] > LIMITS[name] for name, values in times.items()))


if __name__ == "__main__":
    sys.exit(main())
