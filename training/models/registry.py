"""Registry of networks and classical methods by name, for the panel and for recipes.

Nothing heavy is loaded here; a method's module is imported when it is built.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from allstation.core.errors import StationError


@dataclass(frozen=True, slots=True)
class Option:
    """Adjustable option of a method.

    Attributes:
        default: Value when the recipe names none; its type is the accepted type.
        choices: Accepted values, or an empty tuple.
        low: Smallest accepted number.
        high: Largest accepted number.
        text: What it does.
    """

    default: object
    text: str
    choices: tuple[object, ...] = ()
    low: float | None = None
    high: float | None = None

    def accepts(self, value: object) -> bool:
        """Tell whether a recipe may set this value."""
        if self.choices:
            return value in self.choices
        if isinstance(self.default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(self.default):
            return False
        if isinstance(value, (int, float)) and self.low is not None and self.high is not None:
            return self.low <= value <= self.high
        return True

    def expected(self) -> str:
        """Say in words what is accepted."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        kind = {bool: "true or false", int: "a whole number", float: "a number"}.get(
            type(self.default), "text"
        )
        return kind if self.low is None else f"{kind} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Method:
    """A network or classical method.

    Attributes:
        name: As recipes name it.
        title: As the panel shows it.
        kind: ``network`` (Keras), ``classical`` (scikit-learn) or ``tuning`` (goes on from a bundle).
        text: One sentence.
        where: ``module:function`` that builds the network, or runs a method of another kind.
        options: Its adjustables by name.
        recipe: Entries of the preset recipe, as in a recipe file.
        fixed: Options that make this method of a more general builder.
        uses: The recipe's entries that matter, such as ``fit.seed``; empty for all that its kind has.
    """

    name: str
    title: str
    kind: Literal["network", "classical", "tuning"]
    text: str
    where: str
    options: Mapping[str, Option] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse unknown or impossible options.

        Raises:
            StationError: ``bad-recipe``.
        """
        for key, value in options.items():
            option = self.options.get(key)
            if option is None or not option.accepts(value):
                expected = option.expected() if option else "one of " + (", ".join(self.options) or "nothing")
                received = value if option else key
                sentence = (
                    f"The recipe's entry method.options.{key} of {self.name} is {received!r}; "
                    f"expected {expected}. Correct it and start again."
                )
                raise StationError("bad-recipe", sentence)

    def full_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return every option with its value: defaults, then the recipe's, then the fixed ones."""
        return {**{key: option.default for key, option in self.options.items()}, **options, **self.fixed}

    def builder(self) -> Callable[..., Any]:
        """Import and return the function that ``where`` names."""
        module, function = self.where.split(":")
        return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]


_GRAY_100: Final = {"height": 100, "width": 100, "colour": "gray"}
_FLIPS_AND_SHIFTS: Final = {
    "rotation": 20.0,
    "width_shift": 0.1,
    "height_shift": 0.1,
    "shear": 5.0,
    "zoom": 0.1,
    "horizontal_flip": True,
    "fill": "nearest",
}
_HOG_OPTIONS: Final = {
    "components": Option(100, "principal components kept, fitted on training fields only", low=2, high=1000),
    "orientations": Option(9, "HOG orientations", low=2, high=36),
    "cell": Option(8, "HOG cell, pixels", low=2, high=64),
    "block": Option(2, "HOG block, cells", low=1, high=8),
}
_CELL_INPUT: Final = {"height": 224, "width": 224}


def _classical(name: str, title: str, text: str, **rest: Any) -> Method:  # noqa: ANN401
    return Method(name, title, "classical", text, "training.fit.classical:run_classical", **rest)


