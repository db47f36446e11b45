"""Pictures of a whole slide in the window: dropped, proposed, classified, looked at closely, edited."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from allstation.core.records import FieldState
from allstation.services.case.requests import OpenCase
from allstation.ui.browser.slide_model import Place
from allstation.ui.slide.contents import WHITES
from tests.ui.story import Step

if TYPE_CHECKING:
    from allstation.imaging.synthetic.smear import Content
    from allstation.ui.main_window.workbench import Workbench

_SEED = 4
_SIZE = (8_192, 6_144)


def tell_slides(window: Workbench, grab: Callable[[object, str], Step]) -> Iterator[Step]:
    """The states of a slide, in the order a first user meets them."""
    slides, table = window.slides, window.actions_table
    window.context.session.submit(
        OpenCase(Path(os.environ["ALLSTATION_PROFILE"]) / "Slides.allcase", create=True)
    )
    yield lambda: window.context.session.info is not None
    window.case_controller.add_paths([_slide(Path(os.environ["ALLSTATION_SHOT_FIELDS"]))])
    yield lambda: slides.proposals.is_searching
    yield grab(window.shell, "60-slide-searched")
    yield lambda: "proposed" in slides.proposals.text
    yield lambda: _is_done(window) and bool(window.viewer.record)
    yield grab(window.shell, "61-slide-proposed")
    slides.proposals.asked.emit("show")
    yield lambda: _is_still(window)
    window.notifications.clear()
    yield grab(window.shell, "62-slide-fields")
    table["slide.map"].trigger()
    yield lambda: slides.panel.canvas.scene.density is not None
    yield grab(window.shell, "63-slide-map")
    slides.slide.choose_map("")
    yield lambda: slides.panel.canvas.scene.density is None
    slides.slide.choose_map(WHITES)
    yield lambda: slides.panel.canvas.scene.density is not None
    yield grab(window.shell, "63-slide-white-cells")
    slides.slide.choose_map("")
    table["view.cells"].trigger()
    table["slide.centre"].trigger()
    slides.panel.set_magnification(40.0)
    yield lambda: _is_still(window) and bool(slides.panel.canvas.scene.cells)
    yield grab(window.shell, "64-slide-cells")
    table["view.fit"].trigger()
    slides.panel.set_magnification(10.0)
    table["slide.region"].trigger()
    middle = slides.panel.middle() or QPointF()
    for across, down in ((-600, -500), (700, -300), (500, 600), (-500, 400)):
        slides.panel.canvas.tools.click(middle + QPointF(across, down), scale=1.0)
    yield lambda: _is_still(window)
    yield grab(window.shell, "65-slide-region")
    slides.panel.end_tool()
    table["slide.metadata"].trigger()
    yield lambda: slides.metadata.dialog is not None
    yield grab(slides.metadata.dialog, "66-scanner-data")
    slides.metadata.dialog.close()
    yield from _tell_more_fields(window, grab)


def _tell_more_fields(window: Workbench, grab: Callable[[object, str], Step]) -> Iterator[Step]:
    """All fields of the slide beside those it has, taken back; then a slide on which nothing is found."""
    slides = window.slides
    slides.proposals.asked.emit("all")
    yield lambda: slides.proposals.is_searching
    yield lambda: "proposed" in slides.proposals.text and _is_still(window)
    yield grab(window.shell, "67-slide-all-fields")
    window.actions_table["slide.cancel"].trigger()
    yield lambda: any("taken back" in text for text in window.notifications.texts())
    yield grab(window.shell, "68-slide-taken-back")
    window.notifications.clear()
    window.case_controller.add_paths([_slide(Path(os.environ["ALLSTATION_SHOT_FIELDS"]), content="empty")])
    yield lambda: "glass.svs" in slides.proposals.text and not slides.proposals.is_searching
    yield lambda: window.browser.tree.has(Place(slide_id=2))
    slides.proposals.asked.emit("show")
    yield lambda: slides.slide.file is not None and slides.slide.file.name == "glass.svs"
    yield lambda: slides.slide.is_open() and slides.tiles.base is not None and slides.tiles.is_idle
    yield grab(window.shell, "69-slide-without-a-field")


def _slide(folder: Path, *, content: Content = "smear") -> Path:
    from allstation.imaging.synthetic.slide import write_slide

    path = folder / ("patient.svs" if content == "smear" else "glass.svs")
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        width, height = _SIZE if content == "smear" else (2_400, 1_600)
        write_slide(path, seed=_SEED, width=width, height=height, format="svs", content=content)
    return path


def _is_done(window: Workbench) -> bool:
    status = window.queue_controller.status
    return bool(status.counts.get(FieldState.DONE, 0)) and not status.waiting


def _is_still(window: Workbench) -> bool:
    slides = window.slides
    tiles = slides.tiles
    return (
        slides.slide.is_open()
        and tiles.base is not None
        and tiles.is_idle
        and len(slides.panel.canvas.scene.marks) > 0
    )
