"""Linear head on a network's integer trunk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.fit.bundle_writer import to_litert
from training.fit.joined_networks import joined


def with_linear_head(network: bytes, layer: NDArray[np.float32], side: int) -> bytes:
    """Return a LiteRT network whose head is one linear layer of the trunk's depths.

    Args:
        network: LiteRT flat buffer with the trunk; a head that it has is left out.
        layer: (c + 1, k) kernel, the bias behind it.
        side: Rows and columns of the network's input.
    """
    from training.models.cells_network import build_linear_head, load_weights

    head = build_linear_head(layer.shape[1], side)
    load_weights(head, {"classes": [layer[None, None]]})
    return joined(network, to_litert(head))


def with_appearance(network: bytes, side: int) -> bytes:
    """Return the trunk with the mean over the cells as its only output, ``appearance``."""
    from training.models.cells_network import build_appearance

    return joined(network, to_litert(build_appearance(side)))
