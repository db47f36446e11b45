"""Drift of stain and light on control charts: how soon it is found, and how often there is a false alarm.

    python tests/benchmarks/control_drift.py [--data ../shared/data] [--repeats 400] [--out FILE]

Fields are real ones (``taleqani``) or, without them, synthetic. Light and stain of each are measured by the
program as it is, 5 % darker, and with 5 % more stain in the nuclei (Beer and Lambert, against the field's own
background). Days draw 120 of them: either of all smears, as a day's patients are, or of one smear that is
measured every day as a control, whose spread is that of neighbouring files. How much the days of a laboratory
differ is not in the data, which has no dates: it is the parameter of the table. Other charts (sharpness,
novelty, review, four classes) are drawn.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from allstation.core.control_chart import ControlDay, judge
from allstation.core.control_metrics import SHARE, Sums
from allstation.core.resampling import mean_interval
from allstation.core.westgard import FEWEST_DAYS, REJECTING, broken_rules
from allstation.imaging.cells.segmentation import background_colour
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.optics import field_optics
from allstation.imaging.synthetic import draw_field

Array = NDArray[np.float64]
FIELDS = 120
DRIFT = 0.05
BETWEEN = (0.005, 0.01, 0.015, 0.02)
"""Standard deviations of days, shares of the value."""
CONTROLS = 20
CLASSES = {"Benign": 0.15, "Early": 0.3, "Pre": 0.3, "Pro": 0.2}
REVIEW = 0.05


def fields_of(data: Path, count: int) -> tuple[list[NDArray[np.uint8]], str]:
    """Return pictures of fields, evenly spread over the classes, and what they are."""
    paths = [
        path
        for folder in sorted((data / "taleqani" / "Original").glob("*"))
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in {".jpg", ".png"}
    ]
    if not paths:
        drawn = [draw_field(("Benign", "Early")[at % 2], at) for at in range(count)]
        return drawn, f"{count} synthetic fields"
    step = max(2, 2 * len(paths) // count)
    chosen = [path for at in range(0, len(paths) - 1, step) for path in paths[at : at + 2]]
    named = f"{len(chosen)} fields of taleqani, pairs of neighbouring files, patients unknown"
    return [read_field(path).pixels for path in chosen], named


def darker(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a field under 5 % less light."""
    return np.clip(np.rint(rgb * (1 - DRIFT)), 0, 255).astype(np.uint8)


