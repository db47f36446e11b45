"""``allstation commission`` and ``evaluate --cells`` from end to end, and what stands for clicks."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from allstation.cli import main
from allstation.commands import DONE, REFUSED, SOME_FAILED, WRONG_USAGE
from allstation.commands import commission as command
from allstation.commissioning import cell_evaluation
from allstation.commissioning.choice import chosen_groups, within_budget
from allstation.inference.bundle import ModelBundle
from allstation.inference.site_bundle import learned_pictures
from tests.unit.commissioning.pictures import PIXEL_SIZE


@pytest.fixture
def measured(monkeypatch, cells):
    """Read no picture again: the table was measured before."""
    monkeypatch.setattr(command, "read_typed_cells", lambda *_, **__: cells)


@pytest.mark.usefixtures("measured")
def test_accepted_then_evaluated_on_patients_that_were_never_seen(
    tmp_path, table, cells, capsys, monkeypatch
):
    out, verdict, figures = tmp_path / "s.allmodel", tmp_path / "v.json", tmp_path / "e.json"
    options = ["--slides", "6", "--budget", "40", "--seed", "3", "--lowest", "0.7"]
    assert main(["commission", str(table), *options, "--out", str(out), "--json", str(verdict)]) == DONE
    said = json.loads(verdict.read_text("utf-8"))
    assert said["accepted"] is True
    assert said["cells_not_measured"] == 1
    assert said["learned"]["groups"] == 6
    assert said["tested"] == {"cells": 12, "groups": 2}
    assert said["patients"] == "2 patients"
    assert said["figures"][0]["interval"] == [1.0, 1.0]
    assert 0.7 < said["lower_limit"] < 0.8
    bundle = ModelBundle.open(out)
    assert bundle.trust.made_here
    assert len(learned_pictures(bundle)) == 36
    shipped = json.loads(bundle.read("acceptance.json"))
    assert shipped["tested"] == said["tested"]
    assert not {"groups_learned", "groups_tested", "not_measured"} & set(shipped), "patients and files stay"
    assert len(said["groups_tested"]) == 2

    assert main(["models", "verify", str(out)]) == DONE
    assert "named rightly" in capsys.readouterr().out
    assert (
        main(["evaluate", str(table), "--cells", "--model", str(out), "--json", str(figures)]) == SOME_FAILED
    )
    assert "without a mistake resampled intervals tell nothing" in capsys.readouterr().out
    found = json.loads(figures.read_text("utf-8"))
    assert (found["auroc"], found["balanced_accuracy"]) == (1.0, 1.0)
    assert (found["cells"], found["patients"], found["learned_from"]) == (12, 2, 36)
    assert found["not_measured"] == {"cells": 1, "by_type": {"small": 1}}
    assert {each["class"]: each["support"] for each in found["per_type"]} == {"large": 6, "small": 6}
    assert "left out by their hash" in found["figures"][0]["split"]
    monkeypatch.setattr(cell_evaluation, "learned_pictures", lambda _bundle: frozenset())  # as merged ones
    figure = cell_evaluation.evaluate_cells(bundle, cells).evaluation.figures[0]
    assert "none were left out" in str(figure)
    assert found["rows"] == 49


def test_refused_has_a_status_of_its_own_and_leaves_no_model(tmp_path, table, measured, capsys):
    out, verdict = tmp_path / "s.allmodel", tmp_path / "v.json"
    options = ["--slides", "6", "--lowest", "0.95", "--out", str(out), "--json", str(verdict)]
    assert main(["commission", str(table), *options]) == REFUSED
    said = json.loads(verdict.read_text("utf-8"))
    assert said["accepted"] is False
    assert "below your 0.95" in said["reason"]
    assert "further patients" in said["reason"]
    assert said["reason"] in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("options", [[], ["--out", "x.json"], ["--json", "x.json", "--lowest", "1.5"]])
def test_wrong_usage_is_told_before_a_picture_is_read(tmp_path, table, monkeypatch, options):
    monkeypatch.setattr(command, "read_typed_cells", None)
    monkeypatch.chdir(tmp_path)
    assert main(["commission", str(table), *options]) == WRONG_USAGE


def test_a_model_that_reads_fields_is_not_measured_on_cells(table, capsys):
    from allstation.inference.bundle import default_bundle_path

    assert main(["evaluate", str(table), "--cells", "--model", str(default_bundle_path())]) == WRONG_USAGE
    assert "reads fields, not cells" in capsys.readouterr().err


def test_the_real_way_through_the_pictures(tmp_path, table):
    few = tmp_path / "few.csv"
    rows = table.read_text("utf-8").splitlines()
    few.write_text("\n".join([rows[0], *(f"{table.parent}/{row}" for row in rows[1:3])]), "utf-8")
    verdict = tmp_path / "v.json"
    status = main(["commission", str(few), "--pixel-size", str(PIXEL_SIZE), "--json", str(verdict)])
    assert status == REFUSED  # cells of one patient leave nothing for a test
    said = json.loads(verdict.read_text("utf-8"))
    assert said["accepted"] is False
    assert "expected at least 2" in said["reason"]
    assert said["cells_measured"] == 2


def test_patients_are_chosen_so_that_types_meet():
    # One patient shows both types, twenty only one of them.
    types = ["a", "b"] + ["a"] * 60 + ["b"] * 60
    groups = ["both", "both"] + [f"a{at % 10}" for at in range(60)] + [f"b{at % 10}" for at in range(60)]
    for seed in range(5):
        chosen = chosen_groups(types, groups, count=4, budget=20, seed=seed)
        seen = {types[row] for row, group in enumerate(groups) if group in chosen}
        assert seen == {"a", "b"}
        assert len(set(chosen)) == 4


def test_a_budget_is_spread_over_patients():
    types, groups = ["a"] * 100, ["much"] * 90 + ["little"] * 10
    rows = within_budget(types, groups, range(100), budget=20, seed=0)
    assert Counter(groups[row] for row in rows) == {"much": 10, "little": 10}


def test_cells_of_which_none_could_be_measured_are_no_refusal(tmp_path, capsys):
    lost = tmp_path / "lost.csv"
    lost.write_text("file,type,patient\nno.jpg,blast,P1\nneither.jpg,lymphocyte,P2\n", "utf-8")
    assert main(["commission", str(lost), "--json", str(tmp_path / "v.json")]) == WRONG_USAGE
    assert "None of the 2 cells could be measured" in capsys.readouterr().err
    assert not (tmp_path / "v.json").exists()
