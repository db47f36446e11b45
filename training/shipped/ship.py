"""Production of the shipped bundle: train on trunk outputs, calibrate, describe, export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import CLASS_NAMES, PATIENTS_UNKNOWN
from allstation.core.decision import DecisionRule, Evidence
from allstation.core.evaluation import ACCURACY_BY_FIELD, evaluate
from allstation.core.metrics import Figure
from allstation.core.resampling import BINS
from allstation.core.statistics import wilson
from allstation.imaging.preprocess import prepare
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import softmax
from allstation.inference.novelty import Novelty
from allstation.inference.passport import shipped_passport
from allstation.inference.training_optics import TEHRAN
from training.fit.bundle_writer import Export, pack_bundle, reference_fields
from training.fit.calibration import fit_novelty, fit_rule, fit_temperature
from training.fit.last_layer import LAST
from training.fit.linear_head import LEVELS, with_linear_head
from training.models.cells import LINEAR_RETRAINING, ZOOM, flat_weights
from training.shipped.cache import PREPROCESSING, Trunk
from training.shipped.describe import LIMITS, claim_checklist, model_card
from training.shipped.fields import CalibrationBlocks, Division, Fields, held_block
from training.shipped.fit import Copies, FitSettings, Linear, fit_head
from training.shipped.robustness import Disturbed

Rows = NDArray[np.int64]

OUTPUTS: Final = ("appearance", "evidence", "features", "logits")
PARAMETERS: Final = 2_956_808
"""Of the trunk."""


@dataclass(frozen=True)
class Material:
    """Training data in memory.

    Attributes:
        fields: The labelled fields.
        copies: What the trunk saw of them and of their altered copies.
        counts: Their white cells (n,).
        sharpness: Their sharpness (n,).
        network: The integer trunk, a LiteRT flat buffer.
        levels: Level of each of its channels (c,).
        trunk: The trunk with the means over the cells, ready to run.
        disturbed: Some of the fields under disturbances.
    """

    fields: Fields
    copies: Copies
    counts: Rows
    sharpness: NDArray[np.float64]
    network: bytes
    levels: NDArray[np.float32]
    trunk: Trunk
    disturbed: Disturbed

    @property
    def appearance(self) -> NDArray[np.float32]:
        """(n, c) what the trunk says of the fields: the channels' means alone, which novelty is told from."""
        return self.copies.fields[:, : len(self.levels)]


@dataclass(frozen=True)
class Trained:
    """Trained head with its calibration.

    Attributes:
        head: The head.
        temperature: Fitted on held-out blocks of the training fields.
        novelty: Means, whitening, limit.
        rule: The decision rule.
        logits: Of the test fields (n, k).
        appearance: Of the test fields (n, a): the mean over the cells of what the trunk says.
    """

    head: Linear
    temperature: float
    novelty: dict[str, NDArray[Any]]
    rule: DecisionRule
    logits: NDArray[np.float64]
    appearance: NDArray[np.float32]


def train_division(
    material: Material,
    division: Division,
    settings: FitSettings,
    *,
    calibration: CalibrationBlocks,
    temperature: float | None = None,
) -> Trained:
    """Train on one division; novelty and rule come from its validation fields.

    The temperature comes from blocks of the training fields, each judged by a head of the same recipe that
    never saw it nor its neighbours: next to training fields a network is surer than it may be elsewhere.

    Args:
        material: Training data.
        division: How it is divided.
        settings: Of the head.
        calibration: Which blocks the temperature comes from.
        temperature: Where it is known already.
    """
    labels, means = material.fields.labels, material.copies.fields
    head = fit_head(material.copies, division.train, labels, settings)
    if temperature is None:
        temperature = block_temperature(material, division.train, settings, calibration=calibration)
    held, test = (head.logits(means[rows]) for rows in (division.validation, division.test))
    seen = material.appearance
    fitted = fit_novelty(seen[division.train], labels[division.train], seen[division.validation])
    rule = fit_rule(softmax(held / temperature), material.sharpness[division.validation])
    return Trained(head, temperature, fitted, rule, test, seen[division.test])


