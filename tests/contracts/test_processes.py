"""What a process of the station may load, open and survive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "keras", "sklearn", "skimage", "matplotlib", "PySide6", "cv2", "reportlab", "numpy")
UNUSED = (
    "allstation.report.content.build",
    "allstation.report.content.report_types",
    "allstation.report.content.anonymise",
    "allstation.report.content.places",
    "allstation.core.differential",
    "allstation.core.typer.model",
    "allstation.inference.site_engine",
    "allstation.processing.patients",
    "allstation.processing.slide_sizes",
    "allstation.services.case.case_events",
    "allstation.store.audit.verify",
    "importlib.metadata",
    "jsonschema",
    "pyhanko",
)
"""What a table of fields needs nothing of: these took a seventh of the time until one field was done."""


def python(code: str, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code],
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def test_pyside_survives_five_thousand_emits():
    """PySide6 6.12.0 aborts CPython 3.11 and older after some hundred emits."""
    done = python(
        "from PySide6.QtCore import QObject, Signal\n"
        "class Source(QObject):\n"
        "    changed = Signal(int)\n"
        "source, heard = Source(), []\n"
        "source.changed.connect(heard.append)\n"
        "for number in range(5000): source.changed.emit(number)\n"
        "print(len(heard))"
    )
    assert (done.returncode, done.stdout.strip()) == (0, "5000"), done.stderr


def test_help_loads_nothing_heavy():
    done = python(
        "import sys\n"
        "from allstation.__main__ import main\n"
        "status = main(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], status)"
    )
    assert done.stdout.strip().endswith("[] 0"), done.stdout + done.stderr


def test_the_command_line_loads_no_widgets_and_no_training():
    done = python(
        "import sys, tempfile\n"
        "from allstation.__main__ import main\n"
        "folder = tempfile.mkdtemp()\n"
        "assert main(['demo', folder, '--fields', '2']) == 0\n"
        "assert main(['classify', folder, '--csv', folder + '/t.csv']) == 0\n"
        "banned = ('tensorflow', 'keras', 'sklearn', 'skimage', 'PySide6', 'matplotlib', 'reportlab')\n"
        f"banned += {UNUSED!r}\n"
        "print([name for name in banned if name in sys.modules])"
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_classifying_opens_no_socket():
    """The station works where no network is: any attempt to use one fails the command."""
    done = python(
        "import socket, sys, tempfile\n"
        "def refuse(*args, **options): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from allstation.__main__ import main\n"
        "folder = tempfile.mkdtemp()\n"
        "assert main(['demo', folder, '--fields', '2']) == 0\n"
        "sys.exit(main(['classify', folder, '--csv', folder + '/t.csv', '--report', folder + '/r.pdf']))"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["allstation.app", "allstation.ui.main_window.window"])
def test_the_windows_process_never_loads_tensorflow(module):
    done = python(
        f"import sys, {module}\n"
        "banned = ('tensorflow', 'keras', 'sklearn', 'skimage', 'matplotlib', 'reportlab')\n"
        "print([name for name in banned if name in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems name files in Unicode anyway")
def test_a_locale_without_utf8_draws_no_complaint():
    code = "from allstation.ui.application import Application; Application(['allstation'])"
    environment = {**os.environ, "LC_ALL": "POSIX", "QT_QPA_PLATFORM": "offscreen"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_script_that_writes_takes_no_option_as_its_folder(tmp_path):
    """``network.py --help`` made a folder of that name, with two networks in it, where it was started."""
    script = ROOT / "tests" / "benchmarks" / "network.py"
    done = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("usage: network.py")
    assert list(tmp_path.iterdir()) == []
