"""Whole programs side by side: folder to table, the first moments, growth."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import folders
from measure import Run, contestant, exponent, interleaved, ratios, run, spread, table

Series = dict[str, list[float]]
Section = tuple[str, dict[str, Any]]

NAMES = {
    "generator": "(a) Keras ImageDataGenerator + predict, batch 64",
    "one_by_one": "(b) load_img + predict per field",
    "tf_data": "(c) tf.data + predict, batch 64",
    "station": "(d) allstation classify",
    "window": "(e) the window's queue, offscreen",
}
MODULE = [sys.executable, "-m", "allstation"]


def folder_to_table(work: Path, source: tuple[Path, str], options: argparse.Namespace) -> Section:
    """Compare (a) to (f) from a cold start to the finished table."""
    folder, kind = source
    chosen = [name for name in NAMES if not options.programs or name in options.programs]
    jobs: dict[str, Callable[[], Run]] = {
        name: lambda name=name: contestant(name, folder, work) for name in [*chosen, "limit"]
    }
    runs = interleaved(jobs, options.rounds or (3 if options.full else 1))
    limits = [one.said for one in runs.pop("limit")]
    network, decoder, prepared = (
        [said[key] for said in limits] for key in ("network_rate", "decode_rate", "prepare_rate")
    )
    count = limits[0]["fields"]
    seconds = {name: [one.seconds for one in many] for name, many in runs.items()}
    rates = {name: [count / value for value in values] for name, values in seconds.items()}
    busy = {name: [one.processor for one in many] for name, many in runs.items()}
    peak = {name: max(one.peak_mib for one in many) for name, many in runs.items()}
    rows = [_row(name, seconds, rates, busy, peak) for name in chosen]
    rows += [
        ["(f) the network alone on prepared arrays", "", spread(network), "", "", ""],
        ["decoding alone", "", spread(decoder), "", "", ""],
        ["decoding and finding cells alone", "", spread(prepared), "", "", ""],
    ]
    both = [1 / (1 / one + 1 / other) for one, other in zip(network, prepared, strict=True)]
    shares = {}
    for name in ("station", "window"):
        if name in rates:
            shares[f"{name}_of_network"] = ratios(rates[name], network)
            shares[f"{name}_of_both"] = ratios(rates[name], both)
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
    words = {"station": "(d)", "window": "(e)"}
    said = [
        f"{words[name]} reaches {spread(shares[f'{name}_of_network'])} of (f), and "
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
        runs = interleaved(jobs, options.rounds or (9 if options.full else 3))
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
    """How ``allstation classify`` grows with threads and fields, and its memory."""
    most = options.fields or (10_000 if options.full else 1000)
    counts = [count for count in (250, 1000, 3000, 10_000, 30_000, 100_000) if count <= most]
    if options.full:
        counts = counts[1:]
    rows: list[list[object]] = []
    figures: dict[str, Any] = {"threads": {}, "fields": {}}
    for threads in (1, 2, 4):
        done = _classify(work, counts[0], threads)
        figures["threads"][threads] = _as_json(done)
        rows.append(_growth_row(counts[0], str(threads), done))
    for count in counts:
        done = _classify(work, count, None)
        figures["fields"][count] = _as_json(done)
        rows.append(_growth_row(count, "default", done))
    wall, busy = ([figures["fields"][n][key] for n in counts] for key in ("wall", "processor"))
    figures["exponent"] = {"wall": exponent(counts, wall), "processor": exponent(counts, busy)}
    head = ["fields", "threads", "wall s", "fields/s", "processor s", "peak MiB"]
    growth = (
        f"Seconds grow as fields to the {figures['exponent']['wall']:.2f}, processor time to the "
        f"{figures['exponent']['processor']:.2f}."
    )
    return f"## Scaling of allstation classify\n\n{table(head, rows)}\n\n{growth}", figures


def _as_json(done: Run) -> dict[str, float]:
    return {"wall": done.seconds, "processor": done.processor, "peak_mib": done.peak_mib}


def _growth_row(count: int, threads: str, done: Run) -> list[object]:
    shown = (f"{done.seconds:.3g}", f"{count / done.seconds:.3g}", f"{done.processor:.3g}")
    return [f"{count:,}", threads, *shown, f"{done.peak_mib:.0f}"]


def _classify(work: Path, count: int, threads: int | None) -> Run:
    folder, _ = folders.small(work, count)
    case = work / "scaling.allcase"
    shutil.rmtree(case, ignore_errors=True)
    command = [*MODULE, "classify", folder, "--model", work / "network.allmodel", "--case", case]
    command += ["--threads", str(threads)] if threads else []
    try:
        return run(command)
    finally:
        shutil.rmtree(case, ignore_errors=True)
