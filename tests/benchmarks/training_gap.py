"""The event loop's worst gap while a model is trained: in a child, as the program does, and in a thread.

    python tests/benchmarks/training_gap.py [--seconds 60] [--result PATH]

The real panel is shown and follows the run, with live curves and log. A timer of 5 ms on the window's
thread notes the gaps between its events; the idle gap of the same process says what the machine itself
adds. Each way has a process of its own. ``thread`` is the same recipe by the same code on a thread of the
window's process, which is what the child is for. Runs offscreen unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measure import Gaps

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """name = "Gap"
data = {data}
export = false
[method]
kind = "zhang"
[input]
height = 100
width = 100
colour = "gray"
[fit]
epochs = 10000
batch = 64
"""


def measure(mode: str, scratch: Path, seconds: float) -> dict[str, Any]:
    """Gaps of one way to train, in this process."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QObject, QTimer, Signal
    from PySide6.QtWidgets import QApplication

    from allstation.frozen import training_command
    from allstation.services.training.runs import TrainingRuns
    from allstation.ui.training.panel import TrainingPanel

    class Bridge(QObject):
        """Brings what the thread says to the panel, as the child's lines are brought."""

        told = Signal(object)

    app, bridge = QApplication([]), Bridge()
    runs = TrainingRuns(training_command())
    panel = TrainingPanel(runs, scratch / f"runs-{mode}")
    panel.resize(1120, 780)
    bridge.told.connect(panel.run.show_event)
    panel.show()
    recipe = scratch / "recipe.toml"
    recipe.write_text(RECIPE.format(data=json.dumps(str(scratch / "fields"))), "utf-8")
    gaps, found = Gaps(), dict[str, Any]()
    stop = threading.Event()

    def begin() -> None:
        gaps.take()
        QTimer.singleShot(5_000, start)

    def start() -> None:
        found["idle"] = gaps.take()
        panel.pages.setCurrentWidget(panel.run)
        if mode == "child":
            runs.fit(recipe, scratch / f"runs-{mode}" / "run", title="Gap")
        else:
            arguments = (recipe, scratch, stop, bridge.told.emit)
            threading.Thread(target=in_thread, args=arguments, daemon=True).start()

    def watch() -> None:
        if len(panel.run.curves.rows) > 1 and "loading" not in found:
            found["loading"] = gaps.take()
            QTimer.singleShot(round(seconds * 1000), finish)

    def finish() -> None:
        found["training"] = gaps.take()
        found["epochs"] = len(panel.run.curves.rows)
        stop.set()
        runs.close()
        panel.close_workers()
        app.quit()

    ticker, watcher = QTimer(interval=5), QTimer(interval=250)
    ticker.timeout.connect(gaps.tick)
    watcher.timeout.connect(watch)
    ticker.start()
    watcher.start()
    QTimer.singleShot(3_000, begin)
    app.exec()
    return found


def in_thread(recipe: Path, scratch: Path, stop: threading.Event, tell: Callable[[object], None]) -> None:
    """The same run on a thread of the window's process."""
    from allstation.core import events
    from training.fit.protocol import EventWriter
    from training.fit.recipe import read_recipe
    from training.fit.session import run_recipe

    def told(event: events.Event) -> None:
        tell(event)
        if stop.is_set():
            writer.request(events.STOP)

    writer = EventWriter(told)
    run_recipe(read_recipe(recipe), scratch / "runs-thread" / "run", writer)


def as_markdown(found: dict[str, Any]) -> str:
    """The outcome as a page."""
    about = found["about"]
    lines = [
        "# The event loop's gaps while a model is trained",
        "",
        f"`{about['command']}`, {about['date']}, {about['machine']}, load {about['load']}, ALL Station "
        f"{about['version']}, Python {about['python']}, PySide6 {about['pyside']}. Zhang's network on "
        f"{about['fields']} synthetic fields, 100x100 grey, batch 64; {about['seconds']:.0f} s of training "
        "each; gaps of a 5 ms timer on the window's thread, milliseconds. Demanded: a worst gap under 100 ms "
        "in the child.",
        "",
        "| training in | idle, worst | starting, worst | worst | 99th percentile | over 100 ms | epochs |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode in ("child", "thread"):
        one = found[mode]
        train = one["training"]
        lines.append(
            f"| a {mode} | {one['idle']['worst_ms']} | {one['loading']['worst_ms']} | {train['worst_ms']} | "
            f"{train['p99_ms']} | {train['over_100_ms']} of {train['events']} | {one['epochs']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fields", type=int, default=400)
    parser.add_argument("--result", type=Path, help="JSON; a page of the same name with .md lies beside it")
    parser.add_argument("--mode", choices=("child", "thread"), help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.mode:
        print(json.dumps(measure(options.mode, options.scratch, options.seconds)), flush=True)
        os._exit(0)
    import PySide6

    from allstation import __version__
    from allstation.imaging.synthetic import write_demo

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="allstation-bench-") as scratch:
        base = Path(scratch)
        write_demo(base / "fields", fields=options.fields, labelled=True)
        for mode in ("child", "thread"):
            command = [sys.executable, __file__, "--mode", mode, "--scratch", scratch]
            command += ["--seconds", str(options.seconds)]
            environment = os.environ | {"PYTHONPATH": str(ROOT), "ALLSTATION_PROFILE": str(base / "profile")}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            found[mode] = json.loads(done.stdout.strip().splitlines()[-1])
    found["about"] = {
        "command": f"python tests/benchmarks/training_gap.py --seconds {options.seconds:g}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "version": __version__,
        "python": platform.python_version(),
        "pyside": PySide6.__version__,
        "fields": options.fields,
        "seconds": options.seconds,
    }
    page = as_markdown(found)
    print(page)
    if options.result:
        options.result.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        options.result.with_suffix(".md").write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
