"""Keras callbacks: progress events, and checkpoints from which a run resumes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from allstation.core.events import Batch, Epoch
from training.fit.protocol import EventWriter
from training.fit.runs import RunFolder, read_arrays, write_arrays
from training.models.backend import set_variables, variables


def _plain(logs: Mapping[str, Any] | None) -> dict[str, float]:
    return {key: float(value) for key, value in (logs or {}).items()}


class ProgressCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes batch events, and stops the fit when the parent asks.

    Args:
        events: Where to.
        epochs: Epochs planned.
        first: Epoch the fit begins with, from 0.
    """

    def __init__(self, events: EventWriter, epochs: int, *, first: int) -> None:
        super().__init__()
        self._events, self._epochs, self._first = events, epochs, first
        self._epoch, self._begun = first, 0.0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._begun = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Remember which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the event of the batch; stop if asked."""
        values, steps = _plain(logs), int(self.params["steps"] or 1)
        done = (self._epoch - self._first) * steps + batch + 1
        left = (time.monotonic() - self._begun) / done * ((self._epochs - self._first) * steps - done)
        loss, accuracy = values.get("loss"), values.get("accuracy")
        self._events.write(Batch(self._epoch + 1, self._epochs, batch + 1, steps, loss, accuracy, left))
        if self._events.stopping:
            self.model.stop_training = True


class CheckpointCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps history, best weights, snapshots and a state that a killed run resumes from.

    An epoch that was cut short by a stop is not kept: its figures would be those of part of the data.

    Args:
        folder: The run folder.
        events: Where to tell epochs.
        epochs: Epochs planned.
        patience: Epochs without a better validation loss before stopping; 0 never stops.
        snapshots: Epochs, from 1, whose weights are kept as well.
    """

    def __init__(
        self,
        folder: RunFolder,
        events: EventWriter,
        *,
        epochs: int,
        patience: int,
        snapshots: tuple[int, ...],
    ) -> None:
        super().__init__()
        self._folder, self._events, self._epochs = folder, events, epochs
        self._patience, self._snapshots = patience, snapshots
        self.history_rows: list[dict[str, float]] = []
        self.best, self.best_epoch, self._begun = math.inf, 0, 0.0

    def restore(self) -> int:
        """Load the state of an interrupted fit into the model, whose optimiser has its variables.

        Returns:
            Epochs that are done already.
        """
        path = self._folder.path / "state.npz"
        if not path.is_file():
            return 0
        state = read_arrays(path)
        set_variables(self.model, "model", state)
        set_variables(self.model.optimizer, "optimizer", state)
        done = int(state["epoch"])
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])
        self.history_rows = self._folder.read_history()[:done]
        return done

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the epoch's clock."""
        self._begun = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the checkpoint of a completed epoch, then its event."""
        values, seconds = _plain(logs), time.monotonic() - self._begun
        if self._events.stopping or not math.isfinite(values.get("loss", math.nan)):
            return
        watched = values.get("val_loss", values["loss"])
        best = watched < self.best
        if best:
            self.best, self.best_epoch = watched, epoch + 1
            write_arrays(self._folder.path / "best.npz", variables(self.model, "model"))
        values["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.history_rows.append({"epoch": epoch + 1, "seconds": round(seconds, 3), **values})
        self._folder.write_history(self.history_rows)
        self._write_state(epoch + 1)
        self._events.write(Epoch(epoch + 1, self._epochs, seconds, values, best))
        if self._patience and epoch + 1 - self.best_epoch >= self._patience:
            self.model.stop_training = True

    def _write_state(self, done: int) -> None:
        weights = variables(self.model, "model")
        if done in self._snapshots:
            write_arrays(self._folder.path / f"epoch-{done}.npz", weights)
        state = {
            **weights,
            **variables(self.model.optimizer, "optimizer"),
            "epoch": np.array(done),
            "best": np.array(self.best),
            "best_epoch": np.array(self.best_epoch),
        }
        write_arrays(self._folder.path / "state.npz", state)
