"""Mutated files, archives and networks against the station's own process, which must outlive all of them.

    python -m tests.faults.hostile --files 2000 --networks 500 --out tests/faults/results/isolation

One process imports and classifies every file, and works with every network, as the program does. A picture
is right if its pixels are those that a process without isolation decodes; anything else must be a sentence.
A death of that process, an exception that is none, other pixels, or a child that is left over is a fault.
Case N of a seed is always the same file. Nothing is proved of faults that no case here has.
"""

# ruff: noqa: T201 - a program, whose answer is what it prints

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import json
import platform
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from allstation.core.errors import UNEXPECTED, StationError
from allstation.imaging.formats import decode
from allstation.imaging.intake import Refused, find_fields, new_field
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.inference.engine import Engine
from allstation.inference.pipeline import Pipeline
from tests.faults import fuzz_decode, hostile_network
from tests.faults.odd_files import processor

SEED = 77301
EVERY = 10
"""Of so many files one is an archive."""
SILENT = 400.0
"""Seconds without a line after which the station counts as hanging; a network may take 60 to load."""
PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless", "simplejpeg", "pillow")
Line = dict[str, object]


def archives() -> list[tuple[str, bytes]]:
    """Return valid archives, each with two fields and a note."""
    members = dict(fuzz_decode.seeds()[:2]) | {"notes": b"text"}
    names = {"jpeg": "Slide 1/a.jpg", "jpeg progressive": "Slide 1/b.jpg", "notes": "notes.txt"}
    files = []
    for kind, compression in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as out:
            for key, content in members.items():
                out.writestr(names[key], content)
        files.append((f"zip {kind}", buffer.getvalue()))
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as out:
            for key, content in members.items():
                info = tarfile.TarInfo(names[key])
                info.size = len(content)
                out.addfile(info, io.BytesIO(content))
        files.append((f"tar {mode[2:]}".strip(), buffer.getvalue()))
    return files


def file_case(seed: int, number: int, pictures: list, packed: list) -> tuple[str, bytes]:
    """Return kind and bytes of one mutated file."""
    return fuzz_decode.case(seed, number, packed if number % EVERY == EVERY - 1 else pictures)


def decoded(path: Path) -> str:
    """Return a hash of a file's pixels at full and at the network's size, or the code it is refused with."""
    try:
        whole, small = decode.decode(path), decode.decode_reduced(path, (224, 224))
    except StationError as error:
        return error.code
    return hashlib.sha256(repr(whole.shape).encode() + whole.tobytes() + small.tobytes()).hexdigest()


def without_isolation(seed: int, first: int, last: int) -> Iterator[Line]:
    """Decode the pictures in this process, which may die of it."""
    decode.is_plain = lambda _header: True
    pictures, packed = fuzz_decode.seeds(), archives()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.jpg"
        for number in range(first, last):
            kind, data = file_case(seed, number, pictures, packed)
            yield {"start": number}
            path.write_bytes(data)
            yield {"case": number, "kind": kind, "pixels": decoded(path)}


def with_files(seed: int, first: int, last: int) -> Iterator[Line]:
    """Import and classify files as the program does."""
    pictures, packed = fuzz_decode.seeds(), archives()
    shipped = ModelBundle.open(default_bundle_path())
    with tempfile.TemporaryDirectory() as name, Pipeline(shipped, threads=1) as pipeline:
        for number in range(first, last):
            kind, data = file_case(seed, number, pictures, packed)
            yield {"start": number}
            began = time.perf_counter()
            folder = Path(name) / str(number)
            folder.mkdir()
            path = folder / ("a.zip" if number % EVERY == EVERY - 1 else "field.jpg")
            path.write_bytes(data)
            found: Line = {"case": number, "kind": kind}
            try:
                found["outcome"] = imported(path, pipeline)
            except Exception as error:
                found["outcome"] = f"escaped: {type(error).__name__}: {error}"
            if path.suffix == ".jpg":
                found["pixels"] = decoded(path)
            found["seconds"] = round(time.perf_counter() - began, 2)
            yield found


