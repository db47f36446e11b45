"""Fitting real Keras networks of a few weights on toy fields: learning, stopping, resuming, failing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allstation.core import events
from allstation.core.errors import StationError
from training.fit.protocol import EventWriter, silent
from training.fit.recipe import FitSpec, Recipe, recipe_from
from training.fit.runs import RunFolder, read_arrays
from training.fit.training_loop import class_weights, learning_rate, load_weights, predict

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.xdist_group("tensorflow"),
    # TensorFlow's own arrays do not know NumPy 2's copy keyword yet.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TINY: dict[str, Any] = {
    "name": "tiny",
    "method": {"kind": "nadim", "options": {"filters": 4, "blocks": 2, "dropout": 0.2}},
    "input": {"height": 24, "width": 24, "interpolation": "area"},
    "fit": {"epochs": 3, "batch": 8, "learning_rate": 0.01},
}


def tiny(**changes: dict[str, Any]) -> Recipe:
    return recipe_from({**TINY, **{key: {**TINY.get(key, {}), **value} for key, value in changes.items()}})


@pytest.fixture(scope="module")
def parts() -> tuple[Any, Any]:
    """Two classes a network cannot miss: dark and bright fields."""
    from training.fit.training_loop import Part

    generator = np.random.default_rng(1)
    labels = np.arange(48) % 2
    pixels = (60 + 120 * labels[:, None, None, None] + generator.integers(0, 40, (48, 24, 24, 3))).astype(
        np.uint8
    )
    return Part(pixels[:32], labels[:32]), Part(pixels[32:], labels[32:])


def fit(recipe: Recipe, parts: tuple[Any, Any], path: Path, writer: EventWriter | None = None) -> Any:
    from training.fit.training_loop import fit_network

    folder = RunFolder(path) if (path / "run.json").exists() else RunFolder.create(path, recipe)
    return fit_network(recipe, parts[0], parts[1], classes=2, folder=folder, events=writer or silent())


def weights_of(fitted: Any) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in fitted.model.get_weights()]


def test_a_network_learns_and_tells_its_epochs(parts: tuple[Any, Any], tmp_path: Path) -> None:
    told: list[events.Event] = []
    fitted = fit(tiny(fit={"epochs": 8}), parts, tmp_path, EventWriter(told.append))
    probabilities = predict(fitted.model, parts[1].pixels, tiny().input, batch=5)
    assert (probabilities.argmax(axis=1) == parts[1].labels).mean() > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    epochs = [event for event in told if isinstance(event, events.Epoch)]
    assert [event.epoch for event in epochs] == list(range(1, 9))
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(epochs[0].values)
    assert any(isinstance(event, events.Batch) for event in told)
    history = RunFolder(tmp_path).read_history()
    assert [row["val_loss"] for row in history] == [event.values["val_loss"] for event in epochs]
    best = min(history, key=lambda row: row["val_loss"])
    assert fitted.best_epoch == best["epoch"]


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(parts: tuple[Any, Any], tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "augmentation": {"rotation": 20.0, "horizontal_flip": True},
        "fit": {"epochs": 5, "keep": "last", "schedule": "cosine", "class_weights": "balanced"},
    }
    whole = fit(tiny(**changes), parts, tmp_path / "whole")

    class KilledError(Exception):
        pass

    def die(event: events.Event) -> None:
        if isinstance(event, events.Epoch) and event.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        fit(tiny(**changes), parts, tmp_path / "killed", EventWriter(die))
    told: list[events.Event] = []
    resumed = fit(tiny(**changes), parts, tmp_path / "killed", EventWriter(told.append))
    assert [event.epoch for event in told if isinstance(event, events.Epoch)] == [3, 4, 5]
    for ours, theirs in zip(weights_of(resumed), weights_of(whole), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    histories = [RunFolder(tmp_path / name).read_history() for name in ("whole", "killed")]
    assert len(histories[0]) == len(histories[1]) == 5
    np.testing.assert_allclose(histories[0][4]["loss"], histories[1][4]["loss"], rtol=1e-3)


def test_resuming_a_finished_run_trains_no_more(parts: tuple[Any, Any], tmp_path: Path) -> None:
    first = fit(tiny(fit={"keep": "last"}), parts, tmp_path)
    told: list[events.Event] = []
    again = fit(tiny(fit={"keep": "last"}), parts, tmp_path, EventWriter(told.append))
    assert not told
    for ours, theirs in zip(weights_of(again), weights_of(first), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_first_epochs_are_a_shorter_run(parts: tuple[Any, Any], tmp_path: Path) -> None:
    """What the factorial of Zhang's table rests on."""
    long = fit(tiny(fit={"epochs": 4, "keep": "last", "snapshots": [2]}), parts, tmp_path / "long")
    short = fit(tiny(fit={"epochs": 2, "keep": "last"}), parts, tmp_path / "short")
    load_weights(long.model, tmp_path / "long" / "epoch-2.npz")
    for ours, theirs in zip(weights_of(long), weights_of(short), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_stop_keeps_the_best_of_the_whole_epochs(parts: tuple[Any, Any], tmp_path: Path) -> None:
    def stop(event: events.Event) -> None:
        if isinstance(event, events.Epoch) and event.epoch == 2:
            writer.request(events.STOP)

    writer = EventWriter(stop)
    fitted = fit(tiny(fit={"epochs": 9, "keep": "last"}), parts, tmp_path, writer)
    assert fitted.stopped
    assert fitted.epochs == 2
    best = read_arrays(tmp_path / "best.npz")
    np.testing.assert_array_equal(np.asarray(fitted.model.variables[0]), best["model0"])


def test_stop_before_the_first_epoch_leaves_a_sentence(parts: tuple[Any, Any], tmp_path: Path) -> None:
    writer = silent()
    writer.request(events.STOP)
    with pytest.raises(StationError, match="nothing to keep"):
        fit(tiny(), parts, tmp_path, writer)


def test_early_stopping_ends_when_validation_stalls(parts: tuple[Any, Any], tmp_path: Path) -> None:
    from training.fit.training_loop import Part

    noise = Part(parts[1].pixels, 1 - parts[1].labels)
    fitted = fit(tiny(fit={"epochs": 30, "patience": 2}), (parts[0], noise), tmp_path)
    assert fitted.epochs < 30
    assert fitted.epochs - fitted.best_epoch == 2
    assert not fitted.stopped


def test_a_loss_that_is_no_number_gives_a_sentence(parts: tuple[Any, Any], tmp_path: Path) -> None:
    recipe = tiny(fit={"optimiser": "sgd", "learning_rate": 10.0, "epochs": 6})
    from training.fit import training_loop as module

    original = module.build_network

    def explosive(recipe: Recipe, classes: int) -> Any:
        model = original(recipe, classes)
        model.optimizer.learning_rate = 1e30
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "build_network", explosive)
        with pytest.raises(StationError, match="learning rate below 10") as caught:
            fit(recipe, parts, tmp_path)
    assert caught.value.code == "nan-loss"


