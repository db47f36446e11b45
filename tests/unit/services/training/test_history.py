"""Run folders that other machines, or other programs, wrote: one that is damaged takes no other away."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from allstation.services.training.history import INTERRUPTED, NOTES, read_summary

HUGE = 10**400


@pytest.mark.parametrize(
    "odd",
    [
        {"recipe": [1]},
        {"recipe": {"method": "resnet"}},
        {"seconds": HUGE, "test_openings": "many"},
        {"seconds": float("nan"), "test_openings": float("inf")},
    ],
)
def test_a_foreign_run_is_shown_with_what_can_be_understood(odd: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"name": "mine", "state": "running"} | odd))
    (tmp_path / "metrics.json").write_text(json.dumps({"seconds_per_epoch": HUGE}))
    (tmp_path / NOTES).write_text("[" * 100_000)
    found = read_summary(tmp_path)
    assert found is not None
    assert (found.title, found.state, found.method) == ("mine", INTERRUPTED, "")
    assert (found.seconds, found.seconds_per_epoch, found.test_openings) == (None, None, 0)


@pytest.mark.skipif(os.name == "nt", reason="pipes have no names in folders there")
def test_a_pipe_in_place_of_a_run_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    assert read_summary(tmp_path) is None
