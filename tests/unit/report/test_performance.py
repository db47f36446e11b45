"""A report of 1,000 fields within its budget of memory; that of time is in ``tests/benchmarks``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MEGABYTES = 300
CHILD = """
import json, sys
from pathlib import Path
from tests.unit.report.factory import CLOCK, Factory
from allstation.report.content.options import ReportOptions
from allstation.report.pdf import write_pdf
folder = Path(sys.argv[1])
snapshot = Factory(folder).snapshot(1000, slides=4, reviewed=60)
write_pdf(snapshot, folder / "r.pdf", ReportOptions(clock=CLOCK))
# Not ru_maxrss: it survives the exec and would tell of the process that started this one.
status = Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"megabytes": peak, "bytes": (folder / "r.pdf").stat().st_size}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of memory is read from /proc")
def test_a_thousand_fields_in_little_memory_and_a_small_file(tmp_path):
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["megabytes"] < MEGABYTES, measured
    assert measured["bytes"] < 10_000_000, measured
