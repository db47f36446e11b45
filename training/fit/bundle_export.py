"""Export of a finished run as a candidate model bundle that the station can activate."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.metrics import FigureJson
from allstation.imaging.cells.segmentation import segment_cells
from allstation.imaging.formats.decode import decode_reduced
from allstation.imaging.inputs import to_tensor
from allstation.imaging.preprocess import Preprocessing
from allstation.imaging.quality import assess
from allstation.inference.engine import softmax
from training.data import splits
from training.data.loading import Data
from training.evaluate.parts import as_predicted
from training.fit.bundle_writer import Export, export_bundle
from training.fit.calibration import fit_novelty, fit_rule, fit_temperature
from training.fit.recipe import Recipe, write_toml
from training.fit.runs import RunFolder, now
from training.models.backend import KerasObject
from training.models.registry import method

BUNDLE: Final = "model.allmodel"
_NOVELTY_FIELDS: Final = 600
_AT_ONCE: Final = 64
LIMITS: Final = (
    "Trained on the labelled folder named here and tested on fields of the same folder; nothing is known "
    "about other laboratories, stains or cameras.",
    "Sees the whole field: see the shortcut probes of the dataset check before trusting it.",
)


def export_blocker(recipe: Recipe) -> str:
    """Return the reason why a run of this recipe cannot be exported as a bundle, or an empty string.

    The station decodes and squashes fields by its own method before the network sees them, so a
    network that was trained on other pixels would be served wrongly.
    """
    kind = method(recipe.method.kind).kind
    if kind == "tuning":
        return ""
    if kind != "network":
        return "Classical methods are for comparison and make no model bundle."
    if recipe.input.interpolation != "station" or recipe.input.fit != "squash":
        return (
            "No model bundle is made: the station reads fields by its own method. "
            "Choose the interpolation 'station' and the fit 'squash' to get one."
        )
    if recipe.fit.loss == "sigmoid_crossentropy":
        return "No model bundle is made of one-versus-rest outputs. Choose another loss to get one."
    return ""


def serving_network(model: KerasObject) -> KerasObject:
    """Return the network with the outputs that serving reads: logits, features and, if it can, evidence.

    Where the features are the plain mean of a feature map, the class activation is that map weighed by
    the class's weights (Zhou 2016); networks with hidden layers between have none.
    """
    import keras
    from keras import layers

    logits = model.get_layer("logits")
    outputs = {"logits": logits.output, "features": model.get_layer("features").output}
    pooled = [layer for layer in model.layers if isinstance(layer, layers.GlobalAveragePooling2D)]
    if pooled and _only_dropout_between(model, pooled[-1]):
        evidence = layers.Dense(logits.units, use_bias=False, name="evidence", dtype="float32")
        outputs["evidence"] = evidence(pooled[-1].input)
        serving = keras.Model(model.inputs, outputs)
        evidence.set_weights([logits.get_weights()[0]])
        return serving
    return keras.Model(model.inputs, outputs)


def _only_dropout_between(model: KerasObject, pooled: KerasObject) -> bool:
    after = model.layers[model.layers.index(pooled) + 1 :]
    return [type(layer).__name__ for layer in after] == ["Dropout", "Activation", "Dense", "Activation"]


def _outputs(
    serving: KerasObject, pixels: NDArray[np.uint8], recipe: Recipe
) -> dict[str, NDArray[np.float64]]:
    parts = [
        serving.predict_on_batch(to_tensor(pixels[at : at + _AT_ONCE], recipe.input))
        for at in range(0, len(pixels), _AT_ONCE)
    ]
    return {
        name: np.concatenate([np.asarray(part[name], np.float64) for part in parts])
        for name in ("logits", "features")
    }


def export_candidate(
    recipe: Recipe, data: Data, split: splits.Split, *, folder: RunFolder, model: KerasObject
) -> Path:
    """Write the run's verified model bundle into its folder.

    Temperature, novelty limit and decision rule are fitted on validation fields, never on the test set.

    Args:
        recipe: The recipe; :func:`export_blocker` must be empty.
        data: The labelled set in memory.
        split: Its division.
        folder: The run folder.
        model: The fitted network.

    Returns:
        The bundle.

    Raises:
        StationError: ``export-differs`` when a new process computes something else.
    """
    pixels, labels = data.pixels[recipe.input], data.labelled.labels
    held_rows = split.validation if len(split.validation) else split.train
    serving = serving_network(model)
    known = np.random.default_rng(recipe.fit.seed).permutation(split.train)[:_NOVELTY_FIELDS]
    train, held = _outputs(serving, pixels[known], recipe), _outputs(serving, pixels[held_rows], recipe)
    temperature = fit_temperature(held["logits"], labels[held_rows])
    probabilities = softmax(held["logits"] / temperature)
    sharpness = np.array([_sharpness(data.labelled.fields[int(row)].path, recipe) for row in held_rows])
    export = Export(
        info=bundle_info(recipe, data, split, folder=folder, calibration_fields=len(held_rows))
        | {"decision": fit_rule(probabilities, sharpness).to_json()}
        | {"figures": _figures(recipe, data, split, serving=serving, temperature=temperature)},
        preprocessing=Preprocessing.plain(recipe.input),
        temperature=temperature,
        novelty=fit_novelty(train["features"], labels[known], held["features"]),
    )
    made = export_bundle(folder.path / BUNDLE, serving, export)
    # Whoever puts the model to use later can tell that it is still this file.
    folder.update(bundle_sha256=made.sha256)
    return made.path


def _sharpness(path: Path, recipe: Recipe) -> float:
    rgb = decode_reduced(path, (recipe.input.height, recipe.input.width))
    return float(assess(rgb, segment_cells(rgb)).sharpness)


def bundle_info(
    recipe: Recipe, data: Data, split: splits.Split, *, folder: RunFolder, calibration_fields: int
) -> dict[str, Any]:
    """Return the entries of ``bundle.json`` about a run: names, hashes, split, recipe.

    Args:
        recipe: The recipe.
        data: The labelled set.
        split: Its division.
        folder: The run folder, with its lists.
        calibration_fields: Fields that calibration was fitted on.
    """
    lists = splits.lists_sha256((folder.path / "lists.csv").read_text("utf-8"))
    return {
        "name": recipe.name,
        "version": now()[:10].replace("-", "."),
        "created": now(),
        "classes": list(data.labelled.classes),
        "calibration": {"method": "temperature", "fields": calibration_fields},
        "training": {
            "list_sha256": lists,
            "data_sha256": data.sha256,
            "fields": len(split.train),
            "split": split.kind,
            "patients": split.patients,
            "recipe": write_toml(_without_folder(recipe)),
        },
        "limits": list(LIMITS),
    }


def _without_folder(recipe: Recipe) -> Recipe:
    """The recipe without this computer's folders: a bundle travels."""
    quiet = dataclasses.replace(recipe.split, groups="", patients="")
    named = dataclasses.replace(recipe.method, weights=Path(recipe.method.weights).name)
    return dataclasses.replace(recipe, data=Path(recipe.data).name, split=quiet, method=named)


def _figures(
    recipe: Recipe, data: Data, split: splits.Split, *, serving: KerasObject, temperature: float
) -> list[FigureJson]:
    """The bundle's own figures: calibrated, on the test set of the run."""
    logits = _outputs(serving, data.pixels[recipe.input][split.test], recipe)["logits"]
    predicted = as_predicted(data, split, split.test, probabilities=softmax(logits / temperature))
    return [figure.to_json() for figure in predicted.evaluated().figures]
