"""Requests and answers as bytes: MessagePack of plain values and of a closed list of the program's types.

Nothing is pickled here. Floats keep their 64 bits, so probabilities arrive as they were computed.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgpack
import numpy as np

from allstation.core.cells import CellOutline, NewCell
from allstation.core.decision import Decision, Reason
from allstation.core.errors import ModelError, StationError
from allstation.core.known_sizes import KnownSizes, SlideSizes
from allstation.core.limits import DecodeLimits
from allstation.core.records import EvidenceMap, Prediction, Quality
from allstation.core.site import PixelSize, ScaleSource, Site
from allstation.processing.cluster.value_types import fields_fit

PROTOCOL: Final = 2
"""Raised with every change of what stands in requests and answers."""
_TAG: Final = "!"
_MOST: Final = 512 << 20
"""Bytes of an unpacked answer: a task's fields have some kilobytes each."""
_DATACLASSES: Final[Mapping[str, type]] = {
    kind.__name__: kind
    for kind in (
        Prediction,
        Decision,
        Quality,
        EvidenceMap,
        NewCell,
        CellOutline,
        KnownSizes,
        SlideSizes,
        Site,
        PixelSize,
    )
}
_FIELDS: Final = {name: [one.name for one in dataclasses.fields(kind)] for name, kind in _DATACLASSES.items()}
_ENUMS: Final[Mapping[str, type[Enum]]] = {kind.__name__: kind for kind in (Reason, ScaleSource)}
_ERRORS: Final[Mapping[str, type[StationError]]] = {
    kind.__name__: kind for kind in (StationError, ModelError)
}


class WireError(ValueError):
    """Bytes that no machine of this version sends."""


def encode(value: object) -> bytes:
    """Return a value as bytes.

    Raises:
        TypeError: If it holds a type that is not on the list.
    """
    data: bytes = msgpack.packb(value, default=_tagged, strict_types=True)
    return data


def pack(value: object) -> bytes:
    """Return a value as fewer bytes; what cells look like shrinks to a half.

    Raises:
        TypeError: If it holds a type that is not on the list.
    """
    return zlib.compress(encode(value), 1)


def unpack(data: bytes) -> Any:  # noqa: ANN401 - as for decode
    """Return the value of packed bytes.

    Raises:
        WireError: If they are of no machine of this version, or unpack to too much.
    """
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(data, _MOST)
    except zlib.error as error:
        raise WireError("bytes that are not packed") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise WireError("bytes that unpack to too much, or not to their end")
    return decode(plain)


def decode(data: bytes) -> Any:  # noqa: ANN401 - requests and answers are checked by their readers
    """Return the value of bytes.

    Raises:
        WireError: If they are of no machine of this version.
    """
    try:
        return msgpack.unpackb(data, object_hook=_untagged, strict_map_key=False)
    except (ValueError, TypeError, KeyError, StationError, msgpack.UnpackException, RecursionError) as error:
        raise WireError(f"bytes that make no sense ({type(error).__name__})") from error


def _tagged(value: object) -> object:  # noqa: PLR0911 - one line a type
    name = type(value).__name__
    if isinstance(value, DecodeLimits):
        return {_TAG: name, "v": list(value)}
    if type(value) is tuple:
        return {_TAG: "tuple", "v": list(value)}
    if name in _DATACLASSES:
        # By place, not by name: both ends are of one version, and a field has many cells.
        return {_TAG: name, "v": [getattr(value, one) for one in _FIELDS[name]]}
    if isinstance(value, Enum) and name in _ENUMS:
        return {_TAG: name, "v": str(value.value)}
    if isinstance(value, StationError):
        kind = name if name in _ERRORS else StationError.__name__
        return {_TAG: kind, "v": [value.code, value.sentence]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{name} is not sent to other machines")


def _untagged(value: dict[Any, Any]) -> object:
    name = value.get(_TAG)
    if not isinstance(name, str) or set(value) != {_TAG, "v"}:
        return value
    if name not in _MAKERS:
        raise WireError(f"an unknown type {name!r}")
    return _MAKERS[name](value["v"])


def _maker_of(name: str, kind: type) -> Callable[[Any], object]:
    def made(content: Any) -> object:  # noqa: ANN401
        record = kind(**dict(zip(_FIELDS[name], content, strict=True)))
        if not fields_fit(record):
            raise WireError(f"a {name} of other types")
        return record

    return made


def _error_of(kind: type[StationError]) -> Callable[[Any], object]:
    return lambda pair: kind(str(pair[0]), str(pair[1]))


_MAKERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "tuple": tuple,
    "DecodeLimits": lambda limits: DecodeLimits(*limits),
    **{name: _maker_of(name, kind) for name, kind in _DATACLASSES.items()},
    **_ENUMS,
    **{name: _error_of(kind) for name, kind in _ERRORS.items()},
}
