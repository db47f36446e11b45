"""The passport of laboratories, on drawn features."""

import json
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from allstation.core.errors import StationError
from allstation.core.typer.discriminant import discriminant
from allstation.core.typer.model import fit_typer
from allstation.core.typer.statistics import gather_statistics
from allstation.imaging.cells.numbers import NAMES
from allstation.inference import passport as shipped
from allstation.inference.passport import shipped_passport
from training.evaluate import carrying, laboratories, passport
from training.evaluate.carrying import MODEL, VIEWS, Plan, Predictions
from training.evaluate.laboratories import LEUKEMIC, OTHER, Laboratory, Picture
from training.shipped import describe, passport_table
from training.shipped import passport as command
from training.shipped.__main__ import main

SIZE = -len(NAMES)
FEW = Plan(draws=3)
TRAINING = {"recipe_sha256": "x", "fields": 3, "patients": "patients unknown", "list_sha256": "y"}
INFO = {"name": "m", "version": "1", "created": "2026-01-01", "training": TRAINING}


def laboratory(
    name="A", *, cells=240, patients=12, apart=1.0, larger=0.0, shift=0.0, seed=0, counts=None, own=False
):
    """Draw a laboratory: the first feature tells the types, the size if ``larger``; all plus ``shift``."""
    random = np.random.default_rng(seed)
    codes = np.arange(cells) % 2
    features = random.normal(size=(cells, 4 + len(NAMES)))
    features[:, 0] += 3 * apart * codes
    features[:, SIZE] += larger * codes
    return Laboratory(
        name=name,
        features=features + shift,
        types=np.array([LEUKEMIC, OTHER])[codes],
        groups=np.array([str(at) if own else f"P{at // 2 % patients:02d}" for at in range(cells)]),
        patients="patients unknown" if own else f"{patients} patients",
        background=np.full((cells, 3), np.nan),
        counts=np.full(cells, np.nan) if counts is None else counts,
        own_groups=own,
    )


def test_the_area_and_balanced_accuracy_are_those_of_scikit_learn():
    cells = laboratory(apart=0.4)
    logits = np.random.default_rng(1).normal(size=(240, 2)) + np.eye(2)[np.arange(240) % 2]
    told = Predictions(cells=cells, types=(LEUKEMIC, OTHER), logits=logits)
    assert told.value(carrying.AUROC) == pytest.approx(
        roc_auc_score(cells.types == OTHER, logits[:, 1] - logits[:, 0])
    )
    right = logits.argmax(axis=1) == np.arange(240) % 2
    assert told.value(carrying.BALANCED) == pytest.approx((right[::2].mean() + right[1::2].mean()) / 2)
    low, high = told.interval(carrying.AUROC)
    assert low < told.value(carrying.AUROC) < high


def test_a_type_that_the_typer_does_not_know_is_never_named():
    cells = laboratory(apart=3)
    logits = np.c_[np.zeros(240), np.full(240, -np.inf)]
    told = Predictions(cells=cells, types=(LEUKEMIC, OTHER), logits=logits)
    assert told.value(carrying.BALANCED) == 0.5
    assert told.value(carrying.AUROC) == 0.5


def test_matched_cells_have_the_same_sizes():
    cells = laboratory(cells=2000, larger=1.5)
    rows = carrying.matched(VIEWS["size"](cells)[:, 0], cells.types)
    sizes = VIEWS["size"](cells)[:, 0]
    kinds = [sizes[rows][cells.types[rows] == name] for name in (LEUKEMIC, OTHER)]
    assert len(kinds[0]) == len(kinds[1]) > 200
    assert abs(kinds[0].mean() - kinds[1].mean()) < 0.15
    assert roc_auc_score(cells.types == OTHER, sizes) > 0.8
    assert roc_auc_score(cells.types[rows] == OTHER, sizes[rows]) < 0.6
    assert carrying.matched(np.full(240, np.nan), laboratory().types) is None
    assert carrying.matched(np.r_[np.zeros(120), np.ones(120)], np.repeat([LEUKEMIC, OTHER], 120)) is None


def test_typed_patients_are_never_tested_and_a_wanted_one_is_typed():
    cells = laboratory()
    rows, rest = carrying.clicked(cells, Plan(patients=4, a_type=5), seed=0, first="P11")
    assert not set(cells.groups[rows].tolist()) & set(cells.groups[rest].tolist())
    assert len(set(cells.groups[rest].tolist())) == 8
    assert "P11" not in cells.groups[rest]
    assert np.unique(cells.types[rows], return_counts=True)[1].tolist() == [5, 5]


def test_of_patients_with_one_type_some_of_each_are_typed_and_half_are_left():
    cells = laboratory()
    alone = np.array([f"{name} {at // 2 % 3}" for at, name in enumerate(cells.types.tolist())])
    single = Laboratory(**{name: getattr(cells, name) for name in cells.__slots__} | {"groups": alone})
    rows, rest = carrying.clicked(single, Plan(), seed=0)
    assert set(single.types[rows].tolist()) == set(single.types[rest].tolist()) == {LEUKEMIC, OTHER}
    assert len(set(single.groups[rest].tolist())) == 4


