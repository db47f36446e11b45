"""Mutated image files against the decoder's front door, in a child process that may die.

    python tests/faults/fuzz_decode.py --cases 20000 --guided 600 --out tests/faults/results/decode

Every case is a valid file of one format with a few faults: flipped bits, extreme numbers, cuts,
repeats, parts of another file. The child decodes it as the program does (``probe``, ``decode``,
``decode_reduced``) with the default limits. A pixel array or a ``StationError`` is right; any other
exception, a dead child, or a case that takes longer than the limit is a fault. Case N of a seed is
always the same file. ``--guided`` then spends that many seconds on the header parsers alone, keeping
the mutants that reach lines no file reached before.
"""

# ruff: noqa: T201 - a program, whose answer is what it prints

from __future__ import annotations

import argparse
import io
import json
import platform
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from allstation.core.errors import StationError  # noqa: E402
from allstation.imaging import synthetic  # noqa: E402
from allstation.imaging.formats import (  # noqa: E402
    bmp,
    decode,
    headers,
    jpeg,
    source,
    tiff,
    tiff_page,
    webp,
)
from allstation.imaging.formats.isolated import DIED  # noqa: E402

SLOWEST = 20.0
"""Seconds after which a case counts as hanging."""

START = 600.0
"""Seconds that a child has to load its libraries."""

MEMORY = 3 << 30
"""Bytes of address space a child may add: a frame of 120 million pixels with 16 bits fits."""


@dataclass
class Tally:
    """What became of the cases."""

    cases: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    by_format: dict[str, dict[str, int]] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    escaped: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    peak_mib: int = 0

    def add(self, name: str, outcome: str, *, seconds: float, peak: int) -> None:
        """Count one case that came back."""
        self.cases += 1
        word = outcome.partition(":")[0]
        self.outcomes[word] = self.outcomes.get(word, 0) + 1
        counts = self.by_format.setdefault(name, {"decoded": 0, "refused": 0})
        counts["decoded" if word == "decoded" else "refused"] += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        self.peak_mib = max(self.peak_mib, peak)


def seeds() -> list[tuple[str, bytes]]:
    """Return valid files of every format and variant that is read, and of some that are refused."""
    rgb = synthetic.draw_field("Pre", 1, size=(96, 128))
    image = Image.fromarray(rgb)
    alpha = image.copy()
    alpha.putalpha(128)
    exif = Image.Exif()
    exif[274] = 6
    pages = [Image.fromarray(np.roll(rgb, 9 * index, axis=1)) for index in range(3)]
    made = [
        ("jpeg", image, "JPEG", {}),
        ("jpeg progressive", image, "JPEG", {"progressive": True}),
        ("jpeg exif", image, "JPEG", {"exif": exif}),
        ("jpeg cmyk", image.convert("CMYK"), "JPEG", {}),
        ("jpeg gray", image.convert("L"), "JPEG", {}),
        ("png", image, "PNG", {}),
        ("png palette", image.convert("P"), "PNG", {}),
        ("png alpha", alpha, "PNG", {"exif": exif}),
        ("png animated", pages[0], "PNG", {"save_all": True, "append_images": pages[1:]}),
        ("tiff", image, "TIFF", {"exif": exif}),
        ("tiff lzw", image, "TIFF", {"compression": "tiff_lzw"}),
        ("tiff deflate", image, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("tiff jpeg", image, "TIFF", {"compression": "jpeg"}),
        ("tiff g4", image.convert("1"), "TIFF", {"compression": "group4"}),
        ("tiff big", image, "TIFF", {"big_tiff": True}),
        ("tiff alpha", alpha, "TIFF", {}),
        ("tiff pages", pages[0], "TIFF", {"save_all": True, "append_images": pages[1:]}),
        ("bmp", image, "BMP", {}),
        ("bmp palette", image.convert("P"), "BMP", {}),
        ("webp", image, "WEBP", {"exif": exif}),
        ("webp lossless", alpha, "WEBP", {"lossless": True}),
        ("webp animated", pages[0], "WEBP", {"save_all": True, "append_images": pages[1:]}),
        ("jpeg 2000", image, "JPEG2000", {}),
        ("jpeg 2000 alpha", alpha, "JPEG2000", {"irreversible": False}),
        ("gif", image, "GIF", {}),
    ]
    files = []
    for name, picture, kind, options in made:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        files.append((name, buffer.getvalue()))
    deep = rgb[..., ::-1].astype(np.uint16) * 257
    files += [
        (f"{kind} 16 bit", cv2.imencode(f".{kind}", deep)[1].tobytes()) for kind in ("png", "tiff", "jp2")
    ]
    return files


EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000)


