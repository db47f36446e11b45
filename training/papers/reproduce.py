"""``python -m training reproduce``: every row of both papers' tables, run by run, resumable."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from allstation.core.errors import StationError
from training.data.loading import Data, open_data
from training.fit.protocol import Reporter
from training.fit.runs import RunFolder
from training.fit.session import run_recipe
from training.papers.plan import Planned, Reproduction


def is_done(folder: Path) -> bool:
    """Whether a run's folder holds a finished run."""
    return (folder / "metrics.json").is_file() and RunFolder(folder).state == "finished"


def run_table(asked: Reproduction, reporter: Reporter, *, only: Collection[str] = ()) -> list[Planned]:
    """Do every run of a table that is not done yet.

    Args:
        asked: The table.
        reporter: Told runs done, runs in all and the time left.
        only: Keys of the rows to do now; empty for all.

    Returns:
        All planned runs, also those that failed or were not reached.

    Raises:
        StationError: When the data cannot be used, or the person stopped.
    """
    runs = asked.plan(only)
    todo = [planned for planned in runs if not is_done(asked.folder(planned))]
    _end_if_asked(reporter)
    opened = open_data(todo[0].recipe, reporter) if todo else None
    spent, weight = 0.0, 0.0
    for place, planned in enumerate(todo):
        _end_if_asked(reporter)
        left = sum(other.arm.weight for other in todo[place:])
        estimate = f", about {spent / weight * left / 60:.0f} min left" if weight else ""
        number = len(runs) - len(todo) + place + 1
        reporter.say(f"{asked.table}: run {number} of {len(runs)}, {planned.key}{estimate}")
        spent += _one(planned, asked.folder(planned), reporter, data=opened)
        weight += planned.arm.weight
    return runs


def retime_table(asked: Reproduction, reporter: Reporter) -> int:
    """Take the prediction times of a table's finished runs again, one after another.

    Args:
        asked: The table.
        reporter: Told which run is timed.

    Returns:
        Number of runs timed.

    Raises:
        StationError: When the data cannot be used, or the person stopped.
    """
    from training.papers.retime import time_again

    folders = [(planned.recipe, asked.folder(planned)) for planned in asked.plan()]
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
