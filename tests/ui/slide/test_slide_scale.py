"""The pixel size said of a whole slide: its view, and what is proposed from then on, follow it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.core.known_sizes import SlideSizes
from allstation.core.site import PixelSize, ScaleSource
from allstation.imaging.synthetic.slide import write_slide
from allstation.processing.slide_import import SlideOptions
from allstation.services.case.requests import AddPaths, OpenCase
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench

LONG = 12_000


@pytest.fixture
def shown(window: Workbench, tmp_path: Path, qtbot: QtBot) -> Workbench:
    """The window with a slide of 0.5 µm a pixel in place of its field."""
    write_slide(tmp_path / "s.svs", seed=1, width=4000, height=2800, format="svs", pixel_um=0.5)
    window.context.session.submit(OpenCase(tmp_path / "S.allcase", create=True))
    window.context.session.submit(AddPaths([tmp_path / "s.svs"], SlideOptions(fields=4)))
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 4, timeout=LONG)
    qtbot.waitUntil(window.slides.slide.has_slide, timeout=LONG)
    qtbot.waitUntil(lambda: "proposed" in window.slides.proposals.text, timeout=LONG)
    window.slides.slide.show_slide(True)
    qtbot.waitUntil(window.slides.slide.is_open, timeout=LONG)
    qtbot.waitUntil(lambda: len(window.slides.panel.canvas.scene.marks) == 4, timeout=LONG)
    return window


def test_view_and_later_proposals_follow_the_size_said_of_the_slide(
    shown: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    scene = shown.slides.panel.canvas.scene
    assert (scene.pixel_um, scene.magnification(1.0)) == (0.5, 20.0)
    shown.pixel_size_controller.set(0.55, True)
    qtbot.waitUntil(lambda: scene.pixel_um == 0.55, timeout=LONG)
    assert scene.magnification(1.0) == pytest.approx(10 / 0.55)
    shown.context.undo.undo()
    qtbot.waitUntil(lambda: scene.pixel_um == 0.5, timeout=LONG)
    shown.context.undo.redo()
    qtbot.waitUntil(lambda: scene.pixel_um == 0.55, timeout=LONG)
    shown.context.session.submit(AddPaths([tmp_path / "s.svs"], SlideOptions(fields=8)))
    qtbot.waitUntil(lambda: shown.browser.model.rowCount() > 4, timeout=LONG)
    qtbot.waitUntil(
        lambda: any(
            "Fields that were proposed before keep their" in one for one in shown.notifications.texts()
        ),
        timeout=LONG,
    )
    with Case.open(tmp_path / "S.allcase", read_only=True) as case:
        widths = [field.width for field in case.fields.page()]
    assert set(widths) == {224, 204}
    assert widths.count(224) == 4


def test_a_size_said_of_other_frames_of_the_slide_is_not_the_slides(shown: Workbench, qtbot: QtBot) -> None:
    scene = shown.slides.panel.canvas.scene
    sizes = shown.viewer.main.canvas.scene.layers.sizes
    other = PixelSize(size=0.1, source=ScaleSource.TYPED, frame=(640, 480))
    shown.viewer.set_pixel_sizes(type(sizes)(slides=(SlideSizes(1, (other,)),)))
    assert scene.pixel_um == 0.5
    every = PixelSize(size=0.1, source=ScaleSource.TYPED)
    shown.viewer.set_pixel_sizes(type(sizes)(slides=(SlideSizes(1, (every,)),)))
    assert scene.pixel_um == 0.1
