"""From a laboratory's slides to a model of its own, to a refusal, and left and resumed; by keys only."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from allstation.store.case import Case
from allstation.store.commissioning_record import CommissioningRecords
from allstation.ui.commissioning.window import Step

from .conftest import Person, truth, typed_in


def test_refused_with_the_reason_and_typing_goes_on(person: Person, case: Path) -> None:
    person.open()
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TYPE)
    learned = person.type_cells(40)
    person.measured()
    person.freeze()
    tested = person.type_test(wrong=lambda cell: cell % 3 == 0)
    person.open_test()
    words = person.window.result.sentences()
    assert "Refused" in words
    assert "Lower limit" in words
    assert "below your 0.90" in words
    with Case.open(case, read_only=True) as opened:
        record = CommissioningRecords(opened.connection).read()
        (part,) = record.tests
        assert part.accepted is False
        assert set(tested) == set(part.cells)
        slides = {cell.id: cell.slide_id for cell in opened.cells.records([*learned, *tested])}
    assert not {slides[cell] for cell in learned} & {slides[cell] for cell in tested}
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TYPE)
    again = person.look()
    assert slides.get(again) not in {slides[cell] for cell in tested}
