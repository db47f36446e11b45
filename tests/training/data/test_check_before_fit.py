"""Whatever ``train`` refuses about a labelled folder, ``check`` has said before."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from allstation.core.errors import StationError
from allstation.imaging.synthetic import draw_field
from training.cli import main
from training.data import probes, splits
from training.data.check import check
from training.fit.protocol import silent
from training.fit.recipe import Recipe, SplitSpec, recipe_from
from training.fit.session import open_data
from training.models.registry import preset

pytestmark = pytest.mark.usefixtures("few_trees")

WHOLE = SplitSpec(kind="image-random")
GROUPED = SplitSpec(kind="same-field")


@pytest.fixture(autouse=True)
def no_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a background gives away is not asked here, and takes most of a check's time."""
    monkeypatch.setattr(probes, "run_probe", lambda *_, **__: None)


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("smears")
    for name in ("Early", "Pre"):
        (root / name).mkdir()
        for seed in range(8):
            rgb = draw_field(name, seed, size=(224, 224))
            cv2.imwrite(str(root / name / f"{name}-{seed + 1}.png"), rgb[..., ::-1])
    return root


@pytest.fixture
def folder(smears: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(smears, tmp_path / "lab"))


def first(folder: Path, name: str) -> Path:
    return sorted((folder / name).iterdir())[0]


def one_field(folder: Path) -> Path:
    for path in sorted((folder / "Pre").iterdir())[1:]:
        path.unlink()
    return folder


def two_fields(folder: Path) -> Path:
    for path in sorted((folder / "Pre").iterdir())[2:]:
        path.unlink()
    return folder


def one_group(folder: Path) -> Path:
    """Fields of one class that all show the same place: other bytes, the same pixels but one."""
    rgb = cv2.imread(str(first(folder, "Pre")))
    for place, path in enumerate(sorted((folder / "Pre").iterdir())):
        rgb[0, 0] = place
        cv2.imwrite(str(path), rgb)
    return folder


def unreadable(folder: Path) -> Path:
    first(folder, "Pre").write_bytes(b"")
    return folder


def class_unreadable(folder: Path) -> Path:
    for path in (folder / "Pre").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    return folder


def one_class(folder: Path) -> Path:
    shutil.rmtree(folder / "Pre")
    return folder


def empty_class(folder: Path) -> Path:
    (folder / "Pro").mkdir()
    return folder


def same_name(folder: Path) -> Path:
    shutil.copytree(folder / "Pre", folder / "PRE")
    return folder


def reserved_name(folder: Path) -> Path:
    (folder / "Pre").rename(folder / "predicted")
    return folder


def no_classes(folder: Path) -> Path:
    for path in list(folder.iterdir()):
        shutil.rmtree(path)
    return folder


def nowhere(folder: Path) -> Path:
    return folder / "other"


