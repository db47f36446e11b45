"""The short form of the slide readers' fault test: 40 mutated slides, some of them in children."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("arguments", "read"), [(["--cases", "40", "--direct"], 5), (["--cases", "6"], 0)])
def test_mutated_slides(tmp_path, arguments, read):
    command = [
        sys.executable,
        "-m",
        "tests.faults.fuzz_slides",
        *arguments,
        "--out",
        str(tmp_path / "slides"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    data = json.loads((tmp_path / "slides.json").read_text(encoding="utf-8"))
    assert data["cases"] == int(arguments[1])
    assert (data["died"], data["slow"], data["escaped"]) == ([], [], [])
    assert data["outcomes"].get("read", 0) >= read
    assert sum(data["outcomes"].values()) - data["outcomes"].get("read", 0) > 0
