"""The form's table agrees with the training program's recipe, entry by entry."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from allstation.core.errors import StationError
from allstation.imaging.inputs import InputSpec
from allstation.recipe_files import to_toml, write_recipe
from allstation.sweep import ZHANG_TABLE_1, combine, grid, make_sweep, read_sweep
from allstation.ui.training.recipe.fields import (
    ADJUSTABLES,
    preset_values,
    read_recipe,
    recipe_data,
)
from allstation.ui.training.recipe.form import RecipeForm
from training.fit.recipe import RANGES, AugmentSpec, FitSpec, SplitSpec, recipe_from
from training.fit.recipe import read_recipe as read_in_the_child
from training.models.registry import methods, preset
from training.papers.published import ZHANG_TABLE1 as ZHANG_ROWS

SPECS = {"input": InputSpec, "split": SplitSpec, "augmentation": AugmentSpec, "fit": FitSpec}


def listed() -> list[dict[str, typing.Any]]:
    """What the child's list command reports."""
    return [
        {
            "name": method.name,
            "title": method.title,
            "kind": method.kind,
            "text": method.text,
            "options": {key: dataclasses.asdict(option) for key, option in method.options.items()},
            "recipe": preset(method.name),
            "uses": list(method.uses),
        }
        for method in methods()
    ]


def one(name: str) -> dict[str, typing.Any]:
    """One method of the list."""
    return next(method for method in listed() if method["name"] == name)


def preset_data(name: str) -> dict[str, typing.Any]:
    """What the recipe page gives as a method's preset."""
    return recipe_data(name, "/data", method=name, values=preset_values(one(name)))


def test_only_what_fine_tuning_uses_is_shown(qtbot: QtBot):
    form = RecipeForm()
    qtbot.addWidget(form)
    form.show()
    form.set_method(one("finetune"))
    split = {("split", entry.key) for entry in ADJUSTABLES if entry.section == "split"}
    wanted = {("options", "copies"), ("fit", "seed")} | split
    qtbot.waitUntil(lambda: {key for key, one in form._editors.items() if one.isVisible()} == wanted)
    form.set_method(one("zhang"))
    assert form.editor("fit", "epochs").isVisible()
    assert form.editor("augmentation", "blur").isVisible()
    form.set_method(one("knn-hog"))
    assert not form.editor("fit", "seed").isVisible()
    assert form.editor("input", "height").isVisible()


@pytest.mark.parametrize("entry", ADJUSTABLES, ids=lambda entry: f"{entry.section}.{entry.key}")
def test_defaults_choices_and_ranges_are_those_of_the_recipe(entry):
    spec = SPECS[entry.section]
    assert getattr(spec(), entry.key) == entry.default
    hint = typing.get_type_hints(spec)[entry.key]
    if typing.get_origin(hint) is typing.Literal:
        assert entry.choices == typing.get_args(hint)
    name = f"{entry.section}.{entry.key}"
    if name in RANGES:
        assert (entry.low, entry.high) == RANGES[name]


@pytest.mark.parametrize("method", listed(), ids=lambda method: method["name"])
def test_every_preset_goes_through_the_form_to_the_child_unchanged(
    qtbot: QtBot, tmp_path: Path, method: dict[str, typing.Any]
):
    form = RecipeForm()
    qtbot.addWidget(form)
    form.set_method(method)
    form.set_values(preset_values(method))
    data = recipe_data("a run", str(tmp_path), method=method["name"], values=form.values())
    path = tmp_path / "recipe.toml"
    write_recipe(path, data)
    read = read_in_the_child(path)
    wanted = recipe_from(preset(method["name"]))
    for section in ("input", "fit", "augmentation"):
        assert getattr(read, section) == getattr(wanted, section)
    assert read.split.kind == "same-field"
    assert read.data == str(tmp_path)


def test_a_saved_recipe_fills_the_form_again(qtbot: QtBot, tmp_path: Path):
    known = listed()
    data = recipe_data("x", "/data", method="zhang", values=preset_values(known[0]))
    data["fit"]["epochs"] = 21
    data["method"]["options"]["blocks"] = 2
    path = tmp_path / "mine.toml"
    write_recipe(path, data)
    name, values = read_recipe(path, known)
    assert name == "zhang"
    assert values["fit"]["epochs"] == 21
    assert values["options"]["blocks"] == 2


@pytest.mark.parametrize("text", ["not toml [", "[method]\nkind = 'no_progress'"])
def test_a_recipe_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, text: str):
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(StationError) as refused:
        read_recipe(path, listed())
    assert "bad.toml" in refused.value.sentence


def test_names_with_quotes_and_control_marks_survive_toml(tmp_path: Path):
    import tomllib

    data = {"name": 'a "b" \\ \u202e x\n', "table": {"list": [1, 2], "on": True, "share": 0.1}}
    assert tomllib.loads(to_toml(data)) == data


def test_a_wheel_over_the_form_changes_nothing(qtbot: QtBot):
    form = RecipeForm()
    qtbot.addWidget(form)
    form.show()
    spin = form.editor("fit", "epochs")
    before = spin.value()
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(spin, event)
    assert spin.value() == before


def test_a_grid_makes_every_combination_and_is_read_back(tmp_path: Path):
    rows = grid({"epochs": "10, 15", "batch": "32,64", "kind": "zhang"})
    assert len(rows) == 4
    recipe = recipe_data("g", "/data", method="compact", values=preset_values(one("compact")))
    made = make_sweep(tmp_path, recipe, rows, preset_data)
    assert made[0].title == "epochs 10, batch 32"
    assert read_sweep(tmp_path) == made
    for run in made:
        read = read_in_the_child(run.recipe)
        assert (read.fit.epochs, read.fit.batch) == (run.values["epochs"], run.values["batch"])
        assert read.method.kind == "zhang"
    assert recipe["method"]["kind"] == "compact"
    assert combine(recipe, {"seed": 5}, preset_data)["method"]["kind"] == "compact"


def test_zhangs_table_is_swept_with_zhangs_network_on_zhangs_input(tmp_path: Path):
    recipe = recipe_data("g", "/data", method="finetune", values=preset_values(one("finetune")))
    recipe["split"]["seed"] = 7
    rows = grid(ZHANG_TABLE_1)
    printed = {(row.epochs, row.batch, row.loss) for row in ZHANG_ROWS}
    short = {"categorical_crossentropy": "CCE", "binary_crossentropy": "BCE"}
    assert printed <= {(row["epochs"], row["batch"], short[row["loss"]]) for row in rows}
    assert len(rows) == 8
    for run in make_sweep(tmp_path, recipe, rows, preset_data):
        read = read_in_the_child(run.recipe)
        assert read.input.shape == (100, 100, 1)
        assert read.fit.keep == "last"
        assert (read.split.kind, read.split.seed) == ("same-field", 7)
        assert read.data == "/data"
        assert not read.export


@pytest.mark.parametrize(
    "texts", [{}, {"epochs": "10"}, {"epochs": "ten, 20"}, {"seed": ",".join(map(str, range(99)))}]
)
def test_a_grid_that_cannot_be_run_says_why(texts: dict[str, str]):
    with pytest.raises(StationError):
        grid(texts)
