"""The site of a case: made, measured, saved, taken by the next case; a bar drawn gives the pixel size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QDialogButtonBox, QLabel
from pytestqt.qtbot import QtBot

from allstation import paths
from allstation.core.site import PixelSize, ScaleSource, Site
from allstation.imaging.synthetic import draw_field, write_field
from allstation.services.case.requests import AddPaths, OpenCase, SetSite
from allstation.store.case import Case
from allstation.store.site.library import SiteLibrary
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.sites.dialog import SiteDialog
from allstation.ui.viewer.bar_line import BarLine
from allstation.ui.viewer.pixel_size_dialog import PixelSizeDialog
from tests.ui.pixel_sizes import answer
from tests.ui.pixels import pixels_of

LONG = 30_000
SITE = Site(id="ward", name="Ward", pixel_sizes=(PixelSize(size=0.2, frame=(512, 384)),))


@pytest.fixture
def case(tmp_path: Path, window: Workbench, qtbot: QtBot) -> Path:
    folder = tmp_path / "A.allcase"
    write_field(tmp_path / "Slide" / "a.png", draw_field("Pre", 1, size=(384, 512)))
    write_field(tmp_path / "Slide" / "b.png", draw_field("Pre", 2, size=(224, 224)))
    window.context.session.submit(OpenCase(folder, create=True))
    window.context.session.submit(AddPaths([tmp_path / "Slide"]))
    qtbot.waitUntil(lambda: window.browser.model.rowCount() == 2, timeout=LONG)
    window.browser.go_to_row(0)
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=LONG)
    return folder


def opened(window: Workbench, qtbot: QtBot) -> SiteDialog:
    window.actions_table["case.site"].trigger()
    qtbot.waitUntil(lambda: window.sites_controller.dialog is not None, timeout=LONG)
    return window.sites_controller.dialog


def stored(case: Path) -> Site | None:
    with Case.open(case, read_only=True) as kept:
        return kept.site.get()


def badge(window: Workbench) -> str:
    return window.sites_controller.badge.text()


def test_a_site_is_made_measured_and_taken_by_the_next_case(window: Workbench, qtbot: QtBot, case: Path):
    assert badge(window) == "No site chosen"
    dialog = opened(window, qtbot)
    save = dialog.buttons.button(QDialogButtonBox.StandardButton.Save)
    dialog.choice.setCurrentIndex(dialog.choice.count() - 1)
    assert not save.isEnabled()
    dialog.texts["name"].setText("Ward 3")
    dialog.texts["objective"].setText("100x")
    dialog.measure.click()
    qtbot.waitUntil(dialog.take.isEnabled, timeout=LONG)
    said = dialog.findChild(QLabel, "site-measured").text()
    assert "512\u00a0×\u00a0384" in said or "512 × 384" in said.replace("\u202f", " ").replace("\u00a0", " ")
    assert "estimated from red cells" in said
    dialog.take.click()
    save.click()
    qtbot.waitUntil(lambda: badge(window) == "Site: Ward 3", timeout=LONG)
    site = stored(case)
    assert (site.name, site.objective) == ("Ward 3", "100x")
    assert site.pixel_size_of(512, 384).source is ScaleSource.RED_CELLS
    assert site.white_point is not None
    assert SiteLibrary(paths.config_folder()).last_used() == site
    window.context.undo.undo()
    qtbot.waitUntil(lambda: badge(window) == "No site chosen", timeout=LONG)
    window.context.undo.redo()
    qtbot.waitUntil(lambda: badge(window) == "Site: Ward 3", timeout=LONG)
    window.context.session.submit(OpenCase(case.with_name("B.allcase"), create=True))
    qtbot.waitUntil(lambda: window.context.info.name == "B" and badge(window) == "Site: Ward 3", timeout=LONG)


def test_a_wrong_pixel_size_is_said_and_cannot_be_saved(qtbot: QtBot, qapp: object):
    dialog = SiteDialog([SITE], SITE, (1024, 768))
    qtbot.addWidget(dialog)
    chosen: list[Site | None] = []
    dialog.chosen.connect(chosen.append)
    boxes = [box for _, _, box in dialog._sizes]
    assert [box.text() for box in boxes] == ["0.2", ""]
    boxes[1].setText("no size")
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Save).isEnabled()
    assert "no size" in dialog.findChild(QLabel, "site-hint").text()
    boxes[1].setText("0,11 µm")
    dialog.buttons.button(QDialogButtonBox.StandardButton.Save).click()
    assert chosen[0].pixel_sizes == (*SITE.pixel_sizes, PixelSize(size=0.11, frame=(1024, 768)))


def test_a_name_of_another_site_is_said_and_cannot_be_saved(qtbot: QtBot, qapp: object):
    dialog = SiteDialog([SITE, replace(SITE, id="second", name="Second")], SITE, (1024, 768))
    qtbot.addWidget(dialog)
    save = dialog.buttons.button(QDialogButtonBox.StandardButton.Save)
    assert save.isEnabled(), "its own name is its own"
    dialog.texts["name"].setText("SECOND ")
    assert not save.isEnabled()
    assert "Another site has this name" in dialog.findChild(QLabel, "site-hint").text()


def drawn(window: Workbench, qtbot: QtBot, pixels: float) -> None:
    """Draw a level line of so many field pixels."""
    canvas = window.viewer.main.canvas
    line = canvas.findChild(BarLine)
    window.actions_table["view.measure_bar"].trigger()
    start = canvas.view.to_canvas(QPointF(100, 200))
    end = canvas.view.to_canvas(QPointF(100 + pixels, 200))
    first, last = QPoint(round(start.x()), round(start.y())), QPoint(round(end.x()), round(end.y()))
    qtbot.mousePress(line, Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(line, (first + last) / 2)
    qtbot.mouseMove(line, last)
    middle = (first + last) / 2
    colour = canvas.grab().toImage().pixelColor(middle * canvas.devicePixelRatioF())
    assert colour.red() > 200
    assert colour.blue() < 120, "a yellow line lies over the field"
    qtbot.mouseRelease(line, Qt.MouseButton.LeftButton, pos=last)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], PixelSizeDialog]:
    dialogs: list[PixelSizeDialog] = []
    monkeypatch.setattr(PixelSizeDialog, "open", lambda dialog: dialogs.append(dialog))  # noqa: PLW0108
    return lambda: dialogs[-1]


def test_a_bar_gives_the_pixel_size_of_fields_of_this_size_alone(
    window: Workbench, qtbot: QtBot, case: Path, asked: Callable[[], PixelSizeDialog]
):
    canvas = window.viewer.main.canvas
    scene = canvas.scene
    window.actions_table["view.measure_bar"].trigger()
    line = canvas.findChild(BarLine)
    assert line.isVisible()
    told = pixels_of(canvas.grab().toImage())
    qtbot.keyClick(line, Qt.Key.Key_Escape)
    assert not line.isVisible()
    changed = (told != pixels_of(canvas.grab().toImage())).any(axis=2)[8:-8, 8:-8]  # not the focus frame
    top, rest = np.split(changed, [len(changed) // 3])
    assert top.any(), "what to do is said at the top"
    assert not rest.any(), "and nothing lies over a burnt-in bar"
    assert not window.notifications.texts()
    drawn(window, qtbot, 200)
    assert not line.isVisible()
    answer(asked(), 20.0)
    qtbot.waitUntil(lambda: scene.pixel_size() == pytest.approx(0.1, rel=0.02), timeout=LONG)
    warned = "unlikely small"
    qtbot.waitUntil(lambda: any(warned in text for text in window.notifications.texts()), timeout=LONG)
    window.browser.go_to_row(1)
    qtbot.waitUntil(lambda: scene.record.width == 224, timeout=LONG)
    assert scene.pixel_size() is None
    assert stored(case) is None


def test_with_a_site_the_bar_is_kept_there(
    window: Workbench, qtbot: QtBot, case: Path, asked: Callable[[], PixelSizeDialog]
):
    window.context.session.submit(SetSite(SITE))
    qtbot.waitUntil(lambda: badge(window) == "Site: Ward", timeout=LONG)
    scene = window.viewer.main.canvas.scene
    assert scene.pixel_size() == 0.2
    drawn(window, qtbot, 200)
    answer(asked(), 44.0)
    qtbot.waitUntil(lambda: scene.pixel_size() == pytest.approx(0.22, rel=0.02), timeout=LONG)
    kept = stored(case).pixel_size_of(512, 384)
    assert (kept.source, kept.size) == (ScaleSource.BAR, scene.pixel_size())
    assert SiteLibrary(paths.config_folder()).get("ward").pixel_size_of(512, 384) == kept
