"""Reproduction: the plan covers every printed row, runs resume, reports are made of the runs alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pypdf import PdfReader

from allstation.core.errors import StationError
from allstation.core.statistics import wilson
from training.fit.protocol import EventWriter, silent
from training.fit.runs import RunFolder
from training.papers import published, report, tables
from training.papers.plan import TABLE2, Planned, Reproduction, Sizes, find_groups_table
from training.papers.report import write_reports
from training.papers.reproduce import is_done, retime_table, run_table

QUICK = Sizes(quick=True)


def plan(table: str, seeds: int = 1, sizes: Sizes | None = None) -> list[Planned]:
    return Reproduction(table, Path("/data"), Path("/out"), seeds, sizes or Sizes()).plan()


def keys(table: str, seeds: int = 1) -> list[str]:
    return [entry.key for entry in plan(table, seeds)]


def test_every_printed_row_is_planned() -> None:
    for row in published.ZHANG_TABLE1:
        assert f"zhang-b{row.batch}-{row.loss.lower()}-seed1" in keys("zhang")
    zhang = plan("zhang")
    factorial = [
        entry.recipe for entry in zhang if entry.arm.key.startswith("zhang-b6") or "-b32-" in entry.arm.key
    ]
    for recipe in factorial:
        assert (recipe.fit.epochs, recipe.fit.snapshots, recipe.fit.keep) == (15, (10,), "last")
        assert (recipe.fit.schedule, recipe.fit.learning_rate) == ("constant", 0.001)
    for name in published.NADIM_TABLE1:
        assert f"{name}-seed1" in keys("nadim")
    assert len([key for key in keys("table2") if "cells" in key]) == len(TABLE2) == 6


def test_seeds_add_runs_only_where_they_matter_and_whole_tables_come_first() -> None:
    three = keys("nadim", 3)
    assert three.count("knn-pixels-seed1") == 1
    assert "knn-pixels-seed2" not in three
    assert three.index("densenet121-seed1") < three.index("nadim-seed2")
    splits = {entry.recipe.split.seed for entry in plan("zhang", 3, QUICK)}
    assert splits == {1}


def test_the_reconstructed_matrix_gives_every_printed_figure() -> None:
    matrix = published.NADIM_CONFUSION
    right = sum(matrix[k][k] for k in range(4))
    total = sum(map(sum, matrix))
    assert (right, total) == published.NADIM_TEST
    assert right / total == pytest.approx(0.9229208827018738, abs=1e-7)
    predicted = [sum(row[k] for row in matrix) for k in range(4)]
    assert predicted == [53, 169, 143, 128]
    assert pytest.approx(0.8511904761904762) == 143 / (143 + 25)
    assert pytest.approx(0.959731543624161) == 143 / (143 + 6)
    assert sum(matrix[k][k] / predicted[k] for k in range(4)) / 4 == pytest.approx(0.9215, abs=1e-3)
    assert str(wilson(455, 493)) == "0.896 to 0.943"


def test_a_table_is_run_resumed_and_reported(labelled_folder: Path, tmp_path: Path) -> None:
    (labelled_folder.parent / "field_groups.csv").write_text(
        "class,file,field_group\nPro,Pro-001.png,x\nPro,Pro-002.png,x\n"
    )
    assert find_groups_table(labelled_folder) == (labelled_folder.parent / "field_groups.csv").resolve()
    out, only = tmp_path / "out", ("knn-pixels", "knn-hog")
    told: list[str] = []
    writer = EventWriter(lambda event: told.append(getattr(event, "text", "")))
    asked = Reproduction("nadim", labelled_folder, out, 1, QUICK)
    run_table(asked, writer, only=only[:1])
    first = (out / "runs" / "knn-pixels-seed1" / "metrics.json").stat().st_mtime_ns
    run_table(asked, writer, only=only)
    assert (out / "runs" / "knn-pixels-seed1" / "metrics.json").stat().st_mtime_ns == first
    assert all(is_done(out / "runs" / f"{key}-seed1") for key in only)
    assert any("run 2 of 2" in text for text in told)

    files = write_reports(asked, command="the command")
    assert [path.name for path in files] == ["nadim.json", "nadim.md", "nadim.pdf"]
    data = json.loads(files[0].read_text())
    accuracy = data["runs"]["knn-pixels-seed1"]["metrics"]["test"]["overall"]["accuracy"]["value"]
    text = files[1].read_text()
    assert f"| {accuracy:.3f}, 1 seed |" in text
    for part in (
        "the command",
        "Not run",
        "resnet50-seed1",
        "patients unknown",
        "0.6542",
        "not run",
        "precisions",
    ):
        assert part in text
    assert str(tmp_path) not in text
    assert str(tmp_path) not in files[0].read_text()
    pages = "".join(page.extract_text() for page in PdfReader(files[2]).pages)
    assert "What the paper got wrong" in pages


def test_a_failed_run_does_not_end_the_table(labelled_folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "out" / "runs" / "knn-pixels-seed1"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the run folder should be")
    told: list[str] = []
    writer = EventWriter(lambda event: told.append(getattr(event, "text", "")))
    only = ("knn-pixels", "knn-hog")
    run_table(Reproduction("nadim", labelled_folder, tmp_path / "out", 1, QUICK), writer, only=only)
    assert any("knn-pixels-seed1" in text and "could not be written" in text for text in told)
    assert is_done(tmp_path / "out" / "runs" / "knn-hog-seed1")


def test_stop_is_taken_between_runs_and_nothing_to_report_is_said(
    labelled_folder: Path, tmp_path: Path
) -> None:
    writer = silent()
    writer.request("stop")
    asked = Reproduction("nadim", labelled_folder, tmp_path, 1, QUICK)
    with pytest.raises(StationError, match="start it again"):
        run_table(asked, writer)
    with pytest.raises(StationError, match="No run of nadim is finished"):
        write_reports(asked, command="x")


@pytest.mark.tensorflow
@pytest.mark.xdist_group("tensorflow")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_zhangs_table_is_reported_with_times_and_verdicts(
    labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.models import zhang

    # The report is looked at, not the network: an eighth of its filters learns in a quarter of the time.
    few = tuple((filters // 8, kernel) for filters, kernel in zhang._BLOCKS)
    monkeypatch.setattr(zhang, "_BLOCKS", few)
    only = ("zhang-b64-cce", "zhang-blocks1")
    asked = Reproduction("zhang", labelled_folder, tmp_path, 1, QUICK)
    run_table(asked, silent(), only=only)
    files = write_reports(asked, command="x")
    text = files[1].read_text()
    assert "0.80 / 0.82 (2.13 / 1.98)" in text
    assert "1 seed" in text or "collapsed: seed 1 (" in text
    assert "not run" in text
    assert "beside whatever else the computer did" in text

    before = json.loads(files[0].read_text())["runs"]
    assert retime_table(asked, silent()) == 2
    files = write_reports(asked, command="x")
    assert "taken one run after another until 20" in files[1].read_text()
    after = json.loads(files[0].read_text())["runs"]
    for key, run in before.items():
        time, again = (entry[key]["metrics"]["test"].pop("time") for entry in (before, after))
        assert time["fields"] == again["fields"]
        assert time["median_s"] != again["median_s"]
        assert run["metrics"]["test"] == after[key]["metrics"]["test"]


def test_classical_runs_are_timed_again_and_a_stop_is_taken(labelled_folder: Path, tmp_path: Path) -> None:
    asked = Reproduction("nadim", labelled_folder, tmp_path, 1, QUICK)
    run_table(asked, silent(), only=("knn-pixels", "knn-hog"))
    assert retime_table(asked, silent()) == 2
    stopping = silent()
    stopping.request("stop")
    with pytest.raises(StationError, match="start it again"):
        retime_table(asked, stopping)


def a_run(arm: str, seed: int, matrix: list[list[int]]) -> tables.FinishedRun:
    """A finished run of two classes with these counts, kept after its tenth epoch too."""
    right, n = sum(matrix[k][k] for k in range(2)), sum(map(sum, matrix))
    figure = {"value": right / n, "n": n, "interval": [0.1, 0.9]}
    part = {
        "overall": {"accuracy": figure, "accuracy (Wilson)": figure, "balanced accuracy": figure},
        "by_class": {name: {"support": sum(row)} for name, row in zip("ab", matrix, strict=True)},
        "confusion_rows_true": matrix,
        "time": {"median_s": 1.0, "p95_s": 1.0, "fields": n},
    }
    metrics = {"test": part, "validation": part, "parameters": 1, "megabytes_float32": 1.0}
    return tables.FinishedRun(f"{arm}-seed{seed}", arm, seed, RunFolder(Path("/nowhere")), metrics)


LEARNED, COLLAPSED, POOR = [[40, 20], [10, 30]], [[60, 0], [40, 0]], [[5, 55], [35, 5]]


def test_collapsed_runs_are_named_in_their_row_and_not_averaged() -> None:
    runs = [
        a_run("zhang-blocks2", seed, matrix)
        for seed, matrix in ((1, COLLAPSED), (2, LEARNED), (3, COLLAPSED))
    ]
    row = tables.blocks_rows(runs)[2]
    assert row[3] == "0.700, 1 seed that learned; collapsed: seed 1 (0.600), seed 3 (0.600)"
    assert row[4].endswith("(collapsed)")
    none = tables.blocks_rows([a_run("zhang-blocks2", 1, COLLAPSED)])[2]
    assert none[3] == "no seed learned; collapsed: seed 1 (0.600)"
    table = tables.zhang_rows([a_run("zhang-b64-cce", seed, m) for seed, m in ((1, LEARNED), (3, COLLAPSED))])
    assert "collapsed: seed 3 (0.600)" in table[1][5]


def test_a_poor_method_that_names_several_classes_has_not_collapsed() -> None:
    runs = [a_run("zhang-blocks2", 1, POOR)]
    assert tables.blocks_rows(runs)[2][3] == "0.100, 1 seed"


def test_collapsed_runs_are_in_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(tables, "read_predictions", lambda folder: (folder.path, None))
    monkeypatch.setattr(tables, "compare", lambda firsts: compared.extend(key for key, _ in firsts) or [])
    runs = [
        a_run("zhang-b64-cce", 1, LEARNED),
        a_run("zhang-blocks2", 1, COLLAPSED),
        a_run("zhang-careful", 1, POOR),
    ]
    tables.pair_rows(runs)
    assert compared == ["zhang-b64-cce-seed1", "zhang-careful-seed1"]


def test_the_collapses_of_all_printed_runs_are_counted() -> None:
    runs = [
        a_run("zhang-b64-cce", 1, LEARNED),
        a_run("zhang-blocks2", 1, COLLAPSED),
        a_run("zhang-careful", 1, LEARNED),
    ]
    (sentence,) = report._why_not_reached("zhang", runs)
    assert "of their 2 runs" in sentence
    assert "1 collapsed (zhang-blocks2-seed1)" in sentence
