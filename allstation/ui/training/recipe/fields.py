"""Every adjustable of a recipe as data: the form, its tips and its reset are made from this table.

Defaults, choices and ranges are those of the training program's recipe; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.files import read_toml
from allstation.sweep import LOSSES


@dataclass(frozen=True, slots=True)
class Adjustable:
    """Entry of a recipe.

    Attributes:
        section: Table of the recipe file.
        key: Name in the table.
        label: For people.
        default: Value when the recipe names none; its type is the accepted type.
        tip: What it does.
        choices: Accepted texts, or empty.
        low: Smallest number.
        high: Largest number.
        step: Step of the arrows.
    """

    section: str
    key: str
    label: str
    default: Any
    tip: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0


def _fit(key: str, label: str, default: object, tip: str, **more: Any) -> Adjustable:  # noqa: ANN401
    return Adjustable("fit", key, label, default, tip, **more)


def _augment(key: str, label: str, default: object, tip: str, **more: Any) -> Adjustable:  # noqa: ANN401
    return Adjustable("augmentation", key, label, default, tip, **more)


ADJUSTABLES: Final = (
    _fit("epochs", "Epochs", 15, "Passes over the training fields", low=1, high=10_000),
    _fit("batch", "Batch size", 64, "Fields a step; smaller needs less memory", low=1, high=4096),
    _fit(
        "loss",
        "Loss",
        "categorical_crossentropy",
        "What training makes small",
        choices=LOSSES,
    ),
    _fit(
        "optimiser",
        "Optimiser",
        "adam",
        "How weights are changed",
        choices=("adam", "adamw", "sgd", "rmsprop"),
    ),
    _fit(
        "learning_rate",
        "Learning rate",
        0.001,
        "Step size at the start; lower it if the loss is no number",
        low=1e-8,
        high=10.0,
        step=0.0005,
    ),
    _fit(
        "schedule",
        "Schedule",
        "constant",
        "How the step size changes",
        choices=("constant", "cosine", "step", "plateau"),
    ),
    _fit("weight_decay", "Weight decay", 0.0, "Of AdamW only", low=0.0, high=1.0, step=0.0001),
    _fit(
        "class_weights",
        "Class weights",
        "none",
        "Balanced weighs rare classes more",
        choices=("none", "balanced"),
    ),
    _fit(
        "patience",
        "Patience",
        0,
        "Epochs without a better validation loss before stopping; 0 never stops",
        low=0,
        high=10_000,
    ),
    _fit(
        "keep", "Keep", "best", "Weights to evaluate: of the best or the last epoch", choices=("best", "last")
    ),
    _fit("seed", "Seed", 1, "Of weights, order, dropout and augmentation", low=0, high=2**31 - 1),
    Adjustable("input", "height", "Height", 224, "Pixels of the network's input", low=16, high=1024, step=16),
    Adjustable("input", "width", "Width", 224, "Pixels of the network's input", low=16, high=1024, step=16),
    Adjustable("input", "colour", "Colour", "rgb", "Colour or grayscale", choices=("rgb", "gray")),
    Adjustable(
        "input",
        "interpolation",
        "Interpolation",
        "station",
        "How the size is changed",
        choices=("station", "nearest", "bilinear", "bicubic", "area", "lanczos"),
    ),
    Adjustable(
        "input",
        "fit",
        "Shape",
        "squash",
        "Squash to the shape, crop the centre, or pad",
        choices=("squash", "crop", "pad"),
    ),
    Adjustable(
        "input",
        "scaling",
        "Scaling",
        "unit",
        "Range of the numbers the network sees",
        choices=("unit", "signed", "imagenet", "caffe", "bytes"),
    ),
    Adjustable("input", "mask_corner", "Mask corner", False, "Hide the corner where scale bars are burnt in"),
    Adjustable(
        "input", "stain", "Stain", "none", "Stain normalisation", choices=("none", "reinhard", "macenko")
    ),
    Adjustable(
        "split",
        "kind",
        "Split",
        "image-random",
        "Which fields must stay together; image-random leaks fields of the same place into the test set",
        choices=("image-random", "same-field", "blocks", "patient"),
    ),
    Adjustable("split", "seed", "Split seed", 1, "Seed of the division", low=0, high=2**31 - 1),
    Adjustable(
        "split", "train", "Training share", 0.70, "Share of each class", low=0.05, high=0.95, step=0.05
    ),
    Adjustable(
        "split",
        "validation",
        "Validation share",
        0.15,
        "Share of each class; the rest is the test set",
        low=0.0,
        high=0.9,
        step=0.05,
    ),
    _augment("rotation", "Rotation", 0.0, "Largest turn, degrees", low=0.0, high=180.0, step=5.0),
    _augment("width_shift", "Shift across", 0.0, "Share of the width", low=0.0, high=0.9, step=0.05),
    _augment("height_shift", "Shift down", 0.0, "Share of the height", low=0.0, high=0.9, step=0.05),
    _augment("shear", "Shear", 0.0, "Degrees", low=0.0, high=60.0, step=1.0),
    _augment("zoom", "Zoom", 0.0, "Share, in or out", low=0.0, high=0.9, step=0.05),
    _augment("horizontal_flip", "Flip across", False, "Mirror half of the fields left to right"),
    _augment("vertical_flip", "Flip down", False, "Mirror half of the fields top to bottom"),
    _augment(
        "stain", "Stain change", 0.0, "Largest change of hue and saturation", low=0.0, high=1.0, step=0.05
    ),
    _augment(
        "brightness",
        "Brightness",
        0.0,
        "Largest change of brightness and contrast",
        low=0.0,
        high=1.0,
        step=0.05,
    ),
    _augment("blur", "Blur", 0.0, "Largest sigma, pixels", low=0.0, high=10.0, step=0.5),
    _augment(
        "jpeg", "JPEG quality", 0, "Lowest quality of a repeated compression; 0 is off", low=0, high=100
    ),
    _augment(
        "background",
        "Swap background",
        0.0,
        "Share of fields whose background is replaced behind the cells",
        low=0.0,
        high=1.0,
        step=0.1,
    ),
)

SECTIONS: Final = (
    ("fit", "Training"),
    ("input", "Input"),
    ("split", "Split"),
    ("augmentation", "Augmentation"),
)
DEFAULT_SPLIT: Final = "same-field"
"""What the panel proposes: fields of one place never stand on both sides."""


def preset_values(method: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every adjustable with a method's preset applied, section by section."""
    values: dict[str, dict[str, Any]] = {section: {} for section, _ in SECTIONS}
    for entry in ADJUSTABLES:
        values[entry.section][entry.key] = entry.default
    values["split"]["kind"] = DEFAULT_SPLIT
    for section, entries in method.get("recipe", {}).items():
        if section in values:
            values[section].update(entries)
    values["options"] = {key: option["default"] for key, option in method.get("options", {}).items()}
    return values


