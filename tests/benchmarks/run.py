"""The benchmark suite: ``python tests/benchmarks/run.py [--quick | --full] [--only NAME] [--out PATH]``.

Every comparison is a ratio of programs that ran in turn on the same fields with the same network;
each starts cold, as a process of its own. Without ``--out`` the tables are only printed. ``--into``
puts new sections beside those of an earlier run in the same files; ``table.py`` makes the README's
table of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import folders
import inside
import programs
import search
from measure import HERE, machine, run

WORK = HERE.parents[1] / "build" / "bench"
Section = tuple[str, dict[str, Any]]

SECTIONS: dict[str, Callable[..., Section]] = {
    "fields": lambda options: programs.folder_to_table(
        WORK, folders.small(WORK, options.fields or (2719 if options.full else 200)), options
    ),
    "frames": lambda options: programs.folder_to_table(
        WORK, folders.frames(WORK, options.fields or (400 if options.full else 40)), options
    ),
    "start": lambda options: programs.start(WORK, options),
    "scaling": lambda options: programs.scaling(WORK, options),
    "training": lambda options: inside.training(WORK, options),
    "window": lambda options: inside.window(WORK, options),
    "viewer": lambda _: inside.viewer(),
    "report": inside.report,
    "check": lambda options: inside.check(WORK, options),
    "decode": lambda options: search.decoding(full=options.full),
    "search": lambda options: search.same_fields(full=options.full),
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
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    if not _is_current(WORK / "network.sha256"):
        run([sys.executable, HERE / "network.py", WORK])
    data = _begun(options)
    for name in options.only or SECTIONS:
        about = machine()
        text, figures = SECTIONS[name](options)
        data["sections"][name] = {
            "text": text,
            "command": "python tests/benchmarks/run.py " + " ".join(_said(sys.argv[1:])),
            "form": "full" if options.full else "quick",
            "machine": about,
            "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "figures": figures,
        }
        print(text + "\n", flush=True)
        if options.out:
            _write(options.out, data)
    return 0


def _is_current(stamp: Path) -> bool:
    from allstation.inference.bundle import ModelBundle, default_bundle_path

    return stamp.exists() and stamp.read_text("ascii") == ModelBundle.open(default_bundle_path()).sha256


def _begun(options: argparse.Namespace) -> dict[str, Any]:
    written = options.out.with_suffix(".json") if options.out else None
    if options.into and written is not None and written.exists():
        return dict(json.loads(written.read_text("utf-8")))
    return {"sections": {}}


def _said(words: list[str]) -> list[str]:
    """Return the command's words without where the result went."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in {"--out", "--into"}:
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
    return (
        f"<small>`{part['command']}`, {part['measured']}; {about['processor']}, {about['cores']} cores, "
        f"{about['system']}, Python {about['python']}, {versions}; load when it began "
        f"{about['load_at_start']}. Medians, with the smallest and largest of the rounds in brackets.</small>"
    )


if __name__ == "__main__":
    sys.exit(main())
