"""What isolation costs, as ratios within one run: the ordinary way, foreign networks, rare pictures.

    python tests/benchmarks/isolation.py --before ../checkout --result tests/benchmarks/results/isolation.json

``--before`` is a checkout of the program without isolation. Its process and this one's classify the same
fields with the shipped model in turns, a round each; the ratio of a round is of their processor seconds, and
of their wall seconds, which other programs disturb. Foreign networks and rare pictures are measured in one
process, here and in a child, in turns as well; the child's processor time counts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
ORDINARY = """
import json, sys, time
from pathlib import Path
from allstation.imaging.intake import new_field
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
paths = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
engine = Engine(ModelBundle.open(default_bundle_path()))
engine.warm_up()
print("ready", flush=True)
for _ in sys.stdin:
    wall, busy = time.perf_counter(), time.process_time()
    for path in paths:
        new_field(path)
        engine.classify(path)
    print(json.dumps([time.perf_counter() - wall, time.process_time() - busy]), flush=True)
"""
Seconds = tuple[float, float]


def intervals(first: list[float], second: list[float]) -> dict[str, float]:
    """Return the median ratio of the rounds and its 95 % interval by bootstrap over rounds."""
    ratios = [there / here for here, there in zip(first, second, strict=True)]
    dice = random.Random(7)
    medians = sorted(statistics.median(dice.choices(ratios, k=len(ratios))) for _ in range(2000))
    return {
        "ratio": round(statistics.median(ratios), 4),
        "low": round(medians[50], 4),
        "high": round(medians[-51], 4),
    }


def compared(here: list[Seconds], there: list[Seconds], cases: int) -> dict[str, object]:
    """Return both ratios, and the processor milliseconds of one case of each."""
    return {
        "cases a round": cases,
        "rounds": len(here),
        "wall": intervals([one[0] for one in here], [one[0] for one in there]),
        "processor": intervals([one[1] for one in here], [one[1] for one in there]),
        "ms before": round(1000 * statistics.median(one[1] for one in here) / cases, 3),
        "ms isolated": round(1000 * statistics.median(one[1] for one in there) / cases, 3),
    }


def ordinary(before: Path, folder: Path, rounds: int) -> dict[str, object]:
    """Compare two checkouts on the ordinary way."""
    processes = []
    for root in (before.resolve(), ROOT):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        command = [sys.executable, "-P", "-c", ORDINARY, str(folder)]
        processes.append(
            subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
            )
        )
        assert processes[-1].stdout.readline() == "ready\n"
    seen: list[list[Seconds]] = [[], []]
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            processes[which].stdin.write("\n")
            processes[which].stdin.flush()
            seconds = json.loads(processes[which].stdout.readline())
            if turn:
                seen[which].append(tuple(seconds))
    for process in processes:
        process.stdin.close()
        process.wait()
    return compared(*seen, len(list(folder.rglob("*.jpg"))))


def _busy() -> float:
    children = psutil.Process().children()
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in children)


def in_turns(
    here: Callable[[], object], there: Callable[[], object], rounds: int, cases: int
) -> dict[str, object]:
    """Time two ways to do the same in one process."""
    seen: dict[Callable[[], object], list[Seconds]] = {here: [], there: []}
    for turn in range(rounds + 1):
        for way in (here, there) if turn % 2 else (there, here):
            wall, busy = time.perf_counter(), _busy()
            way()
            if turn:
                seen[way].append((time.perf_counter() - wall, _busy() - busy))
    return compared(seen[here], seen[there], cases)


def foreign_network(paths: list[Path], rounds: int) -> dict[str, object]:
    """Compare the shipped network here and in a child, and the time until each is ready."""
    from allstation.inference import engine as module
    from allstation.inference.bundle import ModelBundle, default_bundle_path

    bundle = ModelBundle.open(default_bundle_path())
    began = time.perf_counter()
    here = module.Engine(bundle)
    loaded = time.perf_counter()
    module.needs_isolation = lambda _: True
    with closing(module.Engine(bundle)) as there:
        ready = time.perf_counter()
        found = in_turns(
            lambda: [here.classify(path) for path in paths],
            lambda: [there.classify(path) for path in paths],
            rounds,
            len(paths),
        )
    return found | {
        "seconds to load": round(loaded - began, 3),
        "seconds to load isolated": round(ready - loaded, 3),
    }


def rare_pictures(paths: list[Path], rounds: int) -> dict[str, object]:
    """Compare decoding to the network's size here and in a child, by kind."""
    from allstation.imaging.formats import decode

    plain, found = decode.is_plain, {}
    for kind, suffix, options in (
        ("WebP", ".webp", [cv2.IMWRITE_WEBP_QUALITY, 90]),
        ("JPEG 2000", ".jp2", []),
        ("TIFF with LZW", ".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 5]),
        ("16-bit PNG", ".png", None),
    ):
        files = []
        for path in paths:
            bgr = cv2.imread(str(path))
            pixels = bgr if options is not None else bgr.astype(np.uint16) * 257
            files.append(cv2.imencode(suffix, pixels, options or [])[1].tobytes())

        def all_of(isolated: bool, files: list[bytes] = files) -> None:
            decode.is_plain = plain if isolated else lambda _: True
            for data in files:
                decode.decode_reduced(Path("a"), (224, 224), data=data)

        found[kind] = in_turns(
            lambda way=all_of: way(False), lambda way=all_of: way(True), rounds, len(files)
        )
    decode.is_plain = plain
    return found


def main() -> int:
    """Measure and write."""
    from allstation.imaging.synthetic import write_demo

    sys.path.insert(0, str(ROOT))
    from tests.faults.odd_files import processor

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, help="checkout without isolation")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        paths = write_demo(Path(name), fields=12, seed=3)
        data = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "processor": f"{processor()}, {os.cpu_count()} usable",
            "load at the start": os.getloadavg()[0],
            "ordinary way": ordinary(options.before, Path(name), options.rounds),
            "foreign network": foreign_network(paths, options.rounds),
            "rare pictures": rare_pictures(paths, max(options.rounds // 2, 5)),
        }
    text = json.dumps(data, indent=1)
    print(text)
    if options.result:
        options.result.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
