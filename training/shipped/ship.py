"""From stored stem outputs to the bundle: train, calibrate, fit the rule, describe, export."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allstation.core import metrics
from allstation.core.classes import CLASS_NAMES, PATIENTS_UNKNOWN
from allstation.core.decision import Evidence
from allstation.core.metrics import Figure
from allstation.core.statistics import wilson
from allstation.imaging.preprocess import Preprocessing
from allstation.imaging.quality import assess
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import softmax
from training.export import Export, export_bundle
from training.shipped.describe import LIMITS, claim_checklist, model_card
from training.shipped.fields import Division, Fields
from training.shipped.fit import FitSettings, SheetCache, Weights, fit_tail, tail_outputs
from training.shipped.judge import fit_novelty, fit_rule, fit_temperature, novelty

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Material:
    """Everything that training needs, in memory.

    Attributes:
        fields: The labelled fields.
        cache: Stem outputs of their altered copies.
        outputs: Stem outputs of the fields themselves (n, 28, 28, 40).
        areas: Their cell areas (n, 14, 14, 1).
        counts: Their white cells (n,).
        start: ImageNet weights by layer.
    """

    fields: Fields
    cache: SheetCache
    outputs: NDArray[np.float16]
    areas: NDArray[np.float16]
    counts: Rows
    start: Weights


@dataclass(frozen=True)
class Trained:
    """A network with all that was fitted beside it.

    Attributes:
        weights: By layer, stem included.
        temperature: Fitted on validation.
        novelty: Means, whitening, limit.
        rule: The decision rule.
        logits: Of the test fields (n, k).
        features: Of the test fields (n, f).
        seconds: Of training.
    """

    weights: Weights
    temperature: float
    novelty: dict[str, NDArray[Any]]
    rule: Any
    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    seconds: float


def train_division(material: Material, division: Division, settings: FitSettings, *, seed: int) -> Trained:
    """Train on one division; temperature, rule and novelty come from its validation fields."""
    from training.shipped.network import named_weights

    labels = material.fields.labels
    began = time.perf_counter()
    model = fit_tail(
        material.cache, division.train, labels, settings=settings, seed=seed, start=material.start
    )
    seconds = time.perf_counter() - began
    parts = [
        tail_outputs(model, material.outputs[rows], material.areas[rows])
        for rows in (division.train, division.validation, division.test)
    ]
    temperature = fit_temperature(parts[1][0], labels[division.validation])
    fitted = fit_novelty(parts[0][1], labels[division.train], parts[1][1])
    sharp = sharpness(material.fields.rgb[division.validation])
    rule = fit_rule(softmax(parts[1][0] / temperature), sharp)
    weights = dict(material.start) | named_weights(model)
    return Trained(weights, temperature, fitted, rule, parts[2][0], parts[2][1], seconds)


def sharpness(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the sharpness of fields as serving measures it."""

    class _Unused:
        area_share = 0.0

    return np.array([assess(one, _Unused()).sharpness for one in rgb])


