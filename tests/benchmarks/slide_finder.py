"""Finder of fields on slides: where it looks, held against what was drawn and against real frames.

    python tests/benchmarks/slide_finder.py [--data ../shared/data] [--work FOLDER] [--slides 12]

Synthetic slides of every shape are written, and each proposed field is held against what was drawn. Nobody
here has a whole slide of a real smear: frames of a class of ``taleqani-highres`` are put side by side, with
glass around. Writes ``tests/benchmarks/results/slide-finder.md``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.core.statistics import wilson
from allstation.imaging.fields.file import read_field
from allstation.imaging.readers import open_slide
from allstation.imaging.slides.monolayer import SlidePlan, find_fields_of_slide
from allstation.imaging.slides.zones import MONOLAYER
from allstation.imaging.synthetic.slide import SlideTruth, write_slide
from tests.benchmarks import measure

SLIDES = 12
BARREN = 4
KINDS = ("Pink", *CLASS_NAMES)
TOWARD = ("right", "left", "up", "down")
FORMATS = ("svs", "tiff", "dicom")
PIXEL_UM = (0.25, 0.5, 0.25, 0.1)
MICROMETRES = {0.1: (1600, 1200)}
"""Sides of the slides; 3,000 x 2,000 for the others."""
INSIDE = 0.9
"""Share of a field's area that lies in the monolayer drawn for it to count as inside."""
ON_GLASS = 0.05
FRAME = (768, 1024)
FRAME_UM = 0.11
TILED, AROUND = 8, 2
"""Frames along each side, and widths of glass around them."""


