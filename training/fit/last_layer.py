"""Fine-tuning of the last layer of a cells bundle on a laboratory's own fields: minutes on a CPU.

The last layer, from pooled features to logits, is fitted again; the network below it is frozen and run by
LiteRT on fields prepared as the bundle says. The fit is softmax regression, L2-regularised towards the
bundle's own weights along a path of decreasing penalty. The step with the lowest validation loss is kept if
it beats the initial layer by more than one standard error (after the one-standard-error rule of Breiman et
al. 1984, Classification and Regression Trees, section 3.4.3), else the initial layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.imaging.preprocess import prepare
from allstation.inference.bundle import ModelBundle
from allstation.inference.engine import Engine, novelty_output, softmax
from allstation.inference.engine_pool import EnginePool
from allstation.inference.novelty import Novelty
from allstation.inference.pipeline import default_threads
from allstation.inference.reference import MEMBER as REFERENCE
from training.data.composites import backgrounds_of, generous_mask
from training.data.fields_in_memory import OnProgress
from training.data.variants import Strength, altered
from training.fit.bundle_writer import WEIGHTS
from training.fit.calibration import fit_novelty, fit_rule, fit_temperature
from training.models.cells import LINEAR_RETRAINING, RETRAINING, Weights, layered_weights

LAST: Final = "classes"
"""Name of the layer that is fitted again: (f, k) weights without bias, logits = features @ weights."""

STEPS: Final = 10
_STRONGEST, _WEAKEST = 2e1, 2e-4
_ALIKE: Final = 0.05
_FEW_WRONG: Final = 10
_FEW_FIELDS: Final = 200
_IN_DOMAIN: Final = 0.95
_CHUNK: Final = 16
_CONSTANT: Final = 1e-5
_HALF, _SMALL = 2e-3, 1e-4
"""Weights to go on from are kept in half precision, those of the network in single."""
_ROUNDS: Final = 60

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Base:
    """Bundle that fine-tuning starts from.

    Attributes:
        bundle: The bundle.
        weights: Of its network, by layer.
        pool: Its network, one interpreter a thread.
    """

    bundle: ModelBundle
    weights: Weights
    pool: EnginePool

    @property
    def last(self) -> Floats:
        """Weights of the last layer (f, k)."""
        return self.weights[LAST][0].astype(np.float64)


@dataclass(frozen=True)
class Features:
    """Outputs of a bundle's network for a set of fields.

    Attributes:
        pooled: (n, f), pooled over each field; the last layer makes the logits of them.
        appearance: (n, a) from which the bundle tells novelty; the features where it names nothing else.
        logits: (n, k).
    """

    pooled: Floats
    appearance: Floats
    logits: Floats


@dataclass(frozen=True)
class PathStep:
    """Step of the regularisation path.

    Attributes:
        number: 0 is the layer as it was.
        weights: (f, k).
        values: ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``.
        losses: Of every validation field (m,).
    """

    number: int
    weights: Floats
    values: dict[str, float]
    losses: Floats


@dataclass(frozen=True)
class Calibration:
    """Temperature, decision rule and novelty of a fitted layer, with the reason for each.

    Attributes:
        temperature: Divisor of the logits.
        rule: Decision rule.
        novelty: Arrays for ``novelty.npz``.
        notes: What was fitted again and what was kept, and why.
    """

    temperature: float
    rule: DecisionRule
    novelty: dict[str, NDArray[Any]]
    notes: dict[str, str]


def open_base(bundle: ModelBundle) -> Base:
    """Open a bundle for fine-tuning.

    Raises:
        StationError: ``not-retrainable`` if it is of another kind, or its network is not what its
            weights say.
    """
    sentence = f"The model {bundle.name!r} cannot be fine-tuned here; choose one that ships with ALL Station."
    if bundle.info.get("retraining", {}).get("kind") not in (RETRAINING["kind"], LINEAR_RETRAINING["kind"]):
        raise StationError("not-retrainable", sentence)
    base = Base(bundle, layered_weights(bundle.arrays(WEIGHTS)), EnginePool(bundle))
    rgb = bundle.arrays(REFERENCE)["rgb"][:4]
    features = extract_features(base, rgb)
    near = _ALIKE * max(1.0, float(np.abs(features.logits).max()))
    if LAST not in base.weights or not np.allclose(features.pooled @ base.last, features.logits, atol=near):
        raise StationError("not-retrainable", sentence)
    return base


def extract_features(
    base: Base, fields: NDArray[np.uint8], on_progress: OnProgress = lambda *_: None
) -> Features:
    """Run the bundle's network on fields, prepared as the bundle says.

    Args:
        base: The bundle.
        fields: (n, h, w, 3) uint8 of the bundle's size.
        on_progress: Called with fields done and fields in all; may raise to stop.
    """
    outputs = ("features", novelty_output(base.bundle), "logits")

    def one(row: int) -> list[NDArray[Any]]:
        engine = base.pool.engine()
        assert isinstance(engine, Engine)  # noqa: S101 - a site's model has no layer to fit and was refused
        found = engine.run(prepare(fields[row], engine.preprocessing).tensor)
        return [found[name] for name in outputs]

    seen: list[list[NDArray[Any]]] = []
    with ThreadPoolExecutor(default_threads()) as threads:
        for start in range(0, len(fields), _CHUNK):
            seen.extend(threads.map(one, range(start, min(start + _CHUNK, len(fields)))))
            on_progress(len(seen), len(fields))
    return Features(
        *(np.stack([one[part] for one in seen]).astype(np.float64) for part in range(len(outputs)))
    )


def altered_fields(fields: NDArray[np.uint8], *, seed: int, copy: int) -> NDArray[np.uint8]:
    """Return one altered copy of every field: other stain, lamp, focus, background; turned, mirrored.

    Args:
        fields: (n, h, w, 3) uint8.
        seed: Of the recipe.
        copy: Which copy; every one is another.
    """
    backgrounds = backgrounds_of(fields, seed).rgb
    return np.stack([_altered(field, backgrounds, [seed, copy, row]) for row, field in enumerate(fields)])


def _altered(
    field: NDArray[np.uint8], backgrounds: NDArray[np.uint8], seeds: Sequence[int]
) -> NDArray[np.uint8]:
    random = np.random.default_rng(seeds)
    turned = np.rot90(field, int(random.integers(4)))
    mirrored = np.ascontiguousarray(turned[:, ::-1] if random.random() < 0.5 else turned)  # noqa: PLR2004
    return altered(mirrored, generous_mask(mirrored, 0), backgrounds, random, Strength())[0]


def initial_layer(base: Base, classes: Sequence[str]) -> tuple[Floats, float, bool]:
    """Return the layer and temperature to start from, and whether they are the bundle's own.

    The bundle's columns are put in the order of ``classes``; with other classes the layer begins empty.
    """
    known = base.bundle.classes
    if sorted(known) == sorted(classes):
        return base.last[:, [known.index(name) for name in classes]], base.bundle.temperature, True
    return np.zeros((len(base.last), len(classes))), 1.0, False


def regularisation_path(
    learned: tuple[Floats, Rows], held: tuple[Floats, Rows], start: Floats, temperature: float
) -> Iterator[PathStep]:
    """Yield the initial layer, then fits under an ever smaller penalty.

    Softmax regression with a quadratic penalty on the change of each weight, in calibrated logits per
    spread of its feature; classes weigh alike.

    Args:
        learned: Features (n, f) and labels of the training fields and their copies.
        held: The same of the validation fields.
        start: Layer (f, k) to begin from.
        temperature: Divisor of the logits meanwhile.
    """
    yield _step(0, start, learned, held, temperature=temperature)
    spread = learned[0].std(axis=0) + 1e-6
    spread[spread < _CONSTANT] = 1.0  # the one that stands for a bias
    change = np.zeros_like(start)
    for number, penalty in enumerate(np.geomspace(_STRONGEST, _WEAKEST, STEPS), 1):
        change = _fitted(change, learned, start, spread=spread, penalty=penalty, temperature=temperature)
        weights = start + temperature * change / spread[:, None]
        yield _step(number, weights, learned, held, temperature=temperature)


def select_step(steps: Sequence[PathStep]) -> PathStep:
    """Return the step with the lowest validation loss, or the first if that is as good.

    As good is: within one standard error of the difference, field by field.
    """
    best = min(steps, key=lambda step: step.values["val_loss"])
    gained = steps[0].losses - best.losses
    return best if gained.mean() > gained.std() / np.sqrt(len(gained)) else steps[0]


def _fitted(
    change: Floats,
    learned: tuple[Floats, Rows],
    start: Floats,
    *,
    spread: Floats,
    penalty: float,
    temperature: float,
) -> Floats:
    """Return the change (f, k), in calibrated logits per spread, with the smallest penalised loss."""
    from scipy.optimize import minimize

    features, labels = learned
    scaled, offset = features / spread, features @ start / temperature
    kinds = start.shape[1]
    weight = (1 / np.maximum(np.bincount(labels, minlength=kinds), 1))[labels]
    weight = weight / weight.sum()
    truth = np.eye(kinds)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        delta = flat.reshape(change.shape)
        shares = softmax(offset + scaled @ delta)
        lost = -float(weight @ np.log(np.maximum((shares * truth).sum(axis=1), 1e-12)))
        slope = scaled.T @ ((shares - truth) * weight[:, None]) + penalty * delta
        return lost + penalty / 2 * float((delta**2).sum()), slope.ravel()

    found = minimize(loss, change.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS})
    return np.asarray(found.x).reshape(change.shape)


def _step(
    number: int,
    weights: Floats,
    learned: tuple[Floats, Rows],
    held: tuple[Floats, Rows],
    *,
    temperature: float,
) -> PathStep:
    values: dict[str, float] = {}
    losses = np.empty(0)
    for prefix, (features, labels) in (("", learned), ("val_", held)):
        shares = softmax(features @ weights / temperature)
        losses = -np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-12))
        values[f"{prefix}loss"] = float(losses.mean())
        values[f"{prefix}accuracy"] = float((shares.argmax(axis=1) == labels).mean())
    return PathStep(number, weights, values, losses)


def with_last_layer(base: Base, weights: Floats) -> bytes | None:
    """Return the bundle's own network with the numbers of its last layer replaced.

    A LiteRT file keeps a layer's numbers as one run of bytes, (k, f) here. Only those change: whatever
    else the network does, it goes on doing bit for bit.

    Args:
        base: The bundle.
        weights: (f, k) in the order of the bundle's classes.

    Returns:
        The network; None if the layer has another shape or is not found exactly once.
    """
    network = base.bundle.read(str(base.bundle.info["network"]["file"]))
    old = np.ascontiguousarray(base.last.T).ravel()
    if weights.T.size != old.size or weights.shape != base.last.shape:
        return None
    numbers = np.frombuffer(network, np.float32, count=len(network) // 4)
    near = _HALF * np.maximum(np.abs(old), _SMALL)
    with np.errstate(invalid="ignore", over="ignore"):
        places = np.flatnonzero(np.abs(numbers[: len(numbers) - old.size + 1] - old[0]) <= near[0])
        found = [at for at in places if (np.abs(numbers[at : at + old.size] - old) <= near).all()]
    if len(found) != 1:
        return None
    new = np.ascontiguousarray(weights.T, np.float32).tobytes()
    return network[: 4 * found[0]] + new + network[4 * found[0] + len(new) :]


def calibrate(
    base: Base,
    logits: Floats,
    appearance: tuple[Floats, Floats],
    labels: tuple[Rows, Rows],
    *,
    sharpness: Floats,
    temperature: float,
) -> Calibration:
    """Fit temperature, rule and novelty again where the validation fields suffice for it, else keep them.

    Args:
        base: The bundle.
        logits: Of the validation fields (m, k).
        appearance: Of training fields (n, a) and validation fields (m, a).
        labels: Of both.
        sharpness: Of the validation fields (m,).
        temperature: The one the layer was fitted with.
    """
    held = labels[1]
    wrong = int((logits.argmax(axis=1) != held).sum())
    notes = {}
    if wrong >= _FEW_WRONG:
        temperature = fit_temperature(logits, held)
        notes["temperature"] = f"fitted on {len(held)} validation fields, {wrong} of them wrong"
    else:
        notes["temperature"] = (
            f"kept: {wrong} wrong among {len(held)} validation fields are too few to fit it"
        )
    rule = base.bundle.rule
    fitted = fit_rule(softmax(logits / temperature), sharpness)
    if len(held) >= _FEW_FIELDS:
        rule = fitted
        notes["rule"] = f"fitted on {len(held)} validation fields"
    else:
        rule = replace(rule, min_sharpness=min(rule.min_sharpness, fitted.min_sharpness))
        notes["rule"] = (
            f"kept: {len(held)} validation fields are too few; sharpness as low as theirs is accepted"
        )
    arrays, notes["novelty"] = _wider_novelty(base, appearance, labels)
    return Calibration(temperature, rule, arrays, notes)


def _wider_novelty(
    base: Base, appearance: tuple[Floats, Floats], labels: tuple[Rows, Rows]
) -> tuple[dict[str, NDArray[Any]], str]:
    """Add the class means of this folder to those of the bundle, and widen the limit if they need it."""
    named = base.bundle.info.get("novelty")
    if not named:
        return fit_novelty(appearance[0], labels[0], appearance[1]), "fitted on the fields of this folder"
    arrays = dict(base.bundle.arrays(named["file"]))
    own = np.stack([appearance[0][labels[0] == kind].mean(axis=0) for kind in np.unique(labels[0])])
    arrays["means"] = np.concatenate([arrays["means"], own.astype(np.float32)])
    said = "the network is the same: kept, with the means of this folder's classes beside the known ones"
    distances = Novelty(arrays).scores(appearance[1])
    if (distances > 1).mean() <= 1 - _IN_DOMAIN:
        return arrays, said
    wider = float(np.quantile(distances, _IN_DOMAIN))
    arrays["limit"] = np.array(float(arrays["limit"]) * wider)
    return (
        arrays,
        f"{said}; too many of its fields lay beyond the limit, which is {wider:.2f} times as far now",
    )