def imported(path: Path, pipeline: Pipeline) -> str:
    """Return what became of a file: classified, unpacked, or the code of the sentence."""
    codes = []
    for found in find_fields([path], unpack_to=path.parent / "unpacked"):
        if isinstance(found, Refused):
            codes.append(f"refused, {found.error.code}")
            continue
        try:
            new_field(found.path)
        except StationError as error:
            codes.append(f"refused, {error.code}")
            continue
        (outcome,) = pipeline.run([(0, found.path)])
        codes.append(f"failed, {outcome.error.code}" if outcome.error else "classified")
    return "; ".join(sorted(set(codes))) or "nothing in it"


def with_networks(seed: int, first: int, last: int) -> Iterator[Line]:
    """Work with a bundle around each network as the program does: two fields, then the next."""
    shipped, network = ModelBundle.open(default_bundle_path()), hostile_network.shipped_network()
    member = shipped.info["network"]["file"]
    info = {key: value for key, value in shipped.info.items() if key not in {"schema", "files"}}
    members = {name: data for name, data in shipped.members.items() if name != "weights.npz"}
    with tempfile.TemporaryDirectory() as name:
        fields = write_demo(Path(name) / "fields", fields=2, seed=3)
        # What is made once in a process must not count as left over.
        Engine(shipped).classify(fields[0])
        for number in range(first, last):
            kind, data = hostile_network.mutated(seed, number, network)
            path = Path(name) / "m.allmodel"
            write_bundle(path, info, {**members, member: data})
            threads = set(threading.enumerate())
            yield {"start": number}
            began = time.perf_counter()
            outcome = with_network(path, fields)
            seconds = round(time.perf_counter() - began, 2)
            left = [str(child.pid) for child in psutil.Process().children()]
            left += [
                thread.name for thread in threading.enumerate() if thread not in threads and lasts(thread)
            ]
            yield {"case": number, "kind": kind, "outcome": outcome, "seconds": seconds, "left": left}


def lasts(thread: threading.Thread) -> bool:
    """Tell whether a thread goes on; a timer that was cancelled needs a moment to end."""
    thread.join(30)
    return thread.is_alive()


def with_network(path: Path, fields: list[Path]) -> str:
    """Return what became of two fields: classified, needs review, or the sentence about the model."""
    try:
        with Pipeline(ModelBundle.open(path), threads=1) as pipeline:
            outcomes = list(pipeline.run(enumerate(fields)))
    except StationError as error:
        return error.sentence
    except Exception as error:
        return f"escaped: {type(error).__name__}: {error}"
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if errors:
        return f"escaped: {errors[0].sentence}" if errors[0].code == UNEXPECTED else errors[0].sentence
    readable = all(outcome.prediction.is_readable for outcome in outcomes)
    return "classified" if readable else "unreadable output"


PARTS = {"without": without_isolation, "files": with_files, "networks": with_networks}


