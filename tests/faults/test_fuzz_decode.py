"""The short form of the decoder's fault test: 200 mutated files and two seconds of guided search."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz_decode.py")

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="address space limits need the resource module"
)


def test_200_mutated_files(tmp_path):
    command = [
        sys.executable,
        str(FUZZ),
        "--cases",
        "200",
        "--guided",
        "2",
        "--out",
        str(tmp_path / "decode"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    data = json.loads((tmp_path / "decode.json").read_text(encoding="utf-8"))
    assert data["cases"] == 200
    assert (data["crashes"], data["hangs"], data["escaped"], data["guided"]["escaped"]) == ([], [], [], [])
    assert data["outcomes"]["decoded"] > 10
    assert data["outcomes"]["truncated-field"] > 10
    assert data["peak_mib"] < 2048
    assert data["guided"]["edges"] > 100
