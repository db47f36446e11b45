"""The dataset check: what it must find is planted, and the real fields agree with their groups."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pypdf import PdfReader

from allstation.core.errors import StationError
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.fields.file import read_field
from allstation.imaging.similarity import small_gray
from allstation.imaging.synthetic import draw_field
from training.data import probes
from training.data.check import check
from training.data.same_field import agreement
from training.evaluate.check_report import write_report
from training.fit.protocol import EventWriter, silent

CLASSES = ("Benign", "Early", "Pre", "Pro")


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic smears: eight fields a class at 224x224, nothing planted."""
    root = tmp_path_factory.mktemp("smears")
    for name in CLASSES:
        (root / name).mkdir()
        for seed in range(8):
            rgb = draw_field(name, seed, size=(224, 224))
            cv2.imwrite(str(root / name / f"{name}-{seed + 1:03d}.png"), rgb[..., ::-1])
    return root


@pytest.fixture
def planted(smears: Path, tmp_path: Path) -> Path:
    """The smears with every defect the check must name."""
    root = tmp_path / "planted"
    shutil.copytree(smears, root)
    shutil.copy(root / "Pro" / "Pro-001.png", root / "Pro" / "copy.png")
    shutil.copy(root / "Pre" / "Pre-001.png", root / "Early" / "other-class.png")
    wide = draw_field("Benign", 77, size=(224, 264))
    cv2.imwrite(str(root / "Benign" / "left.png"), wide[:, :224, ::-1])
    cv2.imwrite(str(root / "Benign" / "right.png"), wide[:, 40:, ::-1])
    cv2.imwrite(str(root / "Early" / "large.png"), draw_field("Early", 50, size=(300, 400))[..., ::-1])
    (root / "Early" / "empty.png").write_bytes(b"")
    (root / "Early" / "text.jpg").write_text("no image")
    (root / "Early" / "notes.md").write_text("x")
    return root


def by_code(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["code"]: entry for entry in report["findings"]}


@pytest.mark.usefixtures("few_trees")
def test_everything_that_was_planted_is_found(planted: Path) -> None:
    report = check(planted, silent())
    found = by_code(report)
    assert report["classes"] == {"Benign": 10, "Early": 12, "Pre": 8, "Pro": 9}
    assert found["empty-file"]["level"] == "error"
    assert found["empty-file"]["fields"] == ["Early/empty.png"]
    assert found["not-an-image"]["fields"] == ["Early/text.jpg"]
    assert report["identical"]["pairs"] == 2
    assert {"Pro/copy.png", "Pro/Pro-001.png"} in [set(rows) for rows in report["identical"]["sets"]]
    assert found["identical-across-classes"]["level"] == "error"
    assert set(found["identical-across-classes"]["fields"]) == {"Early/other-class.png", "Pre/Pre-001.png"}
    assert found["groups-across-classes"]["level"] == "error"
    groups = [set(rows) for rows in report["groups"]["sets"]]
    assert {"Benign/left.png", "Benign/right.png"} in groups
    assert report["sizes"]["outliers"] == ["Early/large.png"]
    assert report["sizes"]["table"][0] == {"width": 224, "height": 224, "fields": 36}
    assert found["other-files"]["fields"] == ["notes.md"]
    assert found["patients-unknown"]["level"] == "note"
    assert report["errors"] == sum(entry["level"] == "error" for entry in report["findings"]) >= 4
    assert [entry["level"] for entry in report["findings"]] == sorted(
        (entry["level"] for entry in report["findings"]), key=("error", "warning", "note").index
    )


@pytest.mark.usefixtures("few_trees")
def test_a_sound_folder_has_no_errors_and_progress_and_reports_are_written(
    smears: Path, tmp_path: Path
) -> None:
    told: list[Any] = []
    report = check(smears, EventWriter(told.append))
    assert [event.name for event in told if type(event).__name__ == "Phase"] == ["checking"] * 3
    assert report["errors"] == 0
    assert report["groups"]["larger_than_one"] == 0
    assert {entry["name"] for entry in report["probes"]} == set(probes.PROBES)
    write_report(report, json_path=tmp_path / "check.json", pdf_path=tmp_path / "check.pdf")
    assert json.loads((tmp_path / "check.json").read_text())["fields"] == 32
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "check.pdf").pages)
    for part in ("Shortcut probes", "background colour", "patients unknown", "For Research Use Only"):
        assert part in text
    write_report(report, json_path=None, pdf_path=None)


