"""Run folders as the training panel shows them: read on a worker thread, renamed, thrown away."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.core.evaluation import ACCURACY_BY_FIELD
from allstation.core.plain_json import json_text
from allstation.core.tables import number
from allstation.core.text import shown_name
from allstation.files import write_atomically
from allstation.services.tasks import Serial
from allstation.table_files import read_table

NOTES: Final = "notes.json"
INTERRUPTED: Final = "interrupted"
"""State of a run that says ``running`` although no child of this window runs it."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Run in the list.

    Attributes:
        folder: Run folder.
        title: Name the person gave, else the recipe's.
        note: What the person wrote about it.
        state: As in ``run.json``, or ``interrupted``.
        method: Network or classical method.
        started: ISO 8601 time, or empty.
        seconds: Duration; None while unknown.
        split: Kind of split.
        patients: Patients, or "patients unknown".
        data_sha256: Hash of fields and classes.
        accuracy: Test accuracy as ``{"value", "interval", "n"}``, empty before the evaluation.
        error: Sentence of a failed run.
        bundle: Model bundle the run exported, if there is one.
        seconds_per_epoch: Measured by the run; None for runs without epochs.
        info: The whole ``run.json``.
    """

    folder: Path
    title: str
    note: str
    state: str
    method: str
    started: str
    seconds: float | None
    split: str
    patients: str
    data_sha256: str
    accuracy: Mapping[str, Any]
    error: str
    bundle: Path | None
    seconds_per_epoch: float | None = None
    info: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def can_resume(self) -> bool:
        """Whether the run can go on: it has not ended by itself, and its recipe and last epoch are there."""
        unfinished = self.state in {INTERRUPTED, "failed"}
        stopped = self.state == "stopped" and (self.folder / "state.npz").is_file()
        return (unfinished or stopped) and (self.folder / "recipe.toml").is_file()

    @property
    def test_openings(self) -> int:
        """Number of times that its test set was opened: more than once if it went on after it was stopped."""
        stated = self.info.get("test_openings")
        return stated if isinstance(stated, int) else int(self.is_evaluated)

    @property
    def is_evaluated(self) -> bool:
        """Whether its test set was opened."""
        return bool(self.accuracy)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty when it is missing, damaged or no file, as a pipe that is never written."""
    try:
        data = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed JSON
    """Return a part of a JSON object; empty where damage left something else."""
    return value if isinstance(value, dict) else {}


def _seconds(value: object) -> float | None:
    """Return a duration; None where there is none, or damage left something else."""
    with suppress(OverflowError):
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


def read_summary(folder: Path, *, running: frozenset[Path] = frozenset()) -> RunSummary | None:
    """Read one run; None where there is none."""
    info = read_json(folder / "run.json")
    if not info:
        return None
    notes = read_json(folder / NOTES)
    state = str(info.get("state", ""))
    if state == "running" and folder not in running:
        state = INTERRUPTED
    metrics = read_json(folder / "metrics.json")
    overall = _object(_object(metrics.get("test")).get("overall"))
    method = _object(_object(info.get("recipe")).get("method"))
    return RunSummary(
        folder=folder,
        title=str(notes.get("title") or info.get("name") or folder.name),
        note=str(notes.get("note", "")),
        state=state,
        method=str(method.get("kind", "")),
        started=str(info.get("started", "")),
        seconds=_seconds(info.get("seconds")),
        split=str(info.get("split", "")),
        patients=str(info.get("patients", "")),
        data_sha256=str(info.get("data_sha256", "")),
        accuracy=_object(overall.get(ACCURACY_BY_FIELD)),
        error=str(info.get("error", "")) if state == "failed" else "",
        bundle=_bundle(folder),
        seconds_per_epoch=_seconds(metrics.get("seconds_per_epoch")),
        info=info,
    )


def _bundle(folder: Path) -> Path | None:
    """A run's bundle; what a killed child had not verified yet begins with a dot and is none."""
    found = sorted(path for path in folder.glob("*.allmodel") if not path.name.startswith("."))
    return found[0] if found else None


