"""Scale of the shipped model, and what becomes of fields of other scales and laboratories.

Usage: ``python tests/benchmarks/site_scale.py DATA``; writes ``results/site-scale.md``. *Before* is the whole
field squashed to the network's size and judged by the model's rule alone; *after* is what the program does.
Patients unknown everywhere: intervals (Wilson, 95 %) are over fields.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np

from allstation.core.decision import Evidence, Reason
from allstation.core.known_sizes import KnownSizes
from allstation.core.records import Prediction
from allstation.core.site import PixelSize, Site
from allstation.core.statistics import wilson
from allstation.imaging.cells.scale import ScaleEstimate, pooled_scale
from allstation.imaging.cells.segmentation import background_colour
from allstation.imaging.fields.cell_finding import find_in_file
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.scale import estimated_scale
from allstation.imaging.formats.pixel_conversions import squash
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from allstation.inference.training_optics import TrainingOptics, training_optics

RESULTS = Path(__file__).resolve().parent / "results" / "site-scale.md"
SIZE = (224, 224)
USUAL_GRID = 36
"""Rows and columns of the shipped network's map of evidence."""
MOSAICS = 5
"""A class or a set."""
ROUNDS = 24
CLASSES = ("Benign", "Early", "Pre", "Pro")
FOREIGN = {
    "bccd": ("bccd/BCCD/JPEGImages/*.jpg", 1),
    "boxes-txl": ("boxes-txl/*.png", 1),
    "pbc-sample": ("pbc-sample/*/*.jpg", 1),
    "cells-baltimore, every 20th": ("cells-baltimore/*/*.jpg", 20),
}


@dataclass
class Counts:
    """Fields of one set.

    Attributes:
        fields: How many.
        before: Named by the squashed field.
        after: Named by the program.
        scale: Told to be of another scale.
        colours: Told to have other colours.
        changed: Decisions that differ.
    """

    fields: int = 0
    before: int = 0
    after: int = 0
    scale: int = 0
    colours: int = 0
    changed: int = 0

    def add(self, before: Prediction, after: Prediction) -> None:
        """Count one field."""
        self.fields += 1
        self.before += before.decision.class_name is not None
        self.after += after.decision.class_name is not None
        self.scale += Reason.OTHER_SCALE in after.decision.reasons
        self.colours += Reason.OTHER_COLOURS in after.decision.reasons
        self.changed += before.decision.name != after.decision.name

    def row(self, name: str) -> str:
        """Return a row of the table."""
        cells = (f"{self.fields}", _share(self.before, self.fields), _share(self.after, self.fields),
                 f"{self.changed}", f"{self.scale}", f"{self.colours}")  # fmt: skip
        return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    engine = Engine(ModelBundle.open(default_bundle_path()))
    lines = [_head(), *_own_scale(options.data), *_home(engine, options.data), *_sets(engine, options.data),
             *_mosaics(engine, options.data), *_times(engine, options.data)]  # fmt: skip
    RESULTS.write_text("\n".join(lines) + "\n", "utf-8")


def _head() -> str:
    today = datetime.now(UTC).date().isoformat()
    return (
        "# Scale of the shipped model, and fields of other scales\n\n"
        f"`python tests/benchmarks/site_scale.py DATA`, {today}, Python {platform.python_version()}, "
        f"OpenCV {cv2.__version__}. Patients unknown; intervals are 95 % (Wilson) over fields."
    )


def _own_scale(data: Path) -> Iterator[str]:
    """Measure the red cells of the camera's own frames."""
    yield "\n## Scale of the frames that the model learned from (1024x768, by red cells of 7.2 µm)\n"
    titles = (
        "class",
        "n fields",
        "red cells",
        "pixels per µm",
        "µm a pixel",
        "frame, µm",
        "pixels per µm at 224",
    )
    yield f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}"
    whole: list[ScaleEstimate] = []
    for name in CLASSES:
        files = [read_field(path) for path in sorted((data / "taleqani-highres" / name).glob("*.jpg"))]
        found = [estimated_scale(file) for file in files if file.header.width == 1024]
        told = [one for one in found if one is not None]
        whole += told
        yield _scale_row(name, told)
    yield _scale_row("all", whole)


