"""What is not a race of whole programs: training, the window's event loop, reports, the dataset check."""

from __future__ import annotations

import argparse
import json
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
from allstation.report.content.options import ReportOptions
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
from training.data.check import check
from training.fit.protocol import EventWriter
wall, busy = time.perf_counter(), time.process_time()
check(Path(sys.argv[1]), EventWriter(lambda _event: None))
print(json.dumps({"wall": time.perf_counter() - wall, "processor": time.process_time() - busy}))
"""


QUICK_NETWORKS = ("nadim", "compact", "resnet50", "densenet121")


def training(work: Path, options: argparse.Namespace) -> Section:
    """Seconds per epoch against plain Keras; see ``training_speed.py``.

    Zhang's network long enough to learn, so that equal accuracy can be told; the others, which would take
    hours for that, for their seconds only.
    """
    count, rounds, epochs = (800, 2, 8) if options.full else (64, 1, 1)
    count, rounds = options.fields or count, options.rounds or rounds
    rows, heads = [], []
    for networks, fields, turns, many, further in (
        (("zhang",), count, rounds, epochs, ()),
        (("zhang",), count, rounds, 3, ("--unaltered",)),
        (QUICK_NETWORKS if options.full else QUICK_NETWORKS[1:2], min(count, 64), 1, 1, ()),
    ):
        chosen = [name for name in networks if not options.programs or name in options.programs]
        if not chosen:
            continue
        folder, kind = folders.small(work, fields)
        command = [sys.executable, HERE / "training_speed.py", folder, "--rounds", str(turns)]
        said = run([*command, "--epochs", str(many), "--networks", *chosen, *further]).said
        rows += [one | {"fields": said["fields"], "epochs": said["epochs"]} for one in said["rows"]]
        heads.append(f"{said['fields']} {kind} fields ({', '.join(chosen)})")
    shown = [
        [
            one["network"],
            one["route"] + (", nothing altered, fields in memory" if one["unaltered"] else ""),
            one["fields"],
            spread(one["seconds_per_epoch"]),
            f"{one['times_plain']:.2f}",
            spread(one["processor_per_epoch"]),
            f"{one['times_plain_processor']:.2f}",
            _share(one),
        ]
        for one in rows
    ]
    head = ["network", "way", "fields", "s per epoch", "plain takes times", "processor s", "plain times"]
    words = (
        f"Same batches and held-out fields; the first epoch is not timed. {'; '.join(heads)}. "
        "Only the first network learns long enough for its accuracy to mean something."
    )
    text = f"## Training\n\n{table([*head, 'right'], shown)}\n\n{words}"
    return text, {"rows": rows}


def finetune(work: Path, options: argparse.Namespace) -> Section:
    """The shipped model fine-tuned on real fields as the window does it; see ``finetune.py``."""
    count = options.fields or (400 if options.full else 120)
    if not (folders.REAL / "taleqani" / "Original").exists():
        return "## Fine-tuning\n\nNot measured: the real fields are not beside the project.", {}
    result = work / "finetune.json"
    command = [sys.executable, HERE / "finetune.py", folders.REAL / "taleqani", "--rest", "1"]
    run([*command, "--fields", str(count), "--result", result])
    said = dict(json.loads(result.read_text("utf-8")))
    cost = said["cost"]
    row = [said["fields"], cost["seconds"], cost["processor_seconds"], cost["largest_memory_MB"]]
    shown = table(["fields", "wall s", "processor s", "peak MB"], [row])
    words = "Check, split, export and verification of the new model included."
    return f"## Fine-tuning the shipped model\n\n{shown}\n\n{words}", {"fields": said["fields"], "cost": cost}


def gaps(work: Path, options: argparse.Namespace) -> Section:
    """Event-loop gaps beside a training, in a child and in a thread; see ``training_gap.py``."""
    result = work / "training_gap.json"
    command = [sys.executable, HERE / "training_gap.py", "--result", result]
    run([*command, "--seconds", "25" if options.full else "4", "--fields", "160" if options.full else "24"])
    said = dict(json.loads(result.read_text("utf-8")))
    rows = [
        [f"{moment}, training in a {mode}", f"{one['worst_ms']:g}", f"{one['p99_ms']:g}"]
        for mode in ("child", "thread")
        for moment, one in said[mode].items()
        if isinstance(one, dict)
    ]
    head = ["while", "worst gap ms", "99 of 100 below ms"]
    return f"## Window beside a training\n\n{table(head, rows)}", said


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
