"""The short form of the trial of hostile files and networks against the station's process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_80_files_and_6_networks(tmp_path):
    command = [sys.executable, "-m", "tests.faults.hostile", "--files", "80", "--networks", "6"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    data = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (data["deaths of the station"], data["faults"]) == ([], [])
    assert (data["files"], data["networks"]) == (80, 6)
    assert data["outcomes of files"]["right"] >= 3
    assert any("cannot be loaded" in outcome for outcome in data["outcomes of networks"])
