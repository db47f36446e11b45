"""Goes on from a cells bundle with a lab's own fields: minutes on a plain computer.

The ImageNet trunk stays; the two trained layers and the classes go on from the bundle's weights. Needs
no wheel and no network connection, as the bundle carries its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import softmax
from training.export import WEIGHTS, to_litert
from training.shipped.cache import (
    COPY_PLACES,
    ZOOM,
    Places,
    Trunk,
    altered_places,
    backgrounds_of,
    field_places,
)
from training.shipped.fit import Copies, FitSettings, Weights, fit_head, head_outputs
from training.shipped.judge import fit_novelty, fit_rule, fit_temperature
from training.shipped.ship import layered_weights, sharpness

KIND = "all-station-cells"
"""``retraining.kind`` of bundles that can be fine-tuned here."""


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning gives; enough to export a bundle.

    Attributes:
        weights: By layer, trunk included.
        temperature: Fitted on validation.
        rule: Decision rule.
        novelty: Arrays for ``novelty.npz``.
        logits: Of every field, in order.
    """

    weights: Weights
    temperature: float
    rule: Any
    novelty: dict[str, NDArray[Any]]
    logits: NDArray[np.float32]


def bundle_weights(bundle: ModelBundle) -> Weights:
    """Return the weights a bundle carries for going on.

    Raises:
        StationError: ``not-retrainable`` if it is of another kind.
    """
    if bundle.info.get("retraining", {}).get("kind") != KIND:
        sentence = (
            f"The model {bundle.name!r} cannot be fine-tuned here; choose one that ships with ALL Station."
        )
        raise StationError("not-retrainable", sentence)
    return layered_weights(bundle.arrays(WEIGHTS))


def finetune(
    bundle: ModelBundle,
    fields: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    validation: Sequence[int],
    classes: int,
    settings: FitSettings | None = None,
    copies: int = 2,
    seed: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Fine-tune a bundle on labelled fields.

    Args:
        bundle: A bundle of the kind ``KIND``.
        fields: (n, 224, 224, 3) uint8, as ``decode_reduced`` gives them.
        labels: (n,) class indices.
        validation: Rows kept for temperature, rule and novelty limit; no twin of a training field.
        classes: Number of classes; with another number than the bundle's the head begins anew.
        settings: How; default fewer passes at half the rate.
        copies: Altered copies of each field.
        seed: Of copies, order and new weights.
        progress: Told of each phase by one word.

    Raises:
        StationError: ``not-retrainable``.
    """
    from training.shipped.network import build_trunk, load_weights

    start = bundle_weights(bundle)
    progress("preparing")
    model = build_trunk(ZOOM)
    load_weights(model, {name: value for name, value in start.items() if name not in ("hidden", "local")})
    trunk = Trunk(to_litert(model))
    places, _ = field_places(trunk, fields)
    backgrounds = backgrounds_of(fields, seed)
    made = [altered_places(trunk, fields, backgrounds, seed=seed, copy=copy) for copy in range(copies)]
    clean = Places(places.values[:, :COPY_PLACES].copy(), places.area[:, :COPY_PLACES].copy())
    everything = np.ones(len(fields), bool)
    progress("training")
    train = np.setdiff1d(np.arange(len(fields)), np.asarray(validation))
    same = start["classes"][0].shape[-1] == classes
    head = fit_head(
        Copies([*(part for part, _ in made), clean], [*(shows for _, shows in made), everything]),
        train,
        labels,
        settings=settings or FitSettings(passes=4, rate=5e-4),
        seed=seed,
        start=start if same else None,
    )
    progress("calibrating")
    logits, features = head_outputs(head, places)
    held = np.asarray(validation)
    temperature = fit_temperature(logits[held], labels[held])
    rule = fit_rule(softmax(logits[held] / temperature), sharpness(fields[held]))
    novelty = fit_novelty(features[train], labels[train], features[held])
    return Tuned({**start, **head}, temperature, rule, novelty, logits)
