"""What the training program writes takes the place of nothing that it did not write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.imaging.synthetic import write_demo
from training.cli import main
from training.fit import runs
from training.fit.recipe import recipe_from, write_toml
from training.models.registry import preset

pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("labelled")
    write_demo(made, fields=8, seed=3, labelled=True)
    return made


@pytest.mark.parametrize("option", ["--json", "--pdf"])
def test_a_check_replaces_no_smear_and_no_table(folder: Path, tmp_path: Path, option: str, capsys):
    smear = shutil.copy(folder / "Pro" / "Pro-001.jpg", tmp_path / "smear.jpg")
    groups = tmp_path / "groups.csv"
    groups.write_text("class,file,field_group\n", "utf-8")
    before = smear.read_bytes(), groups.read_bytes()
    for target in (smear, groups):
        given = ["check", str(folder), "--groups", str(groups), option, str(target), "--force"]
        assert main(given) == 2
        assert target.name in capsys.readouterr().err
    assert (smear.read_bytes(), groups.read_bytes()) == before


def test_a_check_replaces_its_own_earlier_result_with_force_only(folder: Path, tmp_path: Path, capsys):
    words = ["check", str(folder), "--json", str(tmp_path / "c.json"), "--pdf", str(tmp_path / "c.pdf")]
    assert main(words) == 0
    before = (tmp_path / "c.json").stat().st_mtime_ns
    assert main(words) == 2
    assert "add --force" in capsys.readouterr().err
    assert (tmp_path / "c.json").stat().st_mtime_ns == before
    assert main([*words, "--force"]) == 0
    assert json.loads((tmp_path / "c.json").read_text("utf-8"))["fields"] == 8


def test_a_preview_sheet_replaces_a_preview_sheet_and_no_smear(folder: Path, tmp_path: Path, capsys):
    target = tmp_path / "sheet.png"
    words = ["augment-preview", "zhang", str(target), "--data", str(folder), "--fields", "1"]
    assert main(words) == 0
    assert main(words) == 2
    assert main([*words, "--force"]) == 0
    from PIL import Image

    Image.open(folder / "Pro" / "Pro-001.jpg").save(target)
    smear = target.read_bytes()
    assert main([*words, "--force"]) == 2
    assert main([word.replace("sheet.png", "sheet.jpg") for word in words]) == 2
    assert target.read_bytes() == smear
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_a_run_begins_in_a_folder_of_its_own(folder: Path, tmp_path: Path, capsys):
    """``train recipe.toml --out .`` would write over the recipe and the groups that it reads."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(write_toml(recipe_from(preset("knn-pixels"))) + "# mine\n", "utf-8")
    before = recipe.read_bytes()
    assert main(["train", str(recipe), "--data", str(folder), "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert recipe.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


def test_a_run_that_was_killed_before_its_first_entry_can_be_begun_again(tmp_path: Path):
    recipe = recipe_from(preset("zhang"))
    runs.write_text(tmp_path / "recipe.toml", write_toml(recipe))
    (tmp_path / ".run.json.12.part").touch()
    assert runs.RunFolder.create(tmp_path, recipe).state == "running"
    other = tmp_path / "other"
    other.mkdir()
    (other / "recipe.toml").write_text("theirs", "utf-8")
    with pytest.raises(StationError, match="not empty"):
        runs.RunFolder.create(other, recipe)
