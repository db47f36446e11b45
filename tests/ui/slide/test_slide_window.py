"""A scanner's file dropped on the window: fields proposed, slide shown, edited, classified, reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, QUrl
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from allstation.core.slide_part import split_part
from allstation.imaging.synthetic_slide import SlideTruth, write_slide
from allstation.services.requests import OpenCase
from allstation.ui.main_window.workbench import Workbench
from tests.ui.pixels import pixels_of

LONG = 60_000


def drop(window: Workbench, *paths: Path) -> None:
    """Drop files on the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.take_drop(data)


@pytest.fixture(scope="module")
def smear(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SlideTruth]:
    """A small slide as Aperio's scanners write it."""
    path = tmp_path_factory.mktemp("slide") / "patient.svs"
    return path, write_slide(path, seed=4, width=6_000, height=4_000, format="svs", pixel_um=0.25)


def test_a_dropped_slide_is_proposed_shown_edited_and_undone(
    window: Workbench, smear: tuple[Path, SlideTruth], tmp_path: Path, qtbot: QtBot
) -> None:
    path, _ = smear
    window.context.session.submit(OpenCase(tmp_path / "Slides.allcase", create=True))
    drop(window, path)
    bar = window.slides.proposals
    qtbot.waitUntil(lambda: "proposed" in bar.text, timeout=LONG)
    print(bar.text)
    qtbot.waitUntil(window.context.has_field, timeout=LONG)
    qtbot.waitUntil(lambda: window.slides.slide.has_slide(), timeout=LONG)
    bar.asked.emit("show")
    qtbot.waitUntil(window.slides.slide.is_open, timeout=LONG)
    panel = window.slides.panel
    qtbot.waitUntil(lambda: len(panel.canvas.scene.marks) > 0, timeout=LONG)
    qtbot.waitUntil(lambda: window.slides.tiles.is_idle, timeout=LONG)
    print(len(panel.canvas.scene.marks), panel.canvas.size(), window.shell.size())
    window.shell.grab().save("/tmp/viewer/one.png")
