"""Program of an isolated network: it is loaded once, then a tensor comes in and its outputs go out."""

from __future__ import annotations

import sys
from typing import Final

import ai_edge_litert.interpreter  # noqa: F401 - loaded before files are closed to this process
import numpy as np

from allstation.inference.network import LocalNetwork
from allstation.isolation import serving
from allstation.isolation.frames import Header

_MOST: Final = 1 << 30
"""Bytes of a network or a tensor; a bundle is smaller (``bundle_archive.MAX_BYTES``)."""


class _Served:
    """The one network of this process."""

    def __init__(self) -> None:
        self._network: LocalNetwork | None = None

    def answer(self, request: Header, content: bytearray) -> serving.Answer:
        """Load the network, or run it."""
        if request.get("do") == "load":
            self._network = LocalNetwork(bytes(content))
            return {"input": self._network.input_shape, "outputs": dict(self._network.output_shapes)}, ()
        if self._network is None:
            raise ValueError("no network yet")
        tensor = np.frombuffer(content, np.float32).reshape(self._network.input_shape[1:])
        outputs = {name: np.ascontiguousarray(each) for name, each in self._network.run(tensor).items()}
        if any(each.dtype.hasobject for each in outputs.values()):
            raise ValueError("outputs that are no numbers")
        about = [(name, each.dtype.name, each.shape) for name, each in outputs.items()]
        return {"outputs": about}, [each.tobytes() for each in outputs.values()]


if __name__ == "__main__":
    sys.exit(serving.serve(_Served().answer, sys.argv[1:], most=_MOST))