def run(part: str, seed: int, cases: int) -> tuple[dict[int, Line], list[str]]:
    """Run all cases of a part in a child process; return the lines and what killed or held it up."""
    lines: dict[int, Line] = {}
    deaths: list[str] = []
    first = 0
    while first < cases:
        command = [
            sys.executable,
            "-m",
            "tests.faults.hostile",
            "--part",
            part,
            str(seed),
            str(first),
            str(cases),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        watch = _restarted(None, process)
        for text in process.stdout or ():
            watch = _restarted(watch, process)
            line = json.loads(text)
            if "start" in line:
                first = int(line["start"])
            else:
                lines[first] = line
        watch.cancel()
        if process.wait() == 0:
            break
        deaths.append(f"case {first}: exit status {process.returncode}")
        first += 1
    return lines, deaths


def _restarted(watch: threading.Timer | None, process: subprocess.Popen[str]) -> threading.Timer:
    if watch is not None:
        watch.cancel()
    timer = threading.Timer(SILENT, process.kill)
    timer.daemon = True
    timer.start()
    return timer


def judge_files(lines: dict[int, Line], truth: dict[int, Line]) -> tuple[Counter[str], list[str]]:
    """Count what became of the files, and name what must not be."""
    counts: Counter[str] = Counter()
    faults = []
    for number, line in lines.items():
        outcome = str(line["outcome"])
        fault = UNEXPECTED in outcome or outcome.startswith("escaped")
        other = truth.get(number, {}).get("pixels", "died")
        # What kills the process without isolation may only kill a decoder here.
        same = line.get("pixels", "") == (other if other != "died" else "decoder-died")
        if "pixels" in line and not same:
            fault = True
            outcome += f", decoded as {line['pixels']} instead of {other}"
        if fault:
            faults.append(f"case {number} ({line['kind']}): {outcome}")
        right = "right" if outcome == "classified" else outcome
        counts["fault" if fault else right] += 1
    return counts, faults


def judge_networks(lines: dict[int, Line]) -> tuple[Counter[str], list[str]]:
    """Count what became of the networks, and name what must not be."""
    counts: Counter[str] = Counter()
    faults = []
    for number, line in lines.items():
        outcome = str(line["outcome"])
        words = outcome.partition("cannot be used: ")[2].removesuffix(" Choose another model.") or outcome
        fault = outcome.startswith("escaped") or bool(line["left"])
        if fault:
            faults.append(f"case {number} ({line['kind']}): {outcome}; left over: {line['left']}")
        counts[f"{line['kind']}: {'fault' if fault else words}"] += 1
    return counts, faults


def report(options: argparse.Namespace) -> Line:
    """Run everything and return the outcome as plain data."""
    seconds = time.monotonic()
    truth, crashes = run("without", options.seed, options.files)
    files, deaths = run("files", options.seed, options.files)
    networks, killed = run("networks", options.seed, options.networks)
    counts, wrong = judge_files(files, truth)
    kinds, escaped = judge_networks(networks)
    slowest = {
        "file": max((float(str(line["seconds"])) for line in files.values()), default=0.0),
        "network": max((float(str(line["seconds"])) for line in networks.values()), default=0.0),
    }
    return {
        "command": f"python -m tests.faults.hostile --files {options.files} --networks {options.networks} "
        f"--seed {options.seed}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "seconds": round(time.monotonic() - seconds),
        "files": len(files),
        "networks": len(networks),
        "deaths of the station": [*deaths, *killed],
        "deaths of a process without isolation": crashes,
        "faults": [*wrong, *escaped],
        "slowest seconds": slowest,
        "outcomes of files": dict(counts.most_common()),
        "outcomes of networks": dict(kinds.most_common()),
    }


def as_markdown(data: Line) -> str:
    """Return the outcome as a page."""
    versions = ", ".join(f"{name} {number}" for name, number in data["versions"].items())
    lines = [
        "# Mutated files and networks against the station's process", "",
        f"`{data['command']}` on {data['date']}, {data['processor']}, {data['system']}, "
        f"{versions}.", "",
        f"{data['files']:,} files and {data['networks']:,} networks in {data['seconds']:,} s; the station's "
        f"process died {len(data['deaths of the station'])} times; {len(data['faults'])} faults.",
    ]  # fmt: skip
    for what in ("outcomes of files", "outcomes of networks"):
        lines += ["", f"| {what} | cases |", "|---|---|"]
        lines += [f"| {name} | {count:,} |" for name, count in data[what].items()]
    return "\n".join([*lines, ""])


def main() -> int:
    """Run as a program; 0 if there was no fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="path without suffix; .json and .md are written")
    parser.add_argument("--part", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, *numbers = options.part
        for line in PARTS[part](*map(int, numbers)):
            print(json.dumps(line), flush=True)
        return 0
    data = report(options)
    if options.out:
        text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
        options.out.with_suffix(".json").write_text(text, "utf-8")
        options.out.with_suffix(".md").write_text(as_markdown(data), "utf-8")
    print(as_markdown(data))
    print(*data["deaths of the station"], *data["faults"], sep="\n")
    done = data["files"] == options.files and data["networks"] == options.networks
    return int(bool(data["deaths of the station"] or data["faults"]) or not done)


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