def require_verified(bundle: Path, sha256: str) -> None:
    """Refuse a file that took the place of the bundle which a run exported, verified and was compared by.

    A bundle outside a run's folder, and one of an older run, which noted no hash, are not judged.

    Args:
        bundle: Where it lies.
        sha256: Hash of the bytes that were opened there.

    Raises:
        StationError: ``other-bundle``.
    """
    stated = read_json(bundle.parent / "run.json").get("bundle_sha256")
    if stated is not None and stated != sha256:
        sentence = (
            f"{shown_name(bundle)} is not the model that the run {shown_name(bundle.parent)} verified: it "
            "was exchanged or changed afterwards, and the run's figures say nothing about it. Train again, "
            "or put the run's own file back."
        )
        raise StationError("other-bundle", sentence)


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read the epochs of ``history.csv``; what is no number becomes NaN."""
    try:
        table = read_table(folder / "history.csv", (), code="no-history")
    except StationError:
        return []
    return [{name: number(row[name]) for name in table.columns if name} for row in table.rows]


def write_notes(folder: Path, *, title: str, note: str) -> None:
    """Name and annotate a run; the child's own files stay as they are.

    Raises:
        OSError: If the folder cannot be written.
    """
    text = json_text({"title": title, "note": note})
    write_atomically(folder / NOTES, text.encode(), sync=False)  # the window's thread writes


def delete_discarded(folder: Path) -> str:
    """Delete what a discarded run left; a folder without ``run.json`` is not a run's and stays.

    Returns:
        What went wrong, else an empty text.
    """
    if not (folder / "run.json").is_file():
        return ""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        return f"The discarded run's folder {folder.name} could not be deleted ({error.strerror})."
    return ""


@dataclass(frozen=True, slots=True)
class RunPlaces:
    """Folders of run folders.

    Attributes:
        own: On this machine; need not exist.
        shared: Gives the folder that the laboratory's machines see under the same name, or None.
    """

    own: Path
    shared: Callable[[], Path | None] = lambda: None

    def everywhere(self) -> tuple[Path, ...]:
        """Return every folder that may hold runs."""
        shared = self.shared()
        return (self.own,) if shared is None else (self.own, shared)

    def for_new(self, *, on_machines: bool) -> Path:
        """Return the folder of new runs: the shared one where the machines train and it is there."""
        shared = self.shared() if on_machines else None
        return shared if shared is not None and shared.is_dir() else self.own


class RunHistory(QObject):
    """Every run of some folders.

    Args:
        places: Folders of the run folders.

    Signals:
        listed: Sequence of :class:`RunSummary`, the latest first.
        trashed: Folders that were moved to the trash.
        problem: A sentence.
    """

    listed = Signal(object)
    trashed = Signal(object)
    problem = Signal(str)

    def __init__(self, places: RunPlaces, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._places = places
        self._serial = Serial(self)

    def refresh(self, *, running: frozenset[Path] = frozenset()) -> None:
        """Read all runs again; ``listed`` follows."""
        self._serial.run(partial(_read_runs, self._places.everywhere(), running)).done.connect(self.listed)

    def trash(self, folders: Sequence[Path]) -> None:
        """Move runs to the system's trash; ``trashed`` follows."""
        self._serial.run(partial(_trash, tuple(folders))).done.connect(self._trashed)

    def close(self) -> None:
        """Wait for what is being read."""
        self._serial.finish()

    @Slot(object)
    def _trashed(self, done: tuple[tuple[Path, ...], list[str]]) -> None:
        folders, problems = done
        for sentence in problems:
            self.problem.emit(sentence)
        self.trashed.emit(folders)


def _read_runs(bases: Iterable[Path], running: frozenset[Path]) -> list[RunSummary]:
    folders: list[Path] = []
    for base in bases:
        here = _folders_in(base)
        folders += here
        folders += [path for sweep in here for path in _folders_in(sweep)]
    found = [summary for path in folders if (summary := read_summary(path, running=running))]
    return sorted(found, key=lambda run: run.started, reverse=True)


def _folders_in(base: Path) -> list[Path]:
    """Return the folders in a folder; none where it cannot be read, which hides no others."""
    with suppress(OSError):
        return [path for path in base.iterdir() if path.is_dir()]
    return []


def _trash(folders: tuple[Path, ...]) -> tuple[tuple[Path, ...], list[str]]:
    """Move folders to the trash; returns them, and a sentence for each that stays."""
    from send2trash import send2trash

    problems = []
    for folder in folders:
        try:
            send2trash(str(folder))
        except OSError as error:
            problems.append(f"{folder.name} could not be moved to the trash ({error}). Nothing was deleted.")
    return folders, problems
