"""The estimate before a run: proportional to what was measured here, and silent where nothing was."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.services.training.history import RunSummary
from allstation.ui.training.recipe.estimate import estimate_text, seconds_for

RECIPE = {
    "method": {"kind": "compact"},
    "fit": {"epochs": 10},
    "split": {"train": 0.5},
    "input": {"height": 100, "width": 100, "colour": "rgb"},
}


def run(method: str = "compact", pace: float | None = 2.0) -> RunSummary:
    info = {"recipe": {"input": {"height": 100, "width": 50}}, "counts": {"train": 100}}
    return RunSummary(Path("/r"), "r", "", "finished", method, "", 1.0, "", "", "", {}, "", None, pace, info)


def test_time_follows_epochs_fields_and_pixels():
    # 10 epochs x 2 s x (400 x 0.5 / 100 = 2) x (10,000 / 5,000 = 2)
    assert seconds_for(RECIPE, 400, [run()]) == pytest.approx(80.0)


@pytest.mark.parametrize("runs", [[], [run(method="zhang")], [run(pace=None)]])
def test_without_a_measured_run_the_time_is_called_unknown(runs: list[RunSummary]):
    assert seconds_for(RECIPE, 400, runs) is None
    assert "unknown" in estimate_text(RECIPE, 400, runs)


def test_memory_of_the_fields_is_said():
    assert "12 MB" in estimate_text(RECIPE, 400, [run()])
    assert "80 s" in estimate_text(RECIPE, 400, [run()])
