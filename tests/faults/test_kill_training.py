"""The short form of the killed trainings; the long one and its figures are in ``tests/faults/results``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.tensorflow
@pytest.mark.xdist_group("tensorflow")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the trial forks its children")
def test_a_training_killed_three_times_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="needs the training part")
    options = ["--kills", "3", "--fields", "16", "--seed", "7"]
    command = [sys.executable, str(HERE / "kill_training.py"), *options]
    here = {**os.environ, "TMPDIR": str(tmp_path)}  # what the killed ones leave goes with it
    done = subprocess.run(command, capture_output=True, text=True, timeout=290, check=False, env=here)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["problems"] == []
    assert figures["kills"] == 3
    assert figures["runs_resumed_to_their_end"] >= 1
    assert len(figures["kills_by_phase"]) >= 2
