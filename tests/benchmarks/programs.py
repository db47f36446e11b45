"""Whole programs side by side: folder to table, the first moments, growth."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import folders
from measure import HERE, Run, contestant, exponent, interleaved, ratios, run, spread, table

Series = dict[str, list[float]]
Section = tuple[str, dict[str, Any]]

NAMES = {
    "generator": "(a) Keras ImageDataGenerator + predict, batch 64",
    "one_by_one": "(b) load_img + predict per field",
    "tf_data": "(c) tf.data + predict, batch 64",
    "station": "(d) allstation classify",
    "kept": "(e) allstation classify into a case, every white cell found",
    "window": "(f) the window's queue, offscreen, cells follow",
}
_SHARING = ("station", "kept", "window")
MODULE = [sys.executable, "-m", "allstation"]


def folder_to_table(
    work: Path, source: tuple[Path, str], options: argparse.Namespace, *, programs: Sequence[str] = ()
) -> Section:
    """Compare programs from a cold start to the finished table, and (d) with the machine's limit (g)."""
    folder, kind = source
    wanted = options.programs or programs or tuple(NAMES)
    chosen = [name for name in NAMES if name in wanted]
    jobs: dict[str, Callable[[], Run]] = {
        name: lambda name=name: contestant(name, folder, work) for name in [*chosen, "limit"]
    }
    runs = interleaved(jobs, options.rounds or (3 if options.full else 1))
    limits = [one.said for one in runs.pop("limit")]
    network, one_engine, decoder, prepared = (
        [said[f"{key}_rate"] for said in limits] for key in ("network", "one_engine", "decode", "prepare")
    )
    count = limits[0]["fields"]
    seconds = {name: [one.seconds for one in many] for name, many in runs.items()}
    rates = {name: [count / value for value in values] for name, values in seconds.items()}
    busy = {name: [one.processor for one in many] for name, many in runs.items()}
    peak = {name: max(one.peak_mib for one in many) for name, many in runs.items()}
    rows = [_row(name, seconds, rates, busy, peak) for name in chosen]
    rows += [
        ["(g) the network alone on prepared arrays", "", spread(network), "", "", ""],
        ["the same, one engine on all processors", "", spread(one_engine), "", "", ""],
        ["decoding alone", "", spread(decoder), "", "", ""],
        ["decoding and finding cells alone", "", spread(prepared), "", "", ""],
    ]
    slower = [min(pair) for pair in zip(network, prepared, strict=True)]
    both = [1 / (1 / one + 1 / other) for one, other in zip(network, prepared, strict=True)]
    shares = {}
    for name in _SHARING:
        if name in rates:
            shares[f"{name}_of_network"] = ratios(rates[name], network)
            shares[f"{name}_of_both"] = ratios(rates[name], both)
            shares[f"{name}_of_slower"] = ratios(rates[name], slower)
    bundle = "the shipped model"
    head = ["program", "wall s", "fields/s", "times (d)", "processor s", "peak MiB"]
    size = folder.name.partition("-")[0]
    title = f"## Folder to table, {count:,} {size} ({kind}), {bundle}"
    text = f"{title}\n\n{table(head, rows)}\n\n{_shares(shares)}"
    figures = {"fields": count, "source": kind, "seconds": seconds, "processor": busy}
    return text, figures | {"peak_mib": peak, "limits": limits, "shares": shares}


def _row(name: str, seconds: Series, rates: Series, busy: Series, peak: dict[str, float]) -> list[object]:
    against = ratios(seconds[name], seconds["station"])
    shown = [spread(values) for values in (seconds[name], rates[name], against, busy[name])]
    return [NAMES[name], *shown, f"{peak[name]:.0f}"]


def _shares(shares: Series) -> str:
    words = {name: NAMES[name][:3] for name in _SHARING}
    said = [
        f"{words[name]} reaches {spread(shares[f'{name}_of_network'])} of (g), and "
        f"{spread(shares[f'{name}_of_both'])} of what network, decoding and cells leave together."
        for name in words
        if f"{name}_of_network" in shares
    ]
    return (
        " ".join(said)
        + " Wall times hold the start of the process, hashing, quality, the case and the table."
    )