def test_cells_of_nobody_are_divided_so_that_half_of_the_rarest_type_is_left():
    cells = laboratory(cells=60, own=True)
    rows, rest = carrying.clicked(cells, Plan(), seed=0)
    assert (len(rows), len(rest)) == (30, 30)
    assert not set(rows.tolist()) & set(rest.tolist())


def test_a_shifted_laboratory_is_told_after_standardising_and_after_typing():
    cells, other = laboratory(), laboratory("B", shift=6.0, seed=1)
    view = VIEWS[MODEL]
    asis = carrying.carried(cells, [other], view, standardised=False)
    standard = carrying.carried(cells, [other], view, standardised=True)
    assert asis.value(carrying.BALANCED) < 0.7
    assert standard.value(carrying.BALANCED) > 0.85
    typed = [carrying.clicked(cells, FEW, seed=0)]
    ((told, clicks),) = carrying.commissioned(cells, view, typed)
    assert told.value(carrying.BALANCED) > 0.85
    assert clicks == len(typed[0][0])
    assert carrying.carried(cells, [other], VIEWS["background"], standardised=False) is None


def test_statistics_beside_are_the_same_as_fitting_both_together():
    cells, other = laboratory(), laboratory("B", seed=1)
    rows, rest = carrying.clicked(cells, FEW, seed=0)
    beside = passport._statistics([other], MODEL)
    ((told, _),) = carrying.commissioned(cells, VIEWS[MODEL], [(rows, rest)], beside=beside)
    own = fit_typer(cells.features[rows], cells.types[rows].tolist(), groups=cells.groups[rows].tolist())
    lent = carrying.lent(other)
    values = np.concatenate([cells.features[rows], lent.features])
    pooled = gather_statistics(values, [*cells.types[rows].tolist(), *lent.types.tolist()])
    expected = discriminant(pooled, own.shrinkage).logits(cells.features[rest]) / own.temperature
    assert np.allclose(told.logits, expected, atol=1e-9)


def test_too_few_cells_are_refused_as_the_station_does_unless_a_curve_is_wanted():
    cells = laboratory(apart=3.0)
    typed = [carrying.clicked(cells, Plan(a_type=5), seed=0)]
    assert list(carrying.commissioned(cells, VIEWS[MODEL], typed)) == []
    ((told, clicks),) = carrying.commissioned(cells, VIEWS[MODEL], typed, any_number=True)
    assert clicks == 10
    assert told.value(carrying.AUROC) > 0.9


@pytest.fixture(scope="module")
def rows():
    """Rows of a laboratory whose types differ in size, and not in the number of cells of their fields."""
    counts = np.random.default_rng(0).integers(3, 9, 240).astype(float)
    cells, other = laboratory(counts=counts, larger=3.0), laboratory("B", counts=counts, seed=1, larger=3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carrying, "_RESAMPLES", 20)
        patch.setattr(passport, "Plan", lambda: Plan(draws=2))
        return passport.laboratory_rows(cells, [other], "blasts")


def test_rows_of_a_laboratory_hold_shortcuts_and_controls(rows):
    ways = [passport.CARRIED, passport.STANDARDISED, passport.COMMISSIONED, passport.BESIDE, passport.OWN]
    assert [row.way for row in rows[::2]] == ways
    assert all(row.measure == carrying.AUROC and row.value > 0.95 for row in rows[::2])
    assert all(row.shortcuts["size"] > 0.9 and row.shortcuts["count"] < 0.65 for row in rows[::2])
    assert all(row.shortcuts["background"] is None for row in rows)
    assert rows[-2].controls["size-matched"] is None or rows[-2].controls["size-matched"][1] < 120
    assert rows[-2].controls["count-matched"][1] > 150
    assert (rows[4].draws, rows[4].low) == (2, None)
    assert len({line.count("|") for line in passport_table.table(rows)}) == 1


def test_a_laboratory_where_nobody_has_enough_cells_gets_no_figure(monkeypatch):
    monkeypatch.setattr(passport, "Plan", lambda: Plan(draws=2))
    cells = laboratory(cells=40, patients=10)
    found = passport.drawn_row({MODEL: []}, cells, "blasts", passport.COMMISSIONED, "apart", measure="AUROC")
    assert found.value is None
    assert "too few cells typed" in passport_table.table([found])[-1]


def test_every_patient_is_a_site(monkeypatch):
    monkeypatch.setattr(passport, "Plan", lambda: FEW)
    area, balanced = passport.site_rows(laboratory(cells=120, patients=7, apart=0.6))
    assert (area.sites, area.refused) == (7, 0)
    assert area.lowest < area.tenth < area.mean < 1
    assert 0 <= balanced.reached <= 7
    assert len({line.count("|") for line in passport_table.sites_table([area, balanced])}) == 1


