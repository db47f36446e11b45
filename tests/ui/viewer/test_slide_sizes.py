"""Two slides with frames of one size and pixel sizes of their own: said, shown, undone, classified with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from allstation.core.site import Site
from allstation.imaging.synthetic import draw_field, write_field
from allstation.inference.bundle import default_bundle_path
from allstation.services.case.requests import AddPaths, OpenCase, SetSite, UseModel
from allstation.store.case import Case
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.viewer.pixel_size_dialog import PixelSizeDialog
from allstation.ui.viewer.scale_bar import bar_length
from tests.ui.pixel_sizes import answer
from tests.ui.pixels import pixels_of

LONG = 30_000
FRAME = (512, 384)
WHITE = 255
STATED = 0.25
"""Micrometres a pixel by the file of the second slide's field."""


@pytest.fixture
def case(tmp_path: Path, window: Workbench, qtbot: QtBot) -> Path:
    folder = tmp_path / "Two.allcase"
    write_field(tmp_path / "A" / "field.png", draw_field("Pre", 0, size=FRAME[::-1]))
    (tmp_path / "B").mkdir()
    per_cm = {"x_resolution": 1e4 / STATED, "y_resolution": 1e4 / STATED, "resolution_unit": 3}
    Image.fromarray(draw_field("Pre", 1, size=FRAME[::-1])).save(tmp_path / "B" / "field.tif", **per_cm)
    window.context.session.submit(OpenCase(folder, create=True))
    window.context.session.submit(AddPaths([tmp_path / "A", tmp_path / "B"]))
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 2, timeout=LONG)
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], PixelSizeDialog]:
    dialogs: list[PixelSizeDialog] = []
    monkeypatch.setattr(PixelSizeDialog, "open", lambda dialog: dialogs.append(dialog))  # noqa: PLW0108
    return lambda: dialogs[-1]


class Viewer:
    """What the viewer shows of the fields of both slides, in the order of the browser."""

    def __init__(self, window: Workbench, qtbot: QtBot) -> None:
        self._window, self._qtbot = window, qtbot
        self._canvas = window.viewer.main.canvas

    def go(self, row: int) -> None:
        scene, wanted = self._canvas.scene, "AB"[row]
        self._window.browser.go_to_row(row)
        self._qtbot.waitUntil(
            lambda: scene.picture is not None and scene.record.path.parent.name == wanted, timeout=LONG
        )

    def wait_for(self, *sizes: float | None) -> None:
        """Wait until a person's sizes of the slides are these, then look at the scale bar of each field."""
        scene = self._canvas.scene
        self._qtbot.waitUntil(
            lambda: [scene.layers.sizes.by_person(*FRAME, slide=one) for one in (1, 2)] == list(sizes),
            timeout=LONG,
        )
        for row, size in enumerate((sizes[0], sizes[1] or STATED)):
            self.go(row)
            assert scene.pixel_size() == size
            scale = self._canvas.view.scale
            assert self._bar() == (0 if size is None else round(bar_length(scale / size)[1]))

    def _bar(self) -> int:
        """Return how many white pixels the scale bar's line has on the screen; 0 without a bar."""
        image = self._canvas.grab().toImage()
        ratio = image.devicePixelRatio()
        row = pixels_of(image)[round((self._canvas.height() - 12 - 10) * ratio)]
        white = (row[round(23 * ratio) :] == WHITE).all(axis=1)
        return round(int(np.argmin(white)) / ratio)


def test_each_slide_has_its_own_size_and_all_slides_take_it_back(
    window: Workbench, qtbot: QtBot, case: Path, asked: Callable[[], PixelSizeDialog]
) -> None:
    viewer, undo = Viewer(window, qtbot), window.context.undo

    def say(row: int, size: float, *, only: bool) -> str:
        """Answer the dialog at the field of a slide; returns the size that it says counts now."""
        viewer.go(row)
        window.actions_table["view.pixel_size"].trigger()
        (now,) = (one.text() for one in asked().findChildren(QLabel) if one.text().startswith("Now"))
        assert "slide " + "AB"[row] in asked().here.text()
        answer(asked(), size, only=only)
        return now

    assert say(0, 0.1, only=True) == "Now: not known."
    viewer.wait_for(0.1, None)
    assert say(1, 0.2, only=True) == "Now: 0.25 µm a pixel, stated by the file."
    viewer.wait_for(0.1, 0.2)
    window.context.session.submit(UseModel(default_bundle_path()))

    def cells() -> dict[int, set[float | None]]:
        with Case.open(case, read_only=True) as stored:
            found = stored.cells.page()
        return {slide: {one.pixel_size for one in found if one.slide_id == slide} for slide in (1, 2)}

    qtbot.waitUntil(lambda: cells() == {1: {0.1}, 2: {0.2}}, timeout=LONG)
    window.context.session.submit(SetSite(Site(id="ward", name="Ward")))
    qtbot.waitUntil(lambda: "Ward" in window.sites_controller.badge.text(), timeout=LONG)
    assert say(1, 0.4, only=False) == "Now: 0.2 µm a pixel, said of this slide."
    viewer.wait_for(0.1, 0.4)
    assert any("Other slides keep a pixel size" in text for text in window.notifications.texts())
    assert cells() == {1: {0.1}, 2: {0.4}}
    with Case.open(case, read_only=True) as stored:
        assert stored.details() == {"pixel_size": "0.4 µm at 512x384"}, "the file would go before the site"
    undo.undo()
    viewer.wait_for(0.1, 0.2)
    with Case.open(case, read_only=True) as stored:
        assert [one.slide_id for one in stored.slide_sizes.all()] == [1, 2]
        assert stored.details() == {}
        assert stored.audit.verify() is None
    window.report_controller.show_data()
    remark = "Slides with a pixel size of their own, which goes before this one: 2."
    data = window.report_controller.data
    qtbot.waitUntil(lambda: any(remark in one.text() for one in data.findChildren(QLabel)), timeout=LONG)
    data.close()
    assert say(0, 0.0, only=True) == "Now: 0.1 µm a pixel, said of this slide."
    viewer.wait_for(None, 0.2)