def _scale_row(name: str, found: list[ScaleEstimate]) -> str:
    one = pooled_scale(found)
    if one is None:
        return f"| {name} | 0 | 0 | | | | |"
    at_224 = 224 / float(np.sqrt(1024 * 768))
    interval = f"{one.pixels_per_um:.2f} [{one.low:.2f}, {one.high:.2f}]"
    small = f"{one.pixels_per_um * at_224:.2f} [{one.low * at_224:.2f}, {one.high * at_224:.2f}]"
    frame = f"{1024 / one.pixels_per_um:.0f} x {768 / one.pixels_per_um:.0f}"
    cells = (name, len(found), one.red_cells, interval, f"{1 / one.pixels_per_um:.4f}", frame, small)
    return f"| {' | '.join(map(str, cells))} |"


def _home(engine: Engine, data: Path) -> Iterator[str]:
    """Measure the background of the model's own squashed fields, and classify the darkest."""
    optics = _optics()
    whites, dark = [], []
    paths = sorted((data / "taleqani/Original").glob("*/*.jpg"))
    for path in paths:
        white = background_colour(read_field(path).reduced(SIZE))
        whites.append(white)
        if (white < optics.darkest).any():
            dark.append(path)
    same = 0
    for path in [*paths[::100], *dark]:
        before, after = engine.classify_rgb(read_field(path).reduced(SIZE)), engine.classify(path)
        same += replace(before, milliseconds=0.0) == replace(after, milliseconds=0.0)
    lowest = np.percentile(np.array(whites), [0, 0.1, 1, 50], axis=0).round(0).astype(int).tolist()
    yield "\n## Squashed 224x224 fields of the model's laboratory\n"
    yield (
        f"Background of {len(paths)}, red, green, blue: lowest {lowest[0]}, lowest 1 in 1,000 {lowest[1]}, "
        f"lowest 1 in 100 {lowest[2]}, median {lowest[3]}. {len(dark)} are darker than the limit, which "
        "frames of exactly the network's size are not asked for. Predictions that are the same before and "
        f"after: {same} of {len(paths[::100]) + len(dark)} (each 100th, and the dark ones)."
    )


def _sets(engine: Engine, data: Path) -> Iterator[str]:
    """Classify whole sets both ways."""
    yield "\n## Named with confidence\n"
    titles = (
        "fields",
        "n",
        "named before",
        "named after",
        "decisions changed",
        "other scale",
        "other colours",
    )
    yield f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}"
    sets = {"Tehran as the camera took them": ("taleqani-highres/*/*.jpg", 1)} | FOREIGN
    for name, (pattern, every) in sets.items():
        counts = Counts()
        for path in sorted(data.glob(pattern))[::every]:
            after = engine.classify(path)
            counts.add(_squashed(engine, path, after), after)
        yield counts.row(name)


def _squashed(engine: Engine, path: Path, after: Prediction) -> Prediction:
    """Return what the squashed field alone makes: the same figures unless the field was read in parts."""
    in_parts = after.evidence is not None and max(after.evidence.rows, after.evidence.columns) > USUAL_GRID
    if in_parts:
        return engine.classify_rgb(read_field(path).reduced(SIZE))
    figures = Evidence(
        list(after.probabilities.values()), after.novelty, after.quality.sharpness, after.cell_count
    )
    rule = ModelBundle.open(default_bundle_path()).rule
    return replace(after, decision=rule.decide(tuple(after.probabilities), figures))


def _optics() -> TrainingOptics:
    optics = training_optics(ModelBundle.open(default_bundle_path()))
    assert optics is not None
    return optics


def _mosaics(engine: Engine, data: Path) -> Iterator[str]:
    """Put four fields together: twice the width of the smear, at the camera's pixels."""
    random = np.random.default_rng(0)
    own = 224 / float(np.sqrt(1024 * 768)) / _optics().pixels_per_um
    yield "\n## Fields put together: 2 x 2 of Tehran, of one class; 4 x 4 of bccd\n"
    yield "Tehran's fields were partly learned from: these figures are of the way, not of the model."
    titles = ("fields", "n", "top class right, squashed", "top class right, in parts", "named, squashed",
              "named, in parts", "named, in parts, site that accepted the model")  # fmt: skip
    yield f"\n| {' | '.join(titles)} |\n|{'---|' * len(titles)}"
    yield from _mosaic_rows(engine, data, random, own)