@pytest.mark.usefixtures("few_trees")
def test_known_groups_and_an_archive_are_compared(smears: Path, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("class,file,field_group\nPro,Pro-001.png,x\nPro,Pro-002.png,x\n")
    archive = Path(shutil.make_archive(str(tmp_path / "smears"), "zip", smears.parent, smears.name))
    folder = tmp_path / "copy"
    shutil.copytree(smears, folder)
    (folder / "Pre" / "Pre-002.png").unlink()
    report = check(folder, silent(), archive=archive, groups=table)
    assert report["groups"]["agreement"]["pairs_known"] == 1
    assert report["groups"]["agreement"]["recall"] == 0
    found = by_code(report)["archive-missing"]
    assert found["level"] == "error"
    assert found["fields"] == [f"{smears.name}/Pre/Pre-002.png"]


def test_a_check_can_be_stopped(smears: Path) -> None:
    writer = silent()
    writer.request("stop")
    with pytest.raises(StationError, match="nothing was changed"):
        check(smears, writer)


def test_nothing_readable_still_gives_a_report(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"")
    report = check(tmp_path, silent())
    assert report["errors"] == 1
    assert report["probes"] == []
    assert report["sizes"] == {"table": [], "outliers": []}


def test_a_background_that_tells_the_class_is_suspicious_and_noise_is_not() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(120) % 4
    groups = [str(row // 2) for row in range(120)]
    telling = np.column_stack([labels * 10.0 + generator.normal(size=120), generator.normal(size=120)])
    result = probes.run_probe("background colour", telling, labels, groups=groups)
    assert result is not None
    assert result.suspicious
    assert result.balanced_accuracy > 0.95
    assert result.low <= result.balanced_accuracy <= result.high
    noise = probes.run_probe("corner", generator.normal(size=(120, 3)), labels, groups=groups)
    assert noise is not None
    assert not noise.suspicious
    assert noise.chance == 0.25


def test_a_probe_keeps_groups_apart() -> None:
    """Numbers that are equal inside a group and random between groups must not help."""
    generator = np.random.default_rng(2)
    groups = [str(row // 6) for row in range(240)]
    labels = np.repeat(generator.permutation(np.arange(40) % 2), 6)
    numbers = np.repeat(generator.normal(size=(40, 4)), 6, axis=0)
    result = probes.run_probe("mean colour", numbers, labels, groups=groups)
    assert result is not None
    assert result.balanced_accuracy < 0.75
    assert probes.run_probe("corner", numbers[:12], np.arange(12) // 6, groups=["a"] * 6 + ["b"] * 6) is None


@pytest.mark.parametrize(("colour", "kind"), [((220, 20, 30), "red"), ((10, 10, 10), "black")])
@pytest.mark.parametrize("corner", probes.CORNERS)
def test_a_burnt_in_bar_is_found_in_its_corner(colour: tuple[int, int, int], kind: str, corner: str) -> None:
    rgb = draw_field("Pre", 5, size=(224, 224)).copy()
    before = probes.corner_marks(rgb)
    rows = slice(8, 22) if "top" in corner else slice(202, 216)
    columns = slice(8, 52) if "left" in corner else slice(172, 216)
    patch = rgb[rows, columns]
    patch[:] = 255
    patch[6:8, 4:-4] = colour
    found = probes.corner_marks(rgb)
    assert found[corner] == kind
    assert {key: value for key, value in found.items() if key != corner} == {
        key: value for key, value in before.items() if key != corner
    }


def test_background_numbers_do_not_change_with_the_cells() -> None:
    rgb = draw_field("Early", 3, size=(224, 224))
    cells = segment_cells(rgb)
    painted = rgb.copy()
    painted[cells.labels > 0] = (90, 40, 140)
    one = probes.probe_numbers(rgb, cells)["background colour"]
    np.testing.assert_array_equal(one, probes.probe_numbers(painted, cells)["background colour"])


def test_agreement_counts_pairs() -> None:
    found = agreement(["a", "a", "a", "b", "c"], ["x", "x", "y", "y", "z"])
    assert (found["pairs_ours"], found["pairs_known"], found["found"]) == (3, 2, 1)
    assert found["recall"] == 0.5
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["fields_same_group"] == 1
    assert agreement(["a", "b"], ["a", "b"])["recall"] == 1.0


@pytest.mark.real_data
def test_the_real_fields_agree_with_their_known_groups(real_data: Path) -> None:
    """On one class, to stay short; the whole folder is measured in the results of the training."""
    from training.data.labelled_folder import LabelledField, LabelledSet
    from training.data.same_field import same_field_groups
    from training.data.splits import groups_from_csv

    folder = real_data / "taleqani" / "Original" / "Pro"
    fields = tuple(LabelledField(path, "Pro") for path in sorted(folder.glob("*.jpg"))[:240])
    labelled = LabelledSet(folder.parent, ("Pro",), fields)
    known = groups_from_csv(labelled, real_data / "taleqani" / "field_groups.csv")
    pictures = [small_gray(read_field(field.path)) for field in fields]
    found = agreement(same_field_groups(labelled, silent(), pictures), known)
    assert found["recall"] > 0.8
    assert found["precision"] > 0.8


def test_two_classes_of_toy_fields(write_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "toys", fields=6, classes=("dark", "light"))
    report = check(folder, silent())
    assert report["classes"] == {"dark": 6, "light": 6}
