"""Cells: stored with their prediction, listed, counted, typed by several people, found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from allstation.core.cell_types import SHIPPED_TYPES, CellType
from allstation.core.cells import CellFilter, CellOrder
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.store import Case
from tests.makers import new_cell

SUPPORT = {"Benign": 0.2, "Early": 0.8, "Pre": 0.0, "Pro": 0.4}


def classify(case, maker, ids, *, per_field=3, first=0, **changes):
    """Classify fields, each with its own cells."""
    cells = {
        number: [
            new_cell(first + 10 * number + index, support=SUPPORT, **changes) for index in range(per_field)
        ]
        for number in ids
    }
    case.queue.save_predictions([(number, maker.prediction(number)) for number in ids], cells)
    return cells


def test_cells_come_back_as_they_were_found(case, maker):
    ids = maker.fill(case, 2)
    found = classify(case, maker, ids)
    cells = case.cells.of_field(ids[1])
    assert [cell.number for cell in cells] == [1, 2, 3]
    for cell, new in zip(cells, found[ids[1]], strict=True):
        assert cell.outline == new.outline
        assert (cell.left, cell.top, cell.width, cell.height) == (new.left, new.top, new.width, new.height)
        assert (cell.x, cell.y, cell.area_px, cell.at_edge) == (new.x, new.y, new.area_px, new.at_edge)
        assert cell.area_um2 == pytest.approx(new.area_px * 0.01)
        assert cell.support == pytest.approx(SUPPORT, abs=1 / 510)
        assert cell.support_class == "Early"
        assert (
            cell.prediction_id == case.connection.db.execute("SELECT max(id) FROM predictions").fetchone()[0]
        )
        assert (cell.type, cell.typed_by, cell.made_by, cell.proposed, cell.removed) == (
            "",
            "",
            "",
            "",
            False,
        )
    assert case.audit.verify() is None


def test_case_without_cells_stays_as_it_was(case, maker):
    ids = maker.fill(case, 2)
    maker.classify(case, ids)
    assert case.cells.count() == 0
    assert case.cells.of_field(ids[0]) == []
    assert case.audit.verify() is None


def test_cells_found_again_keep_id_and_type(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    before = list(case.cells.ids())
    case.cells.set_type(before[:1], "blast", "Ada")
    case.queue.requeue(ids)
    classify(case, maker, ids)
    assert list(case.cells.ids()) == before
    assert case.cells.get(before[0]).type == "blast"
    assert case.audit.verify() is None


def test_cells_not_found_again_go_unless_a_person_named_them(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    typed, *others = case.cells.ids()
    case.cells.set_type([typed], "blast", "Ada")
    classify(case, maker, ids, first=100)
    now = list(case.cells.ids())
    assert typed in now
    assert not set(others) & set(now)
    assert len(now) == 4
    [review] = case.cells.reviews(typed)
    case.cells.withdraw_type([review.id])
    assert typed not in case.cells.ids()
    assert case.audit.verify() is None


def test_cell_found_where_a_person_removed_one_stays_removed(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids, per_field=1)
    [cell] = case.cells.ids()
    case.cells.remove([cell], "Ada")
    other = new_cell(10 * ids[0], nucleus_share=0.6)
    shifted = replace(other, left=other.left + 2, outline=replace(other.outline, left=other.outline.left + 1))
    case.queue.save_predictions([(ids[0], maker.prediction(1))], {ids[0]: [shifted]})
    assert case.cells.count() == 0
    assert list(case.cells.ids(CellFilter(removed=True))) == [cell]
    assert case.audit.verify() is None


def test_second_model_does_not_double_the_cells(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    case.models.add(maker.record("other"))
    other = maker.record("other").sha256
    case.connection.db.execute("UPDATE fields SET for_model = ?", (other,))
    cells = {ids[0]: [new_cell(10 * ids[0] + index) for index in range(3)]}
    case.queue.save_predictions([(ids[0], maker.prediction(3, other))], cells)
    assert case.cells.count() == 3
    assert all(cell.support_class == "Early" for cell in case.cells.page())
    assert case.audit.verify() is None


def test_two_people_type_the_same_cell(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    one, two, three = case.cells.ids()
    case.cells.set_type([one, two], "blast", "Ada")
    case.cells.set_type([two, three], "monocyte", "Bob")
    assert case.cells.get(two).type == "monocyte"
    assert case.cells.get(two, reviewer="Ada").type == "blast"
    assert case.cells.get(three, reviewer="Ada").type == ""
    assert case.cells.counts_by_type().typed == {"blast": 1, "monocyte": 2}
    assert case.cells.counts_by_type(reviewer="Ada").typed == {"blast": 2}
    assert case.cells.counts_by_type(reviewer="Ada").untyped == 1
    assert case.cells.typed_by("Bob") == {two: "monocyte", three: "monocyte"}
    assert case.cells.reviewers() == ["Ada", "Bob"]
    assert list(case.cells.ids(CellFilter(reviewer="Ada", typed=False))) == [three]
    assert list(case.cells.ids(CellFilter(types=("monocyte",)))) == [two, three]
    assert list(case.cells.ids(CellFilter(types=("blast",), reviewer="Ada"))) == [one, two]
    assert case.audit.verify() is None


def test_types_are_withdrawn_and_restored(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    cells = list(case.cells.ids())
    case.cells.set_type(cells, "blast", "Ada")
    again = case.cells.set_type(cells, "monocyte", "Ada")
    assert case.cells.counts_by_type().typed == {"monocyte": 3}
    assert case.cells.withdraw_type(again) == cells
    assert case.cells.counts_by_type().typed == {"blast": 3}
    assert case.cells.restore_type(again, "Ada") == cells
    assert case.cells.counts_by_type().typed == {"monocyte": 3}
    with pytest.raises(StationError, match="given by Ada"):
        case.cells.withdraw_type(again, "Bob")
    case.cells.set_type(cells[:1], "", "Ada")
    assert case.cells.counts_by_type().untyped == 1
    entries = [entry.action for entry in case.audit.entries()]
    assert entries.count("cells-typed") == 3
    assert case.audit.verify() is None


def test_unknown_cells_and_nobody_are_refused(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    for cells, name, code in (([99], "Ada", "unknown-cell"), ([1], " ", "empty-name")):
        with pytest.raises(StationError) as caught:
            case.cells.set_type(cells, "blast", name)
        assert caught.value.code == code
    with pytest.raises(StationError) as caught:
        case.cells.withdraw_type([5])
    assert caught.value.code == "unknown-review"
    assert case.cells.set_type([], "blast", "Ada") == []


def test_orders(case, maker):
    ids = maker.fill(case, 2)
    classify(case, maker, ids)
    cells = {cell.id: cell for cell in case.cells.page()}
    by_size = [cells[number].area_um2 for number in case.cells.ids(order=CellOrder.SIZE)]
    assert by_size == sorted(by_size)
    assert by_size[::-1] == [
        cells[number].area_um2 for number in case.cells.ids(order=CellOrder.SIZE, descending=True)
    ]
    first, second, third, *rest = sorted(cells)
    case.cells.set_type([third], "blast", "Ada")
    case.cells.set_type([first], "monocyte", "Ada")
    case.cells.save_proposals([(second, "blast", 0.9), (rest[0], "blast", 0.4), (third, "x", 0.1)], "t" * 64)
    by_type = case.cells.ids(order=CellOrder.TYPE, types=("monocyte", "blast"))
    assert list(by_type) == [first, third, second, *rest]
    own = case.cells.ids(CellFilter(reviewer="Bob"), CellOrder.TYPE)
    assert list(own) == [second, rest[0], third, first, *rest[1:]]
    uncertain = list(case.cells.ids(order=CellOrder.UNCERTAINTY))
    assert uncertain[:3] == [third, rest[0], second]
    assert len(set(uncertain)) == 6
    assert case.cells.counts_by_type().proposed == {"blast": 2}
    assert case.audit.verify() is None


def test_filters(case, maker):
    one, two = maker.fill(case, 1), maker.fill(case, 1, slide="slide 2", first=5)
    classify(case, maker, one + two)
    slide = case.fields.get(two[0]).slide_id
    assert {cell.field_id for cell in case.cells.page(CellFilter(slides=(slide,)))} == set(two)
    assert case.cells.count(CellFilter(field_id=one[0])) == 3
    assert case.cells.count(CellFilter(fields=FieldFilter(slide_id=slide))) == 3
    name = case.fields.get(one[0]).final_name
    assert case.cells.count(CellFilter(decisions=(name,), slides=(case.fields.get(one[0]).slide_id,))) == 3
    assert case.cells.count(CellFilter(decisions=("no such class",))) == 0
    assert case.cells.count(CellFilter(support_classes=("Early",))) == 6
    areas = sorted(cell.area_px for cell in case.cells.page())
    assert case.cells.count(CellFilter(min_area=areas[2], max_area=areas[3])) >= 2
    assert case.cells.count(CellFilter(at_edge=True)) + case.cells.count(CellFilter(at_edge=False)) == 6


def test_cells_of_removed_fields_count_nowhere(case, maker):
    ids = maker.fill(case, 2)
    classify(case, maker, ids)
    case.fields.remove(ids[:1])
    for order in CellOrder:
        assert len(case.cells.ids(order=order)) == 3
    assert case.cells.count() == 3
    case.fields.restore(ids[:1])
    assert case.cells.count() == 6
    assert case.audit.verify() is None


def test_pixel_size_of_the_case_data_goes_first(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids, pixel_size=None)
    assert case.cells.page()[0].area_um2 is None
    case.set_details({"pixel_size": "0.2 µm"})
    cell = case.cells.page()[0]
    assert cell.area_um2 == pytest.approx(cell.area_px * 0.04)


def test_features_are_kept_as_float16_for_one_network(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    one, two, three = case.cells.ids()
    values = np.arange(2 * 576, dtype=np.float32).reshape(2, 576) / 100
    case.cells.save_features([(one, values[0]), (three, values[1])], "a" * 64)
    found, features = case.cells.features([three, two, one])
    assert list(found) == [three, one]
    assert features.dtype == np.float16
    assert np.array_equal(features, values[::-1].astype(np.float16))
    assert list(case.cells.without_features("a" * 64)) == [two]
    assert list(case.cells.without_features("b" * 64)) == [one, two, three]
    assert len(case.cells.features([one], "b" * 64)[0]) == 0
    case.cells.save_features([(two, values[0])], "b" * 64)
    assert list(case.cells.features([one, two, three])[0]) == [two]


def test_proposals_are_replaced_and_cleared(case, maker):
    ids = maker.fill(case, 1)
    classify(case, maker, ids)
    one, two, _ = case.cells.ids()
    case.cells.save_proposals([(one, "blast", 0.7)], "t" * 64)
    case.cells.save_proposals([(two, "monocyte", 0.6)], "u" * 64)
    assert case.cells.get(one).proposed == ""
    cell = case.cells.get(two)
    assert (cell.proposed, cell.probability, cell.type, cell.shown_type) == ("monocyte", 0.6, "", "monocyte")
    assert case.cells.typer_sha256 == "u" * 64
    assert case.cells.count(CellFilter(proposed=True)) == 1
    assert case.audit.verify() is None
    assert case.cells.clear_proposals() == 1
    assert case.cells.count(CellFilter(proposed=True)) == 0
    assert case.audit.verify() is None


def test_list_of_types_travels_with_the_case(case, maker, folder):
    assert case.cells.types() == SHIPPED_TYPES
    own = (*SHIPPED_TYPES[:2], CellType(key="mast-cell", name="Mast cell", colour="#123456", shortcut="q"))
    case.cells.set_types(own)
    case.cells.set_types(own)
    with pytest.raises(StationError, match="list of cell types"):
        case.cells.set_types((*own, own[0]))
    assert [entry.action for entry in case.audit.entries()].count("cell-types-changed") == 1
    case.close()
    with Case.open(folder) as again:
        assert again.cells.types() == own
        assert again.audit.verify() is None


def test_summary_for_reports(case, maker):
    ids = maker.fill(case, 3)
    classify(case, maker, ids, at_edge=False)
    cells = list(case.cells.ids())
    case.cells.set_type(cells[:6], "blast", "Ada")
    case.cells.set_type(cells[3:8], "blast", "Bob")
    case.cells.set_type(cells[3:4], "monocyte", "Bob")
    case.cells.save_proposals([(cells[8], "blast", 0.9)], "t" * 64)
    case.fields.remove(ids[:1])
    found = case.cells.summary()
    assert found.total == 6
    assert found.by_reader == {"Ada": {"blast": 3}, "Bob": {"blast": 4, "monocyte": 1}}
    assert found.pairs == {("Ada", "Bob"): {("blast", "blast"): 2, ("blast", "monocyte"): 1}}
    assert (found.proposed, found.typer_sha256) == ({"blast": 1}, "t" * 64)
    assert [one.type for one in found.examples] == ["blast"] * 4 + ["monocyte"]
    assert {one.field_id for one in found.examples} == set(ids[1:])
    assert case.snapshot().cells == found


def test_prediction_that_looked_for_no_cells_leaves_them(case, maker):
    ids = maker.fill(case, 2)
    classify(case, maker, ids[:1])
    before = list(case.cells.ids())
    maker.classify(case, ids)
    assert list(case.cells.ids()) == before
    assert {cell.support_class for cell in case.cells.page()} == {""}
    assert case.audit.verify() is None
    classify(case, maker, ids[:1])
    assert {cell.support_class for cell in case.cells.page()} == {"Early"}
    assert case.audit.verify() is None