def test_types_of_a_question_need_ten_cells():
    cells = laboratory()
    types = np.array(["blast"] * 100 + ["lymphocyte"] * 9 + ["monocyte"] * 131)
    renamed = Laboratory(**{name: getattr(cells, name) for name in cells.__slots__} | {"types": types})
    assert laboratories.blasts_of(renamed) is None
    assert laboratories.five_of(renamed) is None
    types[:50] = "lymphocyte"
    assert sorted(set(laboratories.blasts_of(renamed).types.tolist())) == [LEUKEMIC, OTHER]


def test_cells_of_fields_are_computed_once_and_read_again(tmp_path, monkeypatch):
    said = []
    pictures = {"synthetic": [Picture(type="Pro", group="Pro 0", seed=0)]}
    small = laboratories.draw_field("Pro", 0, size=(224, 224))
    monkeypatch.setattr(laboratories, "draw_field", lambda *_: small)
    monkeypatch.setattr(laboratories, "_scale_of", lambda _: 2.4)
    (found,) = laboratories.gathered(pictures, tmp_path, progress=said.append)
    assert len(found.types) > 0
    assert set(found.counts.tolist()) == {float(len(found.types))}
    assert np.isfinite(found.features).all()
    assert found.patients == "patients unknown"
    monkeypatch.setattr(laboratories, "_measured", None)
    (again,) = laboratories.gathered(pictures, tmp_path, progress=said.append)
    assert np.array_equal(again.features, found.features)
    assert said == ["synthetic: 1 of 1 pictures"]


def test_figures_are_computed_once(tmp_path):
    kept, made = command.Kept(tmp_path, "key", lambda _: None), []

    def compute():
        made.append(1)
        found = passport.BaseRow(
            pictures="bccd", n=364, named=2, names={"Pro": 2}, wrong=None, without_cells=1, novel=360
        )
        return [found]

    assert kept.rows("base", compute, passport.BaseRow) == kept.rows("base", compute, passport.BaseRow)
    assert len(made) == 1
    assert "| 2: 0.005 (" in passport_table.base_table(compute())[-1]


def test_the_base_model_is_asked_for_every_picture_and_its_names_are_counted():
    class Asked:
        preprocessing = SimpleNamespace(size=(224, 224))
        found: ClassVar = iter(["Pro", "", "Early"])

        def classify_rgb(self, rgb):
            assert rgb.shape == (224, 224, 3)
            decision = SimpleNamespace(class_name=next(self.found) or None)
            return SimpleNamespace(decision=decision, cell_count=0, novelty=2.0)

    drawn = [SimpleNamespace(path=None, type="Pro", pixels=lambda: np.zeros((224, 224, 3), np.uint8))] * 3
    (row,) = passport.base_rows("synthetic", drawn, Asked())
    assert (row.n, row.named, row.names, row.wrong) == (3, 2, {"Pro": 1, "Early": 1}, 1)
    assert (row.without_cells, row.novel) == (3, 3)


def test_the_extract_holds_what_a_card_shows(rows):
    found = command.Passport(rows=rows, clicks=[], sites=[], base=[], versions={"date": "2026-11-30"})
    (line,) = command.extract(found)
    assert (line.laboratory, line.commissioned, line.spread) == ("A", rows[4].value, rows[4].spread)
    assert (line.carried, line.size_alone) == (rows[0].value, rows[4].shortcuts["size"])
    assert "# Passport of laboratories" in command.render(found)
    card = describe.model_card(INFO, [], "", [line])
    assert f"| A | blasts | 12 patients | {rows[0].value:.3f} |" in card
    assert "Not measured yet" in describe.model_card(INFO, [], "table")


def test_the_command_writes_table_data_and_extract(rows, tmp_path, monkeypatch, capsys):
    found = command.Passport(rows=rows, clicks=rows[:1], sites=[], base=[], versions={"date": "2026-11-30"})
    monkeypatch.setattr(command, "measured", lambda *_, **__: found)
    folders = ["--data", str(tmp_path), "--work", str(tmp_path), "--results", str(tmp_path)]
    assert main(["passport", *folders, "--extract", str(tmp_path / "extract.json")]) == 0
    assert (tmp_path / "passport.md").read_text("utf-8").strip() == capsys.readouterr().out.strip()
    document = json.loads((tmp_path / "passport.json").read_text("utf-8"))
    assert [row["value"] for row in document["rows"]] == [row.value for row in rows]
    (line,) = json.loads((tmp_path / "extract.json").read_text("utf-8"))["lines"]
    assert line["laboratory"] == "A"


def test_the_extract_that_ships_is_read_and_a_damaged_one_refused(tmp_path, monkeypatch):
    assert all(line.laboratory and line.question for line in shipped_passport())
    (tmp_path / "passport.json").write_text('{"lines": [{"laboratory": "A"}]}', "utf-8")
    monkeypatch.setattr(shipped.paths, "resource", lambda _: tmp_path / "passport.json")
    with pytest.raises(StationError, match="cannot be read"):
        shipped_passport()