def _mosaic_rows(engine: Engine, data: Path, random: np.random.Generator, own: float) -> Iterator[str]:
    accepted = ModelBundle.open(default_bundle_path()).sha256
    sources = {name: (f"taleqani-highres/{name}/*.jpg", own) for name in CLASSES}
    sources["bccd"] = (FOREIGN["bccd"][0], 7.2 / 90)
    with tempfile.TemporaryDirectory() as folder:
        for name, (pattern, size) in sources.items():
            files = [path for path in sorted(data.glob(pattern)) if read_field(path).header.width <= 1024]
            tally: dict[str, int] = defaultdict(int)
            for _ in range(MOSAICS):
                side = 2 if name in CLASSES else 4
                picks = random.choice(len(files), side * side, replace=len(files) < side * side)
                path = _mosaic([files[index] for index in picks], side, Path(folder) / "mosaic.png")
                header = read_field(path).header
                scale = PixelSize(size=size, frame=(header.width, header.height))
                rgb = squash(read_field(path).shrunk(SIZE), SIZE)
                squashed = engine.classify_rgb(rgb)
                engine.sizes = KnownSizes(site=Site(id="a", name="A", pixel_sizes=(scale,)))
                stranger = engine.classify(path)
                engine.sizes = KnownSizes(
                    site=Site(id="a", name="A", pixel_sizes=(scale,), bundle_sha256=accepted)
                )
                friend = engine.classify(path)
                engine.sizes = KnownSizes(site=None)
                tally["squashed"] += squashed.top_class == name
                tally["parts"] += stranger.top_class == name
                tally["named"] += squashed.decision.class_name is not None
                tally["stranger"] += stranger.decision.class_name is not None
                tally["friend"] += friend.decision.class_name is not None
            keys = ("squashed", "parts", "named", "stranger", "friend")
            shown = [str(tally[key]) if name in CLASSES or key not in keys[:2] else "-" for key in keys]
            yield f"| {name} | {MOSAICS} | {' | '.join(shown)} |"


def _mosaic(files: list[Path], side: int, path: Path) -> Path:
    pictures = [read_field(one).pixels for one in files]
    rows = [np.hstack(pictures[start : start + side]) for start in range(0, len(pictures), side)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    return path


def _times(engine: Engine, data: Path) -> Iterator[str]:
    """Compare processor times of both ways, interleaved."""
    yield "\n## Processor time, after / before (medians of interleaved rounds)\n"
    yield "| fields | n x rounds | ratio |\n|---|---|---|"
    small = sorted((data / "taleqani/Original/Early").glob("*.jpg"))[:4]
    large = sorted((data / "taleqani-highres/Early").glob("*.jpg"))[:4]
    for name, files in (("224x224", small), ("1024x768", large)):
        for cells in (False, True):
            ratio = _ratio(engine, files, cells=cells)
            what = "class and cells" if cells else "class alone"
            yield f"| {name}, {what} | {len(files)} x {ROUNDS // 4} | {ratio:.3f} |"


def _ratio(engine: Engine, files: list[Path], *, cells: bool) -> float:
    before, after = [], []
    for turn in range(ROUNDS // 4):
        for path in files:
            ways = [(before, _earlier), (after, _now)]
            for times, way in ways if turn % 2 else ways[::-1]:
                started = time.process_time()
                way(engine, path, cells=cells)
                times.append(time.process_time() - started)
    return float(np.median(after) / np.median(before))


def _earlier(engine: Engine, path: Path, *, cells: bool) -> None:
    file = read_field(path)
    sampled = file.shrunk(SIZE)
    rgb = squash(sampled, SIZE)
    made = engine.classify_rgb(rgb)
    if cells:
        find_in_file(file, sampled, rgb, made.evidence, familiar=made.novelty <= 1)


def _now(engine: Engine, path: Path, *, cells: bool) -> None:
    (engine.classify_with_cells if cells else engine.classify)(path)


def _share(count: int, total: int) -> str:
    found = wilson(count, total)
    low, high = found.low, found.high
    return f"{count} ({100 * count / total:.2f} % [{100 * low:.2f}, {100 * high:.2f}])" if total else "0"


if __name__ == "__main__":
    main()
