"""Corrections of cells by hand: undone and done again, never deleted, always in the audit log."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from allstation.core.cells import CellFilter, NewCell
from allstation.core.errors import StationError
from allstation.imaging.cells.shapes import geometry, mask_of
from tests.makers import new_cell


def disks(*centres, radius=10, side=80):
    rows, columns = np.mgrid[:side, :side]
    return np.any([(rows - y) ** 2 + (columns - x) ** 2 <= radius**2 for x, y in centres], axis=0)


def drawn(mask, left=20, top=30):
    """Return a cell with this mask in a 224x224 picture of a 1024x768 file."""
    made = geometry(mask, left, top, picture=(224, 224), size=(1024, 768), nucleus_share=0.4)
    return NewCell(**{one.name: getattr(made, one.name) for one in fields(made)})


@pytest.fixture
def field(case, maker) -> int:
    [number] = maker.fill(case, 1)
    cells = [drawn(disks((20, 20))), drawn(disks((45, 20))), drawn(disks((20, 60), (38, 60)))]
    case.queue.save_predictions([(number, maker.prediction(1))], {number: cells})
    return number


def counted(case):
    return list(case.cells.ids())


def test_added_cell_counts_and_is_undone(case, field):
    before = counted(case)
    change = case.cells.add(field, new_cell(5), "Ada")
    assert counted(case) == [*before, *change.added]
    cell = case.cells.get(change.added[0])
    assert (cell.made_by, cell.prediction_id, cell.number) == ("Ada", None, 4)
    assert case.cells.change(change.inverse, "Ada").removed == change.added
    assert counted(case) == before
    assert case.cells.change(change, "Ada").added == change.added
    assert counted(case) == [*before, *change.added]
    assert case.audit.verify() is None


def test_removed_cells_stay_in_the_file(case, field):
    one, two, three = counted(case)
    case.cells.set_type([one], "blast", "Ada")
    change = case.cells.remove([one, three], "Ada")
    assert (change.added, change.removed) == ((), (one, three))
    assert counted(case) == [two]
    assert case.cells.counts_by_type().typed == {}
    assert list(case.cells.ids(CellFilter(removed=True))) == [one, three]
    assert [cell.id for cell in case.cells.of_field(field, removed=True)] == [one, two, three]
    assert case.cells.remove([one], "Ada").removed == ()
    case.cells.restore([one], "Ada")
    assert case.cells.counts_by_type().typed == {"blast": 1}
    assert case.audit.verify() is None


def test_joined_cell_has_the_area_of_both(case, field):
    one, two, three = counted(case)
    parts = [case.cells.get(number) for number in (one, two)]
    change = case.cells.join([one, two], "Ada")
    joined = case.cells.get(change.added[0])
    assert counted(case) == [three, *change.added]
    union = int(np.count_nonzero(disks((20, 20)) | disks((45, 20))))
    pixel = (1024 / 224) * (768 / 224)
    assert joined.area_px >= union * pixel
    assert joined.area_px < 1.4 * union * pixel
    assert joined.left <= min(part.left for part in parts)
    assert mask_of(joined).any(axis=0).all()
    case.cells.change(change.inverse, "Ada")
    assert counted(case) == [one, two, three]
    [entry] = [entry for entry in case.audit.entries() if entry.action == "cells-joined"]
    assert json.loads(entry.details)["ranges"] == [[one, two]]
    assert case.audit.verify() is None


def test_parted_cell_is_cut_at_its_waist(case, field):
    one, two, three = counted(case)
    change = case.cells.part(three, "Ada")
    halves = [case.cells.get(number) for number in change.added]
    assert counted(case) == [one, two, *change.added]
    whole = int(np.count_nonzero(disks((20, 60), (38, 60))))
    pixel = (1024 / 224) * (768 / 224)
    assert sum(half.area_px for half in halves) == pytest.approx(whole * pixel)
    assert halves[0].area_px == pytest.approx(halves[1].area_px, rel=0.05)
    assert sorted(half.x for half in halves) == pytest.approx(
        [(20 + x) * 1024 / 224 for x in (19.7, 39.3)], abs=6
    )
    case.cells.change(change.inverse, "Ada")
    assert counted(case) == [one, two, three]
    assert case.audit.verify() is None


def test_what_cannot_be_joined_or_parted(case, field, maker):
    [other] = maker.fill(case, 1, first=7)
    case.queue.save_predictions([(other, maker.prediction(2))], {other: [drawn(np.ones((1, 1), bool))]})
    one, *_, tiny = counted(case)
    for action, code in (
        (lambda: case.cells.join([one], "Ada"), "cells-apart"),
        (lambda: case.cells.join([one, tiny], "Ada"), "cells-apart"),
        (lambda: case.cells.part(tiny, "Ada"), "cell-too-small"),
        (lambda: case.cells.part(99, "Ada"), "unknown-cell"),
        (lambda: case.cells.add(99, new_cell(), "Ada"), "unknown-field"),
        (lambda: case.cells.add(field, new_cell(), ""), "empty-name"),
    ):
        with pytest.raises(StationError) as caught:
            action()
        assert caught.value.code == code
    assert case.audit.verify() is None


def test_made_cell_stays_when_the_field_is_classified_again(case, field, maker):
    made = case.cells.add(field, new_cell(40), "Ada").added[0]
    assert isinstance(new_cell(40), NewCell)
    case.queue.save_predictions([(field, maker.prediction(1))], {field: [new_cell(40)]})
    assert counted(case) == [made]
    assert case.audit.verify() is None
