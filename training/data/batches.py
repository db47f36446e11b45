"""Batches for Keras: bytes in memory, augmented and scaled as they are needed, in a seeded order."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from allstation.imaging.inputs import InputSpec, to_tensor
from training.data.augment import Backgrounds, augment
from training.fit.recipe import AugmentSpec


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Fields of one part of a split.

    Order and augmentation depend on seed and epoch alone, so that a resumed run continues as the
    uninterrupted one would have.

    Args:
        pixels: uint8 (n, h, w, c).
        truth: float32 (n, classes), one-hot.
        spec: Input of the network.
        batch: Fields a batch.
        augmentation: Random changes, or None.
        seed: None keeps the order (validation).
        weights: Weight of each field, or None.
        backgrounds: For the background change.
        epoch: Epoch to start with, from 0.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        truth: NDArray[np.float32],
        spec: InputSpec,
        *,
        batch: int,
        augmentation: AugmentSpec | None = None,
        seed: int | None = None,
        weights: NDArray[np.float32] | None = None,
        backgrounds: Backgrounds | None = None,
        epoch: int = 0,
    ) -> None:
        super().__init__()
        self._pixels, self._truth, self._spec = pixels, truth, spec
        self._batch, self._seed, self._epoch = batch, seed, epoch
        self._augmentation = augmentation if augmentation is not None and augmentation.active else None
        self._weights, self._backgrounds = weights, backgrounds
        self._order = self._shuffled()

    def _shuffled(self) -> NDArray[np.int64]:
        if self._seed is None:
            return np.arange(len(self._pixels))
        return np.random.default_rng([self._seed, self._epoch]).permutation(len(self._pixels))

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller."""
        return (len(self._pixels) + self._batch - 1) // self._batch

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return scaled fields, their truth and, if there are any, their weights."""
        rows = self._order[index * self._batch : (index + 1) * self._batch]
        fields = self._pixels[rows]
        if self._augmentation is not None:
            fields = np.stack([self._augmented(int(row)) for row in rows])
        tensor = to_tensor(fields, self._spec)
        if self._weights is None:
            return tensor, self._truth[rows]
        return tensor, self._truth[rows], self._weights[rows]

    def _augmented(self, row: int) -> NDArray[np.uint8]:
        assert self._augmentation is not None  # noqa: S101 - for the type checker
        generator = np.random.default_rng([self._seed or 0, self._epoch, row])
        field = self._pixels[row]
        return augment(field, self._augmentation, generator, backgrounds=self._backgrounds, row=row)

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self._epoch += 1
        self._order = self._shuffled()
