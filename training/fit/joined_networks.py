"""Two LiteRT networks as one: an integer trunk below, a head in floats above.

TensorFlow's converter quantises a whole network or none of it. The trunk is quantised once and for all; each
head is converted by itself and put on top, so the trunk's numbers are the same bytes under every head.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from training.models.backend import KerasObject

_IDENTIFIER: Final = b"TFL3"
_ALIGNMENT: Final = 16
"""Bytes; the file format asks for it, Python's writer does not keep it."""
_SIGNATURE: Final = "serving_default"


def joined(trunk: bytes, head: bytes) -> bytes:
    """Put a head on a trunk.

    Args:
        trunk: LiteRT network with one graph. What the head needs is found by the name of an input, of an
            output or of a tensor; whatever nobody needs (a former head) is left out.
        head: LiteRT network whose inputs bear those names.

    Returns:
        LiteRT network with the trunk's inputs and the head's outputs.
    """
    below, above = _read(trunk), _read(head)
    graph, top = below.subgraphs[0], above.subgraphs[0]
    known = {tensor.name.decode(): index for index, tensor in enumerate(graph.tensors)}
    known |= _signature(below, "outputs") | _signature(below, "inputs")
    moved = {index: known[name] for name, index in _signature(above, "inputs").items()}
    for name in _signature(above, "inputs"):
        graph.tensors[known[name]].name = name.encode()
    graph.operators = _upstream(graph.operators, moved.values())
    for index, tensor in enumerate(top.tensors):
        if index not in moved:
            moved[index] = len(graph.tensors)
            tensor.buffer += len(below.buffers)
            graph.tensors.append(tensor)
    for operator in top.operators:
        operator.opcodeIndex += len(below.operatorCodes)
        operator.inputs = [moved.get(index, -1) for index in operator.inputs]
        operator.outputs = [moved[index] for index in operator.outputs]
        graph.operators.append(operator)
    below.buffers += above.buffers
    below.operatorCodes += above.operatorCodes
    graph.outputs = [moved[index] for index in top.outputs]
    outputs = {name: moved[index] for name, index in _signature(above, "outputs").items()}
    return _written(below, _signature(below, "inputs"), outputs)


def _read(data: bytes) -> Any:  # noqa: ANN401
    from tensorflow.lite.python import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(data, 0)


def _signature(model: KerasObject, side: str) -> dict[str, int]:
    """Return names and tensors of a network's inputs or outputs."""
    return {each.name.decode(): int(each.tensorIndex) for each in getattr(model.signatureDefs[0], side)}


def _upstream(operators: Sequence[Any], wanted: Iterable[int]) -> list[Any]:
    """Return the operators that some tensors need, in order."""
    needed, kept = set(wanted), []
    for operator in reversed(operators):
        if needed & {int(index) for index in operator.outputs}:
            needed |= {int(index) for index in operator.inputs}
            kept.append(operator)
    return kept[::-1]


def _written(model: KerasObject, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> bytes:
    """Write a model with the tensors, buffers and operator codes that it uses, and one signature."""
    import flatbuffers  # type: ignore[import-untyped]

    graph = model.subgraphs[0]
    used = {int(index) for each in graph.operators for index in (*each.inputs, *each.outputs) if index >= 0}
    order = sorted(used | set(inputs.values()) | set(outputs.values()))
    place = {index: number for number, index in enumerate(order)} | {-1: -1}
    graph.tensors = [graph.tensors[index] for index in order]
    for operator in graph.operators:
        operator.inputs = [place[int(index)] for index in operator.inputs]
        operator.outputs = [place[int(index)] for index in operator.outputs]
    graph.inputs = [place[index] for index in inputs.values()]
    graph.outputs = [place[int(index)] for index in graph.outputs]
    model.signatureDefs[0].signatureKey = _SIGNATURE.encode()
    model.signatureDefs[0].inputs = _mapped(inputs, place)
    model.signatureDefs[0].outputs = _mapped(outputs, place)
    model.buffers = _compact_buffers(model.buffers, graph.tensors)
    model.operatorCodes = _compact_codes(model.operatorCodes, graph.operators)
    model.metadata, model.metadataBuffer = [], []
    model.description = b"ALL Station"
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _mapped(names: Mapping[str, int], place: Mapping[int, int]) -> list[Any]:
    from tensorflow.lite.python import schema_py_generated as schema

    found = []
    for name, index in names.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), place[index]
        found.append(entry)
    return found


def _compact_buffers(buffers: Sequence[Any], tensors: Sequence[Any]) -> list[Any]:
    """Return the buffers that hold numbers, aligned, the empty one first; tensors are pointed at them."""
    from tensorflow.lite.python import schema_py_generated as schema

    class Aligned(schema.BufferT):  # type: ignore[misc]
        """Buffer whose bytes begin at a multiple of 16."""

        def Pack(self, builder: Any) -> Any:  # noqa: ANN401, N802
            data = bytes(self.data)
            builder.StartVector(1, len(data), _ALIGNMENT)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            numbers = builder.EndVector()
            schema.BufferStart(builder)
            schema.BufferAddData(builder, numbers)
            return schema.BufferEnd(builder)

    kept, moved = [schema.BufferT()], {}
    for tensor in tensors:
        data = buffers[tensor.buffer].data
        if data is None or not len(data):
            tensor.buffer = 0
            continue
        if tensor.buffer not in moved:
            buffer = Aligned()
            buffer.data = data
            moved[tensor.buffer] = len(kept)
            kept.append(buffer)
        tensor.buffer = moved[tensor.buffer]
    return kept


def _compact_codes(codes: Sequence[Any], operators: Sequence[Any]) -> list[Any]:
    """Return the operator codes in use, each once; operators are pointed at them."""
    kept: list[Any] = []
    places: dict[tuple[int, int], int] = {}
    for operator in operators:
        code = codes[operator.opcodeIndex]
        key = int(code.builtinCode), int(code.version)
        if key not in places:
            places[key] = len(kept)
            kept.append(code)
        operator.opcodeIndex = places[key]
    return kept
