"""A queue of training runs whose child is the stand-in worker."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from allstation.core.events import Event
from allstation.services.training.job_lines import Ending, Job
from allstation.services.training.runs import TrainingRuns

# Each test has a home of its own; without this each process would build its font cache again.
os.environ["MPLCONFIGDIR"] = str(Path(tempfile.gettempdir()) / "allstation-tests-matplotlib")

WORKER = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]


class Seen:
    """Everything a queue told."""

    def __init__(self, runs: TrainingRuns) -> None:
        self.events: list[Event] = []
        self.lines: list[str] = []
        self.endings: list[Ending] = []
        self.started: list[Job] = []
        runs.event_received.connect(lambda _job, event: self.events.append(event))
        runs.printed.connect(lambda _job, line: self.lines.append(line))
        runs.ended.connect(self.endings.append)
        runs.started.connect(self.started.append)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class Bench:
    """A queue whose child is the stand-in worker, and what it told.

    Attributes:
        runs: The queue.
        seen: What it told.
        base: An empty folder.
        recipe: A recipe file.
    """

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = TrainingRuns(WORKER)
        self.seen = Seen(self.runs)
        self.base = base
        self.recipe = base / "recipe.toml"
        self.recipe.write_text('name = "fake"\n', "utf-8")
        self._monkeypatch = monkeypatch

    def behave(self, mode: str, *, epochs: int = 4) -> None:
        """Choose what the worker does."""
        self._monkeypatch.setenv("FAKE", mode)
        self._monkeypatch.setenv("FAKE_EPOCHS", str(epochs))

    def fit(self, name: str = "run") -> Path:
        """Queue a run; returns its folder."""
        folder = self.base / "runs" / name
        self.runs.fit(self.recipe, folder, title=name)
        return folder


@pytest.fixture
def bench(qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path, monkeypatch)
    yield made
    made.runs.close()
