"""Weights of the cells network (:mod:`training.models.cells_network`) as plain arrays, without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, list[NDArray[np.float32]]]
"""Kernel and bias of each layer by its name."""

ZOOM: Final = 384
"""Rows and columns of the network's input."""
HIDDEN: Final = 256
FEATURES: Final = 256
RETRAINING: Final = {"kind": "all-station-cells", "module": "training.fit.last_layer"}
"""Entry of ``bundle.json`` by which :mod:`training.fit.last_layer` knows a bundle it can fine-tune."""
LINEAR_RETRAINING: Final = {"kind": "all-station-linear", "module": "training.fit.last_layer"}
"""The same of a bundle whose only trained layer is a linear one on an integer trunk."""
_SMALL: Final = 10_000
"""Numbers of an array that is not worth halving."""


def flat_weights(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """Return weights as named arrays for an ``.npz``: ``layer/0`` kernel, ``layer/1`` bias."""
    return {
        f"{name}/{place}": value for name, values in weights.items() for place, value in enumerate(values)
    }


def halved(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.floating]]:
    """Return large arrays in half precision: enough to go on training from, at half the size."""
    return {
        name: value.astype(np.float16 if value.size > _SMALL else np.float32)
        for name, value in arrays.items()
    }


def layered_weights(arrays: Mapping[str, NDArray[np.float32]]) -> Weights:
    """Undo ``flat_weights``."""
    layers: dict[str, dict[int, NDArray[np.float32]]] = {}
    for key, value in arrays.items():
        name, place = key.rsplit("/", 1)
        layers.setdefault(name, {})[int(place)] = value.astype(np.float32)
    return {name: [parts[place] for place in sorted(parts)] for name, parts in layers.items()}
