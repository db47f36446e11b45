"""The benchmark suite: ``python tests/benchmarks/run.py [--quick | --full] [--only NAME] [--out PATH]``.

Every comparison is a ratio of programs that ran in turn on the same fields with the same network;
each starts cold, as a process of its own. Without ``--out`` the tables are only printed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import folders
import search
from measure import HERE, Run, contestant, exponent, interleaved, machine, ratios, run, spread, table

ROOT = HERE.parents[1]
WORK = ROOT / "build" / "bench"
Section = tuple[str, dict[str, Any]]
Series = dict[str, list[float]]

NAMES = {
    "generator": "(a) Keras ImageDataGenerator + predict, batch 64",
    "one_by_one": "(b) load_img + predict per field",
    "tf_data": "(c) tf.data + predict, batch 64",
    "station": "(d) allstation classify",
    "window": "(e) the window's queue, offscreen",
}


def folder_to_table(*, full: bool, frames: bool) -> Section:
    """Compare (a) to (f) from a cold start to the finished table."""
    folder, source = (
        folders.frames(WORK, 400 if full else 40) if frames else folders.small(WORK, 2719 if full else 200)
    )
    jobs: dict[str, Callable[[], Run]] = {
        name: lambda name=name: contestant(name, folder, WORK) for name in [*NAMES, "limit"]
    }
    runs = interleaved(jobs, 3 if full else 1)
    limits = [one.said for one in runs.pop("limit")]
    network, decoder = ([said[key] for said in limits] for key in ("network_rate", "decode_rate"))
    count = runs["station"][0].said["fields"]
    seconds = {name: [one.seconds for one in many] for name, many in runs.items()}
    rates = {name: [count / value for value in values] for name, values in seconds.items()}
    busy = {name: [one.processor for one in many] for name, many in runs.items()}
    peak = {name: max(one.peak_mib for one in many) for name, many in runs.items()}
    rows = [_row(name, seconds, rates, busy, peak) for name in NAMES]
    rows += [["(f) the network alone on prepared arrays", "", spread(network), "", "", ""]]
    rows += [["decoding alone", "", spread(decoder), "", "", ""]]
    both = [1 / (1 / one + 1 / other) for one, other in zip(network, decoder, strict=True)]
    shares = {
        "station_of_network": ratios(rates["station"], network),
        "window_of_network": ratios(rates["window"], network),
        "station_of_decode_and_network": ratios(rates["station"], both),
    }
    size = "1024x768" if frames else "224x224"
    head = ["program", "wall s", "fields/s", "times (d)", "processor s", "peak MiB"]
    title = f"### Folder to table, {count:,} fields of {size} ({source})"
    text = f"{title}\n\n{table(head, rows)}\n\n{_shares(shares)}"
    figures = {"fields": count, "size": size, "source": source, "seconds": seconds, "processor": busy}
    return text, figures | {"peak_mib": peak, "limits": limits, "shares": shares}


def _row(name: str, seconds: Series, rates: Series, busy: Series, peak: dict[str, float]) -> list[object]:
    against = ratios(seconds[name], seconds["station"])
    shown = [spread(values) for values in (seconds[name], rates[name], against, busy[name])]
    return [NAMES[name], *shown, f"{peak[name]:.0f}"]


def _shares(shares: Series) -> str:
    return (
        f"Of the network's limit (f): (d) {spread(shares['station_of_network'])}, (e) "
        f"{spread(shares['window_of_network'])}. Of decoding and network on the same processors: (d) "
        f"{spread(shares['station_of_decode_and_network'])}. Wall times hold the start of the process, "
        "hashing, quality, cell segmentation, the case and the table."
    )


def start(*, full: bool) -> Section:
    """Compare the first moments: help, one field, the window."""
    folder, _ = folders.small(WORK, 1)
    module = [sys.executable, "-m", "allstation"]
    jobs: dict[str, Callable[[], Run]] = {
        "help": lambda: run([*module, "--help"]),
        "one field": lambda: contestant("station", folder, WORK),
        "one field, TensorFlow script": lambda: contestant("one_by_one", folder, WORK),
        "bare window": lambda: contestant("bare_window", folder, WORK),
        "window": lambda: contestant("window", folder, WORK),
    }
    runs = interleaved(jobs, 7 if full else 3)
    moments = {name: [one.seconds for one in many] for name, many in runs.items() if "window" not in name}
    for name, key in (("bare window", "painted"), ("window", "painted"), ("window", "first_result")):
        moments[f"{name}, {key.replace('_', ' ')}"] = [one.said[key] for one in runs[name]]
    against = {
        "one field against a TensorFlow script": ratios(
            moments["one field"], moments["one field, TensorFlow script"]
        ),
        "window against a bare window": ratios(moments["window, painted"], moments["bare window, painted"]),
    }
    text = "\n\n".join(
        [
            "### Start, from a cold process",
            table(["what", "s"], [[name, spread(values)] for name, values in moments.items()]),
            table(["ratio", ""], [[name, spread(values)] for name, values in against.items()]),
        ]
    )
    return text, {"seconds": moments, "ratios": against}


def scaling(*, full: bool) -> Section:
    """How ``allstation classify`` grows with threads and fields, and its memory."""
    counts = (1000, 3000, 10_000, 30_000) if full else (250, 1000)
    rows: list[list[object]] = []
    seconds: dict[str, float] = {}
    for threads in (1, 2, 4):
        folder, _ = folders.small(WORK, counts[0])
        done = _classify(folder, threads)
        seconds[f"threads {threads}"] = done.seconds
        rows.append(
            [
                counts[0],
                threads,
                f"{done.seconds:.3g}",
                f"{counts[0] / done.seconds:.3g}",
                f"{done.peak_mib:.0f}",
            ]
        )
    times = []
    for count in counts:
        folder, _ = folders.small(WORK, count)
        done = _classify(folder, None)
        times.append(done.seconds)
        seconds[f"fields {count}"] = done.seconds
        rows.append(
            [count, "default", f"{done.seconds:.3g}", f"{count / done.seconds:.3g}", f"{done.peak_mib:.0f}"]
        )
    slope = exponent(counts, times)
    head = ["fields", "threads", "wall s", "fields/s", "peak MiB"]
    growth = f"Seconds grow as fields to the {slope:.2f}."
    text = f"### Scaling of allstation classify\n\n{table(head, rows)}\n\n{growth}"
    return text, {"seconds": seconds, "exponent": slope}


def _classify(folder: Path, threads: int | None) -> Run:
    case = WORK / "scaling.allcase"
    shutil.rmtree(case, ignore_errors=True)
    command = [sys.executable, "-m", "allstation", "classify", folder, "--model", WORK / "network.allmodel"]
    command += ["--case", case, *(["--threads", str(threads)] if threads else [])]
    try:
        return run(command)
    finally:
        shutil.rmtree(case, ignore_errors=True)


SECTIONS: dict[str, Callable[..., Section]] = {
    "fields": lambda *, full: folder_to_table(full=full, frames=False),
    "frames": lambda *, full: folder_to_table(full=full, frames=True),
    "start": start,
    "scaling": scaling,
    "decode": search.decoding,
    "search": search.same_fields,
}


def main() -> int:
    """Run the suite."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", action="store_true", help="a few minutes (default)")
    form.add_argument("--full", action="store_true", help="every field, several rounds")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="one part; may be given again")
    parser.add_argument("--out", type=Path, help="path without suffix; .json and .md are written")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    described = machine()
    if not (WORK / "network.allmodel").exists():
        run([sys.executable, HERE / "network.py", WORK])
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    data: dict[str, Any] = {
        "date": date,
        "form": "full" if options.full else "quick",
        "machine": described,
        "sections": {},
    }
    pages = [_heading(data)]
    for name in options.only or SECTIONS:
        text, data["sections"][name] = SECTIONS[name](full=options.full)
        pages.append(text)
        print(text + "\n", flush=True)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        options.out.with_suffix(".md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")
    return 0


def _heading(data: dict[str, Any]) -> str:
    about = data["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"## Benchmarks ({data['form']}), {data['date']}\n\n{about['processor']}, {about['cores']} cores, "
        f"{about['system']}, Python {about['python']}, {versions}. Load when it began: "
        f"{about['load_at_start']}. "
        "The network is MobileNetV2 at 224x224 with float32 weights, the same for all. Medians, with the "
        "smallest and largest of the rounds in brackets."
    )


if __name__ == "__main__":
    sys.exit(main())
