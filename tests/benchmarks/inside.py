"""What is not a race of whole programs: training, the window's event loop, reports, the dataset check."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import folders
from measure import HERE, exponent, run, spread, table

Section = tuple[str, dict[str, Any]]
REPORT = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, ".")
import pypdf
from tests.unit.report.factory import CLOCK, Factory
from allstation.report.content import ReportOptions
from allstation.report.pdf import write_pdf
import tempfile
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    snapshot = Factory(folder).snapshot(int(sys.argv[1]), slides=4, reviewed=60)
    wall, busy = time.perf_counter(), time.process_time()
    write_pdf(snapshot, folder / "r.pdf", ReportOptions(clock=CLOCK))
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    pages = len(pypdf.PdfReader(folder / "r.pdf").pages)
    print(json.dumps({"wall": wall, "processor": busy, "pages": pages}))
"""
CHECK = """
import json, sys, time
from pathlib import Path
from training.check import check
from training.protocol import Reporter
wall, busy = time.perf_counter(), time.process_time()
check(Path(sys.argv[1]), Reporter(lambda _event: None))
print(json.dumps({"wall": time.perf_counter() - wall, "processor": time.process_time() - busy}))
"""


def training(work: Path, options: argparse.Namespace) -> Section:
    """Seconds per epoch against plain Keras; see ``training_speed.py``."""
    count = options.fields or (800 if options.full else 128)
    folder, kind = folders.small(work, count)
    command = [sys.executable, HERE / "training_speed.py", folder, "--rounds", str(options.rounds or 1)]
    command += ["--epochs", "6" if options.full else "1"]
    command += ["--networks", *(options.programs or (["zhang"] if not options.full else []))]
    said = dict(run(command).said)
    rows = [
        [
            one["network"],
            one["route"],
            spread(one["seconds_per_epoch"]),
            f"{one['times_plain']:.2f}",
            spread(one["processor_per_epoch"]),
            f"{one['times_plain_processor']:.2f}",
            _share(one),
        ]
        for one in said["rows"]
    ]
    head = ["network", "way", "s per epoch", "plain takes times", "processor s", "plain times", "right"]
    text = f"## Training, {said['fields']} fields ({kind}), same augmentation\n\n{table(head, rows)}"
    return text, said


def _share(one: dict[str, Any]) -> str:
    found = one.get("accuracy")
    return f"{100 * found:.1f} % of {one['held_out']}" if found is not None else ""


def window(work: Path, options: argparse.Namespace) -> Section:
    """Event-loop gaps, a case of 100,000 fields, memory; see ``window.py``."""
    fields = options.fields or (100_000 if options.full else 2000)
    command = [sys.executable, HERE / "window.py", "--fields", str(fields), "--work", work]
    said = dict(run([*command, *(["--full"] if options.full else [])]).said)
    rows = [
        [name.replace("_", " "), f"{gaps['worst_ms']:g}", f"{gaps['p99_ms']:g}"]
        for name, gaps in said.items()
        if isinstance(gaps, dict) and "worst_ms" in gaps
    ]
    facts = (
        f"Listed after {1000 * said['listed_s']:.0f} ms, first thumbnail after "
        f"{1000 * said['first_thumbnail_s']:.0f} ms; memory of the window {said['memory_mib']} MiB after "
        f"scrolling; {said['added']:,} fields added in {said['adding_s']:.1f} s, "
        f"{said['duplicates']:,} duplicates reported."
    )
    head = ["while", "worst gap ms", "99 of 100 below ms"]
    return f"## Window, a case of {fields:,} fields\n\n{table(head, rows)}\n\n{facts}", said


def viewer() -> Section:
    """Milliseconds until a field is shown; see ``viewer.py``."""
    said = dict(run([sys.executable, HERE / "viewer.py", "--repeats", "15"]).said)
    rows = [[name, spread(values)] for name, values in said["milliseconds"].items()]
    return f"## Showing a field\n\n{table(['step', 'ms'], rows)}", said


def report(options: argparse.Namespace) -> Section:
    """Pages a second of full reports."""
    rows, figures = [], []
    for count in (30, 300, 1000) if options.full else (30, 100):
        said = dict(run([sys.executable, "-c", REPORT, str(count)]).said) | {"fields": count}
        figures.append(said)
        rate = f"{said['pages'] / said['wall']:.3g}"
        rows.append([count, said["pages"], f"{said['wall']:.3g}", f"{said['processor']:.3g}", rate])
    head = ["fields", "pages", "wall s", "processor s", "pages/s"]
    return f"## Full report as PDF, checked after writing\n\n{table(head, rows)}", {"runs": figures}


def check(work: Path, options: argparse.Namespace) -> Section:
    """The dataset check of labelled folders."""
    counts = (680, 2719) if options.full else (100, 200)
    rows, figures = [], []
    for count in counts:
        folder, _ = folders.small(work, count)
        said = dict(run([sys.executable, "-c", CHECK, folder]).said) | {"fields": count}
        figures.append(said)
        rate = f"{count / said['wall']:.3g}"
        rows.append([f"{count:,}", f"{said['wall']:.3g}", f"{said['processor']:.3g}", rate])
    slope = exponent(counts, [one["processor"] for one in figures])
    text = f"## Dataset check\n\n{table(['fields', 'wall s', 'processor s', 'fields/s'], rows)}\n\n"
    return text + f"Processor time grows as fields to the {slope:.2f}.", {"runs": figures, "exponent": slope}
