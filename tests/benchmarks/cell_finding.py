"""How well white cells are found, outlined and scaled, on every real data set with boxes or masks.

    python tests/benchmarks/cell_finding.py [--data ../shared/data] [--kept] [--out FILE]

Writes one Markdown table a question. ``--kept`` adds the ten Taleqani fields that nothing was tuned on.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cell_truth
import cv2
import numpy as np
from cell_truth import TrueField
from numpy.typing import NDArray

from allstation.core.statistics import wilson
from allstation.imaging.cells.finder import DetectedCell, find_cells
from allstation.imaging.cells.scale import estimate_scale, pooled_scale
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.synthetic import LOOKS, draw_field

Rgb = NDArray[np.uint8]
Lines = Iterator[str]
SIZES = ((224, 1), (320, 1), (640, 2), (1024, 3), (2000, 6), (4000, 8))
"""Width of the resampled frames, and every how many fields."""
LIFE = 7.5
"""Micrometres of a red cell that true boxes are taken to show."""


def resized(rgb: Rgb, width: int) -> tuple[Rgb, float]:
    """Return a field of this width, and the factor."""
    share = width / rgb.shape[1]
    size = round(rgb.shape[1] * share), round(rgb.shape[0] * share)
    way = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size, interpolation=way), np.uint8), share


def boxes_of(cells: Iterable[DetectedCell], share: float = 1.0) -> list[cell_truth.Box]:
    """Return boxes in pixels of the picture before it was resized."""
    corners = ((c.left, c.top, c.left + c.width, c.top + c.height) for c in cells)
    return [(a / share, b / share, c / share, d / share) for a, b, c, d in corners]


def counted(fields: Iterable[TrueField], width: int | None = None) -> Lines:
    """Yield recall and precision by group; the scale is estimated from each field alone."""
    groups: dict[str, list[list[int]]] = {}
    for field in fields:
        rgb, share = cell_truth.read_rgb(field.path), 1.0
        if width:
            rgb, share = resized(rgb, width)
        missed, wrong = cell_truth.compared(field, boxes_of(find_cells(rgb), share))
        groups.setdefault(field.group, []).append([len(field.cells), len(missed), len(wrong)])
    for group, rows in groups.items():
        cells, missed, wrong = (sum(column) for column in zip(*rows, strict=True))
        found = cells - missed
        name = f"{group} at {width}" if width else group
        shares = f"{_share(found, cells)} | {_share(found, found + wrong)}"
        yield f"| {name} | {len(rows)} | {cells} | {shares} | {missed} | {wrong} |"


def _share(part: int, whole: int) -> str:
    interval = wilson(part, whole)
    return f"{part / max(whole, 1):.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def dice(data: Path) -> Lines:
    """Yield mean Dice of cell and nucleus by type."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for true in cell_truth.zheng(data):
        cells = find_cells(cell_truth.read_rgb(true.path))
        best = max((_dices(cell, true) for cell in cells), default=(0.0, 0.0))
        for group in (true.group, f"{true.group[0]} all"):
            groups.setdefault(group, []).append(best)
    for group, rows in sorted(groups.items()):
        figures = np.array(rows)
        spread = figures.std(axis=0, ddof=1) / np.sqrt(len(rows)) * 1.96 if len(rows) > 1 else np.zeros(2)
        means = " | ".join(
            f"{mean:.3f} ± {half:.3f}" for mean, half in zip(figures.mean(0), spread, strict=True)
        )
        medians = " | ".join(f"{value:.3f}" for value in np.median(figures, axis=0))
        yield f"| {group} | {len(rows)} | {means} | {medians} |"


def _dices(cell: DetectedCell, true: cell_truth.TrueMask) -> tuple[float, float]:
    window = slice(cell.top, cell.top + cell.height), slice(cell.left, cell.left + cell.width)
    pairs = (cell.mask, true.cell), (cell.nucleus, true.nucleus)
    shared = [2 * np.count_nonzero(found & truth[window]) for found, truth in pairs]
    totals = [np.count_nonzero(found) + np.count_nonzero(truth) for found, truth in pairs]
    return shared[0] / totals[0], shared[1] / max(totals[1], 1)


def true_scale(field: TrueField, rgb: Rgb) -> float | None:
    """Return pixels per micrometre by the boxes of whole red cells; None if there are fewer than four."""
    height, width = rgb.shape[:2]
    whole = [b for b in field.red if b[0] > 2 and b[1] > 2 and b[2] < width - 3 and b[3] < height - 3]
    if len(whole) < 4:
        return None
    return statistics.median(float(np.sqrt((b[2] - b[0]) * (b[3] - b[1]))) for b in whole) / LIFE


