"""Recipes: strict reading, one sentence an error, and a lossless way back to TOML."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core.errors import StationError
from training.fit import recipe as recipes
from training.fit.recipe import read_recipe, recipe_from, write_toml
from training.models.registry import method, methods, preset


@pytest.mark.parametrize("name", [entry.name for entry in methods()])
def test_every_preset_is_a_recipe_and_survives_toml(name: str, tmp_path: Path) -> None:
    recipe = recipe_from({**preset(name), "data": str(tmp_path / "fields")})
    path = tmp_path / "recipe.toml"
    path.write_text(write_toml(recipe), "utf-8")
    assert read_recipe(path) == recipe


@pytest.mark.parametrize("name", ["a\nb", 'qu"ote \\ back', "tag \U000e0041 seen", "\ue000 private", "白 ß"])
def test_any_name_survives_toml(name: str, tmp_path: Path) -> None:
    recipe = recipe_from({**preset("zhang"), "name": name, "data": str(tmp_path)})
    (tmp_path / "recipe.toml").write_text(write_toml(recipe), "utf-8")
    assert read_recipe(tmp_path / "recipe.toml").name == name


@pytest.mark.parametrize("name", [entry.name for entry in methods()])
def test_every_method_names_a_function_that_is_there(name: str) -> None:
    module, function = method(name).where.split(":")
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    assert f"\ndef {function}(" in Path(found.origin).read_text("utf-8")


def test_the_papers_values_stand_in_the_presets() -> None:
    zhang = recipe_from(preset("zhang"))
    assert (zhang.input.height, zhang.input.width, zhang.input.colour) == (100, 100, "gray")
    assert (zhang.fit.epochs, zhang.fit.batch, zhang.fit.loss) == (15, 64, "categorical_crossentropy")
    assert (zhang.fit.optimiser, zhang.fit.learning_rate, zhang.augmentation.active) == ("adam", 0.001, False)
    assert recipe_from(preset("resnet50")).input.scaling == "caffe"
    assert recipe_from(preset("densenet121")).input.scaling == "imagenet"
    assert recipe_from(preset("nadim")).augmentation.active


def test_a_relative_data_folder_is_taken_from_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('data = "fields"\n[method]\nkind = "zhang"\n')
    recipe = read_recipe(tmp_path / "mine.toml")
    assert recipe.data == str(tmp_path / "fields")
    assert recipe.name == "mine"


@pytest.mark.parametrize(
    ("changes", "entry", "expected"),
    [
        ({"fit": {"epochs": 0}}, "fit.epochs", "1 to 10000"),
        ({"fit": {"epochs": "15"}}, "fit.epochs", "a whole number"),
        ({"fit": {"epochs": True}}, "fit.epochs", "a whole number"),
        ({"fit": {"loss": "hinge"}}, "fit.loss", "categorical_crossentropy"),
        ({"fit": {"learning_rate": float("nan")}}, "fit.learning_rate", "1e-08 to 10"),
        ({"fit": {"snapshots": [1.5]}}, "fit.snapshots", "whole numbers"),
        ({"fit": {"epoch": 5}}, "fit.epoch", "one of epochs"),
        ({"fit": 3}, "fit", "a table"),
        ({"input": {"colour": "blue"}}, "input.colour", "rgb, gray"),
        ({"input": {"mask_corner": 1}}, "input.mask_corner", "true or false"),
        ({"split": {"train": 0.8, "validation": 0.2}}, "split.validation", "less than"),
        ({"split": {"folds": 1}}, "split.folds", "at least 2"),
        ({"split": {"folds": 3, "fold": 3}}, "split.fold", "less than split.folds"),
        ({"split": {"patient_pattern": "("}}, "split.patient_pattern", "regular expression"),
        ({"split": {"patient_pattern": "a"}}, "split.patient_pattern", "one group"),
        ({"method": {"kind": "magic"}}, "method.kind", "zhang"),
        ({"method": {}}, "method.kind", "zhang"),
        ({"method": {"kind": "zhang", "options": {"blocks": 5}}}, "options.blocks", "1 to 4"),
        ({"method": {"kind": "zhang", "options": {"padding": "loose"}}}, "options.padding", "valid"),
        ({"method": {"kind": "zhang", "options": {"depth": 5}}}, "options.depth", "blocks"),
        ({"recipe": 1}, "recipe", "one of name"),
    ],
)
def test_a_wrong_entry_is_named_in_one_sentence(changes: dict[str, Any], entry: str, expected: str) -> None:
    with pytest.raises(StationError) as caught:
        recipe_from({**preset("zhang"), **changes})
    assert caught.value.code == "bad-recipe"
    assert entry in caught.value.sentence
    assert expected in caught.value.sentence
    assert "start again" in caught.value.sentence


def test_a_recipe_without_a_method_is_refused() -> None:
    with pytest.raises(StationError, match="method"):
        recipe_from({"name": "x"})


@pytest.mark.parametrize("text", ["name = ", "\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StationError, match="is not TOML"):
        read_recipe(path)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StationError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_options_take_defaults_then_the_recipe_then_what_makes_the_method() -> None:
    entry = method("svm-hog")
    options = entry.full_options({"penalty": 2})
    assert options["penalty"] == 2
    assert options["components"] == 100
    assert options["classifier"] == "svm"
    entry.check_options({"penalty": 2})


_TOGETHER = {
    "split.train": st.floats(0.05, 0.7),
    "split.validation": st.floats(0, 0.29),
    "split.folds": st.sampled_from([0, 50]),
    "split.patient_pattern": st.sampled_from(["", r"^(\d+)", r'"(\\)']),
}


def _values(where: str, kind: Any) -> st.SearchStrategy[Any]:
    """Values of a recipe's entry, of those of the split only such as are accepted together."""
    if where in _TOGETHER:
        return _TOGETHER[where]
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        return st.lists(st.integers(0, 10**6), max_size=3).map(tuple)
    low, high = recipes.RANGES.get(where, (-(2**31), 2**31))
    if kind is int:
        return st.integers(int(low), int(high))
    if kind is float:
        return st.floats(low, high)
    return st.booleans() if kind is bool else st.text(max_size=20)


def _tables(where: str, kind: type) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(kind)
    return st.fixed_dictionaries({}, optional={k: _values(f"{where}.{k}", v) for k, v in hints.items()})


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"name": st.text(), "method": st.just({"kind": "zhang"}), "data": st.just("/fields")},
        optional={
            "split": _tables("split", recipes.SplitSpec),
            "augmentation": _tables("augmentation", recipes.AugmentSpec),
            "fit": _tables("fit", recipes.FitSpec),
            "export": st.booleans(),
        },
    )
)
def test_whatever_is_accepted_survives_toml(data: dict[str, Any]) -> None:
    recipe = recipe_from(data)
    assert recipe_from(tomllib.loads(write_toml(recipe))) == recipe
