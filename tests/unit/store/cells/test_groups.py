"""Groups of listed cells: their keys and sizes follow the list that they stand over."""

from __future__ import annotations

from itertools import groupby

import pytest

from allstation.core.cells import CellFilter, CellGroup, CellOrder
from tests.makers import new_cell


def filled(case, maker) -> None:
    ids = maker.fill(case, 6)
    cells = {
        number: [
            new_cell(10 * number + n, support={("Early", "Pro", "Pre")[(number + n) % 3]: 0.5} if n else {})
            for n in range(1 + number % 3)
        ]
        for number in ids
    }
    case.queue.save_predictions([(number, maker.prediction(number)) for number in ids], cells)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("by", "key"),
    [
        (CellGroup.SLIDE, "slide_id"),
        (CellGroup.FIELD, "field_id"),
        (CellGroup.SUPPORT, "support_class"),
    ],
)
def test_groups_stand_over_the_list_in_its_order(case, maker, by, key, *, descending) -> None:
    filled(case, maker)
    order = CellOrder.SUPPORT if by is CellGroup.SUPPORT else CellOrder.FIELD
    for where in (CellFilter(), CellFilter(min_area=case.cells.page()[3].area_px)):
        records = case.cells.page(where, order, descending=descending)
        expected = [
            (value, len(list(same))) for value, same in groupby(records, lambda one: getattr(one, key))
        ]
        assert case.cells.groups(where, by, descending=descending) == expected
        assert len(expected) > (by is not CellGroup.SLIDE)