def stained(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a field whose optical density is 5 % higher everywhere."""
    background = background_colour(rgb) + 1
    share = np.minimum((rgb + 1.0) / background, 1.0) ** (1 + DRIFT)
    brighter = rgb + 1.0 > background
    return np.clip(np.rint(np.where(brighter, rgb, share * background - 1)), 0, 255).astype(np.uint8)


def measured(fields: Sequence[NDArray[np.uint8]]) -> dict[str, Array]:
    """Return light, tint and stain of each field (n, 3): as it is, darker, and with more stain."""
    ways = {"": lambda rgb: rgb, "light": darker, "stain": stained}
    found = {
        name: np.array([(o.light, o.tint, o.stain) for o in (field_optics(way(rgb)) for rgb in fields)])
        for name, way in ways.items()
    }
    pairs = np.isfinite(np.concatenate(list(found.values()), axis=1)).all(axis=1).reshape(-1, 2).all(axis=1)
    return {name: values[np.repeat(pairs, 2)] for name, values in found.items()}


def one_smear(pool: dict[str, Array]) -> dict[str, Array]:
    """Return fields of one smear: the mean field, with the differences of neighbouring files."""
    base = pool[""]
    apart = (base[::2] - base[1::2]) / np.sqrt(2)
    near = base.mean(axis=0) + np.concatenate([apart, -apart])
    return {name: near + (values - base).mean(axis=0) for name, values in pool.items()}


def day(
    name: str, pool: dict[str, Array], rng: np.random.Generator, *, between: float, light: float, stain: float
) -> ControlDay:
    """Draw a day of one laboratory.

    Args:
        name: Its date.
        pool: Measured fields.
        rng: Source of the draws.
        between: How much days differ.
        light: Drift of the light, share of it.
        stain: Drift of the stain.
    """
    rows = rng.integers(0, len(pool[""]), FIELDS)
    less, more = light + between * rng.standard_normal(), stain + between * rng.standard_normal()
    values = pool[""][rows].copy()
    # Half a drift is taken for half of its measured effect.
    values += (pool["light"][rows] - pool[""][rows]) * less / DRIFT
    values += (pool["stain"][rows] - pool[""][rows]) * more / DRIFT
    values[:, 1] += 100 * between * rng.standard_normal()
    shift = rng.standard_normal(2)
    metrics = {key: Sums.of(values[:, at].tolist()) for at, key in enumerate(("light", "tint", "stain"))}
    metrics["sharpness"] = Sums.of((2.5 + 0.05 * shift[0] + 0.2 * rng.standard_normal(FIELDS)).tolist())
    metrics["novelty"] = Sums.of((0.5 + 0.02 * shift[1] + 0.1 * rng.standard_normal(FIELDS)).tolist())
    shares = rng.dirichlet(np.array([*CLASSES.values(), REVIEW]) * 60)
    drawn = rng.choice(len(shares), FIELDS, p=shares)
    for at, key in enumerate([*(f"{SHARE}{name}" for name in CLASSES), "review"]):
        metrics[key] = Sums.of((drawn == at).astype(float).tolist())
    return ControlDay(name, "model", metrics)


def broken(pool: dict[str, Array], rng: np.random.Generator, *, days: int, **drift: float) -> list[bool]:
    """Return whether each control after the reference breaks a rule on any chart."""
    between = drift.pop("between")
    none = {"light": 0.0, "stain": 0.0}
    made = [
        day(f"{at:03d}", pool, rng, between=between, **(none if at < FEWEST_DAYS else none | drift))
        for at in range(FEWEST_DAYS + days)
    ]
    standing = judge(made)
    return [bool(standing.broken(f"{at:03d}")) for at in range(FEWEST_DAYS, FEWEST_DAYS + days)]


def textbook_alarms(repeats: int) -> float:
    """Return how often 10 steady charts break a rule with the textbook's limits and 20 reference days."""
    rng, alarms = np.random.default_rng(9), 0
    for _ in range(repeats):
        values = rng.standard_normal((10, FEWEST_DAYS + CONTROLS))
        known = values[:, :FEWEST_DAYS]
        scores = (values[:, FEWEST_DAYS:] - known.mean(axis=1)[:, None]) / known.std(axis=1, ddof=1)[:, None]
        for at in range(CONTROLS):
            rules = (broken_rules(row[: at + 1].tolist(), charts=1, days=10**6) for row in scores)
            alarms += any(rule in REJECTING for found in rules for rule in found)
    return alarms / (repeats * CONTROLS)


def lines(pool: dict[str, Array], about: str, repeats: int) -> Iterator[str]:
    """Yield the report."""
    n, base = len(pool[""]), pool[""]
    smear = one_smear(pool)
    yield "# Drift on control charts"
    yield ""
    yield (
        f"`python tests/benchmarks/control_drift.py`, {datetime.now(UTC):%Y-%m-%d}, Python "
        f"{platform.python_version()}. {about}; {n} with enough nuclei. {repeats} simulated laboratories a "
        f"row, {FEWEST_DAYS} reference days and then controls of {FIELDS} fields, 10 charts together. "
        "Intervals: 95 %, resampling laboratories. Days are simulated: no laboratory's own were measured."
    )
    yield ""
    yield "| measured effect of 5 % | mean of fields | change | SD of fields | SD of fields of one smear |"
    yield "|---|---|---|---|---|"
    for at, name, unit in ((0, "light", "grey levels"), (2, "stain", "optical density")):
        change = (pool[name][:, at] - base[:, at]).mean()
        mean, spread, near = base[:, at].mean(), base[:, at].std(ddof=1), smear[""][:, at].std()
        effect = f"{change:+.3g} ({100 * change / mean:+.1f} %)"
        yield f"| {name} | {mean:.4g} {unit} | {effect} | {spread:.3g} | {near:.3g} |"
    yield ""
    yield (
        "| fields of a day | days differ by (SD) | false alarms a control | drift of light found within 1, "
        "2, 3 controls | drift of stain found within 1, 2, 3 controls |"
    )
    yield "|---|---|---|---|---|"
    for which, between in [(name, one) for name in ("all smears", "one smear") for one in BETWEEN]:
        drawn = pool if which == "all smears" else smear
        rng = np.random.default_rng(round(between * 10_000))
        alarms = [broken(drawn, rng, days=CONTROLS, between=between) for _ in range(repeats)]
        flat = np.array(alarms, np.float64)
        groups = np.repeat(np.arange(repeats), CONTROLS).tolist()
        spread = mean_interval(flat.ravel(), groups)
        cells = [f"{100 * flat.mean():.2f} % ({100 * spread.low:.2f} to {100 * spread.high:.2f} %)"]
        for drift in ({"light": DRIFT}, {"stain": DRIFT}):
            found = np.array([broken(drawn, rng, days=3, between=between, **drift) for _ in range(repeats)])
            within = np.maximum.accumulate(found, axis=1).astype(np.float64)
            ends = mean_interval(within[:, 1], list(range(repeats)))
            shares = ", ".join(f"{100 * share:.0f} %" for share in within.mean(axis=0))
            cells.append(f"{shares} (within 2: {100 * ends.low:.0f} to {100 * ends.high:.0f} %)")
        yield f"| {which} | {100 * between:g} % | {' | '.join(cells)} |"
    yield ""
    yield (
        f"With the textbook's limits (1, 2 and 3 SD of the reference) 10 steady charts break a rule in "
        f"{100 * textbook_alarms(repeats):.1f} % of the controls ({repeats} laboratories of {CONTROLS})."
    )


def main() -> int:
    """Measure, simulate, print or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--fields", type=int, default=240)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    fields, about = fields_of(options.data, options.fields)
    text = "\n".join(lines(measured(fields), about, options.repeats)) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
