"""Runner of a reproduction (``python -m training reproduce``): run by run, resumable."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from allstation.core.errors import StationError
from training.data.loading import Data, open_data
from training.fit.protocol import EventWriter
from training.fit.runs import RunFolder
from training.fit.session import run_recipe
from training.papers.plan import Planned, Reproduction


def is_done(folder: Path) -> bool:
    """Whether a run's folder holds a finished run."""
    return (folder / "metrics.json").is_file() and RunFolder(folder).state == "finished"


def run_table(
    asked: Reproduction,
    events: EventWriter,
    *,
    only: Collection[str] = (),
    cluster: str | None = None,
    join: Path | None = None,
) -> list[Planned]:
    """Execute every run of a table that is not done yet.

    Args:
        asked: The table.
        events: Receives runs done, runs in all and the time left.
        only: Keys of the rows to do now; empty for all.
        cluster: Where several are executed at a time; None for one after the other here.
        join: Join file of the cluster.

    Returns:
        All planned runs, also those that failed or were not reached.

    Raises:
        StationError: When the data cannot be used, or the person stopped.
    """
    runs = asked.plan(only)
    todo = [planned for planned in runs if not is_done(asked.folder(planned))]
    _end_if_asked(events)
    if cluster:
        _run_elsewhere(asked, todo, events, cluster=cluster, join=join)
        return runs
    opened = open_data(todo[0].recipe, events) if todo else None
    spent, weight = 0.0, 0.0
    for place, planned in enumerate(todo):
        _end_if_asked(events)
        left = sum(other.arm.weight for other in todo[place:])
        estimate = f", about {spent / weight * left / 60:.0f} min left" if weight else ""
        number = len(runs) - len(todo) + place + 1
        events.message(f"{asked.table}: run {number} of {len(runs)}, {planned.key}{estimate}")
        spent += _one(planned, asked.folder(planned), events, data=opened)
        weight += planned.arm.weight
    return runs


def _run_elsewhere(
    asked: Reproduction, todo: list[Planned], events: EventWriter, *, cluster: str, join: Path | None
) -> None:
    """Execute runs on the laboratory's machines; one that failed is named as a warning."""
    from training.fit.cluster_runs import ClusterRun, keep_recipe, run_on_cluster

    runs = [
        ClusterRun(one.key, keep_recipe(one.recipe, asked.folder(one)), asked.folder(one)) for one in todo
    ]
    failed = run_on_cluster(runs, cluster, join, events) if runs else {}
    for title, why in failed.items():
        events.message(f"{title}: {why}", "warning")
    _end_if_asked(events)


def retime_table(asked: Reproduction, events: EventWriter) -> int:
    """Take the prediction times of a table's finished runs again, one after another.

    Args:
        asked: The table.
        events: Receives which run is timed.

    Returns:
        Number of runs timed.

    Raises:
        StationError: When the data cannot be used, or the person stopped.
    """
    from training.papers.retime import time_again

    folders = [(planned.recipe, asked.folder(planned)) for planned in asked.plan()]
    timed = time_again([(recipe, folder) for recipe, folder in folders if is_done(folder)], events)
    _end_if_asked(events)
    return timed


def _end_if_asked(events: EventWriter) -> None:
    if events.stopping:
        sentence = "The reproduction was stopped; start it again to go on where it was."
        raise StationError("stopped", sentence)


def _one(planned: Planned, folder: Path, events: EventWriter, *, data: Data | None) -> float:
    """Execute one run; a failed one is reported as a warning and named by the report."""
    begun = time.monotonic()
    try:
        run_recipe(planned.recipe, folder, events, data=data)
    except StationError as error:
        events.message(f"{planned.key}: {error.sentence}", "warning")
    return time.monotonic() - begun
