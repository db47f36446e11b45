"""Recipes: settings of a training run as TOML, read strictly.

Unknown names, wrong types and impossible values are refused with one sentence that names the entry,
what was received and what would be accepted. Every entry has a default, except the network.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from allstation.core.errors import StationError
from allstation.files import read_toml
from allstation.imaging.inputs import InputSpec
from allstation.recipe_files import to_toml
from training.models.registry import method

SplitKind = Literal["image-random", "same-field", "blocks", "patient"]
Loss = Literal["categorical_crossentropy", "binary_crossentropy", "sigmoid_crossentropy"]
Optimiser = Literal["adam", "adamw", "sgd", "rmsprop"]
Schedule = Literal["constant", "cosine", "step", "plateau"]
ClassWeights = Literal["none", "balanced"]
Keep = Literal["best", "last"]
Precision = Literal["float32", "mixed_bfloat16"]
FillMode = Literal["nearest", "reflect", "constant", "wrap"]


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """Settings of the split.

    Attributes:
        kind: ``image-random`` (the papers'), ``same-field`` groups kept together, ``blocks`` of
            consecutive file numbers with an embargo, or ``patient``.
        seed: Seed of the division.
        train: Share of each class for training.
        validation: Share of each class for validation; the rest is the test set.
        folds: 0 for one hold-out, else the number of folds, each once the test set.
        fold: Which fold this run tests on, from 0.
        embargo: Fields left out on each side of a block's border (``blocks`` only).
        groups: CSV with the columns class, file, field_group; empty: found by comparing the fields.
        patients: CSV with the columns file, patient; empty: none.
        patient_pattern: Regular expression on the file name whose first group is the patient id.
    """

    kind: SplitKind = "image-random"
    seed: int = 1
    train: float = 0.70
    validation: float = 0.15
    folds: int = 0
    fold: int = 0
    embargo: int = 37
    groups: str = ""
    patients: str = ""
    patient_pattern: str = ""


@dataclass(frozen=True, slots=True)
class AugmentSpec:
    """Random changes of training fields; every zero switches its change off.

    Attributes:
        rotation: Largest turn, degrees.
        width_shift: Largest shift, share of the width.
        height_shift: Largest shift, share of the height.
        shear: Largest shear, degrees.
        zoom: Largest zoom in or out, share.
        horizontal_flip: Mirror half of the fields left to right.
        vertical_flip: Mirror half of the fields top to bottom.
        fill: What comes in at the edges.
        fill_value: Grey level of ``constant``.
        stain: Largest change of hue and saturation of the stain, share.
        brightness: Largest change of brightness and contrast, share.
        blur: Largest sigma of a Gaussian blur, pixels.
        jpeg: Lowest quality of a repeated JPEG compression, 1 to 100; 0 is off.
        background: Share of fields whose background is replaced behind the cells.
    """

    rotation: float = 0.0
    width_shift: float = 0.0
    height_shift: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill: FillMode = "nearest"
    fill_value: int = 200
    stain: float = 0.0
    brightness: float = 0.0
    blur: float = 0.0
    jpeg: int = 0
    background: float = 0.0

    @property
    def active(self) -> bool:
        """Whether any field can come out changed."""
        neutral = {"fill", "fill_value"}
        return any(
            getattr(self, entry.name) for entry in dataclasses.fields(self) if entry.name not in neutral
        )


@dataclass(frozen=True, slots=True)
class FitSpec:
    """Settings of the fit of a network.

    Attributes:
        epochs: Passes over the training fields.
        batch: Fields a step.
        loss: ``binary_crossentropy`` is taken on the softmax outputs, as Zhang's second row does;
            ``sigmoid_crossentropy`` trains one-versus-rest outputs instead.
        optimiser: Keras optimiser.
        learning_rate: Step size at the start.
        schedule: How the step size changes: ``cosine`` falls to a hundredth, ``step`` to a tenth after each
            third of the epochs, ``plateau`` halves it when validation stalls for three.
        weight_decay: Decoupled weight decay, of ``adamw`` only; 0 takes Keras' own 0.004.
        class_weights: ``balanced`` weighs each class by the inverse of its size.
        patience: Epochs without a better validation loss before stopping early; 0 never stops.
        keep: Weights to evaluate: ``best`` validation loss or ``last``.
        seed: Seed of weights, order, dropout and augmentation.
        precision: ``mixed_bfloat16`` is faster only where the processor has AMX.
        threads: Threads of one operation; 0 takes all processors.
        snapshots: Epochs whose weights are evaluated as well.
    """

    epochs: int = 15
    batch: int = 64
    loss: Loss = "categorical_crossentropy"
    optimiser: Optimiser = "adam"
    learning_rate: float = 0.001
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    class_weights: ClassWeights = "none"
    patience: int = 0
    keep: Keep = "best"
    seed: int = 1
    precision: Precision = "float32"
    threads: int = 0
    snapshots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """Network or classical method with its own options.

    Attributes:
        kind: A name of :mod:`training.models.registry`.
        weights: ``none`` (from scratch), ``imagenet`` (from Keras' cache) or a weights file.
        options: What the method takes; see ``python -m training list``.
    """

    kind: str = ""
    weights: str = "none"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of a training run.

    Attributes:
        name: For people.
        data: Labelled folder or CSV; relative to the recipe file.
        method: Network or classical method.
        input: From field to numbers.
        split: How fields are divided.
        augmentation: Random changes of training fields.
        fit: How the network is fitted.
        export: Whether a model bundle is made at the end.
    """

    name: str
    method: MethodSpec
    data: str = ""
    input: InputSpec = field(default_factory=InputSpec)
    split: SplitSpec = field(default_factory=SplitSpec)
    augmentation: AugmentSpec = field(default_factory=AugmentSpec)
    fit: FitSpec = field(default_factory=FitSpec)
    export: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain data; :func:`recipe_from` reads it back."""
        return dataclasses.asdict(self)


def _refuse(where: str, expected: str, received: object) -> StationError:
    sentence = f"The recipe's entry {where} is {received!r}; expected {expected}. Correct it and start again."
    return StationError("bad-recipe", sentence)


RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "input.height": (16, 1024),
    "input.width": (16, 1024),
    "split.seed": (0, 2**31 - 1),
    "fit.seed": (0, 2**31 - 1),
    "split.train": (0.05, 0.95),
    "split.validation": (0.0, 0.9),
    "split.folds": (0, 50),
    "split.fold": (0, 49),
    "split.embargo": (0, 10_000),
    "augmentation.rotation": (0, 180),
    "augmentation.width_shift": (0, 0.9),
    "augmentation.height_shift": (0, 0.9),
    "augmentation.shear": (0, 60),
    "augmentation.zoom": (0, 0.9),
    "augmentation.fill_value": (0, 255),
    "augmentation.stain": (0, 1),
    "augmentation.brightness": (0, 1),
    "augmentation.blur": (0, 10),
    "augmentation.jpeg": (0, 100),
    "augmentation.background": (0, 1),
    "fit.epochs": (1, 10_000),
    "fit.batch": (1, 4096),
    "fit.learning_rate": (1e-8, 10),
    "fit.weight_decay": (0, 1),
    "fit.patience": (0, 10_000),
    "fit.threads": (0, 256),
}
"""Smallest and largest number of an entry, both accepted."""


def _checked(where: str, kind: Any, value: object) -> Any:  # noqa: ANN401 - any TOML value
    """Check one value against an annotation of the dataclasses above."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _read(typing.cast("type[Any]", kind), value, where=where)
    if origin is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise _refuse(where, "one of " + ", ".join(choices), value)
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or not all(type(entry) is int for entry in value):
            raise _refuse(where, "a list of whole numbers", value)
        return tuple(value)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _refuse(where, "a table", value)
        return dict(value)
    return _checked_plain(where, kind, value)


def _checked_plain(where: str, kind: type, value: object) -> object:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
        raise _refuse(where, names[kind], value)
    if where in RANGES and isinstance(value, (int, float)):
        low, high = RANGES[where]
        if not low <= value <= high:
            raise _refuse(where, f"{low:g} to {high:g}", value)
    return value


def _read(kind: type[Any], data: object, *, where: str = "") -> Any:  # noqa: ANN401 - a dataclass
    if not isinstance(data, Mapping):
        raise _refuse(where or "recipe", "a table", data)
    hints = typing.get_type_hints(kind)
    unknown = [key for key in data if key not in hints]
    if unknown:
        raise _refuse(f"{where}.{unknown[0]}".lstrip("."), "one of " + ", ".join(hints), unknown[0])
    prefix = f"{where}." if where else ""
    values = {key: _checked(prefix + key, hints[key], value) for key, value in data.items()}
    missing = [
        entry.name
        for entry in dataclasses.fields(kind)
        if entry.name not in values
        and entry.default is dataclasses.MISSING
        and entry.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise _refuse(prefix + missing[0], "to be there", None)
    return kind(**values)


def _check_together(recipe: Recipe) -> None:
    """Refuse values that are possible alone but not together."""
    split = recipe.split
    if split.train + split.validation >= 1:
        raise _refuse("split.validation", "less than what training leaves", split.validation)
    if split.folds == 1:
        raise _refuse("split.folds", "0 for one hold-out, or at least 2", 1)
    if split.folds and split.fold >= split.folds:
        raise _refuse("split.fold", f"less than split.folds ({split.folds})", split.fold)
    if split.patient_pattern:
        try:
            groups = re.compile(split.patient_pattern).groups
        except re.error as error:
            raise _refuse(
                "split.patient_pattern", f"a regular expression ({error})", split.patient_pattern
            ) from error
        if groups < 1:
            raise _refuse(
                "split.patient_pattern", "an expression with one group in brackets", split.patient_pattern
            )
    method(recipe.method.kind).check_options(recipe.method.options)


def recipe_from(data: Mapping[str, Any]) -> Recipe:
    """Build a recipe from plain data.

    Raises:
        StationError: ``bad-recipe`` with the entry, what was received and what was expected.
    """
    recipe: Recipe = _read(Recipe, data)
    _check_together(recipe)
    return recipe


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file. A relative data folder is taken from the recipe's own folder.

    Raises:
        StationError: ``bad-recipe`` when it cannot be read, is not TOML or holds a wrong entry.
    """
    try:
        data = read_toml(path)
    except OSError as error:
        sentence = f"The recipe {path.name} cannot be read ({error.strerror}). Choose a recipe file (.toml)."
        raise StationError("bad-recipe", sentence) from error
    except ValueError as error:
        sentence = f"The recipe {path.name} is not TOML ({error}). Correct it, or start from a preset."
        raise StationError("bad-recipe", sentence) from error
    if isinstance(data.get("data"), str) and data["data"]:
        data["data"] = str((path.parent / data["data"]).resolve())
    data.setdefault("name", path.stem)
    return recipe_from(data)


def write_toml(recipe: Recipe) -> str:
    """Write a recipe as TOML text that :func:`read_recipe` reads back to an equal recipe."""
    return to_toml(recipe.to_json())
