"""The benchmark suite: ``python tests/benchmarks/run.py [--quick | --full] [--only NAME] [--out PATH]``.

Every comparison is a ratio of programs that ran in turn on the same fields with the same network;
each starts cold, as a process of its own. Without ``--out`` the tables are only printed. ``--into``
puts new sections beside those of an earlier run in the same files, ``--resume`` measures only what a run
of today has not finished. A section that fails is named and does not stop the others. ``table.py`` makes
the README's table of the result.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import budgets
import folders
import inside
import programs
import search
from measure import HERE, Beside, machine, run

WORK = HERE.parents[1] / "build" / "bench"
TIME = "%Y-%m-%d %H:%M UTC"
Section = tuple[str, dict[str, Any]]

SECTIONS: dict[str, Callable[..., Section]] = {
    "fields": lambda options: programs.folder_to_table(
        WORK,
        folders.small(WORK, options.fields or (2719 if options.full else 64)),
        options,
        programs=("generator", "station", "kept", "window"),
    ),
    "few": lambda options: programs.folder_to_table(
        WORK,
        folders.small(WORK, options.fields or (200 if options.full else 24)),
        options,
        programs=("one_by_one", "tf_data", "station"),
    ),
    "frames": lambda options: programs.folder_to_table(
        WORK,
        folders.frames(WORK, options.fields or (400 if options.full else 40)),
        options,
        programs=("generator", "station", "kept"),
    ),
    "start": lambda options: programs.start(WORK, options),
    "scaling": lambda options: programs.scaling(WORK, options),
    "training": lambda options: inside.training(WORK, options),
    "finetune": lambda options: inside.finetune(WORK, options),
    "window": lambda options: inside.window(WORK, options),
    "gaps": lambda options: inside.gaps(WORK, options),
    "viewer": lambda _: inside.viewer(),
    "report": inside.report,
    "check": lambda options: inside.check(WORK, options),
    "budgets": lambda options: budgets.budgets(full=options.full),
    "search": lambda options: search.same_fields(full=options.full),
    "decode": lambda options: search.decoding(full=options.full),
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
    parser.add_argument("--fields", type=int, help="another number of fields for that part")
    parser.add_argument("--rounds", type=int, help="another number of rounds for that part")
    parser.add_argument("--programs", nargs="+", help="only these programs, for example: generator station")
    parser.add_argument("--out", type=Path, help="path without suffix; .json and .md are written")
    parser.add_argument("--into", action="store_true", help="keep the other sections that --out has already")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    if not _is_current(WORK / "network.sha256"):
        run([sys.executable, HERE / "network.py", WORK])
    data, failed = _begun(options), []
    names = [name for name in options.only or SECTIONS if name not in _done_before(options, data)]
    for place, name in enumerate(names, 1):
        print(f"[{place}/{len(names)}] {name}, {datetime.now(UTC):%H:%M:%S}", file=sys.stderr, flush=True)
        try:
            data["sections"][name] = _measured(name, options)
        except Exception as error:
            failed.append(name)
            print(f"{name} FAILED: {error!r}", file=sys.stderr, flush=True)
            continue
        print(data["sections"][name]["text"] + "\n", flush=True)
        if options.out:
            _write(options.out, data)
    return int(bool(failed))


def _measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    about, beside, began = machine(), Beside(), time.monotonic()
    text, figures = SECTIONS[name](options)
    return {
        "text": text,
        "command": "python tests/benchmarks/run.py " + " ".join(_said(sys.argv[1:])),
        "form": "full" if options.full else "quick",
        "machine": about | {"share_of_others": beside.share()},
        "measured": datetime.now(UTC).strftime(TIME),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "model": (WORK / "network.sha256").read_text("ascii"),
        "figures": figures,
    }


def _done_before(options: argparse.Namespace, data: dict[str, Any]) -> set[str]:
    """Return the sections that a run which was cut off has finished, and drop what others left.

    They are of the last day, of this form, and measured with this model.
    """
    if not options.resume:
        return set()
    form, model = "full" if options.full else "quick", (WORK / "network.sha256").read_text("ascii")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime(TIME)
    done = {
        name: part
        for name, part in data["sections"].items()
        if part["form"] == form and part.get("model") == model and part["measured"] > yesterday
    }
    data["sections"] = done
    return set(done)


def _is_current(stamp: Path) -> bool:
    from allstation.inference.bundle import ModelBundle, default_bundle_path

    return stamp.exists() and stamp.read_text("ascii") == ModelBundle.open(default_bundle_path()).sha256


def _begun(options: argparse.Namespace) -> dict[str, Any]:
    written = options.out.with_suffix(".json") if options.out else None
    if (options.into or options.resume) and written is not None and written.exists():
        return dict(json.loads(written.read_text("utf-8")))
    return {"sections": {}}


def _said(words: list[str]) -> list[str]:
    """Return the command's words without where the result went."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in {"--out", "--into", "--resume"}:
            kept.append(word)
        skip = word == "--out"
    return kept


def _write(out: Path, data: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    parts = [data["sections"][name] for name in SECTIONS if name in data["sections"]]
    pages = ["# Benchmarks", *(f"{part['text']}\n\n{_about(part)}" for part in parts)]
    out.with_suffix(".md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")


def _about(part: dict[str, Any]) -> str:
    about = part["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    others = about["share_of_others"]
    beside = "" if others is None else f"; other programs used {100 * others:.0f} % of the processors"
    return (
        f"<small>`{part['command']}`, {part['measured']}, {part['minutes']} minutes; {about['processor']}, "
        f"{about['cores']} cores, {about['system']}, Python {about['python']}, {versions}{beside}. Medians, "
        "with the smallest and largest of the rounds in brackets.</small>"
    )


if __name__ == "__main__":
    sys.exit(main())