def shapes(count: int) -> Iterator[dict[str, Any]]:
    """Yield smears: kinds, directions, containers and magnifications in turn."""
    for index in range(count):
        pixel_um = PIXEL_UM[index % 4]
        long, short = (round(one / pixel_um) for one in MICROMETRES.get(pixel_um, (3000, 2000)))
        toward = TOWARD[index // 3 % 4]
        lying = toward in ("right", "left")
        yield {
            "seed": 1000 + index,
            "kind": KINDS[index % 5],
            "toward": toward,
            "format": FORMATS[index % 3],
            "pixel_um": pixel_um,
            "width": long if lying else short,
            "height": short if lying else long,
            "states_scale": index % 6 != 5,
        }


def found_on(path: Path) -> SlidePlan:
    """Open a slide and propose fields."""
    with open_slide(path / "level-0.dcm" if path.is_dir() else path) as reader:
        return find_fields_of_slide(reader)


def shares(truth: SlideTruth, plan: SlidePlan, name: str) -> NDArray[np.float64]:
    """Return the share of each field that lies in a mask."""
    mask = getattr(truth, name)
    places = [{"x": one.x, "y": one.y, "width": one.width, "height": one.height} for one in plan.regions]
    return np.array([truth.share(mask, **place) for place in places])


def every_shape(work: Path, count: int) -> list[str]:
    """Find fields on every shape; return lines of the report."""
    rows, inside, fields, glass, blurred = [], 0, 0, 0, 0
    for case in shapes(count):
        path = work / f"{case['seed']}.{case['format']}"
        truth = write_slide(path, **case)
        started = time.process_time()
        plan = found_on(path)
        seconds = time.process_time() - started
        within = int((shares(truth, plan, "monolayer") >= INSIDE).sum())
        inside, fields = inside + within, fields + len(plan.regions)
        glass += int((shares(truth, plan, "glass") > ON_GLASS).sum())
        blurred += int((shares(truth, plan, "blurred") > 0.5).sum())
        scale = f"{case['pixel_um']:g}" + ("" if case["states_scale"] else f", found {plan.pixel_um:.3g}")
        about = [case[name] for name in ("seed", "kind", "toward", "format")]
        rows.append((*about, scale, len(plan.regions), within, f"{seconds:.1f}"))
        print(rows[-1], file=sys.stderr, flush=True)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    head = ("seed", "kind", "toward", "container", "µm a pixel", "fields", "inside", "processor, s")
    interval = wilson(inside, fields)
    text = (
        f"{len(rows)} slides, {fields:,} fields. Inside, which is at least nine tenths of the area in the "
        f"monolayer: {inside:,} ({inside / fields:.2%} [{interval.low:.2%}, {interval.high:.2%}], Wilson, "
        f"95 % over fields); more than a twentieth on glass: {glass}; more than half out of focus: {blurred}."
        " Processor time is the station's, without the children that read."
    )
    return ["## Synthetic smears of every shape", "", text, "", measure.table(head, rows), ""]


def barren(work: Path) -> list[str]:
    """Look at slides of glass or thickness alone."""
    lines = []
    for content in ("empty", "head"):
        counts = []
        for index in range(BARREN):
            path = work / f"{content}-{index}.svs"
            look = {"content": content, "kind": KINDS[index % 5], "states_scale": index % 2 == 0}
            write_slide(path, seed=2000 + index, width=6000, height=4000, format="svs", **look)
            counts.append(len(found_on(path).regions))
            path.unlink()
        lines.append(f"- {content}: {len(counts)} slides, {sum(counts)} fields")
    return ["## Slides of glass alone, and of the thick head alone", "", *lines, ""]


class Mosaic:
    """Frames of one class side by side, glass around, held in memory."""

    def __init__(self, frames: list[NDArray[np.uint8]]) -> None:
        glass = np.median([np.percentile(one.reshape(-1, 3), 97, axis=0) for one in frames], axis=0)
        whole = TILED + 2 * AROUND
        rgb = np.empty((whole * FRAME[0], whole * FRAME[1], 3), np.uint8)
        rgb[:] = glass.astype(np.uint8)
        for index in range(TILED * TILED):
            top, left = ((one + AROUND) * side for one, side in zip(divmod(index, TILED), FRAME, strict=True))
            rgb[top : top + FRAME[0], left : left + FRAME[1]] = frames[index % len(frames)]
        self._levels = [rgb]
        while max(self._levels[-1].shape) > 1500:
            half = cv2.resize(self._levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            self._levels.append(np.asarray(half, np.uint8))
        height, width = rgb.shape[:2]
        levels = tuple(Level(one.shape[1], one.shape[0], width / one.shape[1]) for one in self._levels)
        self.info = SlideInfo(
            format="held", vendor="none", width=width, height=height, levels=levels, pixel_um=FRAME_UM
        )

    def read(self, part: Region) -> NDArray[np.uint8]:
        """Return the pixels of a region."""
        downsample = self.info.levels[part.level].downsample
        left, top = int(part.x / downsample), int(part.y / downsample)
        piece = self._levels[part.level][top : top + part.height, left : left + part.width]
        missing = (part.height - piece.shape[0], part.width - piece.shape[1])
        return np.pad(piece, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


def within_frames(x: NDArray[Any], y: NDArray[Any], *, inset: int) -> NDArray[np.bool_]:
    """Tell which places lie among the frames, so many frames from the glass."""
    first, last = AROUND + inset, AROUND + TILED - inset
    across = (x >= first * FRAME[1]) & (x < last * FRAME[1])
    return np.asarray(across & (y >= first * FRAME[0]) & (y < last * FRAME[0]))


def real_frames(data: Path) -> list[str]:
    """Look at real frames, which people took where they look."""
    rows = []
    for name in CLASS_NAMES:
        paths = sorted((data / "taleqani-highres" / name).glob("*.jpg"))
        if not paths:
            return ["## Real frames side by side", "", "Not run: no real frames here.", ""]
        pixels = [read_field(path).pixels for path in paths]
        plan = find_fields_of_slide(
            Mosaic([np.asarray(cv2.resize(one, FRAME[::-1]), np.uint8) for one in pixels])
        )
        height, width = plan.map.square[1], plan.map.square[0]
        rows_of, columns_of = (np.arange(side) + 0.5 for side in plan.map.kind.shape)
        x, y = np.meshgrid(columns_of * width, rows_of * height)
        core, glass = within_frames(x, y, inset=1), ~within_frames(x, y, inset=0)
        middles = np.array([(one.x + one.width / 2, one.y + one.height / 2) for one in plan.regions])
        beyond = int((~within_frames(middles[:, 0], middles[:, 1], inset=0)).sum()) if len(middles) else 0
        kinds = [f"{np.mean(plan.map.kind[mask] == MONOLAYER):.3f}" for mask in (core, glass)]
        layers = " / ".join(f"{one:.2f}" for one in np.percentile(plan.map.overlap[core], (10, 50, 90)))
        rows.append((name, len(paths), int(core.sum()), *kinds, layers, len(plan.regions), beyond))
    head = (
        "class",
        "frames",
        "squares",
        "monolayer",
        "of the glass",
        "layers, 10 / 50 / 90 %",
        "fields",
        "on glass",
    )
    text = (
        f"Frames of `taleqani-highres`, {TILED} x {TILED} of each class (repeated) with {AROUND} widths of "
        "glass around; patients unknown. People take frames where red cells lie side by side, so the squares "
        "that lie a frame or more from the glass should be monolayer. Edges between frames are no smear's."
    )
    return ["## Real frames side by side", "", text, "", measure.table(head, rows), ""]


def main() -> None:
    """Run all and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=root / "build" / "slide-finder")
    parser.add_argument("--slides", type=int, default=SLIDES)
    parser.add_argument("--out", type=Path, default=measure.HERE / "results" / "slide-finder.md")
    asked = parser.parse_args()
    shutil.rmtree(asked.work, ignore_errors=True)
    asked.work.mkdir(parents=True)
    about = measure.machine()
    versions = ", ".join(f"{name} {about['versions'][name]}" for name in ("numpy", "opencv-python-headless"))
    beside = measure.Beside()
    lines = [*every_shape(asked.work, asked.slides), *barren(asked.work), *real_frames(asked.data)]
    shutil.rmtree(asked.work)
    command = "python tests/benchmarks/slide_finder.py" + (
        f" --slides {asked.slides}" if asked.slides != SLIDES else ""
    )
    head = [
        "# Where a slide is looked at",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, Python {about['python']}, {versions}; "
        f"{about['processor']}, {about['cores']} cores, others took {beside.share() or 0:.0%} of them.",
        "",
    ]
    asked.out.write_text("\n".join(head + lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