def block_temperature(
    material: Material, train: Rows, settings: FitSettings, *, calibration: CalibrationBlocks
) -> float:
    """Fit the temperature on held-out blocks of training fields."""
    labels, logits, true = material.fields.labels, [], []
    for fold in calibration.blocks:
        rest, block = held_block(
            material.fields, train, folds=calibration.folds, fold=fold, embargo=calibration.embargo
        )
        head = fit_head(material.copies, rest, labels, settings)
        logits.append(head.logits(material.copies.fields[block]))
        true.append(labels[block])
    return fit_temperature(np.concatenate(logits), np.concatenate(true))


def held_out_figures(trained: Trained, material: Material, division: Division) -> list[Figure]:
    """Return figures of this very network on its held-out fields, decisions included."""
    labels = material.fields.labels[division.test]
    probabilities = softmax(trained.logits / trained.temperature)
    n, split = len(labels), division.kind
    groups = [material.fields.groups[row] for row in division.test.tolist()]
    found = evaluate(probabilities, labels, classes=CLASS_NAMES, split=split, groups=groups)
    far = Novelty(trained.novelty).scores(trained.appearance)
    sharp = material.sharpness[division.test]
    decisions = [
        trained.rule.decide(CLASS_NAMES, Evidence(list(row), float(value), float(soft), int(count)))
        for row, value, soft, count in zip(
            probabilities, far, sharp, material.counts[division.test], strict=True
        )
    ]
    named = [index for index, decision in enumerate(decisions) if decision.class_name]
    correct = sum(decisions[index].class_name == CLASS_NAMES[labels[index]] for index in named)
    return [
        found.figure(ACCURACY_BY_FIELD),
        found.figure("balanced accuracy"),
        *(
            Figure(f"recall {each.name}", each.rates.recall, each.rates.support, each.recall, split)
            for each in found.per_class
        ),
        found.figure(f"ECE ({BINS} bins)"),
        Figure("share named by itself", len(named) / n, n, wilson(len(named), n), split),
        Figure("accuracy of those named", correct / max(1, len(named)), len(named),
               wilson(correct, max(1, len(named))), split),
        Figure("share beyond the novelty limit", float((far > 1).mean()), n,
               wilson(int((far > 1).sum()), n), split),
    ]  # fmt: skip


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
        "preprocessing": PREPROCESSING.to_json(),
        "calibration": {"method": "temperature", "fields": about["calibrated_on"]},
        "decision": trained.rule.to_json(),
        "training": {
            "list_sha256": material.fields.sha256,
            "fields": len(division.train),
            "split": f"{division.kind}: {len(division.train)} to train, {len(division.validation)} for "
            f"rule and novelty, {len(division.test)} to test; temperature on blocks of the training fields",
            "patients": PATIENTS_UNKNOWN,
            "recipe": about["settings"],
            "recipe_sha256": about["recipe_sha256"],
        },
        "novelty": {"output": "appearance"},
        "optics": TEHRAN.to_json(),
        "retraining": dict(LINEAR_RETRAINING),
        "figures": [figure.to_json() for figure in figures],
        "limits": list(LIMITS),
    }
    card = model_card(info, figures, table, shipped_passport())
    texts = {"model-card.md": card, "claim.md": claim_checklist(info, figures)}
    export = Export(
        info=info,
        preprocessing=PREPROCESSING,
        temperature=trained.temperature,
        novelty=trained.novelty,
        texts=texts,
        weights=flat_weights({LAST: [trained.head.layer], LEVELS: [material.levels]}),
    )
    rgb = reference_fields(PREPROCESSING.size)
    means = material.trunk.means(prepare(field, PREPROCESSING).tensor for field in rgb)
    shares = softmax(trained.head.logits(means) / trained.temperature)
    reference: dict[str, NDArray[Any]] = {"rgb": rgb, "probabilities": shares}
    network = {"outputs": list(OUTPUTS), "parameters": PARAMETERS + trained.head.layer.size}
    litert = with_linear_head(material.network, trained.head.layer, ZOOM, material.levels)
    return pack_bundle(target, litert, export, network=network, reference=reference, signed=False)
