"""``python -m training reproduce``: every row of both papers' tables, run by run, resumable."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from allstation.core.errors import StationError
from training.protocol import Reporter
from training.reproduction import Planned, Sizes, plan
from training.runs import RunFolder
from training.session import Data, open_data, run_recipe


def find_groups_table(data: Path) -> Path | None:
    """Return ``field_groups.csv`` in or beside the labelled folder, if there is one."""
    for candidate in (data / "field_groups.csv", data.parent / "field_groups.csv"):
        if candidate.is_file():
            return candidate.resolve()
    return None


def is_done(folder: Path) -> bool:
    """Whether a run's folder holds a finished run."""
    return (folder / "metrics.json").is_file() and RunFolder(folder).state == "finished"


def run_table(
    table: str,
    *,
    data: Path,
    out: Path,
    seeds: int,
    sizes: Sizes,
    reporter: Reporter,
    groups: Path | None = None,
    only: Collection[str] = (),
) -> list[Planned]:
    """Do every run of a table that is not done yet.

    Args:
        table: ``zhang``, ``nadim`` or ``table2``.
        data: Labelled folder.
        out: Holds ``runs/`` with one folder a run.
        seeds: Seeds of every row that depends on one.
        sizes: How large.
        reporter: Told runs done, runs in all and the time left.
        only: Keys of the rows to do now; empty for all.
        groups: Same-field groups; default ``field_groups.csv`` in or beside the folder.

    Returns:
        All planned runs, also those that failed or were not reached.

    Raises:
        StationError: When the data cannot be used, or the person stopped.
    """
    known = groups or find_groups_table(data)
    runs = plan(table, data=data.resolve(), groups=known, seeds=seeds, sizes=sizes, only=only)
    todo = [planned for planned in runs if not is_done(out / "runs" / planned.key)]
    _end_if_asked(reporter)
    opened = open_data(todo[0].recipe, reporter) if todo else None
    spent, weight = 0.0, 0.0
    for place, planned in enumerate(todo):
        _end_if_asked(reporter)
        left = sum(other.arm.weight for other in todo[place:])
        estimate = f", about {spent / weight * left / 60:.0f} min left" if weight else ""
        number = len(runs) - len(todo) + place + 1
        reporter.say(f"{table}: run {number} of {len(runs)}, {planned.key}{estimate}")
        spent += _one(planned, out / "runs" / planned.key, reporter, data=opened)
        weight += planned.arm.weight
    return runs


def retime_table(
    table: str,
    *,
    data: Path,
    out: Path,
    seeds: int,
    sizes: Sizes,
    reporter: Reporter,
    groups: Path | None = None,
) -> int:
    """Take the prediction times of a table's finished runs again, one after another.

    Args:
        table: ``zhang``, ``nadim`` or ``table2``.
        data: Labelled folder.
        out: Holds ``runs/``.
        seeds: Seeds of every row that depends on one.
        sizes: How large.
        reporter: Told which run is timed.
        groups: As for :func:`run_table`.

    Returns:
        Number of runs timed.

    Raises:
        StationError: When the data cannot be used, or the person stopped.
    """
    from training.retime import time_again

    known = groups or find_groups_table(data)
    runs = plan(table, data=data.resolve(), groups=known, seeds=seeds, sizes=sizes)
    folders = [(planned.recipe, out / "runs" / planned.key) for planned in runs]
    timed = time_again([(recipe, folder) for recipe, folder in folders if is_done(folder)], reporter)
    _end_if_asked(reporter)
    return timed


def _end_if_asked(reporter: Reporter) -> None:
    if reporter.stopping:
        sentence = "The reproduction was stopped; start it again to go on where it was."
        raise StationError("stopped", sentence)


def _one(planned: Planned, folder: Path, reporter: Reporter, *, data: Data | None) -> float:
    """Do one run; one that fails is told and left for the report to name."""
    begun = time.monotonic()
    try:
        run_recipe(planned.recipe, folder, reporter, data=data)
    except StationError as error:
        reporter.say(f"{planned.key}: {error.sentence}", "warning")
    return time.monotonic() - begun
