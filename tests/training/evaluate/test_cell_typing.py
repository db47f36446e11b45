"""The measurement of typing on single cells, on drawn features and pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from allstation.core.typer.model import fit_typer
from allstation.core.typer.validation import HeldOut
from allstation.imaging.cells.crops import crop_mask
from training.evaluate import cell_sets
from training.evaluate.cell_sets import CellSet
from training.shipped import cell_network


def drawn_set(*, cells=600, types=("blast", "lymphocyte"), patients=30, apart=0.5, seed=0):
    random = np.random.default_rng(seed)
    codes = np.arange(cells) % len(types)
    groups = np.array([f"P{number:02d}" for number in random.integers(0, patients, cells)])
    features = random.normal(size=(cells, 30)) + random.normal(0, apart, (len(types), 30))[codes]
    return CellSet(features, np.array(types)[codes], groups, f"{patients} patients", 0, (1.0, 2.0))


def test_the_area_is_that_of_scikit_learn_over_cells_left_out():
    cells = drawn_set(apart=0.15)
    figure = cell_sets.area_figure(cells)
    held = HeldOut(cells.features, cells.types, cells.groups.tolist())
    logits = held.chosen_logits()
    expected = roc_auc_score(cells.types == "lymphocyte", logits[:, 1] - logits[:, 0])
    assert figure.value == pytest.approx(expected)
    assert figure.value in figure.interval
    assert figure.n == 600
    assert "30 patients" in str(figure)


def test_clicked_patients_are_not_tested(monkeypatch):
    cells = drawn_set(types=("a", "b", "c"))
    seen = []

    def noted(features, types, *, groups):
        seen.append(set(groups))
        return fit_typer(features, types, groups=groups)

    def tested(_typer, same, rows):
        assert not seen[-1] & set(same.groups[rows].tolist())
        assert len(seen[-1]) <= 15
        return 1.0

    monkeypatch.setattr(cell_sets, "fit_typer", noted)
    monkeypatch.setattr(cell_sets, "balanced_of", tested)
    monkeypatch.setattr(cell_sets, "DRAWS", 3)
    assert cell_sets.few_clicks(cells, a_type=20, share=0.5) == [1.0] * 3
    assert len(list(cell_sets.patient_draws(drawn_set(), patients=5, a_type=40))) == 3


def test_no_more_cells_are_drawn_than_wanted_of_each_type():
    cells = drawn_set(types=("a", "b", "c"))
    rows = cell_sets.drawn(cells.types, np.arange(100), 20, np.random.default_rng(0))
    names, counts = np.unique(cells.types[rows], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"a": 20, "b": 20, "c": 20}
    assert len(set(rows.tolist())) == 60


def test_balanced_accuracy_counts_types_the_typer_does_not_know_as_wrong():
    cells = drawn_set(types=("a", "b", "c"), apart=3.0)
    known = np.flatnonzero(cells.types != "c")
    typer = fit_typer(cells.features[known], cells.types[known].tolist(), groups=cells.groups[known].tolist())
    assert cell_sets.balanced_of(typer, cells, known) > 0.99
    assert cell_sets.balanced_of(typer, cells, np.arange(600)) == pytest.approx(2 / 3, abs=0.01)


def picture(path: Path, radius: int) -> None:
    rgb = np.full((120, 120, 3), 235, np.uint8)
    cv2.circle(rgb, (60, 60), radius, (220, 180, 190), cv2.FILLED)
    cv2.circle(rgb, (60, 60), radius - 8, (140, 50, 90), cv2.FILLED)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb)


def test_a_set_is_read_measured_once_and_read_again(tmp_path, monkeypatch):
    folder = tmp_path / "cells-delhi"
    for at, radius in enumerate((24, 30, 36)):
        picture(folder / f"{at}.png", radius)
    cv2.imwrite(str(folder / "3.png"), np.full((120, 120, 3), 235, np.uint8))
    rows = "".join(f"{at}.png,{'big' if at else 'small'},{at % 2}\n" for at in range(4))
    (folder / "cells.csv").write_text("file,type,patient\n" + rows, "utf-8")
    found = cell_sets.measured(folder, tmp_path / "work", threads=2)
    assert found.types.tolist() == ["small", "big", "big"]
    assert found.groups.tolist() == ["0", "1", "0"]
    assert (found.patients, found.unfound) == ("2 patients", 1)
    assert min(found.milliseconds) > 0
    monkeypatch.setattr(cell_sets, "_features", None)
    again = cell_sets.measured(folder, tmp_path / "work", threads=1)
    assert np.array_equal(again.features, found.features)


def test_ranges_come_from_drawn_cells_only(monkeypatch):
    monkeypatch.setattr(cell_network, "_FIELDS", 1)
    crops = cell_network.drawn_crops(96)
    assert crops.shape[1:] == (96, 96, 3)
    assert len(crops) > 8
    assert crop_mask(crops).any(axis=(1, 2)).all()
    assert np.array_equal(crops, cell_network.drawn_crops(96))