def mutate(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """Return a file with one to four faults, half of them in its first 256 bytes."""
    faulty = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not faulty:
            break
        reach = min(len(faulty), 256) if rng.random() < 0.5 else len(faulty)
        at = int(rng.integers(reach))
        kind = int(rng.integers(8))
        if kind <= 1:
            faulty[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            faulty[at] = int(rng.integers(256))
        elif kind == 3:
            size = int(rng.choice([1, 2, 4]))
            value = int(rng.choice(EXTREMES)) & ((1 << 8 * size) - 1)
            faulty[at : at + size] = value.to_bytes(size, "little" if rng.random() < 0.5 else "big")
        elif kind == 4:
            del faulty[int(rng.integers(len(faulty))) :]
        elif kind == 5:
            del faulty[at : at + int(rng.integers(1, 64))]
        elif kind == 6:
            piece = faulty[at : at + int(rng.integers(1, 200))]
            faulty[at:at] = piece * int(rng.integers(1, 4))
        else:
            start = int(rng.integers(len(other)))
            faulty[at : at + 64] = other[start : start + int(rng.integers(1, 128))]
    return bytes(faulty)


def with_checksums(data: bytes) -> bytes:
    """Return a PNG with the checksums its chunks should have, so that faults get past them."""
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        end = at + 8 + int.from_bytes(whole[at : at + 4], "big")
        if end + 4 > len(whole):
            break
        whole[end : end + 4] = zlib.crc32(whole[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(whole)


def case(seed: int, number: int, files: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Return the name of the format and the bytes of one case."""
    rng = np.random.default_rng([seed, number])
    name, data = files[number % len(files)]
    faulty = mutate(rng, data, files[int(rng.integers(len(files)))][1])
    if name.startswith("png") and rng.random() < 0.7:
        faulty = with_checksums(faulty)
    return name, faulty


def decode_all(path: Path) -> str:
    """Do with a file what the program does with it; return what came of it."""
    try:
        decode.probe(path)
        decode.decode(path)
        rgb = decode.decode_reduced(path, (224, 224))
    except StationError as error:
        if error.code == DIED:  # A crash all the same, if only of a child.
            return f"escaped:{error.sentence}"
        return error.code if error.sentence.isprintable() else "escaped:unprintable sentence"
    except MemoryError:
        return "out-of-memory"
    except Exception as error:
        return f"escaped:{type(error).__name__}: {error}".replace("\n", " ")
    return "decoded" if rgb.shape == (224, 224, 3) else "escaped:wrong shape"


def child(seed: int, first: int, last: int) -> None:
    """Run cases, one line on stdout before and one after each."""
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files = seeds()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.jpg"
        for number in range(first, last):
            print("start", number, flush=True)
            name, data = case(seed, number, files)
            path.write_bytes(data)
            began = time.perf_counter()
            outcome = decode_all(path)
            seconds = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            print("done", json.dumps([number, name, outcome, seconds, peak]), flush=True)


def run(seed: int, cases: int, tally: Tally) -> None:
    """Feed all cases to children; a child that dies or hangs is replaced behind its case.

    A case counts as hanging when it does so twice, as the machine may have been busy or asleep.
    """
    first, slow = 0, -1
    while first < cases:
        command = [sys.executable, __file__, "--child", str(seed), str(first), str(cases)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        following, hung = _watch(process, first, tally)
        if hung and slow != following:
            slow = following
        elif hung:
            tally.hangs.append(f"case {following}")
            following += 1
        first = following


def _watch(process: subprocess.Popen[str], first: int, tally: Tally) -> tuple[int, bool]:
    """Follow one child to its end; return the case to go on with, and whether it hung there."""
    lines: Queue[str] = Queue()
    Thread(target=_pump, args=(process, lines), daemon=True).start()
    current = first - 1
    while True:
        try:
            word, _, rest = lines.get(timeout=SLOWEST if current >= first else START).partition(" ")
        except Empty:
            process.kill()
            process.wait()
            if current < first:
                raise RuntimeError(f"The child did not begin within {START:g} s.") from None
            return current, True
        if word == "start":
            current = int(rest)
        elif word == "done":
            number, name, outcome, seconds, peak = json.loads(rest)
            tally.add(name, outcome, seconds=seconds, peak=peak)
            if outcome.startswith("escaped"):
                tally.escaped.append(f"case {number} ({name}): {outcome}")
        else:
            return _ended(process, current, tally), False


def _ended(process: subprocess.Popen[str], current: int, tally: Tally) -> int:
    status = process.wait()
    if status == 0:
        return current + 1
    tally.crashes.append(f"case {current}: exit status {status}")
    return max(current, 0) + 1


def _pump(process: subprocess.Popen[str], lines: Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line.rstrip("\n"))
    lines.put("end")


def guided(seconds: float, seed: int) -> dict[str, object]:
    """Mutate the files that reached new lines of the header parsers, again and again."""
    lines: set[tuple[str, int, int]] = set()
    fresh: list[tuple[str, int, int]] = []
    sources = {module.__file__ for module in (bmp, headers, jpeg, source, tiff, tiff_page, webp)}

    def trace(frame, event, _argument):
        if frame.f_code.co_filename not in sources:
            return None
        last = frame.f_lineno

        def local(inner, _event, _value):
            nonlocal last
            edge = (inner.f_code.co_name, last, inner.f_lineno)
            last = inner.f_lineno
            if edge not in lines:
                lines.add(edge)
                fresh.append(edge)
            return local

        return local

    rng = np.random.default_rng(seed)
    corpus = [data for _, data in seeds()]
    start, tries, escaped, slowest = len(corpus), 0, [], 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = corpus[tries] if tries < start else _mutant(rng, corpus)
        tries += 1
        began = time.perf_counter()
        sys.settrace(trace)
        try:
            headers.read_header(source.Source(io.BytesIO(data), len(data)))
        except source.HeaderError:
            pass
        except Exception as error:
            escaped.append(f"{type(error).__name__}: {error} for {data[:64].hex()}")
        finally:
            sys.settrace(None)
        slowest = max(slowest, time.perf_counter() - began)
        if fresh and tries > start:
            corpus.append(data)
        fresh.clear()
    return {
        "seconds": seconds,
        "files": tries,
        "kept": len(corpus) - start,
        "edges": len(lines),
        "escaped": escaped[:20],
        "slowest_seconds": round(slowest, 4),
    }


def _mutant(rng: np.random.Generator, corpus: list[bytes]) -> bytes:
    one, other = (corpus[int(rng.integers(len(corpus)))] for _ in range(2))
    return mutate(rng, one, other)


def report(tally: Tally, front: dict[str, object] | None, arguments: argparse.Namespace) -> dict[str, object]:
    """Return the outcome as plain data."""
    return {
        "command": f"python tests/faults/fuzz_decode.py --cases {arguments.cases} --seed {arguments.seed}"
        + (f" --guided {arguments.guided:g}" if arguments.guided else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "limit_seconds": SLOWEST,
        **asdict(tally),
        "guided": front,
    }


def as_markdown(data: dict) -> str:
    """Return the outcome as a page."""
    lines = [
        "# Mutated image files against the decoder",
        "",
        f"`{data['command']}` on {data['date']}, Python {data['python']}, OpenCV {data['opencv']}, "
        f"NumPy {data['numpy']}, {data['system']}.",
        "",
        "| what | count |",
        "|---|---|",
        f"| files | {data['cases']:,} |",
        f"| crashes | {len(data['crashes'])} |",
        f"| longer than {data['limit_seconds']:g} s | {len(data['hangs'])} |",
        f"| exceptions other than StationError | {len(data['escaped'])} |",
        f"| slowest file, s (probe, decode and decode_reduced) | {data['slowest_seconds']:.2f} |",
        f"| peak memory of the child, MiB | {data['peak_mib']:,} |",
        "",
        "| outcome | files |",
        "|---|---|",
        *(f"| {name} | {count:,} |" for name, count in sorted(data["outcomes"].items())),
        "",
        "| format | decoded | refused |",
        "|---|---|---|",
        *(
            f"| {k} | {v.get('decoded', 0):,} | {v.get('refused', 0):,} |"
            for k, v in sorted(data["by_format"].items())
        ),
    ]
    front = data["guided"]
    if front:
        lines += [
            "",
            f"Header parsers alone, guided by coverage, {front['seconds']:g} s: {front['files']:,} files, "
            f"{front['edges']:,} line-to-line steps reached, {front['kept']:,} mutants kept, "
            f"{len(front['escaped'])} exceptions other than HeaderError, "
            f"slowest {front['slowest_seconds']} s.",
        ]
    return "\n".join([*lines, ""])


def main() -> int:
    """Run as a program; 0 if there was no fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guided", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--out", type=Path, help="path without suffix; .json and .md are written")
    parser.add_argument("--child", type=int, nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return 0
    tally = Tally()
    run(arguments.seed, arguments.cases, tally)
    front = guided(arguments.guided, arguments.seed) if arguments.guided else None
    data = report(tally, front, arguments)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        arguments.out.with_suffix(".md").write_text(as_markdown(data), encoding="utf-8")
    print(as_markdown(data))
    faults = [*tally.crashes, *tally.hangs, *tally.escaped, *(front["escaped"] if front else ())]
    for fault in faults:
        print(fault)
    return 1 if faults or tally.cases != arguments.cases else 0


if __name__ == "__main__":
    sys.exit(main())
