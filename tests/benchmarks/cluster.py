"""What the laboratory's machines cost and gain: overhead, efficiency, bytes a field, and a million fields.

    python tests/benchmarks/cluster.py --result tests/benchmarks/results/cluster.json

One machine stands for many: for efficiency the network of the workers sleeps for a known time, so that eight
of them need hardly any processor; for the million its time is next to none, so that only what is around it
is left.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import cv2
import distributed
import psutil

from allstation.imaging.formats.decode import decode
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.executor import ClusterExecutor
from allstation.processing.cluster.requests import IDENTITY, Work
from allstation.processing.cluster.shares import root_of
from tests.benchmarks.cluster_worker import SECONDS

HERE = Path(__file__).resolve().parent
COST = 0.02
"""Seconds that the sleeping network takes for a field."""


def stub_command(url: str) -> list[str]:
    """Return the command line of a worker whose network is a stub."""
    return [sys.executable, str(HERE / "cluster_worker.py"), "worker", url, "--one", "--threads", "1"]


def small_fields(place: Path, number: int) -> list[tuple[Path, str]]:
    """Write fields of 224x224 and return them with their hashes."""
    place.mkdir(parents=True)
    drawn = write_demo(place / "drawn", fields=12, seed=1)
    pictures = [
        cv2.resize(decode(path), (224, 224), interpolation=cv2.INTER_AREA)[..., ::-1] for path in drawn
    ]
    written = []
    for index in range(number):
        path = place / f"{index:05d}.jpg"
        data = cv2.imencode(".jpg", pictures[index % len(pictures)])[1].tobytes() + index.to_bytes(4, "big")
        path.write_bytes(data)
        written.append((path, hashlib.sha256(data).hexdigest()))
    return written


def processor_seconds() -> float:
    """Return the processor time of this process and its children."""
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor seconds."""
    before, began = processor_seconds(), time.perf_counter()
    work()
    return time.perf_counter() - began, processor_seconds() - before


def overhead(place: Path, *, rounds: int, number: int) -> dict[str, Any]:
    """Compare two threads here with one worker of two threads, in turn, on the same fields."""
    bundle = ModelBundle.open(default_bundle_path())
    fields = small_fields(place / "small", number)
    wall: dict[str, list[float]] = {"threads": [], "cluster": []}
    processor: dict[str, list[float]] = {"threads": [], "cluster": []}
    with ClusterConnection(ClusterAddress(workers=1), threads=2) as link, Pipeline(bundle, threads=2) as here:
        assert link.wait_for_workers(120)
        there = ClusterExecutor(link, bundle, Work(bundle.sha256), local=lambda: Pipeline(bundle))
        executors: dict[str, Any] = {"threads": here, "cluster": there}

        def run(executor: Any) -> None:
            futures = [executor.submit(key, path, sha256) for key, (path, sha256) in enumerate(fields)]
            assert all(future.result().prediction is not None for future in futures)

        for executor in executors.values():  # engines are made, and sizes of tasks learned
            run(executor)
            run(executor)
        for turn in range(rounds):
            for name in sorted(executors, reverse=bool(turn % 2)):
                spent, used = timed(lambda one=executors[name]: run(one))
                wall[name].append(spent)
                processor[name].append(used)
        counts = there.counts
        there.close()
    ratios = [b / a for a, b in zip(wall["threads"], wall["cluster"], strict=True)]
    used = [b / a for a, b in zip(processor["threads"], processor["cluster"], strict=True)]
    return {
        "what": "one worker of two threads against two threads, 224x224, shipped network, interleaved",
        "fields_a_round": number,
        "rounds": rounds,
        "wall_seconds": {name: [round(v, 3) for v in values] for name, values in wall.items()},
        "wall_ratio_median": round(statistics.median(ratios), 3),
        "processor_ratio_median": round(statistics.median(used), 3),
        "fields_a_task": round(counts.fields / counts.tasks, 1),
        "bytes_a_field_sent": round(counts.bytes_sent / counts.fields),
        "bytes_a_field_received": round(counts.bytes_received / counts.fields),
    }


