"""States of the assistant for ``tests/ui/screenshots.py``, on slides of synthetic fields."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMessageBox

from allstation.core.cell_types import SHIPPED_TYPES
from allstation.services.case.requests import OpenCase
from allstation.ui.commissioning.window import Step
from allstation.ui.common.model_choice import ModelChoiceDialog
from tests.ui.commissioning.slides import KINDS, types_in, write_slides

if TYPE_CHECKING:
    from allstation.ui.main_window.workbench import Workbench

Until = Callable[[], bool]
Grab = Callable[[object, str], Until]
SLIDES, TYPED = 10, 40
SIZE = (480, 640)


class Reader:
    """Names cells by the name of their field's file, now and then wrongly."""

    def __init__(self, window: Workbench, types: dict[int, str], *, wrong: int = 0) -> None:
        self._window, self._types, self._wrong = window, types, wrong
        self._count = 0

    def name(self, wanted: int) -> Until:
        """Return a step that names so many cells, or those that the test has left."""
        self._count = 0

        def step() -> bool:
            assistant = self._window.commissioning
            page, cell = assistant.window.typing, assistant.current_cell
            if self._count >= wanted or (page.is_testing and page.freeze.isEnabled()):
                return True
            if cell is None or page.stage.visibility.seconds(cell) is None:
                return False
            self._count += 1
            is_wrong = bool(self._wrong) and page.is_testing and self._count % self._wrong == 0
            page.key_typed.emit("b" if (self._types[cell] == "blast") != is_wrong else "l")
            return False

        return step


def tell_commissioning(window: Workbench, grab: Grab) -> Iterator[Until]:
    """The assistant from its first page to a refusal, and to a model that is used."""
    window.context.selection.set_reviewer("Ada")
    window.context.settings.change(min_seconds_on_screen=0.0)
    yield from _prepare(window, grab, "Laboratory North")
    yield from _type(window, grab)
    yield from _test(window, grab, wrong=4)
    result = window.commissioning.window.result
    yield grab(window.commissioning.window, "67-commission-refused")
    result.more.click()
    yield lambda: window.commissioning.window.step is Step.TYPE
    yield from _prepare(window, None, "Laboratory South")
    yield from _type(window, None)
    yield from _test(window, None, wrong=0)
    yield result.use.isEnabled
    yield grab(window.commissioning.window, "68-commission-accepted")
    result.use.click()
    yield lambda: bool(window.commissioning.window.findChildren(ModelChoiceDialog))
    (dialog,) = window.commissioning.window.findChildren(ModelChoiceDialog)
    yield dialog.activate.isEnabled
    yield grab(dialog, "69-commission-compare")
    dialog.accept()
    yield result.take_back.isVisible
    yield grab(window.commissioning.window, "70-commission-used")
    result.take_back.click()
    yield lambda: "no longer used" in result.sentences()
    window.commissioning.window.close()
    window.notifications.clear()


def case_of(name: str) -> Path:
    return Path(os.environ["ALLSTATION_PROFILE"]) / f"{name}.allcase"


def _prepare(window: Workbench, grab: Grab | None, name: str) -> Iterator[Until]:
    """Add slides to a new case, and wait until their cells are measured."""
    session, assistant = window.context.session, window.commissioning
    folder = Path(os.environ["ALLSTATION_SHOT_FIELDS"]).parent / "laboratory"
    write_slides(folder, SLIDES, size=SIZE)
    before = session.generation
    session.submit(OpenCase(case_of(name), create=True))
    yield lambda: session.generation > before and (assistant.window is None or assistant.window.isHidden())
    window.actions_table["commission.open"].trigger()
    yield lambda: assistant.window is not None and assistant.window.isVisible()
    page = assistant.window.prepare
    if grab is not None:
        yield grab(assistant.window, "60-commission-empty")
    window.case_controller.add_paths([folder])
    if grab is not None:
        yield (
            lambda: page.is_measured or ("Measuring" in page.sentences() and "still" not in page.sentences())
        )
        yield grab(assistant.window, "61-commission-measuring")
    yield lambda: window.queue_controller.status.total >= SLIDES * len(KINDS)
    yield lambda: window.queue_controller.status.waiting == 0
    yield lambda: page.is_measured
    page.set_choices(SHIPPED_TYPES, quick=True, lowest=0.7, errors=0.05)
    if grab is not None:
        yield grab(assistant.window, "62-commission-prepare")
    page.begin.click()


def _type(window: Workbench, grab: Grab | None) -> Iterator[Until]:
    """Type cells until there are figures."""
    assistant = window.commissioning
    shown = assistant.window
    yield lambda: shown.step is Step.TYPE and assistant.current_cell is not None
    reader = Reader(window, types_in(window.context.info.folder))
    yield reader.name(4)
    if grab is not None:
        yield grab(shown, "63-commission-typing")
    yield reader.name(TYPED - 4)
    yield lambda: f"{TYPED} cells typed" in shown.typing.standing.sentences()
    if grab is not None:
        yield grab(shown, "64-commission-figures")


def _test(window: Workbench, grab: Grab | None, *, wrong: int) -> Iterator[Until]:
    """Freeze a test, type it and open it."""
    assistant = window.commissioning
    shown = assistant.window
    shown.typing.freeze_asked.emit()
    yield lambda: bool(shown.findChildren(QMessageBox))
    box = shown.findChildren(QMessageBox)[-1]
    if grab is not None:
        yield grab(box, "65-commission-freeze")
    box.defaultButton().click()
    yield lambda: shown.step is Step.TEST and assistant.current_cell is not None
    reader = Reader(window, types_in(window.context.info.folder), wrong=wrong)
    yield reader.name(7)
    if grab is not None:
        yield grab(shown, "66-commission-test")
    yield reader.name(10_000)
    shown.typing.freeze_asked.emit()
    yield lambda: shown.step is Step.RESULT