def start(work: Path, options: argparse.Namespace) -> Section:
    """Compare the first moments: help, one field, the window."""
    folder, _ = folders.small(work, 1)
    with tempfile.TemporaryDirectory(dir=work) as profile:
        fresh = {"ALLSTATION_PROFILE": profile}
        jobs: dict[str, Callable[[], Run]] = {
            "help": lambda: run([*MODULE, "--help"]),
            "one field": lambda: contestant("station", folder, work),
            "one field, TensorFlow script": lambda: contestant("one_by_one", folder, work),
            "bare window": lambda: contestant("bare_window", folder, work),
            "bare window in our style": lambda: contestant("styled_window", folder, work),
            "window": lambda: contestant("window_start", folder, work, environment=fresh),
            "window with one field": lambda: contestant("window", folder, work),
        }
        runs = interleaved(jobs, options.rounds or (7 if options.full else 2))
    moments = {name: [one.seconds for one in many] for name, many in runs.items() if "window" not in name}
    for name, key, words in (
        ("bare window", "painted", "painted"),
        ("bare window in our style", "painted", "painted"),
        ("window", "painted", "painted"),
        ("window", "whole", "everything can be used"),
        ("window with one field", "first_result", "first field classified"),
    ):
        moments[f"{name}, {words}"] = [one.said[key] for one in runs[name]]
        moments[f"{name}, {words}, processor time"] = [one.said[f"{key}_processor"] for one in runs[name]]
    paint = "window, painted", "bare window, painted"
    against = {
        "one field, cold, against a TensorFlow script": ratios(
            moments["one field"], moments["one field, TensorFlow script"]
        ),
        "window against a bare window, first paint": ratios(*(moments[name] for name in paint)),
        "the same, processor time": ratios(*(moments[f"{name}, processor time"] for name in paint)),
        "window against a bare window in our style": ratios(
            moments[paint[0]], moments["bare window in our style, painted"]
        ),
    }
    text = "\n\n".join(
        [
            "## Start, from a cold process",
            table(["what", "s"], [[name, spread(values)] for name, values in moments.items()]),
            table(["ratio", ""], [[name, spread(values)] for name, values in against.items()]),
        ]
    )
    return text, {"seconds": moments, "ratios": against}


def scaling(work: Path, options: argparse.Namespace) -> Section:
    """How ``allstation classify`` grows with threads and with fields, and its memory.

    Threads with the shipped network. Fields with a network that takes next to no time: what could grow
    with their number is everything else, and 100,000 fields through the shipped one take half an hour.
    """
    shipped, small = work / "network.allmodel", _small_network(work)
    count = 300 if options.full else 100
    jobs: dict[str, Callable[[], Run]] = {
        str(threads): lambda threads=threads: _classify(work, count, shipped, threads=threads)
        for threads in (1, 2, 4)
    }
    threads = interleaved(jobs, options.rounds or (3 if options.full else 1))
    most = options.fields or (100_000 if options.full else 1000)
    counts = [number for number in (300, 1000, 3000, 10_000, 100_000) if number <= most]
    counts = counts[1:] if options.full else counts
    fields = {}
    for number in counts:
        fields[number] = _classify(work, number, small)
        print(f"  {number:,} fields: {fields[number].seconds:.1f} s", file=sys.stderr, flush=True)
    rows = [
        _growth_row(count, [*many], f"shipped, {name} thread{'s' if name != '1' else ''}")
        for name, many in threads.items()
    ]
    rows += [_growth_row(number, [one], "small, default threads") for number, one in fields.items()]
    walls, busy = ([getattr(one, key) for one in fields.values()] for key in ("seconds", "processor"))
    slopes = {"wall": exponent(counts, walls), "processor": exponent(counts, busy)}
    peaks = {number: one.peak_mib for number, one in fields.items()}
    head = ["fields", "network and threads", "wall s", "fields/s", "processor s", "peak MiB"]
    text = (
        f"## Scaling of allstation classify\n\n{table(head, rows)}\n\n"
        f"From {counts[0]:,} to {counts[-1]:,} fields seconds grow as fields to the {slopes['wall']:.2f}, "
        f"processor time to the {slopes['processor']:.2f}; peak of memory from {peaks[counts[0]]:.0f} to "
        f"{peaks[counts[-1]]:.0f} MiB. The small network takes next to no time: what could grow with the "
        "number of fields is everything else."
    )
    seconds = {name: [one.seconds for one in many] for name, many in threads.items()}
    return text, {
        "threads": {"fields": count, "seconds": seconds},
        "fields": {number: _as_json(one) for number, one in fields.items()},
        "exponent": slopes,
        "peak_mib": [peaks[counts[0]], peaks[counts[-1]]],
        "counts": [counts[0], counts[-1]],
    }


def _small_network(work: Path) -> Path:
    target = work / "small.allmodel"
    if not target.exists():
        run([sys.executable, HERE.parent / "faults" / "small_bundle.py", target])
    return target


def _as_json(done: Run) -> dict[str, float]:
    return {"wall": done.seconds, "processor": done.processor, "peak_mib": done.peak_mib}


def _growth_row(count: int, runs: list[Run], words: str) -> list[object]:
    seconds, busy = [one.seconds for one in runs], [one.processor for one in runs]
    rates = [count / value for value in seconds]
    peak = max(one.peak_mib for one in runs)
    return [f"{count:,}", words, spread(seconds), spread(rates), spread(busy), f"{peak:.0f}"]


def _classify(work: Path, count: int, model: Path, *, threads: int | None = None) -> Run:
    folder, _ = folders.small(work, count)
    command = [*MODULE, "classify", folder, "--model", model, "--csv", work / "scaling.csv"]
    command += ["--threads", str(threads)] if threads else []
    try:
        return run(command)
    finally:
        (work / "scaling.csv").unlink(missing_ok=True)  # a table of another run is not replaced
        if count > folders.KEPT:
            shutil.rmtree(folder)
