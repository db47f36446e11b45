"""Networks that mean harm: damaged inside, byte by byte or in their structure, or without an end."""

from __future__ import annotations

import copy
from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from allstation.inference.bundle import ModelBundle, default_bundle_path

Model = schema.ModelT
Change = Callable[[np.random.Generator, Model], None]
EXTREMES = (0, 1, -1, 2, 7, 255, 1 << 15, (1 << 31) - 1, -(1 << 31))


def shipped_network() -> bytes:
    """Return the network that every damage begins with."""
    bundle = ModelBundle.open(default_bundle_path())
    return bundle.read(bundle.info["network"]["file"])


def unpacked(network: bytes) -> Model:
    """Return the network as objects that can be changed."""
    return Model.InitFromPackedBuf(network, 0)


def packed(model: Model) -> bytes:
    """Return a flat buffer of the objects."""
    builder = flatbuffers.Builder(1 << 24)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def endless(network: bytes) -> bytes:
    """Return the network with a loop behind its logits whose condition is always true."""
    model = unpacked(network)
    main = model.subgraphs[0]
    (signature,) = model.signatureDefs
    (logits,) = (entry for entry in signature.outputs if entry.name == b"logits")
    true, zero = schema.BufferT(), schema.BufferT()
    true.data, zero.data = np.array([1], np.uint8), np.zeros(16, np.uint8)
    model.buffers += [true, zero]
    always = _graph(b"always", _tensor(main.tensors[logits.tensorIndex], buffer=0))
    answer = _tensor(always.tensors[0], buffer=len(model.buffers) - 2)
    answer.type, answer.shape = schema.TensorType.BOOL, np.array([1], np.int32)
    always.tensors.append(answer)
    always.outputs = [1]
    again = _graph(b"again", _tensor(main.tensors[logits.tensorIndex], buffer=0))
    nothing = _tensor(again.tensors[0], buffer=len(model.buffers) - 1)
    again.tensors += [nothing, _tensor(again.tensors[0], buffer=0)]
    again.outputs = [2]
    options = schema.AddOptionsT()
    again.operators = [_operator(model, schema.BuiltinOperator.ADD, [0, 1], [2])]
    again.operators[0].builtinOptionsType, again.operators[0].builtinOptions = (
        schema.BuiltinOptions.AddOptions,
        options,
    )
    loop = schema.WhileOptionsT()
    loop.condSubgraphIndex, loop.bodySubgraphIndex = len(model.subgraphs), len(model.subgraphs) + 1
    model.subgraphs += [always, again]
    main.tensors.append(_tensor(main.tensors[logits.tensorIndex], buffer=0))
    added = len(main.tensors) - 1
    step = _operator(model, schema.BuiltinOperator.WHILE, [logits.tensorIndex], [added])
    step.builtinOptionsType, step.builtinOptions = schema.BuiltinOptions.WhileOptions, loop
    main.operators.append(step)
    main.outputs = [added if index == logits.tensorIndex else index for index in main.outputs]
    logits.tensorIndex = added
    return packed(model)


def _graph(name: bytes, first: schema.TensorT) -> schema.SubGraphT:
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.inputs, graph.outputs, graph.operators = name, [first], [0], [0], []
    return graph


def _tensor(like: schema.TensorT, *, buffer: int) -> schema.TensorT:
    tensor = copy.deepcopy(like)
    tensor.buffer = buffer
    return tensor


def _operator(model: Model, code: int, inputs: list[int], outputs: list[int]) -> schema.OperatorT:
    known = schema.OperatorCodeT()
    known.builtinCode, known.deprecatedBuiltinCode, known.version = code, min(code, 127), 1
    model.operatorCodes.append(known)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, outputs
    return operator


def with_flipped_bytes(rng: np.random.Generator, network: bytes) -> bytes:
    """Change 1 to 32 bytes, most of them where tables lie: in the head, and behind the weights."""
    damaged = bytearray(network)
    for _ in range(int(rng.choice([1, 2, 8, 32]))):
        part = rng.random()
        if part < 0.2:
            at = int(rng.integers(0, 2_000))
        elif part < 0.9:
            at = int(rng.integers(len(network) - 60_000, len(network)))
        else:
            at = int(rng.integers(len(network)))
        damaged[at] = int(rng.integers(256))
    if rng.random() < 0.1:
        del damaged[int(rng.integers(len(damaged))) :]
    return bytes(damaged)


