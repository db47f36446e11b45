"""The short form of the kill trial; the long one and its figures are in ``tests/faults/results``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from allstation.core.errors import StationError

HERE = Path(__file__).parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the trial forks its children")
def test_thirty_kills_lose_nothing(tmp_path):
    command = [sys.executable, str(HERE / "kill_case.py"), "--kills", "30", "--seed", "7"]
    here = {**os.environ, "TMPDIR": str(tmp_path)}  # what the killed ones leave goes with it
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=here)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["kills"] == 30
    assert figures["problems"] == []
    # The trial is worth something only if the children were killed at work.
    assert figures["saved_things_told"] > 200
    assert len(figures["kills_by_work"]) >= 5


def test_the_trial_notices_what_is_lost(tmp_path):
    """A trial that cannot fail proves nothing: each kind of loss is put in and must be named."""
    import importlib.util
    import random

    spec = importlib.util.spec_from_file_location("kill_case", HERE / "kill_case.py")
    trial = importlib.util.module_from_spec(spec)
    sys.modules["kill_case"] = trial
    spec.loader.exec_module(trial)
    folder, told, tally = tmp_path / "one.allcase", trial.Told(), trial.Tally()
    trial.Case.create(folder).close()
    trial.begin(folder, told, random.Random(1))
    assert list(trial.look(folder, told, tally)) == []
    for lie, word in (
        ({"added": ["x"]}, "added fields are lost"),
        ({"saved": [[1, 0.5]]}, "lost 1 predictions"),
        ({"saved": [[60, 0.5]]}, "shows no prediction"),
        ({"reviewed": [9, "text"]}, "review 9 is lost"),
        ({"reported": [9, "text"]}, "recorded report is lost"),
        ({"planned": [9, 1, 3]}, "plan of slide 9 is lost"),
    ):
        believed = trial.Told()
        believed.hear(lie)
        assert any(word in problem for problem in trial.look(folder, believed, tally)), word
    (folder / "r.pdf").write_bytes(b"%PDF-1.4 half")
    (folder / "t.json").write_text('{"half":', encoding="utf-8")
    told.hear({"made": "gone.allcase"})
    with pytest.raises(StationError):
        list(trial.look_at_files(folder, told, tally))
    told.made.clear()
    assert len(list(trial.look_at_files(folder, told, tally))) == 2