def table(text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "t.csv"
        path.write_text(text.format(early=first(folder, "Early").relative_to(folder)), "utf-8")
        return path

    return write


FOLDERS: dict[str, tuple[Callable[[Path], Path], SplitSpec, str]] = {
    "a class of one field": (one_field, WHOLE, "too-few-fields"),
    "a class of one field, grouped": (one_field, GROUPED, "too-few-fields"),
    "a class of two fields": (two_fields, WHOLE, "too-few-fields"),
    "a class of one group": (one_group, GROUPED, "too-few-fields"),
    "an unreadable field": (unreadable, WHOLE, "unreadable-fields"),
    "a class without readable fields": (class_unreadable, WHOLE, "unreadable-fields"),
    "one class": (one_class, WHOLE, "one-class"),
    "an empty class": (empty_class, WHOLE, "empty-class"),
    "two classes of one name": (same_name, WHOLE, "class-case"),
    "a class with a column's name": (reserved_name, WHOLE, "class-name"),
    "no classes": (no_classes, WHOLE, "no-classes"),
    "no folder": (nowhere, WHOLE, "no-folder"),
    "a table without a column": (table("file,class\n"), WHOLE, "csv-columns"),
    "a table without a class": (table("path,class\n{early},\n"), WHOLE, "bad-csv"),
    "a table of missing files": (table("path,class\nno.png,Pre\n"), WHOLE, "csv-missing-file"),
}


def refused_by_fit(source: Path, split: SplitSpec) -> StationError:
    """Return what ``fit`` raises before it learns anything, by its own steps."""
    recipe = dataclasses.replace(recipe_from(preset("zhang")), data=str(source), split=split)
    with pytest.raises(StationError) as caught:
        opened(recipe)
    return caught.value


def opened(recipe: Recipe) -> None:
    data = open_data(recipe, silent())
    splits.make_split(data.labelled, recipe.split, data.groups)


def said_by_check(source: Path, split: SplitSpec | None) -> list[str]:
    try:
        report = check(source, silent(), split=split)
    except StationError as error:
        return [error.sentence]
    level = "error" if split is not None else "warning"
    assert report["errors"] or split is None
    assert any(entry["level"] in {"error", level} for entry in report["findings"])
    return [entry["sentence"] for entry in report["findings"] if entry["level"] in {"error", level}]


@pytest.mark.parametrize("split_known", [False, True])
@pytest.mark.parametrize("what", FOLDERS)
def test_what_fit_refuses_check_has_said(what: str, folder: Path, *, split_known: bool) -> None:
    make, split, code = FOLDERS[what]
    source = make(folder)
    refusal = refused_by_fit(source, split)
    assert refusal.code == code
    sentence = refusal.sentence.split(" (")[0] if code == "unreadable-fields" else refusal.sentence
    said = said_by_check(source, split if split_known else None)
    assert any(sentence in one for one in said), (sentence, said)


def test_a_split_by_patient_without_patients_is_said_before(folder: Path) -> None:
    split = SplitSpec(kind="patient")
    assert refused_by_fit(folder, split).code == "no-patients"
    assert any("have no patient id" in one for one in said_by_check(folder, split))


@pytest.mark.parametrize("text", ["class,field_group\n", "class,file,field_group\nPre,no.png,x\n",
                                  "class,file,field_group\nPre,{0},x\nPre,{0},y\n"])  # fmt: skip
def test_groups_that_cannot_be_used_are_said_before(text: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(text.format(first(folder, "Pre").name))
    split = SplitSpec(kind="same-field", groups=str(tmp_path / "g.csv"))
    refusal = refused_by_fit(folder, split)
    assert refusal.code == "bad-groups"
    assert refusal.sentence in said_by_check(folder, split)


def test_a_class_that_only_some_splits_refuse_is_a_warning(folder: Path) -> None:
    report = check(one_group(folder), silent())
    found = [entry for entry in report["findings"] if entry["code"] == "too-few-fields"]
    assert {entry["level"] for entry in found} == {"warning"}
    said = " ".join(entry["sentence"] for entry in found)
    assert "the split same-field will be refused. The class Pre has 8 fields" in said
    assert "image-random" not in said
    assert report["errors"] == 0


def test_a_class_of_one_field_is_an_error_of_the_folder(folder: Path) -> None:
    report = check(one_field(folder), silent())
    assert report["errors"] >= 1
    assert any("The class Pre has 1 field" in entry["sentence"] for entry in report["findings"])


def test_a_sound_folder_has_no_such_finding_but_that_it_is_too_small_for_blocks(folder: Path) -> None:
    report = check(folder, silent())
    about = [entry for entry in report["findings"] if entry["code"] in {"too-few-fields", "no-patients"}]
    assert all("with the split blocks will be refused" in entry["sentence"] for entry in about)
    assert [entry["level"] for entry in about] == ["warning"]
    assert refused_by_fit(folder, SplitSpec(kind="blocks")).code == "too-few-fields"


def test_the_command_takes_the_recipe_that_will_be_trained(folder: Path, tmp_path: Path) -> None:
    one_group(folder)
    out = tmp_path / "c.json"
    assert main(["check", str(folder), "--recipe", "finetune", "--json", str(out)]) == 0
    assert json.loads(out.read_text("utf-8"))["errors"] == 1
    assert main(["check", str(folder), "--recipe", "zhang", "--json", str(out), "--force"]) == 0
    assert json.loads(out.read_text("utf-8"))["errors"] == 0


def test_pictures_of_kinds_that_are_not_read_are_counted_and_named(folder: Path) -> None:
    for name in ("a.heic", "b.HEIC", "notes.md"):
        (folder / "Pre" / name).write_bytes(b"x")
    (said,) = [
        entry["sentence"] for entry in check(folder, silent())["findings"] if entry["code"] == "other-files"
    ]
    assert said.startswith("3 files are no images by their name")
    assert "2 HEIC files were passed over (the first: a.heic)" in said
