"""Network of a bundle: a LiteRT interpreter in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Outputs = dict[str, NDArray[Any]]
Shape = tuple[int, ...]


class NetworkError(Exception):
    """A network that cannot be used; the text goes on from ``the model bundle NAME cannot be used:``."""


class Network(Protocol):
    """Interface of a network to its engine, wherever it runs."""

    @property
    def input_shape(self) -> Shape:
        """Shape of its input, batch axis first."""

    @property
    def output_shapes(self) -> Mapping[str, Shape]:
        """Shape of each output of its signature, batch axis first; empty if it has no signature."""

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Compute the outputs, without the batch axis, of one tensor (h, w, c).

        Raises:
            NetworkError: If it cannot be computed.
        """

    def close(self) -> None:
        """Let go of what it holds."""


class LocalNetwork:
    """A network in this process, on one thread.

    Args:
        content: LiteRT flat buffer.

    Raises:
        Exception: Whatever the runtime meets in a damaged one.
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input = int(details["index"])
        self.input_shape: Shape = tuple(int(n) for n in details["shape"])
        self._outputs = self._find_outputs()
        shapes = {int(d["index"]): d["shape"] for d in self._interpreter.get_output_details()}
        self.output_shapes: Mapping[str, Shape] = {
            name: tuple(int(n) for n in shapes[index]) for name, index in self._outputs.items()
        }

    def _find_outputs(self) -> dict[str, int]:
        """Map names of outputs to tensors, through the signature."""
        signatures = self._interpreter.get_signature_list()
        if not signatures:
            return {}
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        return {name: int(d["index"]) for name, d in runner.get_output_details().items()}

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Compute the outputs of one tensor; see :class:`Network`."""
        try:
            self._interpreter.set_tensor(self._input, tensor[np.newaxis])
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise NetworkError("its network cannot be computed") from error
        return {name: self._interpreter.get_tensor(index)[0] for name, index in self._outputs.items()}

    def close(self) -> None:
        """Nothing outlives the object."""
