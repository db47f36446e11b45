"""Puts the figures of a finished run into the README, between its marks.

    python tests/benchmarks/table.py tests/benchmarks/results/suite.json

Only what the targets are about stands there; everything else is in the Markdown beside the JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import spread, table

README: Final = Path(__file__).resolve().parents[2] / "README.md"
_LEARNED: Final = 0.8
_GENERATOR: Final = "Keras' `ImageDataGenerator` with six random changes, files read each epoch"
_ARRAYS: Final = "plain Keras, like for like: as Zhang prints it, nothing altered, fields in memory"
QUADRATIC: Final = 2
SECTIONS: Final = (
    "fields",
    "few",
    "frames",
    "start",
    "training",
    "finetune",
    "window",
    "gaps",
    "viewer",
    "scaling",
    "report",
    "check",
    "search",
    "decode",
)
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
Row = tuple[str, str, str, bool | None]


def at_least(name: str, values: list[float], target: float) -> Row:
    """A ratio that should be large."""
    return name, f"at least {target:g}", spread(values), median(values) >= target


def at_most(name: str, values: list[float], target: float, unit: str = "") -> Row:
    """A figure that should be small."""
    return (
        name,
        f"at most {'1/3' if target == 1 / 3 else f'{target:g}'}{unit}",
        spread(values) + unit,
        median(values) <= target,
    )


def race_rows(figures: dict[str, Any], size: str, *, wide: bool) -> Iterator[Row]:
    """Rows of folder to table; a processor with AVX-512 (``wide``) helps TensorFlow most."""
    seconds, busy = figures["seconds"], figures["processor"]
    where = f"{figures['fields']:,} fields of {size}: `allstation classify`"
    for name, words, target in (
        ("generator", "Keras `ImageDataGenerator` and `predict`", 2.8 if wide else 5),
        ("one_by_one", "`load_img` and `predict` per field", 15),
    ):
        if name in seconds:
            times = [a / b for a, b in zip(seconds[name], seconds["station"], strict=True)]
            yield at_least(f"{where}, times as fast as {words}", times, target)
            cost = [a / b for a, b in zip(busy[name], busy["station"], strict=True)]
            yield at_least("the same in processor time", cost, target)
        if name in seconds and "kept" in seconds:
            times = [a / b for a, b in zip(seconds[name], seconds["kept"], strict=True)]
            yield "the same into a case, every white cell of every field found", "", spread(times), None
    yield from share_rows(figures, where, frames="x768" in size)


def share_rows(figures: dict[str, Any], where: str, *, frames: bool) -> Iterator[Row]:
    """Rows of how near to the machine's limit; what starting costs hides it when fields are few."""
    shares, peak = figures["shares"], figures["peak_mib"]
    if frames:
        words = "share of the slower stage's limit"
        yield at_least(f"{where}, {words}", shares["station_of_slower"], 0.85)
        words = "share of what decoding, cells and network leave on the same processors"
        yield at_least(f"the same, {words}", shares["station_of_both"], 0.85)
        return
    if "generator" in peak:
        yield at_least(f"{where}, share of the network alone", shares["station_of_network"], 0.75)
        part = peak["station"] / peak["generator"]
        yield at_most("its peak of memory against the same Keras program", [part], 0.25)
    if "window" in peak:
        pairs = zip(shares["window_of_network"], shares["station_of_network"], strict=True)
        yield at_least("the window's queue, share of the command line", [a / b for a, b in pairs], 0.95)


def start_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Rows of the start."""
    yield at_most("one field on the command line, cold", figures["seconds"]["one field"], 0.6, " s")
    script = figures["ratios"]["one field, cold, against a TensorFlow script"]
    yield at_most("the same, against a TensorFlow script", script, 0.125)
    paint = "window against a bare window, first paint"
    yield at_most("window up, against a bare PySide6 window", figures["ratios"][paint], 1.5)
    yield at_most("the same in processor time", figures["ratios"]["the same, processor time"], 1.5)


def training_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Rows of training: the network the target is about, with what it cost in accuracy."""
    for unaltered, rival in ((False, _GENERATOR), (True, _ARRAYS)):
        found = [
            one
            for one in figures["rows"]
            if one["network"] == "zhang" and one.get("unaltered", False) == unaltered
        ]
        for one in found[1:]:
            yield from _against_keras(one, found[0], rival)


def _against_keras(one: dict[str, Any], plain: dict[str, Any], rival: str) -> Iterator[Row]:
    right = f"{100 * one['accuracy']:.1f} % right, that {100 * plain['accuracy']:.1f} %"
    words = (
        f"training epoch of Zhang's network, {one['fields']} fields, against {rival} (after "
        f"{one['epochs'] + 1} epochs {right} of {one['held_out']} held-out fields, "
        f"mean of {len(one.get('accuracies', [0]))} seeds)"
    )
    # Nothing is said of equal accuracy by networks that have not learned yet.
    learned = plain["accuracy"] > _LEARNED
    shares = {words: one["times_plain"], "the same in processor time": one["times_plain_processor"]}
    for name, share in shares.items():
        made = at_most(name, [1 / share], 1 / 3)
        yield made if learned or not made[3] else (*made[:3], None)


