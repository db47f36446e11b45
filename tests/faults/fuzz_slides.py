"""Mutated slides and DICOM files against the slide readers, in confined children that may die.

    python -m tests.faults.fuzz_slides --cases 2000 --out tests/faults/results/slides

Every case is a valid slide of one kind with a few faults, as in ``fuzz_decode``; of a DICOM series one file
has them. It is opened as the program does (``open_slide``: facts, rectangles of every level, pages, pictures
beside the pyramid). Pixels of the size that was asked for, or a ``StationError`` with one printable sentence,
are right; any other exception or a wrong size is a fault. A reader that dies in its child, or takes longer
than the limit, is counted: it costs the slide, never the program. Case N of a seed is always the same file.
``--direct`` reads in one process without a child for each slide, which is ten times as fast.
"""

# ruff: noqa: T201 - a program, whose answer is what it prints

from __future__ import annotations

import argparse
import json
import platform
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import openslide
import pydicom
import tifffile

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Frame, Region
from allstation.core.text import shown_name
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.readers import find_slides, is_slide, open_slide
from allstation.imaging.readers.opening import open_backend
from allstation.imaging.readers.wire import from_json, to_json
from tests.faults.fuzz_decode import mutate
from tests.unit.imaging.readers import dicom_files, slides

SLOWEST = 20.0
"""Seconds after which a case is given up."""
LIMITS = DecodeLimits(max_seconds=SLOWEST)
_KEPT_EVERY = 20
"""Cases after which what was judged is written: a run that is ended counts, and can go on."""
_SIDE = 96
"""Pixels of the rectangles that are read."""


@dataclass
class Tally:
    """What became of the cases."""

    cases: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, dict[str, int]] = field(default_factory=dict)
    died: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    escaped: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0

    def add(self, number: int, kind: str, outcome: str, *, seconds: float) -> None:
        """Count one case."""
        self.cases += 1
        word = outcome.partition(":")[0]
        self.outcomes[word] = self.outcomes.get(word, 0) + 1
        counts = self.by_kind.setdefault(kind, {"read": 0, "refused": 0})
        counts["read" if word == "read" else "refused"] += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        named = f"case {number} ({kind}): {outcome}"
        for word_of_list, faults in (("decoder-died", self.died), ("too-slow", self.slow)):
            if word == word_of_list:
                faults.append(named)
        if word == "escaped":
            self.escaped.append(named)


def seeds(folder: Path) -> list[tuple[str, Path]]:
    """Write valid slides of every kind that can be made here; return kind and file to mutate of each."""
    rgb = slides.picture(400, 300)
    slides.write_svs(folder / "aperio.svs", width=500, height=400, levels=2)
    slides.write_pyramid(folder / "pyramid.tif", width=500, height=400)
    slides.write_ome(folder / "hanging.ome.tif", rgb)
    tifffile.imwrite(folder / "pages.tif", np.stack([rgb, rgb[::-1]]), photometric="rgb", compression="lzw")
    tifffile.imwrite(folder / "stack.tif", np.stack([rgb, rgb[::-1]]), photometric="rgb", imagej=True)
    grey = rgb[..., 0].astype(np.uint16) * 16
    tifffile.imwrite(folder / "grey.tif", grey, tile=(128, 128), bigtiff=True)
    made = [
        ("Aperio SVS", folder / "aperio.svs"),
        ("tiled pyramid", folder / "pyramid.tif"),
        ("OME-TIFF", folder / "hanging.ome.tif"),
        ("TIFF pages", folder / "pages.tif"),
        ("ImageJ stack", folder / "stack.tif"),
        ("BigTIFF, 16 bits", folder / "grey.tif"),
    ]
    for how in dicom_files.SYNTAXES:
        for sparse in (False, True):
            name = f"{how}-{'sparse' if sparse else 'full'}"
            path = dicom_files.write_slide(folder / name, rgb[:200, :240], how=how, sparse=sparse)
            made.append((f"DICOM slide, {how}", path))
        single = folder / f"{how}.dcm"
        frames = [rgb[:100, :120], rgb[100:200, :120]]
        dicom_files.image(frames, how, sop_class=dicom_files.MICROSCOPIC).save_as(
            single, enforce_file_format=True
        )
        made.append((f"DICOM frames, {how}", single))
    return made


def case(seed: int, number: int, files: list[tuple[str, Path]], folder: Path) -> tuple[str, Path]:
    """Write one case into an empty folder; return the kind and the file to open."""
    rng = np.random.default_rng([seed, number])
    kind, path = files[number % len(files)]
    other = files[int(rng.integers(len(files)))][1].read_bytes()
    if kind.startswith("DICOM slide"):
        shutil.copytree(path.parent, folder / "series")
        target = folder / "series" / path.name
    else:
        target = folder / path.name
    target.write_bytes(mutate(rng, path.read_bytes(), other))
    return kind, target


def judged(path: Path, read: Callable[[Path], str]) -> str:
    """Do with a file what the program does with it; return what came of it."""
    try:
        is_slide(path)
        find_slides([path])
        return read(path)
    except StationError as error:
        return error.code if _is_sentence(error.sentence) else f"escaped:{error.sentence!r}"
    except Exception as error:
        return f"escaped:{type(error).__name__}: {error}".replace("\n", " ")


def _is_sentence(text: str) -> bool:
    return text.isprintable() and text.endswith(".") and len(text) < 600


def by_child(path: Path) -> str:
    """Read a slide as the program does."""
    with open_slide(path, LIMITS, children=1) as reader:
        for part, size in _parts(reader.info):
            if reader.read(part).shape != size and size is not None:
                return f"escaped:{part} has another size"
        for name in reader.info.associated:
            reader.associated(name)
    return "read"