def test_out_of_memory_gives_a_sentence(parts: tuple[Any, Any], tmp_path: Path) -> None:
    def burst(event: events.Event) -> None:
        raise MemoryError

    with pytest.raises(StationError, match="smaller batch") as caught:
        fit(tiny(), parts, tmp_path, EventWriter(burst))
    assert caught.value.code == "out-of-memory"


@pytest.mark.parametrize("loss", ["binary_crossentropy", "sigmoid_crossentropy"])
def test_other_losses_learn_too(loss: str, parts: tuple[Any, Any], tmp_path: Path) -> None:
    fitted = fit(tiny(fit={"loss": loss, "epochs": 8}), parts, tmp_path)
    probabilities = predict(fitted.model, parts[1].pixels, tiny().input)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities.argmax(axis=1) == parts[1].labels).mean() > 0.9


@pytest.mark.parametrize(
    ("optimiser", "schedule"), [("adamw", "step"), ("sgd", "plateau"), ("rmsprop", "step")]
)
def test_every_optimiser_and_schedule_runs(
    optimiser: str, schedule: str, parts: tuple[Any, Any], tmp_path: Path
) -> None:
    fitted = fit(tiny(fit={"optimiser": optimiser, "schedule": schedule, "epochs": 2}), parts, tmp_path)
    assert fitted.epochs == 2


