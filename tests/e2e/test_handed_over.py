"""A Mac's desktop hands over what is opened as an event; it is opened like an argument."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FIXTURE = Path(__file__).resolve().parents[1] / "contracts" / "fixtures" / "0.1.0" / "case.allcase"

_PROGRAM = """
import sys
from PySide6.QtCore import QCoreApplication, QTimer, QUrl
from PySide6.QtGui import QFileOpenEvent
from allstation import app
from allstation.ui.application import Application

program = Application(["allstation"])
begin = app.AppController.show

def begin_and_hand_over(station):
    begin(station)
    window = station.window
    given = QFileOpenEvent(QUrl.fromLocalFile(sys.argv[1]))
    QTimer.singleShot(0, lambda: QCoreApplication.sendEvent(program, given))
    shown = lambda: window.windowTitle().startswith("Fall")
    watch = QTimer(station, interval=50)
    watch.timeout.connect(lambda: shown() and (print(window.windowTitle()), window.close()))
    watch.start()

app.AppController.show = begin_and_hand_over
sys.exit(app.main([]))
"""


def test_a_case_handed_over_while_the_window_comes_up_is_opened(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "Fall Ж.allcase")
    own = {"QT_QPA_PLATFORM": "offscreen", "ALLSTATION_PROFILE": str(tmp_path / "profile")}
    environment = {**os.environ, **own}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "Fall Ж.allcase")],
        capture_output=True, text=True, check=False, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("— ALL Station")
