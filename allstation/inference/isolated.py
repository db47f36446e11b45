"""Network in an isolated child: what it does there costs the model, never the station."""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.frozen import child_command
from allstation.inference.network import NetworkError, Outputs, Shape
from allstation.isolation.child import (
    Budget,
    Child,
    ChildDiedError,
    ChildError,
    ChildGoneError,
    ChildStartError,
    ChildTooSlowError,
    close_children,
)
from allstation.isolation.frames import Header, Part

_log = logging.getLogger(__name__)
_BUDGET: Final = Budget(memory=2 << 30)
RUN_SECONDS: Final = 20.0
"""Wall time of one field; the shipped network takes a fiftieth of a second."""
_FIRST_SECONDS: Final = 60.0
"""Wall time for loading, also on a machine with other things to do."""
_MOST: Final = 64 << 20
"""Bytes of all outputs of one field; those of the shipped network are 0.01 MB."""
_DEATHS: Final = 1
"""Deaths of a child that worked before, from outside perhaps, that are made up for."""
_KINDS: Final = frozenset(
    {"float32", "float64", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"}
)
_MOST_OUTPUTS, _MOST_AXES = 64, 8


class IsolatedNetwork:
    """A network in a child of its own.

    Args:
        content: LiteRT flat buffer.
        seconds: Wall time of one field.
        command: Starts the child; default the program's own.
        budget: Limits of the child.

    Raises:
        NetworkError: If it cannot be loaded, took too long, or ended the child.
    """

    def __init__(
        self,
        content: bytes,
        *,
        seconds: float = RUN_SECONDS,
        command: list[str] | None = None,
        budget: Budget = _BUDGET,
    ) -> None:
        self._content = content
        self._seconds = seconds
        self._command = command or child_command("network")
        self._budget = budget
        self._deaths = 0
        self._children: list[Child] = []
        self._end = weakref.finalize(self, close_children, self._children)
        self.input_shape, self.output_shapes = self._load()

    def _load(self) -> tuple[Shape, Mapping[str, Shape]]:
        try:
            return self._loaded()
        except NetworkError:
            # Not left to the collector, which the error's own traceback holds up.
            self.close()
            raise

    def _loaded(self) -> tuple[Shape, Mapping[str, Shape]]:
        try:
            self._children.append(Child(self._command, self._budget))
            answer, _ = self._ask({"do": "load"}, self._content, seconds=_FIRST_SECONDS, most=0)
        except ChildError as error:
            raise self._failed(error, "to load") from error
        if "raised" in answer:
            raise NetworkError(f"its network cannot be loaded ({_plain(answer['raised'])})")
        outputs = answer.get("outputs")
        if not isinstance(outputs, dict) or len(outputs) > _MOST_OUTPUTS:
            raise NetworkError("its network has outputs that make no sense")
        return _shape(answer.get("input")), {str(name): _shape(shape) for name, shape in outputs.items()}

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Compute the outputs of one tensor; see :class:`allstation.inference.network.Network`."""
        if not self._children:
            self._load()
        content = np.ascontiguousarray(tensor, np.float32).data
        while True:
            try:
                answer, payload = self._ask({"do": "run"}, content, seconds=self._seconds, most=_MOST)
                break
            except ChildGoneError:
                close_children(self._children)
            except ChildDiedError as error:
                self._deaths += 1
                if self._deaths > _DEATHS:
                    raise self._failed(error, "for one field") from error
                _log.warning("the isolated network ended and is started again: %s", error.how)
                close_children(self._children)
            except ChildError as error:
                raise self._failed(error, "for one field") from error
            self._load()
        if self._children[0].worn:
            close_children(self._children)
        if "raised" in answer:
            raise NetworkError("its network cannot be computed")
        return self._outputs(answer, payload)

    def _ask(self, request: Header, content: Part, *, seconds: float, most: int) -> tuple[Header, bytearray]:
        return self._children[0].ask(request, content, seconds=seconds, most=most)

    def _outputs(self, answer: Header, payload: bytearray) -> Outputs:
        """Take the arrays out of an answer that is what it should be."""
        found: Outputs = {}
        at = 0
        entries = answer.get("outputs")
        if not isinstance(entries, list):
            raise _senseless()
        for entry in entries:
            try:
                name, kind, shape = str(entry[0]), str(entry[1]), _shape(entry[2])
            except (TypeError, LookupError) as error:
                raise _senseless() from error
            if kind not in _KINDS or shape != self.output_shapes.get(name, ())[1:]:
                raise _senseless()
            count = math.prod(shape)
            end = at + count * np.dtype(kind).itemsize
            if end > len(payload):
                raise _senseless()
            found[name] = np.frombuffer(payload, kind, count, at).reshape(shape)
            at = end
        if at != len(payload) or found.keys() != self.output_shapes.keys():
            raise _senseless()
        return found

    def _failed(self, error: ChildError, what: str) -> NetworkError:
        close_children(self._children)
        _log.warning("an isolated network ended: %s", error.how)
        if isinstance(error, ChildStartError):
            return NetworkError(f"the program's own part that runs it does not start ({error.how})")
        if isinstance(error, ChildTooSlowError):
            seconds = self._seconds if what != "to load" else _FIRST_SECONDS
            return NetworkError(f"its network took more than {seconds:g} seconds {what}")
        return NetworkError(f"its network ended the process it runs in ({error.how})")

    def close(self) -> None:
        """End the child; asked again, the network starts another."""
        close_children(self._children)


def _senseless() -> NetworkError:
    return NetworkError("its network gives outputs that make no sense")


def _shape(value: object) -> Shape:
    fits = isinstance(value, list) and len(value) <= _MOST_AXES
    if not isinstance(value, list) or not fits or not all(isinstance(n, int) and n >= 0 for n in value):
        raise _senseless()
    return tuple(value)


def _plain(text: object) -> str:
    return "".join(char for char in str(text)[:64] if char.isalnum() or char in "._ ")
