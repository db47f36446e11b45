"""Command line of a script that measures sets of single cells and writes a table to the results."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).parent.parent / "results"


def write_table(
    name: str, report: Callable[..., str], description: str | None, argv: Sequence[str] | None
) -> int:
    """Measure, write ``NAME.md`` with dashes for underscores and print it.

    Args:
        name: Module of the script below ``training.evaluate``.
        report: Takes the folders of data and work, and ``threads``; returns Markdown.
        description: Of the script.
        argv: Arguments; those of the process without them.
    """
    parser = argparse.ArgumentParser(prog=f"python -m training.evaluate.{name}", description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets of single cells")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    text = report(options.data, options.work, threads=options.threads)
    (options.results / f"{name.replace('_', '-')}.md").write_text(text, encoding="utf-8")
    print(text)
    return 0