def held_out_figures(trained: Trained, material: Material, division: Division) -> list[Figure]:
    """Return figures of this very network on its held-out fields, decisions included."""
    labels = material.fields.labels[division.test]
    probabilities = softmax(trained.logits / trained.temperature)
    matrix = metrics.confusion(labels, probabilities.argmax(axis=1), classes=len(CLASS_NAMES))
    rates = metrics.class_rates(matrix)
    n, split = len(labels), division.kind
    right = int(np.trace(matrix))
    far = novelty(trained.novelty, trained.features)
    sharp = sharpness(material.fields.rgb[division.test])
    decisions = [
        trained.rule.decide(CLASS_NAMES, Evidence(list(row), float(value), float(soft), int(count)))
        for row, value, soft, count in zip(
            probabilities, far, sharp, material.counts[division.test], strict=True
        )
    ]
    named = [index for index, decision in enumerate(decisions) if decision.class_name]
    correct = sum(decisions[index].class_name == CLASS_NAMES[labels[index]] for index in named)
    benign = matrix[0].sum()
    return [
        Figure("accuracy", right / n, n, wilson(right, n), split),
        Figure("balanced accuracy", metrics.balanced_accuracy(matrix), n, None, split),
        Figure("Benign specificity", matrix[0, 0] / benign, int(benign), wilson(matrix[0, 0], int(benign)), split),
        *(
            Figure(f"recall {name}", rate.recall, rate.support, wilson(rate.hits, rate.support), split)
            for name, rate in zip(CLASS_NAMES, rates, strict=True)
        ),
        Figure("expected calibration error (15 bins)",
               metrics.expected_calibration_error(probabilities, labels), n, None, split),
        Figure("share named by itself", len(named) / n, n, wilson(len(named), n), split),
        Figure("accuracy of those named", correct / max(1, len(named)), len(named), wilson(correct, max(1, len(named))), split),
        Figure("share beyond the novelty limit", float((far > 1).mean()), n, wilson(int((far > 1).sum()), n), split),
    ]  # fmt: skip


def serving_model(weights: Weights) -> Any:  # noqa: ANN401
    """Build the whole network with these weights."""
    from training.shipped.network import build_serving, load_weights

    model = build_serving(len(CLASS_NAMES))
    dense = weights["classes"][0]
    load_weights(model, {**weights, "classes": [dense.reshape(1, 1, *dense.shape[-2:])]})
    return model


def flat_weights(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """Return weights as named arrays for an ``.npz``: ``layer/0`` kernel, ``layer/1`` bias."""
    return {
        f"{name}/{place}": value for name, values in weights.items() for place, value in enumerate(values)
    }


def layered_weights(arrays: Mapping[str, NDArray[np.float32]]) -> Weights:
    """Undo ``flat_weights``."""
    layers: dict[str, dict[int, NDArray[np.float32]]] = {}
    for key, value in arrays.items():
        name, place = key.rsplit("/", 1)
        layers.setdefault(name, {})[int(place)] = value
    return {name: [parts[place] for place in sorted(parts)] for name, parts in layers.items()}


def write_shipped(
    target: Path,
    trained: Trained,
    material: Material,
    division: Division,
    *,
    about: Mapping[str, Any],
    table: str = "",
) -> ModelBundle:
    """Write the verified bundle.

    Args:
        target: The ``.allmodel`` file.
        trained: What was trained on ``division``.
        material: What it was trained from.
        division: Its test fields give the bundle's own figures.
        about: ``name``, ``version``, ``created``, ``recipe_sha256``, ``settings``.
        table: The recipe's result table for the card.
    """
    figures = held_out_figures(trained, material, division)
    info: dict[str, Any] = {
        "name": about["name"],
        "version": about["version"],
        "created": about["created"],
        "classes": list(CLASS_NAMES),
        "preprocessing": Preprocessing().to_json(),
        "calibration": {"method": "temperature", "fields": len(division.validation)},
        "decision": trained.rule.to_json(),
        "training": {
            "list_sha256": material.fields.sha256,
            "fields": len(division.train),
            "split": f"{division.kind}: {len(division.train)} to train, {len(division.test)} held out",
            "patients": PATIENTS_UNKNOWN,
            "recipe": about["settings"],
            "recipe_sha256": about["recipe_sha256"],
            "seconds": round(trained.seconds),
        },
        "retraining": {"kind": "all-station-cells", "module": "training.shipped.finetune"},
        "figures": [figure.to_json() for figure in figures],
        "limits": list(LIMITS),
    }
    texts = {"model-card.md": model_card(info, figures, table), "claim.md": claim_checklist(info, figures)}
    export = Export(
        info=info,
        preprocessing=Preprocessing(),
        temperature=trained.temperature,
        novelty=trained.novelty,
        texts=texts,
        weights=flat_weights(trained.weights),
    )
    return export_bundle(target, serving_model(trained.weights), export)
