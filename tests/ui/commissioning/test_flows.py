"""From a laboratory's slides to a model of its own, to a refusal, and left and resumed; by keys only."""

from __future__ import annotations

from pathlib import Path

import pytest
from pypdf import PdfReader
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtWidgets import QApplication

from allstation import paths
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.services.case.requests import UseModel
from allstation.services.training.activation import read_journal
from allstation.store.case import Case
from allstation.store.site.commissioning_record import CommissioningRecord, CommissioningRecords
from allstation.ui.commissioning.window import Step
from allstation.ui.common.model_choice import ModelChoiceDialog
from tests.ui.named import label_texts

from .conftest import Person, before, truth, typed_in
from .slides import KINDS, types_in, write_slides

SLIDES = 6
MOST = 60
"""Interactions beside the typed cells, from the slides to the activated model."""


def begin(person: Person) -> None:
    person.open()
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TYPE)


def record_of(case: Path) -> CommissioningRecord:
    with Case.open(case, read_only=True) as opened:
        return CommissioningRecords(opened.connection).read()


def slides_of(case: Path, cells: list[int]) -> set[int]:
    with Case.open(case, read_only=True) as opened:
        return {cell.slide_id for cell in opened.cells.records(cells)}


def drop(person: Person, folder: Path) -> Path:
    """Drop slides on the window, wait until they are read; return the case that was made for them."""
    context, data = person.workbench.context, QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    person.interactions += 1
    person.workbench.take_drop(data)
    person.until(lambda: person.workbench.queue_controller.status.total >= len(KINDS) * SLIDES)
    person.until(lambda: person.workbench.queue_controller.status.waiting == 0 and context.has_field())
    return context.info.folder


def test_from_dropped_slides_to_an_activated_model_and_back(stranger: Person, tmp_path: Path) -> None:
    person, context = stranger, stranger.workbench.context
    context.session.submit(UseModel(default_bundle_path()))
    person.until(lambda: context.selection.model is not None)
    case = drop(person, write_slides(tmp_path / "North", SLIDES, size=(288, 384)))
    person.open()
    person.until(lambda: person.window.prepare.is_measured)
    person.types = types_in(case)
    for _ in range(2):  # from the button back over the error rate to the lower limit
        person.press(Qt.Key.Key_Tab, Qt.KeyboardModifier.ShiftModifier)
    for key in (Qt.Key.Key_6, Qt.Key.Key_0, Qt.Key.Key_Return):
        person.press(key)
    person.until(lambda: person.window.step is Step.TYPE)
    learned = person.type_cells(30)
    person.measured()
    words = person.window.typing.sentences()
    for part in ("Balanced accuracy", "AUROC", "n = 30 cells", "slides kept apart", "patients unknown"):
        assert part in words
    person.freeze()
    tested = person.type_test()
    assert "Balanced" not in person.window.typing.sentences(), "the test is not blind"
    person.open_test()
    result = person.window.result
    assert "Accepted" in result.sentences()
    assert f"tested once on {len(tested)} cells of 2 slides" in result.sentences()
    person.until(result.use.isEnabled)
    person.press(Qt.Key.Key_Return)
    person.until(lambda: isinstance(QApplication.activeWindow(), ModelChoiceDialog))
    dialog = QApplication.activeWindow()
    person.until(dialog.activate.isEnabled)
    assert "by itself" in label_texts(dialog)
    person.press(Qt.Key.Key_A, Qt.KeyboardModifier.AltModifier)
    person.until(lambda: "is used from now on" in result.sentences())
    person.until(lambda: context.selection.model.record.info.get("kind") == "site")
    assert person.interactions <= MOST
    assert person.typed == len(learned) + len(tested)

    used = ModelBundle.open(context.selection.model.path)
    assert used.classes == ("blast", "lymphocyte")
    assert used.info["base"]["sha256"] == ModelBundle.open(default_bundle_path()).sha256
    assert (
        record_of(case).tests[-1].bundle_sha256
        == ModelBundle.open(next((paths.data_folder() / "sites").glob("*.allmodel"))).sha256
    )
    assert [entry.action for entry in read_journal(paths.data_folder() / "models")] == ["model-activated"]
    person.workbench.commissioning.use.write_report_of_model(str(tmp_path / "acceptance.pdf"))
    person.until((tmp_path / "acceptance.pdf").is_file)
    text = " ".join(PdfReader(tmp_path / "acceptance.pdf").pages[0].extract_text().split())
    assert "Acceptance report: Accepted" in text
    assert used.sha256 in text

    person.press(Qt.Key.Key_Return)  # the button that takes it back has the keyboard
    person.until(lambda: context.selection.model.record.info.get("kind") != "site")


@pytest.mark.parametrize("typed", [30])
def test_refused_with_the_reason_and_typing_goes_on(person: Person, case: Path) -> None:
    begin(person)
    person.measured()
    person.freeze()
    tested = person.type_test(wrong=lambda cell: cell % 3 == 0)
    person.open_test()
    words = person.window.result.sentences()
    assert "Refused" in words
    assert "Lower limit" in words
    assert "below your 0.90" in words
    (part,) = record_of(case).tests
    assert part.accepted is False
    assert part.reason in words
    assert set(tested) == set(part.cells)
    assert not slides_of(case, before(30)) & slides_of(case, tested)
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TYPE)
    assert slides_of(case, [person.look()]) - slides_of(case, tested), "a tested slide is learned from"


@pytest.mark.parametrize("typed", [26])
def test_a_session_that_is_left_goes_on_and_a_frozen_test_stays_frozen(person: Person, case: Path) -> None:
    begin(person)
    first = [*before(26), *person.type_cells(4)]
    person.press(Qt.Key.Key_Escape)
    assert person.window.step is Step.PREPARE
    person.press(Qt.Key.Key_Escape)
    assert not person.window.isVisible()
    person.until(lambda: typed_in(case) == {cell: truth(cell) for cell in first})

    begin(person)
    person.measured()
    assert "30 cells typed" in person.window.typing.sentences()
    assert person.look() not in first
    person.freeze()
    frozen = record_of(case).frozen
    assert frozen is not None
    half = person.type_cells(4)
    person.press(Qt.Key.Key_Escape)
    person.until(lambda: f"{len(half)} of its {len(frozen.cells)} cells" in person.window.prepare.sentences())
    person.press(Qt.Key.Key_Return)
    person.until(lambda: person.window.step is Step.TEST)
    assert f"Test: 4 of {len(frozen.cells)}" in person.window.typing.sentences()
    rest = person.type_test()
    assert {*half, *rest} == set(frozen.cells)
    assert record_of(case).frozen == frozen, "it was opened, or another one was drawn"
