"""Fine-tuning run: labelled folder to candidate bundle, compared with the bundle it starts from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.events import Epoch
from allstation.imaging.inputs import InputSpec
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine, novelty_output, softmax
from training.data import splits
from training.data.loading import Data
from training.evaluate.metrics import Predicted, compare, run_metrics
from training.evaluate.parts import as_predicted, evaluate_parts
from training.evaluate.types import ModelPair, RunMetrics
from training.fit import last_layer
from training.fit.bundle_export import BUNDLE, bundle_info
from training.fit.bundle_writer import Export, export_bundle, pack_bundle, reference_fields
from training.fit.calibration import sharpness
from training.fit.last_layer import LAST, Base, Calibration, Features, PathStep
from training.fit.protocol import EventWriter
from training.fit.recipe import Recipe
from training.fit.runs import RunFolder
from training.models.backend import load_keras
from training.models.cells import LINEAR_RETRAINING, RETRAINING, flat_weights, halved
from training.models.registry import method

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

LIMITS: Final = (
    "Only the last layer was fitted to this folder; the network still is that of the model it came from.",
    "Tested on fields of the same folder; nothing is known about other laboratories, stains or cameras.",
)
_CHECKED: Final = 24
_ALIKE: Final = 0.02
"""Largest difference of a probability between this process and the served bundle, whose trunk was
rebuilt from weights of half precision."""


def base_bundle(recipe: Recipe) -> ModelBundle:
    """Open the bundle that a recipe starts from: the shipped one, or the file it names as weights.

    Raises:
        StationError: ``bad-bundle``.
    """
    named = recipe.method.weights
    return ModelBundle.open(default_bundle_path() if named == "none" else Path(named))


def base_input(bundle: ModelBundle) -> InputSpec:
    """Return how fields are read for a bundle: squashed to its size by the station's own method."""
    height, width = bundle.preprocessing.size
    return InputSpec(height=height, width=width)


def run_fine_tuning(
    recipe: Recipe, data: Data, split: splits.Split, *, folder: RunFolder, events: EventWriter
) -> RunMetrics:
    """Fine-tune, calibrate, compare with the base bundle on the same fields, export.

    Returns:
        What ``metrics.json`` holds; ``base``, ``base_test`` and ``against_base`` beside what every run has.

    Raises:
        StationError: ``not-retrainable``, ``stopped-early``, ``discarded``, ``export-differs``.
    """
    base = last_layer.open_base(base_bundle(recipe))
    pixels = data.prepared(base_input(base.bundle), events)
    return _FineTuning(recipe, data, split, folder, events, base, pixels).run()


