"""No text is cut off: every label, button, box, tab and heading at 1x and 2x, and at 1.5x with longer words.

Windows are measured at 1280 x 720; dialogs as they open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSize, QTranslator
from PySide6.QtWidgets import QApplication, QDialog, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from allstation.core.slide_info import SlideMetadata
from allstation.services.case.requests import OpenCase
from allstation.ui.commissioning.window import Step
from allstation.ui.common import window_size
from allstation.ui.main_window.workbench import Workbench
from allstation.ui.slide.metadata_dialog import MetadataDialog, offers_of
from allstation.ui.slide.tools import Tool
from tests.ui.cells.cell_case import cell_case
from tests.ui.slide.pictured import PicturedSlide
from tests.ui.text_fit import clipped

SCREEN = QSize(1280, 720)
LONG = 30_000
WORD = 20
"""Letters of the longest word that a text is made longer by."""
WINDOWS = ("case.report", "model.train", "commission.open", "cells.count")
DIALOGS = (
    "case.site", "case.control", "case.patients", "case.csv", "case.xlsx", "case.labelled", "case.data",
    "case.audit", "help.about", "help.keys", "people.open", "cells.types", "case.rename",
)  # fmt: skip
VIEWS = ("browse.table", "browse.summary", "cells.gallery", "browse.grid")


class Longer(QTranslator):
    """Texts that are 30 % longer, as those of another language, in words that can be wrapped."""

    def isEmpty(self) -> bool:
        return False

    def translate(self, _context: str, text: str, *_rest: object) -> str:
        longer = max(1, round(0.3 * len(text)) - 1)
        words = "".join(" " if at % (WORD + 1) == WORD else "e" for at in range(longer))
        return f"{text} {words.strip()}" if text.strip() else text


@pytest.fixture
def longer(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    translator = Longer(qapp)
    if request.param:
        qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


@pytest.mark.parametrize(("longer", "scales"), [(False, (1.0, 2.0)), (True, (1.5,))], indirect=["longer"])
@pytest.mark.qt_log_ignore("does not support raise", extend=True)
@pytest.mark.usefixtures("longer")
def test_no_text_is_cut_off_and_every_window_fits_the_screen(
    scales: tuple[float, ...],
    monkeypatch: pytest.MonkeyPatch,
    window: Workbench,
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(window_size, "available", lambda _window: SCREEN)
    window.shell.resize(SCREEN)
    window.context.session.submit(OpenCase(cell_case(tmp_path, 3)))
    qtbot.waitUntil(lambda: window.viewer.main.canvas.view is not None, timeout=LONG)
    faults: list[str] = []
    for scale in scales:
        window.context.theme.set_scale(scale)
        for key in VIEWS:
            window.actions_table[key].trigger()
            window.shell.resize(SCREEN)
            faults += measured(window.shell, f"{key} at {scale}", largest=True)
        for key in (*WINDOWS, *DIALOGS):
            for top in opened(window, key, qtbot):
                for page in pages(top):
                    largest = scale == 1.0 or key == "model.train"
                    faults += measured(top, f"{key} {page} at {scale}", largest=largest)
                top.reject() if isinstance(top, QDialog) else top.hide()
    window.context.theme.set_scale(1.0)
    assert not faults, "\n".join(faults)


def opened(window: Workbench, key: str, qtbot: QtBot) -> list[QWidget]:
    """Trigger an action and return the windows that it opens."""
    before = {top for top in QApplication.topLevelWidgets() if top.isVisible()}
    window.actions_table[key].trigger()

    def fresh() -> list[QWidget]:
        return [top for top in QApplication.topLevelWidgets() if top.isVisible() and top not in before]

    qtbot.waitUntil(lambda: bool(fresh()), timeout=LONG)
    if key == "model.train":
        # What it has learnt of the methods changes words and tables; it comes from a child.
        qtbot.waitUntil(lambda: bool(window.training_controller.panel.recipe.method), timeout=LONG)
    return fresh()


def pages(top: QWidget) -> Iterator[str]:
    """Bring each page of a window to the front."""
    tabs = top.findChild(QTabWidget)
    if hasattr(top, "show_step"):
        for step in Step:
            top.show_step(step)
            yield step.name
        top.show_step(Step.PREPARE)
    elif tabs is not None:
        for index in range(tabs.count()):
            tabs.setCurrentIndex(index)
            yield tabs.tabText(index)
        tabs.setCurrentIndex(0)
    else:
        yield ""


def measured(top: QWidget, place: str, *, largest: bool) -> list[str]:
    """Return what is wrong in a window, a sentence each."""
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    faults = [
        f"{place}: {text!r} needs {needed.toTuple()}, has {given.toTuple()}"
        f" in {type(widget).__name__} of {type(widget.parentWidget()).__name__}"
        for widget, text, needed, given in clipped(top)
    ]
    if largest and SCREEN.boundedTo(top.size()) != top.size():
        faults.append(f"{place}: the window is {top.width()} x {top.height()}")
    return faults


@pytest.mark.parametrize(("longer", "scales"), [(False, (1.0, 2.0)), (True, (1.5,))], indirect=["longer"])
@pytest.mark.usefixtures("longer")
def test_no_text_of_the_slide_is_cut_off(
    scales: tuple[float, ...], monkeypatch: pytest.MonkeyPatch, window: Workbench, qtbot: QtBot
) -> None:
    monkeypatch.setattr(window_size, "available", lambda _window: SCREEN)
    slides, theme = window.slides, window.context.theme
    told = SlideMetadata(
        patient_id="4711", patient_name="Doe^Jane", specimen="Peripheral blood", accession="A-2026-1",
        stain="May-Grünwald-Giemsa", scanner="Maker S1", scanned_at="2026-11-30", barcode="4711-1",
    )  # fmt: skip
    info = replace(PicturedSlide(2_048, 1_536).info, metadata=told)
    label = np.full((90, 200, 3), 200, np.uint8)
    faults: list[str] = []
    window.shell.start_layout.middle.setCurrentWidget(slides.views)
    for scale in scales:
        theme.set_scale(scale)
        window.shell.resize(SCREEN)
        slides.views.setCurrentWidget(slides.panel)
        for tool in Tool:
            slides.panel.use_tool(tool)
            for show in (
                slides.proposals.show_search,
                slides.proposals.show_proposal,
                slides.proposals.show_pages,
            ):
                show("a long name of a patient's slide.svs", 12)
                faults += measured(window.shell, f"{tool} {show.__name__} at {scale}", largest=False)
        dialog = MetadataDialog(
            window.shell, name="patient.svs", offers=offers_of(info), label=label, stored={"stain": "Wright"}
        )
        dialog.show()
        qtbot.waitExposed(dialog)
        faults += measured(dialog, f"scanner's data at {scale}", largest=scale == 1.0)
        dialog.close()
    theme.set_scale(1.0)
    assert not faults, "\n".join(faults)
