"""A site's model is saved, and held against the model in use on the cells of its test."""

from __future__ import annotations

import json

import numpy as np
import pytest

from allstation.commissioning.acceptance import Accepted, Wanted
from allstation.commissioning.commission import Plan, commission
from allstation.commissioning.typed_cells import TypedCells
from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.cell_network import CellNetwork
from allstation.services.site.bundle_choice import compare_sites, read_acceptance, save_site
from allstation.services.site.commissioning_cells import TestCells

CELLS, FEATURES = 240, 8


class CellsOfTest:
    """Cells of a test part, and what the model in use did with the case's fields."""

    def __init__(self, cells: TestCells, *, named: int) -> None:
        self._cells, self._named = cells, named

    def test_cells(self) -> TestCells:
        return self._cells

    def decided_by(self, _sha256: str) -> tuple[int, int]:
        return 20, self._named


def typed(*, separating: int) -> TypedCells:
    """Return cells of two types that only one feature tells apart."""
    random = np.random.default_rng(separating)
    types = ("blast", "lymphocyte") * (CELLS // 2)
    features = random.normal(size=(CELLS, FEATURES))
    features[::2, separating] += 8
    return TypedCells(
        features=features.astype(np.float32),
        types=types,
        patients=("",) * CELLS,
        slides=tuple(f"slide {at // 20}" for at in range(CELLS)),
        files=("f",) * CELLS,
        pictures=tuple(f"{at:064d}" for at in range(CELLS)),
        network_sha256=CellNetwork().sha256,
        unfound=(),
        pixel_size=None,
        pixel_size_source="",
        from_fields=True,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save models of two sites, told apart by the first and by the second feature."""
    folder = tmp_path_factory.mktemp("sites")
    made = []
    for separating in (0, 1):
        found = commission(typed(separating=separating), Plan(wanted=Wanted(lowest_balanced=0.7)))
        assert isinstance(found.outcome, Accepted)
        made.append(save_site(found, base=default_bundle_path(), folder=folder, name="North"))
    return made


@pytest.fixture(scope="module")
def cells():
    mine = typed(separating=0)
    rows = range(60)
    return TestCells(
        np.asarray(mine.features[:60], np.float64),
        tuple(mine.types[row] for row in rows),
        tuple(mine.slides[row] for row in rows),
    )


def test_nothing_is_replaced_and_the_report_is_in_the_bundle(saved):
    assert [one.path.name for one in saved] == ["North.allmodel", "North 2.allmodel"]
    name, sha256, report = read_acceptance(saved[0].path)
    assert name == "North 1"
    assert sha256 == saved[0].sha256
    assert report == json.loads(json.dumps(saved[0].report))
    assert not {"groups_learned", "groups_tested", "not_measured"} & set(report), "names of slides and files"
    with pytest.raises(StationError, match="no acceptance report"):
        read_acceptance(default_bundle_path())


def test_a_site_stands_on_a_model_of_fields(saved, tmp_path):
    found = commission(typed(separating=0), Plan(wanted=Wanted(lowest_balanced=0.7)))
    again = save_site(found, base=saved[0].path, folder=tmp_path, name="North")
    shipped = ModelBundle.open(default_bundle_path())
    assert ModelBundle.open(again.path).info["base"]["sha256"] == shipped.sha256


@pytest.mark.parametrize(("named", "better"), [(2, True), (13, False)])
def test_beside_a_model_of_fields_it_is_better_only_where_that_names_few(saved, cells, named, better):
    found = compare_sites(CellsOfTest(cells, named=named), saved[0], default_bundle_path())
    assert (found.n, found.fields, found.named) == (0, 20, named)
    assert found.better is better


def test_two_models_of_sites_are_compared_on_the_same_cells(saved, cells):
    test = CellsOfTest(cells, named=0)
    found = compare_sites(test, saved[0], saved[1].path)
    assert found.n == 60
    assert found.difference > 0.3
    assert found.interval.low > 0
    assert found.p_mcnemar < 0.05
    assert found.better
    assert found.rows[0][0] == "accuracy"
    assert "n = 60" in found.rows[0][1]
    assert not compare_sites(test, saved[1], saved[0].path).better
    assert not compare_sites(test, saved[0], saved[0].path).better, "a model is not better than itself"