def recipe_data(
    name: str, folder: str, *, method: str, values: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Join the form's values to a recipe as plain data; entries the form does not show are kept."""
    data: dict[str, Any] = {"name": name, "data": folder, "export": True}
    data["method"] = {"kind": method, "options": dict(values.get("options", {}))}
    for section, _ in SECTIONS:
        data[section] = dict(values[section])
    return data


def read_recipe(path: Path, methods: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Read a recipe file into the form's values.

    Returns:
        Name of the method, and the values with its preset below them.

    Raises:
        StationError: ``bad-recipe`` when it cannot be read or names a method this edition has not.
    """
    try:
        data = read_toml(path)
    except (OSError, ValueError) as error:
        sentence = f"The recipe {path.name} cannot be read ({error}). Choose a recipe file (.toml)."
        raise StationError("bad-recipe", sentence) from error
    wanted = data.get("method", {}).get("kind", "")
    known = {str(method["name"]): method for method in methods}
    if wanted not in known:
        sentence = f"The recipe {path.name} asks for {wanted!r}; expected one of {', '.join(known)}."
        raise StationError("bad-recipe", sentence)
    values = deepcopy(preset_values({"options": known[wanted].get("options", {})}))
    for section, _ in SECTIONS:
        values[section].update(data.get(section, {}))
    values["options"].update(data["method"].get("options", {}))
    return wanted, values
