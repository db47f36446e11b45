"""Commissioning from the typed cells of a case: slides are the groups, the case is only read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from allstation.cli import main
from allstation.commands import DONE, WRONG_USAGE
from allstation.commissioning.case_cells import typed_cells_of_case
from allstation.core.records import ModelRecord
from allstation.inference.cell_network import CellNetwork
from allstation.store import Case
from tests import makers

SLIDES, CELLS = 6, 16


@pytest.fixture
def folder(tmp_path):
    """A case of six slides with sixteen cells each, of two types that features tell apart."""
    network, random = CellNetwork(), np.random.default_rng(1)
    record = ModelRecord(
        sha256=makers.MODEL_SHA, name="m", version="1", classes=makers.CLASS_NAMES, info={"schema": 1}
    )
    with Case.create(tmp_path / "c.allcase") as case:
        case.models.add(record)
        for number in range(SLIDES):
            slide = case.slides.add(f"slide {number}", tmp_path / f"slide {number}")
            path = tmp_path / f"slide {number}" / "gone.png"
            ids = case.fields.add(slide.id, [makers.new_field(path, f"{number:064x}")]).added
            found = {ids[0]: [makers.new_cell(10 * number + at) for at in range(CELLS)]}
            case.queue.save_predictions([(ids[0], makers.prediction())], found)
        ids = list(case.cells.ids())
        for begin, kind in ((0, "blast"), (1, "lymphocyte")):
            case.cells.set_type(ids[begin::2], kind, "Ada")
        features = random.normal(size=(len(ids), network.size)).astype(np.float32)
        features[::2, :40] += 2
        case.cells.save_features(list(zip(ids[:-1], features, strict=False)), network.sha256)
    return tmp_path / "c.allcase"


def test_typed_cells_of_a_case_and_the_one_that_cannot_be_measured(folder):
    found = typed_cells_of_case(folder)
    assert len(found.types) == SLIDES * CELLS - 1
    assert len(set(found.groups)) == SLIDES
    assert found.patients_text == "patients unknown"
    assert found.field_pixel_size == 0.1
    (missed,) = found.unfound  # its features are not stored, and its field is gone
    assert "could not be measured" in missed.why


def test_a_case_is_commissioned_with_slides_apart(folder, tmp_path):
    verdict = tmp_path / "v.json"
    assert main(["commission", str(folder), "--lowest", "0.7", "--json", str(verdict)]) == DONE
    said = json.loads(verdict.read_text("utf-8"))
    assert said["groups"] == "slides"
    assert said["patients"] == "patients unknown"
    assert (said["learned"]["groups"], said["tested"]["groups"]) == (4, 2)


def test_a_case_without_typed_cells_says_so(tmp_path, capsys):
    with Case.create(tmp_path / "e.allcase"):
        pass
    assert (
        main(["commission", str(tmp_path / "e.allcase"), "--json", str(tmp_path / "v.json")]) == WRONG_USAGE
    )
    assert "no typed cells" in capsys.readouterr().err
