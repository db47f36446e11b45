"""The window cancels looking through a slide: by the strip's button, and with the queue."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from allstation.imaging.synthetic.slide import write_slide
from allstation.services.case.requests import AddPaths, OpenCase
from allstation.ui.main_window.workbench import Workbench

LONG = 40_000
SOON = 5_000


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "smear.svs"
    write_slide(path, seed=4, width=6144, height=4096, format="svs")
    return path


@pytest.mark.parametrize("by", ["strip", "queue"])
def test_cancel_ends_it_and_the_slide_can_be_added_again(
    window: Workbench, slide: Path, tmp_path: Path, qtbot: QtBot, by: str
) -> None:
    session, strip = window.context.session, window.slides.proposals
    session.submit(OpenCase(tmp_path / "Slides.allcase", create=True))
    session.submit(AddPaths([slide]))
    qtbot.waitUntil(lambda: strip.is_searching, timeout=LONG)
    if by == "strip":
        button = strip.findChild(QPushButton, "slide.proposals.stop")
        assert button.text() == "Cancel"
        assert button.isVisible()
        button.click()
    else:
        window.actions_table["queue.cancel"].trigger()
    qtbot.waitUntil(
        lambda: any(
            "Adding was cancelled: nothing was added." in one for one in window.notifications.texts()
        ),
        timeout=SOON,
    )
    assert not strip.isVisible()
    assert window.browser.model.rowCount() == 0
    session.submit(AddPaths([slide]))
    qtbot.waitUntil(lambda: "proposed" in strip.text, timeout=LONG)
    qtbot.waitUntil(lambda: window.browser.model.rowCount() > 0, timeout=LONG)
    assert not strip.findChild(QPushButton, "slide.proposals.stop").isVisible()


def test_the_strip_says_how_long_a_search_still_takes(window: Workbench, qtbot: QtBot) -> None:
    strip = window.slides.proposals
    strip.show_search("smear.svs", 0.25, 90.0)
    assert "about 2 min left" in strip.text
