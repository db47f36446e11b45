"""A field that kills the real program whenever it is decoded costs two runs and is then left out by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from allstation.core.records import FieldState
from allstation.imaging.synthetic import write_demo
from allstation.store import Case
from allstation.store.queue import CRASHED_TWICE

ROOT = Path(__file__).parent.parent.parent
POISON = """
import os, signal, sys

def watch(event, given):
    if event == "open" and str(given[0]).endswith("poison.jpg"):
        frame = sys._getframe()
        while frame is not None and not frame.f_code.co_name.startswith("classify"):
            frame = frame.f_back
        if frame is not None and "inference" in frame.f_code.co_filename:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
from allstation.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""The real program with a decoder that dies, without a word, on one field: what a fault in native code is."""


def classify(fields: Path, case: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", POISON, "classify", str(fields), "--case", str(case), "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX matter")
def test_a_field_that_kills_the_program_twice_is_left_out_by_name(tmp_path: Path) -> None:
    fields, case = tmp_path / "Slide", tmp_path / "c.allcase"
    written = write_demo(fields, fields=6, seed=4)
    written[2].rename(written[2].with_name("poison.jpg"))
    for _ in range(2):
        assert classify(fields, case).returncode == -signal.SIGKILL
    last = classify(fields, case)
    assert last.returncode == 1, last.stderr
    assert "poison.jpg" in last.stdout + last.stderr
    with Case.open(case, read_only=True) as kept:
        states = kept.queue.counts()
        (failed,) = [field for field in kept.fields.page() if field.state is FieldState.FAILED]
        assert (states[FieldState.DONE], states[FieldState.RUNNING]) == (5, 0)
        assert (failed.path.name, failed.error_code) == ("poison.jpg", CRASHED_TWICE)
        assert kept.audit.verify() is None
