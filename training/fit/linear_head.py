"""Linear head on a network's integer trunk."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.fit.bundle_writer import to_litert
from training.fit.joined_networks import joined

LEVELS: Final = "levels"
"""Name among a bundle's weights of the level of every channel of its trunk."""


def with_linear_head(
    network: bytes, layer: NDArray[np.float32], side: int, levels: NDArray[np.float32]
) -> bytes:
    """Return a LiteRT network whose head is one linear layer of the trunk's depths.

    Args:
        network: LiteRT flat buffer with the trunk; a head that it has is left out.
        layer: (2 c + 1, k) kernel: of the c channels, of what of them lies above the levels, the bias.
        side: Rows and columns of the network's input.
        levels: (c,).
    """
    from training.models.cells_network import build_linear_head, load_weights

    head = build_linear_head(layer.shape[1], side, levels)
    load_weights(head, {"classes": [layer[None, None]]})
    return joined(network, to_litert(head))


def with_means(network: bytes, side: int, levels: NDArray[np.float32]) -> bytes:
    """Return the trunk with the means over the cells (2 c,) as its only output, ``means``.

    Args:
        network: LiteRT flat buffer with the trunk.
        side: Rows and columns of the network's input.
        levels: (c,).
    """
    from training.models.cells_network import build_means

    return joined(network, to_litert(build_means(side, levels)))
