"""Runs on the laboratory's machines: each the ``fit`` of its recipe in a process of a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from allstation.core import events as lines
from allstation.core.errors import StationError
from allstation.core.events import Batch, Epoch, Failed, Finished, Message, Phase, Progress, Started
from allstation.files import write_atomically
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe, write_toml


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """One run.

    Attributes:
        title: For people.
        recipe: Recipe file, in a folder that all machines see.
        folder: Run folder; one that holds an unfinished run is continued.
    """

    title: str
    recipe: Path
    folder: Path


def keep_recipe(recipe: Recipe, folder: Path) -> Path:
    """Write a recipe beside its run folder, where every machine sees it, and return the file.

    Raises:
        StationError: ``cannot-write``.
    """
    target = folder.with_name(f"{folder.name}.recipe.toml")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, write_toml(recipe).encode())
    except OSError as error:
        sentence = f"The recipe cannot be written beside {folder.name!r} ({error.strerror or error})."
        raise StationError("cannot-write", sentence) from error
    return target


def run_on_cluster(
    runs: Sequence[ClusterRun], cluster: str, join: Path | None, events: EventWriter
) -> Mapping[str, str]:
    """Execute runs on a cluster, several at a time.

    Args:
        runs: The runs.
        cluster: Address, scheduler file, or ``local:N``.
        join: Join file; None for this station's own certificates.
        events: Takes the lines of every run as they come; with several runs each names its own. A stop asked
            for here reaches all of them.

    Returns:
        What failed, by the titles of the runs.

    Raises:
        StationError: ``no-cluster`` and the like.
    """
    from allstation.keys.cluster_certificates import joined_certificates, read_join_file
    from allstation.processing.cluster.address import parse_address, require_cluster

    require_cluster()
    from allstation.processing.cluster.connection import ClusterConnection
    from allstation.processing.cluster.programs import ClusterPrograms, ProgramRun

    certificates = joined_certificates(read_join_file(join)) if join is not None else None
    address = parse_address(cluster)
    # What a run of many threads leaves to others is decided by its machine.
    with ClusterConnection(address, certificates=certificates, tell=events.message) as link:
        if not link.wait_for_workers(60):
            sentence = "No worker joined the cluster. Start one: allstation worker ADDRESS."
            raise StationError("no-workers", sentence)
        programs = [
            ProgramRun(
                run.title,
                ("fit", str(run.recipe.resolve()), "--out", str(run.folder.resolve())),
                run.folder.resolve(),
                _Forward(events, run.title if len(runs) > 1 else ""),
                needs=(run.recipe.resolve(),),
            )
            for run in runs
        ]
        done = ClusterPrograms(link, events.message).run_all(programs, stopping=lambda: _asked(events))
    return {one.title: one.problem or f"status {one.status}" for one in done if one.status != 0}


def _asked(events: EventWriter) -> str:
    if events.discarding:
        return lines.DISCARD
    return lines.STOP if events.stopping else ""


class _Forward:
    """Passes the lines of one run on.

    Args:
        events: Where to.
        title: Begins what is said of it; empty where it is the only run.
    """

    def __init__(self, events: EventWriter, title: str) -> None:
        self._events = events
        self._title = title

    def __call__(self, line: str) -> None:
        """Pass one line on: whole for a single run, in words where several run at a time."""
        try:
            event = lines.decode(line)
        except StationError:
            return
        if isinstance(event, Started | Finished):
            return  # this program says so itself, at its own end
        if not self._title:
            self._events.write(event)
        elif text := _in_words(event):
            self._events.message(f"{self._title}: {text}", "warning" if isinstance(event, Failed) else "info")


def _in_words(event: lines.Event) -> str:
    match event:
        case Phase(name, about):
            return f"{name} {about}".strip()
        case Epoch(epoch, epochs, seconds, values, _):
            shown = [f"{name} {value:.4f}" for name, value in values.items() if value is not None]
            return f"epoch {epoch}/{epochs} ({seconds:.1f} s) {', '.join(shown)}"
        case Message(text, _):
            return text
        case Failed(_, sentence):
            return sentence
        case Progress() | Batch():
            return ""
    return ""