def with_other_structure(rng: np.random.Generator, network: bytes) -> bytes:
    """Change one to three things of the graph and pack it again."""
    model = unpacked(network)
    for _ in range(int(rng.integers(1, 4))):
        CHANGES[int(rng.integers(len(CHANGES)))](rng, model)
    return packed(model)


def mutated(seed: int, number: int, network: bytes) -> tuple[str, bytes]:
    """Return the kind of a damaged network and its bytes; the same for the same numbers."""
    rng = np.random.default_rng([seed, number])
    if number % 2:
        while True:
            try:
                return "structure", with_other_structure(rng, network)
            except (TypeError, ValueError, OverflowError, AttributeError):
                continue  # What cannot be packed is no file that anybody could send.
    return "bytes", with_flipped_bytes(rng, network)


def _pick(rng: np.random.Generator, items: list) -> object:
    return items[int(rng.integers(len(items)))]


def _number(rng: np.random.Generator, most: int) -> int:
    return int(rng.integers(-1, most + 2)) if rng.random() < 0.7 else int(rng.choice(EXTREMES))


def _shape(rng: np.random.Generator, model: Model) -> None:
    tensor = _pick(rng, model.subgraphs[0].tensors)
    shape = np.array(tensor.shape if tensor.shape is not None else [1], np.int32)
    if not len(shape) or rng.random() < 0.2:
        shape = np.ones(int(rng.integers(0, 9)), np.int32)
    if len(shape):
        shape[int(rng.integers(len(shape)))] = _number(rng, 400)
    tensor.shape = shape


def _type(rng: np.random.Generator, model: Model) -> None:
    _pick(rng, model.subgraphs[0].tensors).type = int(rng.integers(0, 20))


def _buffer(rng: np.random.Generator, model: Model) -> None:
    _pick(rng, model.subgraphs[0].tensors).buffer = abs(_number(rng, len(model.buffers))) & 0xFFFFFFFF


def _data(rng: np.random.Generator, model: Model) -> None:
    buffer = _pick(rng, model.buffers)
    if buffer.data is not None and len(buffer.data):
        kept = int(rng.integers(len(buffer.data)))
        buffer.data = np.array(buffer.data[:kept] if rng.random() < 0.5 else np.roll(buffer.data, kept))


def _wiring(rng: np.random.Generator, model: Model) -> None:
    operator = _pick(rng, model.subgraphs[0].operators)
    side = "inputs" if rng.random() < 0.6 else "outputs"
    wires = np.array(getattr(operator, side), np.int32)
    if len(wires):
        wires[int(rng.integers(len(wires)))] = _number(rng, len(model.subgraphs[0].tensors))
    setattr(operator, side, wires[: int(rng.integers(len(wires) + 1))] if rng.random() < 0.3 else wires)


def _code(rng: np.random.Generator, model: Model) -> None:
    if rng.random() < 0.5:
        _pick(rng, model.subgraphs[0].operators).opcodeIndex = abs(_number(rng, len(model.operatorCodes)))
    else:
        code = _pick(rng, model.operatorCodes)
        code.builtinCode = int(rng.integers(0, 207))
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)


def _options(rng: np.random.Generator, model: Model) -> None:
    options = _pick(rng, model.subgraphs[0].operators).builtinOptions
    numbers = (
        [name for name, value in vars(options or object).items() if type(value) is int] if options else []
    )
    if numbers:
        setattr(options, str(_pick(rng, numbers)), _number(rng, 4) & 0x7F)


def _order(rng: np.random.Generator, model: Model) -> None:
    operators = model.subgraphs[0].operators
    one, other = (int(rng.integers(len(operators))) for _ in range(2))
    if rng.random() < 0.5:
        operators[one], operators[other] = operators[other], operators[one]
    else:
        del operators[one]


def _ends(rng: np.random.Generator, model: Model) -> None:
    graph, count = model.subgraphs[0], len(model.subgraphs[0].tensors)
    if rng.random() < 0.5:
        _pick(rng, model.signatureDefs[0].outputs).tensorIndex = abs(_number(rng, count))
    elif rng.random() < 0.5:
        graph.outputs = [*graph.outputs[1:], _number(rng, count)]
    else:
        graph.inputs = [_number(rng, count)]


CHANGES: tuple[Change, ...] = (_shape, _type, _buffer, _data, _wiring, _code, _options, _order, _ends)