def scaling_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Rows of growth, which no target is named for."""
    (first, last), slopes = figures["counts"], figures["exponent"]
    where = f"`allstation classify`, {first:,} to {last:,} fields, a network that takes next to no time"
    yield f"{where}: processor time grows as fields to the", "", f"{slopes['processor']:.2f}", None
    yield "the same: peak of memory", "", "{:.0f} to {:.0f} MiB".format(*figures["peak_mib"]), None


def check_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Row of the same-field search."""
    words = f"same-field search, {figures['counts'][0]:,} to {figures['counts'][-1]:,} fields"
    yield (
        f"{words}: processor time grows as fields to the",
        "below 2",
        f"{figures['exponent']:.2f}",
        (figures["exponent"] < QUADRATIC),
    )


def gap_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Row of the window beside a training."""
    child = figures["child"]["training"]
    yield at_most("worst event-loop gap while a model is trained", [child["worst_ms"]], 100, " ms")


def window_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Rows of the large case."""
    case = f"case of {figures['fields']:,} fields"
    yield at_most(f"{case} listed", [figures["listed_s"]], 1.5, " s")
    after = max(0.0, figures["first_thumbnail_s"] - figures["listed_s"])
    yield at_most("first thumbnail after that", [1000 * after], 300, " ms")
    yield at_most("worst event-loop gap while scrolling it", [figures["scrolling"]["worst_ms"]], 50, " ms")
    yield at_most("memory of the window after that", [figures["memory_mib"]], 400, " MiB")


def viewer_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Rows of showing a field."""
    for name, limit in (("preloaded", 50), ("cold 1024x768", 150), ("cold 2560x1920", 250)):
        yield at_most(f"next field shown, {name}", figures["milliseconds"][name], limit, " ms")


def rows_of(sections: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Row]]:
    """All rows of the sections that were measured, each with its section."""
    wide = any(part["machine"].get("avx512", False) for part in sections.values())
    makers = (
        ("fields", lambda found: race_rows(found, "224x224", wide=wide)),
        ("few", lambda found: race_rows(found, "224x224", wide=wide)),
        ("frames", lambda found: race_rows(found, "1024x768", wide=wide)),
        ("start", start_rows),
        ("training", training_rows),
        ("window", window_rows),
        ("gaps", gap_rows),
        ("viewer", viewer_rows),
        ("scaling", scaling_rows),
        ("search", check_rows),
    )
    for name, make in makers:
        if name in sections:
            yield from ((sections[name], row) for row in make(sections[name]["figures"]))


def _of_day(part: dict[str, Any], newest: str) -> str:
    """Return the words for a row that was not measured on the day of the others."""
    day = str(part["measured"])[:10]
    return "" if day == newest else f" (of {day})"


def _others(parts: Iterable[dict[str, Any]]) -> str:
    """Return what other programs took of the processors, over the whole time that was measured."""
    known = [(part["machine"].get("share_of_others"), part["minutes"]) for part in parts]
    if any(share is None for share, _ in known):
        return ""
    mean = sum(share * minutes for share, minutes in known) / sum(minutes for _, minutes in known)
    return f"; other programs used {100 * mean:.1f} % of the processors meanwhile"


def page(data: dict[str, Any]) -> str:
    """Return the table with what it was measured on."""
    words = {True: "yes", False: "**no**", None: "not shown"}
    newest = max(part["measured"][:10] for part in data["sections"].values())
    rows = [
        (name + _of_day(part, newest), target, found, words[held] if target else "")
        for part, (name, target, found, held) in rows_of(data["sections"])
    ]
    parts = data["sections"].values()
    about = max(parts, key=lambda part: str(part["measured"]))["machine"]
    beside = _others(parts)
    days = sorted({part["measured"][:10] for part in parts})
    missing = [name for name in SECTIONS if name not in data["sections"]]
    left_out = f" Not measured: {', '.join(missing)}." if missing else ""
    forms = sorted({part["form"] for part in parts})
    processor = about["processor"] + (" with AVX-512" if about.get("avx512") else "")
    note = (
        f"Measured {' and '.join(days)} with `tests/benchmarks/run.py` ({' and '.join(forms)} form) on "
        f"{about['cores']} processors ({processor}), {about['system']}, Python {about['python']}"
        f"{beside}. Medians, smallest and largest round in brackets. All programs use the shipped "
        f"network.{left_out} Everything that was measured: "
        "[tests/benchmarks/results](tests/benchmarks/results)."
    )
    return f"{table(['what', 'target', 'measured', 'held'], rows)}\n\n{note}"


def main() -> int:
    """Write the table into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--print", action="store_true", dest="only_print", help="leave the README as it is")
    options = parser.parse_args()
    made = page(json.loads(options.results.read_text("utf-8")))
    print(made)
    if not options.only_print:
        before, rest = README.read_text("utf-8").split(BEGIN)
        after = rest.split(END)[1]
        README.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