def directly(path: Path) -> str:
    """Read a slide with what runs in the child, in this process."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(int(SLOWEST))
    try:
        with closing(open_backend(path, LIMITS)) as backend:
            info = from_json(json.loads(json.dumps(to_json(backend.info))))
            for part, size in _parts(info):
                pixels = backend.page(part.number) if isinstance(part, Frame) else backend.region(part)
                if pixels.dtype != np.uint8 or (size is not None and pixels.shape != size):
                    return f"escaped:{part} has another size"
            for name in info.associated:
                backend.associated(name)
    except HeaderError as problem:
        sentence = f"The slide {shown_name(path)} {shown_name(problem.problem)}"
        raise StationError(problem.code, sentence) from problem
    except Exception as error:
        # Of a child this would come back as its name, and be told as damage.
        return f"raised {type(error).__name__}"
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)
    return "read"


def _give_up(*_: object) -> None:
    raise StationError("too-slow", "The slide took too long.")


def _parts(info: SlideInfo) -> list[tuple[Region | Frame, tuple[int, int, int] | None]]:
    parts: list[tuple[Region | Frame, tuple[int, int, int] | None]] = []
    for number, level in enumerate(info.levels[:4]):
        for share in (0.0, 0.5):
            region = Region(
                level=number, x=int(info.width * share), y=int(info.height * share), width=_SIDE, height=_SIDE
            )
            # Of a level that would be averaged from billions of pixels one rectangle is enough.
            if level.width * level.height < 1 << 34:
                parts.append((region, (_SIDE, _SIDE, 3)))
    if info.frames > 1:
        parts += [(Frame(number=number), None) for number in (1, min(info.frames, 3))]
    return parts


def run(
    seed: int,
    cases: int,
    *,
    direct: bool,
    done: Tally | None = None,
    keep: Callable[[Tally], object] = lambda _: None,
) -> Tally:
    """Judge all cases.

    Args:
        seed: Of the cases.
        cases: How many.
        direct: Read in this process.
        done: What an earlier run judged of them, from the first.
        keep: Told what was judged every :data:`_KEPT_EVERY` cases.
    """
    tally = done or Tally()
    read = directly if direct else by_child
    with tempfile.TemporaryDirectory() as kept, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = seeds(Path(kept))
        for number in range(tally.cases, cases):
            with tempfile.TemporaryDirectory() as folder:
                kind, path = case(seed, number, files, Path(folder))
                began = time.perf_counter()
                outcome = judged(path, read)
                tally.add(number, kind, outcome, seconds=time.perf_counter() - began)
            if tally.cases % _KEPT_EVERY == 0:
                keep(tally)
    return tally


def judged_before(out: Path | None) -> Tally | None:
    """Return what an earlier run judged, to go on with; None if there is none."""
    if out is None or not out.with_suffix(".json").is_file():
        return None
    kept = json.loads(out.with_suffix(".json").read_text("utf-8"))
    return Tally(**{one.name: kept[one.name] for one in fields(Tally)})


def write(tally: Tally, arguments: argparse.Namespace) -> dict[str, object]:
    """Write what was judged so far, and return it."""
    data = report(tally, arguments)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        arguments.out.with_suffix(".md").write_text(as_markdown(data), encoding="utf-8")
    return data


def report(tally: Tally, arguments: argparse.Namespace) -> dict[str, object]:
    """Return the outcome as plain data."""
    command = f"python -m tests.faults.fuzz_slides --cases {arguments.cases} --seed {arguments.seed}"
    return {
        "command": command + (" --direct" if arguments.direct else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "openslide": openslide.__library_version__,
        "tifffile": tifffile.__version__,
        "pydicom": pydicom.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "limit_seconds": SLOWEST,
        "wanted": arguments.cases,
        **asdict(tally),
    }


def as_markdown(data: dict) -> str:
    """Return the outcome as a page."""
    lines = [
        "# Mutated slides and DICOM files against the slide readers",
        "",
        f"`{data['command']}` on {data['date']}, Python {data['python']}, OpenSlide {data['openslide']}, "
        f"tifffile {data['tifffile']}, pydicom {data['pydicom']}, {data['system']}.",
        "",
        "| what | count |",
        "|---|---|",
        f"| slides | {data['cases']:,} of {data['wanted']:,} |",
        f"| exceptions other than StationError, wrong sizes | {len(data['escaped'])} |",
        f"| readers that died in their child (slide refused, program goes on) | {len(data['died'])} |",
        f"| longer than {data['limit_seconds']:g} s a request (given up) | {len(data['slow'])} |",
        f"| slowest slide, s, with the start of its child | {data['slowest_seconds']:.2f} |",
        "",
        "| outcome | slides |",
        "|---|---|",
        *(f"| {name} | {count:,} |" for name, count in sorted(data["outcomes"].items())),
        "",
        "| kind | read | refused |",
        "|---|---|---|",
        *(
            f"| {kind} | {counts['read']:,} | {counts['refused']:,} |"
            for kind, counts in sorted(data["by_kind"].items())
        ),
    ]
    return "\n".join([*lines, ""])


def main() -> int:
    """Run as a program; 0 if there was no fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--resume", action="store_true", help="go on where --out ends")
    parser.add_argument("--out", type=Path, help="path without suffix; .json and .md are written")
    arguments = parser.parse_args()
    tally = run(
        arguments.seed,
        arguments.cases,
        direct=arguments.direct,
        done=judged_before(arguments.out) if arguments.resume else None,
        keep=partial(write, arguments=arguments),
    )
    print(as_markdown(write(tally, arguments)))
    for fault in (*tally.escaped, *tally.died, *tally.slow):
        print(fault)
    return 1 if tally.escaped else 0


if __name__ == "__main__":
    sys.exit(main())