@dataclass(frozen=True)
class _FineTuning:
    """Fine-tuning run of :func:`run_fine_tuning`."""

    recipe: Recipe
    data: Data
    split: splits.Split
    folder: RunFolder
    events: EventWriter
    base: Base
    pixels: NDArray[np.uint8]

    @property
    def _calibration_rows(self) -> Rows:
        return self.split.validation if len(self.split.validation) else self.split.train

    @property
    def _labels(self) -> Rows:
        return self.data.labelled.labels

    def run(self) -> RunMetrics:
        bundle = self.base.bundle
        about = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
        about["network"] = bundle.info["files"][bundle.info["network"]["file"]]["sha256"]
        self.folder.update(base=about)
        features, copies, copied = self._extract()
        self.events.phase("training", f"Fitting the last layer of {bundle.name} again")
        best, temperature, taken = self._fit_path(features.pooled, (copies, copied))
        calibration = self._calibrate(features, best, temperature)
        for what, note in calibration.notes.items():
            self.events.message(f"{what.capitalize()} {note}.")
        self.events.phase("evaluating", "Opening the test set once, for this model and its ancestor")
        shares = softmax(features.pooled @ best.weights / calibration.temperature)
        metrics: RunMetrics = {
            "base": about,
            **taken,
            "stopped": self.events.stopping,
            "fitted_again": calibration.notes,
        }
        metrics |= self._evaluate(shares, softmax(features.logits / bundle.temperature))
        if self.recipe.export:
            self.events.phase("exporting", "Writing the model bundle and verifying it in a new process")
            made = self._export(best, calibration, metrics)
            metrics["bundle"] = made.path.name
            metrics["served_difference"] = self._served_difference(made, shares)
        return metrics

    def _extract(self) -> tuple[Features, Floats, Rows]:
        """Extract the features of all fields, and features and labels of training fields and copies."""
        count = int(method(self.recipe.method.kind).full_options(self.recipe.method.options)["copies"])
        train, done = self.split.train, 0
        total = len(self.pixels) + count * len(train)

        def on_progress(part: int, _of: int) -> None:
            self.events.progress(done + part, total, "fields and altered copies seen by the network")
            self._end_if_asked()

        self.events.phase("preparing", f"Looking at the fields with {self.base.bundle.name}")
        features = last_layer.extract_features(self.base, self.pixels, on_progress)
        parts = [features.pooled[train]]
        for copy in range(count):
            done = len(self.pixels) + copy * len(train)
            altered = last_layer.altered_fields(self.pixels[train], seed=self.recipe.fit.seed, copy=copy)
            parts.append(last_layer.extract_features(self.base, altered, on_progress).pooled)
        return features, np.concatenate(parts), np.tile(self._labels[train], 1 + count)

    def _end_if_asked(self) -> None:
        if self.events.discarding:
            raise StationError("discarded", "The run was discarded.")
        if self.events.stopping:
            sentence = "Training was stopped before its first step, so there is nothing to keep."
            raise StationError("stopped-early", sentence)

    def _fit_path(self, features: Floats, learned: tuple[Floats, Rows]) -> tuple[PathStep, float, RunMetrics]:
        """Follow the path and keep the best step, or the layer as it was if that is as good."""
        classes = self.data.labelled.classes
        start, temperature, own = last_layer.initial_layer(self.base, classes)
        if not own:
            known = ", ".join(self.base.bundle.classes)
            sentence = f"The classes are others than the model's ({known}): its last layer begins anew."
            self.events.message(sentence, "warning")
        held = features[self._calibration_rows], self._labels[self._calibration_rows]
        steps: list[PathStep] = []
        rows: list[dict[str, float]] = []
        begun = time.monotonic()
        for step in last_layer.regularisation_path(learned, held, start, temperature):
            better = all(step.values["val_loss"] < other.values["val_loss"] for other in steps)
            steps.append(step)
            seconds, begun = time.monotonic() - begun, time.monotonic()
            rows.append({"epoch": step.number, "seconds": round(seconds, 2), **step.values})
            self.folder.write_history(rows)
            self.events.write(Epoch(step.number, last_layer.STEPS, seconds, step.values, better))
            if self.events.stopping:
                break
        if self.events.discarding:
            raise StationError("discarded", "The run was discarded.")
        kept = last_layer.select_step(steps)
        if kept.number or not own:
            self.events.message(
                f"Step {kept.number} is kept: the lowest loss on {len(held[1])} validation fields."
            )
        else:
            words = "The last layer stays as it was: no step is better by more than one standard error on"
            self.events.message(f"{words} {len(held[1])} validation fields.")
        self.folder.write_history([{**row, "kept": int(row["epoch"] == kept.number)} for row in rows])
        median = float(np.median([row["seconds"] for row in rows]))
        taken: RunMetrics = {"epochs": len(rows) - 1, "best_epoch": kept.number, "seconds_per_epoch": median}
        return kept, temperature, taken

    def _calibrate(self, features: Features, best: PathStep, temperature: float) -> Calibration:
        held, train = self._calibration_rows, self.split.train
        return last_layer.calibrate(
            self.base,
            features.pooled[held] @ best.weights,
            (features.appearance[train], features.appearance[held]),
            (self._labels[train], self._labels[held]),
            sharpness=sharpness(self.pixels[held]),
            temperature=temperature,
        )

    def _evaluate(self, shares: Floats, before: Floats) -> RunMetrics:
        """Figures of both parts, and on the test set those of the bundle it came from beside them."""
        parts = evaluate_parts(self.data, self.split, lambda rows: shares[rows], folder=self.folder)
        result: RunMetrics = {"validation": parts["validation"], "test": parts["test"]}
        known, classes = self.base.bundle.classes, self.data.labelled.classes
        if sorted(known) == sorted(classes):
            was = self._tested(before[:, [known.index(name) for name in classes]])
            now = self._tested(shares)
            result["base_test"] = run_metrics(was)
            pair = compare([(self.recipe.name, now), (self.base.bundle.name, was)])[0]
            result["against_base"] = pair
            self.events.message(pair_sentence(pair))
        return result

    def _tested(self, shares: Floats) -> Predicted:
        test = self.split.test
        return as_predicted(self.data, self.split, test, probabilities=shares[test])

    def _export(self, best: PathStep, calibration: Calibration, metrics: RunMetrics) -> ModelBundle:
        base = self.base.bundle
        info = bundle_info(
            self.recipe,
            self.data,
            self.split,
            folder=self.folder,
            calibration_fields=len(self._calibration_rows),
        )
        info["figures"] = list(metrics["test"]["overall"].values())
        info["decision"] = calibration.rule.to_json()
        info["calibration"]["note"] = calibration.notes["temperature"]
        info["training"] |= {"fine_tuned_from": metrics["base"], "fitted_again": calibration.notes}
        info["novelty"] = {"output": novelty_output(base)}
        info["retraining"] = dict(LINEAR_RETRAINING if self._linear else RETRAINING)
        info["limits"] = list(LIMITS)
        weights = {**self.base.weights, LAST: [best.weights.astype(np.float32)]}
        export = Export(
            info=info,
            preprocessing=base.preprocessing,
            temperature=calibration.temperature,
            novelty=calibration.novelty,
            texts={"model-card.md": card(info, base)},
            weights=halved(flat_weights(weights)),
        )
        return self._pack(export, best.weights)

    def _pack(self, export: Export, last: Floats) -> ModelBundle:
        """Write the bundle's own network with another last layer; a new network where that cannot be."""
        target, known = self.folder.path / BUNDLE, self.base.bundle.classes
        classes = self.data.labelled.classes
        same = tuple(known) == tuple(classes)
        litert = last_layer.with_last_layer(self.base, last) if same else None
        if litert is None:
            load_keras(threads=self.recipe.fit.threads, seed=self.recipe.fit.seed)
        if litert is None and self._linear:
            from training.fit.linear_head import LEVELS, with_linear_head

            network = self.base.bundle.read(str(self.base.bundle.info["network"]["file"]))
            (levels,) = self.base.weights[LEVELS]
            side = export.preprocessing.zoom
            litert = with_linear_head(network, last.astype(np.float32), side, levels)
        if litert is None:
            from training.models.cells_network import serving_model

            weights = {**self.base.weights, LAST: [last.astype(np.float32)]}
            return export_bundle(target, serving_model(weights, export.preprocessing.zoom), export)
        rgb = reference_fields(export.preprocessing.size)
        shares = softmax(last_layer.extract_features(self.base, rgb).pooled @ last / export.temperature)
        about = {key: self.base.bundle.info["network"][key] for key in ("outputs", "parameters")}
        reference: dict[str, NDArray[Any]] = {"rgb": rgb, "probabilities": shares}
        return pack_bundle(target, litert, export, network=about, reference=reference)

    @property
    def _linear(self) -> bool:
        """Whether the base is a linear layer on an integer trunk."""
        return bool(self.base.bundle.info["retraining"]["kind"] == LINEAR_RETRAINING["kind"])

    def _served_difference(self, made: ModelBundle, shares: Floats) -> float:
        """Largest difference between what was evaluated and what the finished bundle serves."""
        engine = Engine(made)
        rows = self.split.test[:: max(1, len(self.split.test) // _CHECKED)]
        served = [list(engine.classify_rgb(self.pixels[row]).probabilities.values()) for row in rows]
        difference = float(np.abs(np.array(served) - shares[rows]).max())
        if not difference <= _ALIKE:  # NaN too: a difference that cannot be computed is none that is small
            made.path.unlink()
            sentence = (
                f"The finished model differs by {difference:.3f} from the one that was evaluated, so it was "
                "not kept. Earlier runs and the active model are untouched."
            )
            raise StationError("export-differs", sentence)
        return difference


def pair_sentence(pair: ModelPair) -> str:
    """Write the comparison with the bundle a run came from as a sentence."""
    low, high = pair["interval"]
    return (
        f"Against {pair['second']} on the same {pair['n']} test fields: accuracy "
        f"{pair['accuracy_difference']:+.3f} [{low:+.3f}, {high:+.3f}], exact McNemar "
        f"p = {pair['p_mcnemar']:.3g}. Whether that model had learned from some of them is not known here."
    )


def card(info: Mapping[str, Any], base: ModelBundle) -> str:
    """Return the model card of a fine-tuned bundle; that of its ancestor follows whole."""
    training = info["training"]
    figures = [
        f"| {each['name']} | {each['value']:.4f} | {each['n']} | {each['split']} |"
        for each in info["figures"]
        if each["value"] is not None
    ]
    notes = [f"- {what}: {note}" for what, note in training["fitted_again"].items()]
    patients = training["patients"]
    parts = [
        f"# Model card: {info['name']} {info['version']}",
        RESEARCH_USE,
        f"The last layer of {base.name} {base.version} (`{base.sha256}`) was fitted again to "
        f"{training['fields']} fields of one labelled folder (`{training['data_sha256']}`), {patients}.",
        "## What was fitted again and what was kept",
        "\n".join(notes),
        "## Figures on the run's test set",
        "\n".join(["| figure | value | n | split |", "|---|---|---|---|", *figures]),
        f"All figures by field; {patients}.",
        "## Limits",
        "\n".join(f"- {limit}" for limit in info["limits"]),
        "# The model it came from",
        base.text("model-card.md"),
    ]
    return "\n\n".join(parts) + "\n"
