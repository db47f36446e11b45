"""The summary says what typed cells and patients come to, and what is missing to be sure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.core.patients import PatientSource
from allstation.core.records import ModelRecord, NewField
from allstation.services.case.requests import OpenCase, Pause
from allstation.store.case import Case
from allstation.ui.browser.slide_model import Place
from allstation.ui.main_window.workbench import Workbench
from tests import makers


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cases") / "Patients.allcase"
    with Case.create(folder) as case:
        classes = ("Benign", "Early", "Pre", "Pro")
        case.models.add(ModelRecord(sha256=makers.MODEL_SHA, name="m", version="1", classes=classes, info={}))
        number = 0
        for name, kinds in (("a", ["Early"] * 6), ("b", ["Early", "Benign"]), ("c", ["Pro"])):
            slide = case.slides.add(name, Path("/smears") / name)
            for kind in kinds:
                number += 1
                path = Path("/smears") / name / f"{number}.png"
                new = NewField(path=path, sha256=f"{number:064d}", bytes=9, width=9, height=9)
                case.fields.add(slide.id, [new])
                cells = {number: [makers.new_cell(1)]}
                case.queue.save_predictions([(number, makers.prediction(kind))], cells)
        case.slides.set_patients({1: "P-7", 2: "P-7"}, source=PatientSource.TYPED)
        case.cells.set_type([1, 2, 3], "blast", "Ada")
    return folder


@pytest.fixture
def opened(window: Workbench, template: Path, tmp_path: Path, qtbot: QtBot) -> Workbench:
    case = Path(shutil.copytree(template, tmp_path / template.name))
    window.context.session.submit(Pause(True))
    window.context.session.submit(OpenCase(case))
    qtbot.waitUntil(lambda: window.browser.tree.slides.rowCount() == 4, timeout=20_000)
    window.actions_table["browse.summary"].trigger()
    return window


def said(opened: Workbench) -> str:
    return "\n".join(opened.summary.texts()).replace("\u00a0", " ")


def test_the_case_lists_its_patients_and_says_that_some_are_unknown(opened: Workbench, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "Patient P-7, 2 slides" in said(opened))
    text = said(opened)
    assert "patients unknown (1 known)" in text
    assert "Early 7: 87.5 % (47.3 % to 99.7 %)" in text
    assert "more fields to tell 87.5 % from 70 %" in text
    assert "3 white cells typed by people" in text
    assert "Blast 3: 100.0 % (29.2 % to 100.0 %)" in text


def test_a_slide_shows_its_patient_and_one_without_shows_none(opened: Workbench, qtbot: QtBot) -> None:
    opened.browser.tree.choose(Place(2))
    qtbot.waitUntil(lambda: "Patient P-7" in said(opened) and "2 fields, 2 of them read" in said(opened))
    assert "Early 7: 87.5 %" in said(opened)
    opened.browser.tree.choose(Place(3))
    qtbot.waitUntil(lambda: "1 fields, 1 of them read" in said(opened) and "Patient" not in said(opened))
