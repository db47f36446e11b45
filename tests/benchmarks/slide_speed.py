"""Speed of large slides: written, opened, looked over; and what reading costs of classifying their fields.

    python tests/benchmarks/slide_speed.py [--work FOLDER] [--small]
    python tests/benchmarks/slide_speed.py --reading SLIDE

A synthetic slide of 20,000 x 20,000 pixels and one of 100,000 x 60,000 (2 GB free in the work folder;
``--small`` leaves it out) are written and looked over, each in a process of its own. Writes
``tests/benchmarks/results/slide-speed.md``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from allstation.core.slide_part import part_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.readers import open_slide
from allstation.imaging.slides.monolayer import everything, find_fields_of_slide
from allstation.imaging.slides.pool import slide_pool
from allstation.imaging.synthetic.slide import write_slide
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from tests.benchmarks import measure

MIDDLE = (20_000, 20_000)
LARGE = (100_000, 60_000)
FIELDS = 200
WARM = 5


def child(what: str, path: Path, size: tuple[int, int]) -> dict[str, Any]:
    """Do one long thing in a process of its own."""
    if what == "write":
        write_slide(path, seed=11, width=size[0], height=size[1], format="svs")
        return {"bytes": path.stat().st_size}
    started = time.monotonic()
    with open_slide(path) as reader:
        opened = time.monotonic() - started
        plan = find_fields_of_slide(reader)
        held = [one.memory_info().rss / 2**20 for one in psutil.Process().children(recursive=True)]
        found = time.monotonic() - started
        busy = _busy()
        return {
            "opened": opened,
            "found": found,
            "busy": busy,
            "fields": len(plan.regions),
            "child_mib": max(held, default=0.0),
            "everything": sum(1 for _ in everything(reader)),
        }


def large_slides(work: Path, sizes: list[tuple[int, int]]) -> list[str]:
    """Write and look over slides."""
    rows = []
    for size in sizes:
        path = work / f"{size[0]}x{size[1]}.svs"
        runs = {}
        for what in ("write", "find"):
            command = [sys.executable, __file__, "--child", what, path, "--size", *map(str, size)]
            runs[what] = measure.run(command)
            print(size, what, runs[what], file=sys.stderr, flush=True)
        write, find = runs["write"], runs["find"]
        rows.append(
            (
                f"{size[0]:,} x {size[1]:,}",
                f"{write.said['bytes'] / 1e6:,.0f}",
                f"{write.seconds:.0f} ({write.processor:.0f})",
                f"{write.peak_mib:.0f}",
                f"{find.said['opened']:.2f}",
                f"{find.said['found']:.1f} ({find.said['busy']:.1f})",
                f"{find.peak_mib:.0f}, {find.said['child_mib']:.0f}",
                find.said["fields"],
                f"{find.said['everything']:,}",
            )
        )
    head = (
        "pixels",
        "MB",
        "written, s",
        "peak, MiB",
        "opened, s",
        "found, s",
        "peak, MiB",
        "fields",
        "everything",
    )
    text = (
        "SVS-like, 0.25 µm a pixel, JPEG quality 85. Seconds of wall time, in brackets of processor time "
        "(with the start of Python and children that read); memory of the station and each of two children."
    )
    return ["## Large slides", "", text, "", measure.table(head, rows), ""]


def _busy() -> float:
    """Return processor seconds of this process and its children."""
    me = psutil.Process()
    return float(sum(sum(one.cpu_times()[:2]) for one in (me, *me.children(recursive=True))))


def _spent(processes: list[psutil.Process]) -> float:
    """Return the processor seconds of processes."""
    return float(sum(sum(one.cpu_times()[:2]) for one in processes))


def reading_share(path: Path) -> list[str]:
    """Classify the proposed fields of a slide; return what the children that read spend of it."""
    with open_slide(path) as reader:
        regions = find_fields_of_slide(reader, count=FIELDS + WARM).regions
    paths = [part_path(path, one) for one in regions]
    bundle, me, rows = ModelBundle.open(default_bundle_path()), psutil.Process(), []
    for cells in (False, True):
        with Pipeline(bundle, threads=1, cells=cells) as pipeline:
            list(pipeline.run(enumerate(paths[:WARM])))
            children = me.children(recursive=True)
            own, theirs = _spent([me]), _spent(children)
            done = len(list(pipeline.run(enumerate(paths[WARM:]))))
            own, theirs = _spent([me]) - own, _spent(children) - theirs
            asking = _spent([me])
            for one in paths[WARM:]:
                read_field(one)
            asking = _spent([me]) - asking
        slide_pool().close()
        times = [f"{1000 * one / done:.2f}" for one in (own + theirs, theirs, asking)]
        name = "classified, cells found" if cells else "classified"
        rows.append((name, done, *times, f"{(theirs + asking) / (own + theirs):.1%}"))
    head = ("what", "n", "all, ms a field", "children that read", "asking them", "share of reading")
    text = (
        f"{FIELDS} fields of the slide of {MIDDLE[0]:,} x {MIDDLE[1]:,} pixels, one thread, shipped model."
        " Processor time: of the station and its children together; of the children alone; of the station "
        "while it asks them, measured in a second pass that reads only."
    )
    return ["## What reading costs", "", text, "", measure.table(head, rows), ""]


def main() -> None:
    """Run all and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--work", type=Path, default=root / "build" / "slide-speed")
    parser.add_argument("--small", action="store_true", help="without the largest slide")
    parser.add_argument("--out", type=Path, default=measure.HERE / "results" / "slide-speed.md")
    parser.add_argument("--child", nargs=2)
    parser.add_argument("--size", nargs=2, type=int)
    parser.add_argument("--reading", type=Path, help="print what reading costs of this slide, and no more")
    asked = parser.parse_args()
    if asked.reading:
        print("\n".join(reading_share(asked.reading)))
        return
    if asked.child:
        print(json.dumps(child(asked.child[0], Path(asked.child[1]), tuple(asked.size))))
        return
    shutil.rmtree(asked.work, ignore_errors=True)
    asked.work.mkdir(parents=True)
    about, beside = measure.machine(), measure.Beside()
    lines = large_slides(asked.work, [MIDDLE] if asked.small else [MIDDLE, LARGE])
    lines += reading_share(asked.work / f"{MIDDLE[0]}x{MIDDLE[1]}.svs")
    shutil.rmtree(asked.work)
    head = [
        "# Speed of large slides",
        "",
        f"`python tests/benchmarks/slide_speed.py{' --small' if asked.small else ''}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, Python {about['python']}; {about['processor']}, {about['cores']} "
        f"cores, others took {beside.share() or 0:.0%} meanwhile: wall times mislead, processor times less.",
        "",
    ]
    asked.out.write_text("\n".join(head + lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