def shipped(place: Path) -> dict[str, Any]:
    """Count the bytes of a field whose worker reads the file, and of one whose worker does not see it."""
    bundle = ModelBundle.open(default_bundle_path())
    files = write_demo(place / "large", fields=24, seed=2)
    found: dict[str, Any] = {"file_bytes": round(statistics.mean(path.stat().st_size for path in files))}
    with ClusterConnection(ClusterAddress(workers=1), threads=2) as link:
        assert link.wait_for_workers(120)
        for cells in (False, True):
            for blind in (False, True):
                link.lacking.clear()
                if blind:
                    for address in link.at_work():
                        link.note_lacking(root_of(files[0]), address)
                work = Work(bundle.sha256, cells=cells)
                executor = ClusterExecutor(link, bundle, work, local=lambda: Pipeline(bundle))
                keyed = [
                    (n, path, hashlib.sha256(path.read_bytes()).hexdigest()) for n, path in enumerate(files)
                ]
                for future in [executor.submit(*one) for one in keyed]:
                    future.result()
                both = executor.counts.bytes_sent + executor.counts.bytes_received
                way = "bytes sent along" if blind else "read by the worker"
                name = f"{way}, {'with' if cells else 'no'} cells"
                found[name] = round(both / executor.counts.fields)
                executor.close()
    return found


def efficiency(place: Path, *, fields_a_worker: int) -> dict[str, Any]:
    """Measure 1 to 8 workers whose network sleeps."""
    bundle = ModelBundle.open(default_bundle_path())
    source = small_fields(place / "sleeping", 64)
    found: dict[str, Any] = {"network_seconds": COST, "fields_a_worker": fields_a_worker}
    for workers in (1, 2, 4, 8):
        environment = {SECONDS: str(COST)}
        with ClusterConnection(
            ClusterAddress(workers=workers), worker_command=stub_command, environment=environment
        ) as link:
            until = time.monotonic() + 240
            while len(link.at_work()) < workers and time.monotonic() < until:
                time.sleep(0.2)
            executor = ClusterExecutor(link, bundle, Work(bundle.sha256), local=lambda: Pipeline(bundle))

            def run(number: int, executor: ClusterExecutor = executor) -> float:
                began = time.perf_counter()
                futures = [executor.submit(n, *source[n % len(source)]) for n in range(number)]
                for future in futures:
                    assert future.result().prediction is not None
                return time.perf_counter() - began

            run(200 * workers)  # sizes of tasks are learned
            seconds = run(fields_a_worker * workers)
            executor.close()
        found[f"{workers} workers"] = {
            "fields": fields_a_worker * workers,
            "seconds": round(seconds, 2),
            "efficiency": round(fields_a_worker * COST / seconds, 3),
        }
        sys.stderr.write(f"{workers} workers: {found[f'{workers} workers']}\n")
    return found


def linked_folder(place: Path, number: int, source: list[Path]) -> Path:
    """Make slides of 1,000 fields that are links to a few files: a million take no room."""
    for index in range(number):
        slide = place / f"{index // 1000:05d}"
        if index % 1000 == 0:
            slide.mkdir(parents=True)
        os.link(source[index % len(source)], slide / f"{index % 1000:04d}.jpg")
    return place