def scales(data: Path) -> Lines:
    """Yield errors of the estimated scale: a field at a time, and pooled over a laboratory."""
    fields = [*cell_truth.bccd(data), *cell_truth.txl(data)]
    for group, members in itertools.groupby(sorted(fields, key=lambda one: one.group), lambda one: one.group):
        yield _scales_of(f"{group} (boxes of red cells)", members)
    yield _twins(data)
    errors, covered = [], 0
    for kind, look in LOOKS.items():
        for seed in range(6):
            found = estimate_scale(draw_field(kind, seed))
            if found is not None:
                true = look.red_diameter[1] / LIFE
                errors.append(found.pixels_per_um / true - 1)
                covered += found.low <= true <= found.high
    middle = f"{statistics.median(errors):+.3f}"
    yield _scale_line("synthetic 1024x768 (drawn)", 24, errors, middle, covered)


def scales_at(data: Path, width: int, step: int) -> Lines:
    """Yield errors of the estimated scale of fields resampled to a width."""
    yield _scales_of(f"bccd at {width}", [*cell_truth.bccd(data)][::step], width)
    yield _scales_of(f"txl at {width}", [*cell_truth.txl(data)][::step], width)
    names = sorted((data / "taleqani-highres").rglob("*.jpg"))[:: max(1, step // 2)]
    errors = []
    for path in names:
        rgb = cell_truth.read_rgb(path)
        whole, other = estimate_scale(rgb), estimate_scale(resized(rgb, width)[0])
        if whole is not None and other is not None:
            errors.append(other.pixels_per_um / whole.pixels_per_um / (width / rgb.shape[1]) - 1)
    yield _scale_line(f"Taleqani at {width} against 1024", len(names), errors, "")


def _scales_of(name: str, fields: Iterable[TrueField], width: int | None = None) -> str:
    errors, estimates, known, asked, covered = [], [], [], 0, 0
    for field in fields:
        rgb = cell_truth.read_rgb(field.path)
        true = true_scale(field, rgb)
        if true is None:
            continue
        if width:
            rgb, share = resized(rgb, width)
            true *= share
        asked += 1
        known.append(true)
        found = estimate_scale(rgb)
        if found is not None:
            estimates.append(found)
            errors.append(found.pixels_per_um / true - 1)
            covered += found.low <= true <= found.high
    pooled = pooled_scale(estimates)
    assert pooled is not None
    whole_error = pooled.pixels_per_um / statistics.median(known) - 1
    return _scale_line(name, asked, errors, f"{whole_error:+.3f}", covered)


def _twins(data: Path) -> str:
    errors, asked = [], 0
    with (data / "taleqani-highres/matches.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            asked += 1
            large = cell_truth.read_rgb(data / "taleqani-highres" / row["class"] / row["file"])
            small = cell_truth.read_rgb(data / "taleqani/Original" / row["class"] / row["same_field_as"])
            first, second = estimate_scale(large), estimate_scale(small)
            if first is not None and second is not None:
                ratio = np.sqrt(large.shape[0] * large.shape[1] / (small.shape[0] * small.shape[1]))
                errors.append(first.pixels_per_um / second.pixels_per_um / float(ratio) - 1)
    return _scale_line(
        "Taleqani 1024x768 against 224x224", asked, errors, f"{statistics.median(errors):+.3f}"
    )


def _scale_line(name: str, asked: int, errors: list[float], pooled: str, covered: int | None = None) -> str:
    away = [abs(error) for error in errors]
    within = sum(error < 0.08 for error in away) / len(away)
    middle = f"{statistics.median(errors):+.3f} | {statistics.median(away):.3f}"
    held = "" if covered is None else f"{covered / len(errors):.2f}"
    return f"| {name} | {asked} | {len(errors)} | {middle} | {within:.2f} | {held} | {pooled} |"


def cost(data: Path, rounds: int = 5) -> Lines:
    """Yield processor time a field, what is compared taken in turn."""
    fields = [cell_truth.read_rgb(field.path) for field in cell_truth.taleqani(data, "tuning")]
    ways: dict[str, Callable[[Rgb], object]] = {
        "`segment_cells`, what the network needs": segment_cells,
        "`find_cells`, scale known": lambda rgb: find_cells(rgb, cell_scale=2.2),
        "`find_cells`, scale unknown": find_cells,
        "`estimate_scale`, once a slide": estimate_scale,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for rgb in fields:
            for name, way in ways.items():
                start = time.process_time_ns()
                way(rgb)
                times[name].append((time.process_time_ns() - start) / 1e6)
    for name, spent in times.items():
        middle = f"{statistics.median(spent):.2f} | {statistics.mean(spent):.2f}"
        yield f"| {name} | {len(fields)} x {rounds} | {middle} |"


def added(data: Path, rounds: int = 3) -> Lines:
    """Yield processor time of a decision with and without its cells, taken in turn, from file to result."""
    from allstation.inference.bundle import ModelBundle, default_bundle_path
    from allstation.inference.engine import Engine

    engine = Engine(ModelBundle.open(default_bundle_path()))
    engine.warm_up()
    for name, folder, step in (("224x224", "taleqani/Original", 80), ("1024x768", "taleqani-highres", 1)):
        paths = sorted((data / folder).rglob("*.jpg"))[::step]
        alone: list[float] = []
        both: list[float] = []
        for _ in range(rounds):
            for path in paths:
                for times, way in ((alone, engine.classify), (both, engine.classify_with_cells)):
                    start = time.process_time_ns()
                    way(path)
                    times.append((time.process_time_ns() - start) / 1e6)
        means = f"{statistics.mean(alone):.1f} | {statistics.mean(both) - statistics.mean(alone):.1f}"
        yield f"| {name} | {len(paths)} x {rounds} | {means} | {sum(alone) / sum(both):.2f} |"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "cell-finding.md")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    data = chosen.data
    versions = f"Python {platform.python_version()}, OpenCV {cv2.__version__}, NumPy {np.__version__}"
    told = f"`python tests/benchmarks/cell_finding.py{' --kept' if chosen.kept else ''}`"
    lines = []
    for line in report(data, kept=chosen.kept, told=f"{told}, {datetime.now(UTC):%Y-%m-%d}, {versions}."):
        lines.append(line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(data: Path, *, kept: bool, told: str) -> Lines:
    """Yield the tables, line by line."""
    heads = (
        "",
        "| fields | n fields | n cells | recall | precision | missed | wrong |",
        "|---|---|---|---|---|---|---|",
    )
    yield from ("# White cells found, outlined and scaled", "", told)
    yield "Scales are estimated from each field alone. Intervals: 95 % (Wilson) over cells, patients unknown."
    yield from ("", "## Cost, milliseconds of processor time a 224x224 field", "")
    yield from ("| what | n | median | mean |", "|---|---|---|---|")
    yield from cost(data)
    yield from ("", "## What cells add to a decision, milliseconds of processor time", "")
    yield from (
        "| fields | n | decision, mean | cells | decisions with by without |",
        "|---|---|---|---|---|",
    )
    yield from added(data)
    yield from ("", "## Found (boxes overlap by 0.3 of their union)", *heads)
    for part in ("tuning", "kept") if kept else ("tuning",):
        yield from counted(cell_truth.taleqani(data, part))
    yield from counted(cell_truth.bccd(data))
    yield from counted(cell_truth.bccd_with_unlabelled(data))
    yield from counted(cell_truth.txl(data))
    yield from ("", "## Outlined: Dice on masks-zheng (part and type; mean ± 1.96 standard errors)", "")
    yield from ("| type | n | cell | nucleus | cell, median | nucleus, median |", "|---|---|---|---|---|---|")
    yield from dice(data)
    yield from ("", "## Scale: error of the estimate, 7.5 µm a true red cell", "")
    scale_heads = (
        "",
        "| truth | n fields | told | median | median of size | within 8 % | interval holds it | pooled |",
        "|---|---|---|---|---|---|---|---|",
    )
    yield from (*scale_heads[1:], *scales(data))
    yield from ("", "## Scale at other frame sizes (width, pixels)", *scale_heads)
    for width, step in SIZES:
        yield from scales_at(data, width, step)
    yield from ("", "## Found at other frame sizes (width, pixels)", *heads)
    for width, step in SIZES:
        yield from counted([*cell_truth.bccd_with_unlabelled(data)][::step], width)
        others = [*cell_truth.txl(data)][::step]
        yield from counted((TrueField(one.path, "txl", one.cells) for one in others), width)


if __name__ == "__main__":
    main()
