"""Order of cells by how similar they look to one of them."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.core.cells import CellFilter, CellOrder
from allstation.core.records import ModelRecord
from allstation.services.case.cell_questions import CellQuery, cells_in_order
from allstation.store.case import Case
from tests import makers


@pytest.fixture
def case(tmp_path):
    with Case.create(tmp_path / "a.allcase") as made:
        made.models.add(ModelRecord(sha256=makers.MODEL_SHA, name="m", version="1", classes=(), info={}))
        slide = made.slides.add("Smear", tmp_path)
        [field] = made.fields.add(slide.id, [makers.new_field(tmp_path / "a.jpg", "cd" * 32)]).added
        cells = [makers.new_cell(number) for number in range(6)]
        made.queue.save_predictions([(field, makers.prediction())], {field: cells})
        angles = {1: 0.0, 2: 1.2, 3: 0.1, 5: 0.6}
        features = [(one, np.array([np.cos(a), np.sin(a)]) * one) for one, a in angles.items()]
        made.cells.save_features([*features, (6, np.array([np.nan, 1.0]))], "n" * 64)
        yield made


@pytest.mark.parametrize(
    ("like", "wanted"),
    [(1, [1, 3, 5, 2, 4, 6]), (2, [2, 5, 3, 1, 4, 6]), (4, [1, 2, 3, 4, 5, 6]), (6, [1, 2, 3, 4, 5, 6])],
)
def test_the_most_similar_come_first_and_unmeasured_cells_last(case, like, wanted):
    query = CellQuery(order=CellOrder.SIMILARITY, like=like)
    assert list(cells_in_order(case, query)) == wanted


def test_the_order_keeps_to_the_filter(case):
    case.cells.set_type([3], "blast", "Ada")
    query = CellQuery(1, CellFilter(typed=False), CellOrder.SIMILARITY, like=1)
    assert list(cells_in_order(case, query)) == [1, 5, 2, 4, 6]