def test_schedules_depend_on_the_epoch_alone() -> None:
    cosine = FitSpec(epochs=10, schedule="cosine", learning_rate=0.1)
    assert learning_rate(cosine, 0) == pytest.approx(0.1)
    assert learning_rate(cosine, 5) == pytest.approx(0.05)
    assert learning_rate(cosine, 9) < 0.01
    step = FitSpec(epochs=9, schedule="step", learning_rate=0.1)
    assert [round(learning_rate(step, epoch), 6) for epoch in (0, 3, 6)] == [0.1, 0.01, 0.001]
    assert learning_rate(FitSpec(), 7) == 0.001


def test_balanced_weights_count_each_class_alike() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    weights = class_weights(labels, FitSpec(class_weights="balanced"))
    assert weights is not None
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights.sum() == pytest.approx(40)
    assert class_weights(labels, FitSpec()) is None


@pytest.mark.parametrize(("padding", "weights"), [("valid", 1_728_932), ("same", 2_449_828)])
def test_zhangs_network_has_the_published_size(padding: str, weights: int) -> None:
    from training.fit.training_loop import build_network
    from training.models.registry import preset

    data = {**preset("zhang"), "method": {"kind": "zhang", "options": {"padding": padding}}}
    assert build_network(recipe_from(data), 4).count_params() == weights


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("zhang", 0, 1_728_932),
        ("nadim", 0, 200_000),
        ("compact", 0, 1_000_000),
        ("resnet50", 23_500_000, 23_700_000),
        ("densenet121", 7_000_000, 7_100_000),
    ],
)
def test_every_network_has_its_size_and_the_layers_others_rely_on(kind: str, least: int, most: int) -> None:
    from training.fit.training_loop import build_network
    from training.models.registry import preset

    data = preset(kind)
    data["input"] = {**data["input"], "height": 64, "width": 64, "colour": "gray"}
    model = build_network(recipe_from(data), 3)
    assert least < model.count_params() < most
    assert [layer.name for layer in model.layers[-3:]] == ["features", "logits", "probabilities"]
    fields = np.zeros((2, 64, 64, 1), np.uint8)
    assert predict(model, fields, recipe_from(data).input).shape == (2, 3)
    assert predict(model, fields[:0], recipe_from(data).input).shape == (0, 3)


def test_missing_weights_are_said(tmp_path: Path) -> None:
    from training.fit.training_loop import build_network
    from training.models.registry import preset

    for weights in ("imagenet", str(tmp_path / "none.h5")):
        data = {**preset("resnet50"), "method": {"kind": "resnet50", "weights": weights}}
        with pytest.raises(StationError, match="train from scratch") as caught:
            build_network(recipe_from(data), 4)
        assert caught.value.code == "no-weights"


def test_relu_after_pooling_is_the_papers_network(parts: tuple[Any, Any]) -> None:
    """The paper's order (ReLU, then pooling) with the same weights gives the same numbers."""
    import keras
    from keras import layers

    from training.fit.training_loop import build_network
    from training.models.registry import preset

    data = preset("zhang")
    data["input"] = {**data["input"], "height": 40, "width": 40}
    ours = build_network(recipe_from(data), 4)
    printed = keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            *[
                layer
                for filters, kernel in ((64, 5), (32, 5), (128, 3))
                for layer in (layers.Conv2D(filters, kernel, activation="relu"), layers.MaxPooling2D(2))
            ],
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(4, activation="softmax"),
        ]
    )
    printed.set_weights(ours.get_weights())
    fields = np.random.default_rng(2).random((3, 40, 40, 1), np.float32)
    np.testing.assert_allclose(ours.predict_on_batch(fields), printed.predict_on_batch(fields), atol=1e-6)
