"""Keys of the assistant: back, later, can't tell, other types; what the notice suggests, and when."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QProgressBar

from allstation.core.decision import Reason
from allstation.core.records import FieldState
from allstation.core.summary import Tally
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.ui.commissioning.window import Step
from tests.ui.named import button, named

from .conftest import Person, typed_in


@pytest.mark.parametrize("typed", [28])
def test_keys_beside_the_types(person: Person, case: Path) -> None:
    person.open()
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TYPE)
    page = person.window.typing
    person.until(lambda: "2 more cells" in page.sentences())
    (first,) = person.type_cells(1)
    person.until(lambda: first in typed_in(case))
    assert person.look() != first
    person.press(Qt.Key.Key_Backspace)
    assert "Taken back" in page.sentences()
    assert person.look() == first
    person.until(lambda: first not in typed_in(case))

    person.press(Qt.Key.Key_Space)
    second = person.look()
    assert second != first, "a cell that was left for later is still there"
    person.press(Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    third = person.look()
    person.press(Qt.Key.Key_N)
    assert "kept, not learned from" in page.sentences()
    person.until(lambda: typed_in(case).get(third) == "segmented")
    assert typed_in(case)[second] == "unidentified"
    assert sum(page.types.counts().values()) == 28, "what is not told apart was counted"
    person.press(Qt.Key.Key_9)
    assert "No type has the key 9" in page.sentences()
    person.until(lambda: person.workbench.commissioning.current_cell not in {None, third})
    page.stage.repaint()
    person.press(Qt.Key.Key_B)
    assert "look at the cell first" in page.sentences()


@pytest.mark.parametrize("typed", [30])
def test_the_first_page_says_what_there_is_and_undo_elsewhere_is_taken(person: Person, case: Path) -> None:
    person.open()
    page = person.window.prepare
    assert "120 whole white cells on 10 slides, 120 of them measured. 30 are typed." in page.sentences()
    assert named(page, QProgressBar, "Measured cells").value() == 120
    button(page, "All 17 types of the laboratory's list").click()
    assert len(page.types()) == 17
    button(page, "Blast and lymphocyte (the quick way)").click()
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TYPE)
    person.measured()
    (cell,) = person.type_cells(1)
    person.until(lambda: cell in typed_in(case))
    assert "31 cells typed" in person.window.typing.sentences()
    person.workbench.context.undo.undo()
    person.until(lambda: "30 cells typed" in person.window.typing.sentences())


def tell_queue(person: Person, tally: Tally) -> list[str]:
    """Let the queue end, and the case be counted so; return what is told."""
    session = person.workbench.context.session
    for phase in (QueuePhase.RUNNING, QueuePhase.IDLE):
        session.worker.queue_changed.emit(QueueStatus(phase, counts={FieldState.DONE: tally.read}))
    session.reader.tally_read.emit(session.generation, None, tally)
    return [text for text in person.workbench.notifications.texts() if "Ctrl+7" in text]


def test_the_assistant_is_suggested_where_most_fields_are_unlike_the_training_data(person: Person) -> None:
    few = Tally(finals={"needs review": 10}, open_reasons={Reason.UNLIKE_TRAINING: 5})
    assert tell_queue(person, few) == []
    most = Tally(finals={"needs review": 10}, open_reasons={Reason.UNLIKE_TRAINING: 6})
    (text,) = tell_queue(person, most)
    assert "6 of 10 fields (60 %)" in text
    person.workbench.notifications.clear()
    assert tell_queue(person, most) == [], "it is told once a case"
    assert QApplication.activeWindow() is person.workbench.shell