def archive_once(place: Path, number: int, source: list[Path]) -> dict[str, Any]:
    """Archive fields with a network that takes next to no time, in a process of its own; watch its memory."""
    began = time.perf_counter()
    folder = linked_folder(place / f"fields-{number}", number, source)
    code = (
        "import sys; from allstation.processing.cluster.serve import WorkerOptions; "
        f"WorkerOptions.command = lambda self, url: {[*stub_command('URL')]!r}[:3] + [url] + ['--one']; "
        "from allstation.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    out = place / f"out-{number}"
    made = time.perf_counter() - began
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "archive", str(folder), "--out", str(out), "--parquet",
         "--cluster", "local:2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    memory: list[int] = []
    used: list[float] = [0.0]
    workers: dict[int, float] = {}

    def watch() -> None:
        about = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                memory.append(about.memory_info().rss)
                used.append(sum(about.cpu_times()[:2]))
                for one in about.children(recursive=True):
                    workers[one.pid] = sum(one.cpu_times()[:2])
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    watcher.join()
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    verified = subprocess.run(
        [sys.executable, "-m", "allstation", "archive", "--verify", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    shutil.rmtree(out)
    return {
        "status": status,
        "load_average": round(os.getloadavg()[0], 1),
        "seconds": round(seconds, 1),
        "processor_seconds": round(used[-1], 1),
        "workers_processor_seconds": round(sum(workers.values()), 1),
        "seconds_to_make_the_fields": round(made, 1),
        "seconds_to_verify": round(time.perf_counter() - began, 1),
        "fields_a_second": round(number / seconds),
        "largest_memory_mib": round(max(memory, default=0) / 2**20, 1),
        "memory_at_the_end_mib": round(statistics.median(memory[-10:] or [0]) / 2**20, 1),
        "archive_mib": round(size / 2**20, 1),
        "verified": verified.stdout.strip(),
    }


def archives(
    place: Path, numbers: list[int], earlier: dict[str, Any], keep: Callable[[dict[str, Any]], None]
) -> None:
    """Archive more and more fields; hand over the figures after each, with those of an earlier call."""
    place.mkdir(parents=True)
    drawn = write_demo(place / "drawn", fields=1, seed=1)[0]
    data = cv2.imencode(".jpg", cv2.resize(decode(drawn), (32, 32)))[1].tobytes()
    source = []
    for index in range(256):
        path = place / f"{index}.jpg"
        path.write_bytes(data + index.to_bytes(4, "big"))
        source.append(path)
    found = {name: figures for name, figures in earlier.items() if name.isdigit()}
    for number in numbers:
        if found.get(str(number), {}).get("status") == 0:
            continue
        found[str(number)] = archive_once(place, number, source)
        found = {name: found[name] for name in sorted(found, key=int)}
        _compare(found)
        sys.stderr.write(f"{number}: {found[str(number)]}\n")
        keep(found)


def _compare(found: dict[str, Any]) -> None:
    """Add to each number of fields how time and memory grew up to it."""
    names = list(found)
    for before, name in itertools.pairwise(names):
        last, steps = found[name], math.log(int(name) / int(before))
        for kind in ("seconds", "processor_seconds"):
            grown = math.log(last[kind] / found[before][kind]) / steps
            last[f"{kind}_grow_as_n_to_the"] = round(grown, 3)
            over_all = math.log(last[kind] / found[names[0]][kind]) / math.log(int(name) / int(names[0]))
            last[f"{kind}_from_the_first_grow_as_n_to_the"] = round(over_all, 3)
        first = found[names[0]]["largest_memory_mib"]
        last["memory_growth_mib"] = round(last["largest_memory_mib"] - first, 1)


class Results:
    """JSON file of the parts; each has its command, date, load and versions.

    Args:
        path: The file.
        command: That makes what is added.
        resume: What earlier calls with these versions measured stays.
    """

    def __init__(self, path: Path, command: str, *, resume: bool) -> None:
        self._path = path
        self._command = command
        self._known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self._versions = {
            "allstation": IDENTITY,
            "distributed": distributed.__version__,
            "python": platform.python_version(),
        }
        self._resume = resume

    def earlier(self, name: str) -> dict[str, Any]:
        """Return a part that need not be measured again; empty if it must be."""
        part: dict[str, Any] = self._known.get("parts", {}).get(name, {})
        return part if self._resume and part.get("versions") == self._versions else {}

    def keep(self, name: str, figures: dict[str, Any]) -> None:
        """Write a part."""
        self._known.setdefault("parts", {})[name] = {
            "command": self._command,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "load_average": round(os.getloadavg()[0], 1),
            "versions": self._versions,
            **figures,
        }
        self._known["machine"] = f"{os.cpu_count()} processors, {platform.system()}"
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self._known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(self._path)
        sys.stderr.write(f"{name}: {json.dumps(figures)[:400]}\n")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", default=["overhead", "bytes", "efficiency", "archives"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--fields", type=int, default=400)
    parser.add_argument("--numbers", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--resume", action="store_true", help="leave what the result holds already")
    parser.add_argument("--result", type=Path, required=True)
    options = parser.parse_args()
    words = ["RESULT.json" if word == str(options.result) else word for word in sys.argv[1:]]
    command = " ".join(["python tests/benchmarks/cluster.py", *words])
    results = Results(options.result, command, resume=options.resume)
    with tempfile.TemporaryDirectory(prefix="allstation-cluster-bench-") as text:
        place = Path(text)
        os.environ["ALLSTATION_PROFILE"] = str(place / "profile")
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "overhead": lambda: overhead(place, rounds=options.rounds, number=options.fields),
            "bytes": lambda: shipped(place),
            "efficiency": lambda: efficiency(place, fields_a_worker=1000),
        }
        for name, measure in parts.items():
            if name in options.parts and not results.earlier(name):
                results.keep(name, measure())
        if "archives" in options.parts:
            archives(
                place / "archives",
                options.numbers,
                results.earlier("archives"),
                lambda figures: results.keep("archives", figures),
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