_METHODS: Final = (
    Method(
        "finetune",
        "Fine-tune the shipped model",
        "tuning",
        "The shipped network sees the fields, its last layer is fitted to them again: minutes, no graphics "
        "card. It stays as it was where the validation fields gain nothing.",
        "training.fit.fine_tuning:run_fine_tuning",
        {
            "copies": Option(
                2, "altered copies of every training field: stain, focus, background", low=0, high=16
            )
        },
        {"split": {"kind": "same-field"}},
        uses=("split", "fit.seed"),
    ),
    Method(
        "zhang",
        "Zhang's CNN",
        "network",
        "Grey 100x100; 64@5x5, 32@5x5, 128@3x3 with pooling, Dense 128, Dropout 0.5 (Zhang 2024).",
        "training.models.zhang:build",
        {
            "blocks": Option(3, "convolution blocks", low=1, high=4),
            "padding": Option("valid", "convolution padding", choices=("valid", "same")),
            "dropout": Option(0.5, "dropout before the output", low=0.0, high=0.9),
        },
        {"input": _GRAY_100, "fit": {"epochs": 15, "batch": 64, "keep": "last"}},
    ),
    Method(
        "nadim",
        "Nadim's colour CNN",
        "network",
        "Sequential colour CNN with BatchNorm and Dropout (Nadim 2024; layer counts are not printed there).",
        "training.models.nadim:build",
        {
            "filters": Option(16, "filters of the first block; each block doubles them", low=2, high=128),
            "blocks": Option(4, "convolution blocks", low=1, high=6),
            "dropout": Option(0.4, "dropout before the output", low=0.0, high=0.9),
        },
        {
            "input": {"height": 112, "width": 112},
            "augmentation": _FLIPS_AND_SHIFTS,
            "fit": {"epochs": 30, "batch": 64, "schedule": "cosine"},
        },
    ),
    Method(
        "resnet50",
        "ResNet50",
        "network",
        "Residual network of 50 layers, with its own preprocessing.",
        "training.models.backbones:resnet50",
        {
            "trainable": Option(True, "fit the backbone too"),
            "dropout": Option(0.2, "dropout", low=0.0, high=0.9),
        },
        {
            "input": {"height": 224, "width": 224, "scaling": "caffe"},
            "augmentation": _FLIPS_AND_SHIFTS,
            "fit": {"epochs": 15, "batch": 32, "schedule": "cosine"},
        },
    ),
    Method(
        "densenet121",
        "DenseNet121",
        "network",
        "Densely connected network of 121 layers, with its own preprocessing.",
        "training.models.backbones:densenet121",
        {
            "trainable": Option(True, "fit the backbone too"),
            "dropout": Option(0.2, "dropout", low=0.0, high=0.9),
        },
        {
            "input": {"height": 224, "width": 224, "scaling": "imagenet"},
            "augmentation": _FLIPS_AND_SHIFTS,
            "fit": {"epochs": 15, "batch": 32, "schedule": "cosine"},
        },
    ),
    Method(
        "compact",
        "Compact network",
        "network",
        "Small modern network: inverted residuals with squeeze-and-excitation, under a million parameters.",
        "training.models.compact:build",
        {
            "width": Option(1.0, "multiplies all channels", low=0.25, high=4.0),
            "dropout": Option(0.2, "dropout before the output", low=0.0, high=0.9),
        },
        {
            "input": {"height": 160, "width": 160, "mask_corner": True},
            "augmentation": {**_FLIPS_AND_SHIFTS, "stain": 0.1, "brightness": 0.1, "vertical_flip": True},
            "fit": {"epochs": 40, "batch": 32, "schedule": "cosine", "patience": 12, "optimiser": "adamw"},
        },
    ),
    _classical(
        "knn-hog",
        "k-NN on HOG",
        "Nearest neighbours on HOG and principal components.",
        options={**_HOG_OPTIONS, "neighbours": Option(5, "neighbours", low=1, high=200)},
        recipe={"input": _GRAY_100},
        fixed={"features": "hog", "classifier": "knn"},
    ),
    _classical(
        "knn-pixels",
        "k-NN on pixels",
        "Nearest neighbours on the field's own pixels, the usual comparator.",
        options={"neighbours": Option(5, "neighbours", low=1, high=200)},
        recipe={"input": {"height": 32, "width": 32}},
        fixed={"features": "pixels", "classifier": "knn"},
    ),
    _classical(
        "svm-hog",
        "SVM on HOG",
        "Support vectors (radial) on HOG and principal components.",
        options={**_HOG_OPTIONS, "penalty": Option(10.0, "penalty C", low=1e-4, high=1e6)},
        recipe={"input": _GRAY_100},
        fixed={"features": "hog", "classifier": "svm"},
    ),
    _classical(
        "mlp-hog",
        "MLP on HOG",
        "Multi-layer perceptron on HOG and principal components.",
        options={**_HOG_OPTIONS, "hidden": Option(128, "hidden neurons", low=2, high=2048)},
        recipe={"input": _GRAY_100},
        fixed={"features": "hog", "classifier": "mlp"},
    ),
    _classical(
        "svm-cells",
        "SVM on cell features",
        "Support vectors on shape, colour and texture of the segmented cells.",
        options={
            "families": Option("shape+colour+glcm+lbp", "feature families joined by +"),
            "penalty": Option(10.0, "penalty C", low=1e-4, high=1e6),
        },
        recipe={"input": _CELL_INPUT},
        fixed={"features": "cells", "classifier": "svm"},
    ),
    _classical(
        "ann-cells",
        "ANN on cell features",
        "Multi-layer perceptron on shape, colour and texture of the segmented cells.",
        options={
            "families": Option("shape+colour+glcm+lbp", "feature families joined by +"),
            "hidden": Option(64, "hidden neurons", low=2, high=2048),
        },
        recipe={"input": _CELL_INPUT},
        fixed={"features": "cells", "classifier": "mlp"},
    ),
)


def methods() -> tuple[Method, ...]:
    """Return every method in the order the panel shows them; the first is its default."""
    return _METHODS


def method(name: str) -> Method:
    """Return a method by name.

    Raises:
        StationError: ``bad-recipe`` when there is none of that name.
    """
    for entry in _METHODS:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in _METHODS)
    sentence = (
        f"The recipe's entry method.kind is {name!r}; expected one of {names}. Correct it and start again."
    )
    raise StationError("bad-recipe", sentence)


def preset(name: str) -> dict[str, Any]:
    """Return the preset recipe of a method as plain data for :func:`training.fit.recipe.recipe_from`."""
    entry = method(name)
    return {
        "name": entry.name,
        "method": {"kind": entry.name},
        **{k: dict(v) for k, v in entry.recipe.items()},
    }
