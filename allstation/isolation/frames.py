"""Frames between the station and an isolated child: a JSON object and raw bytes, each with its length.

Nothing is pickled. Whoever reads trusts neither length nor content.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final, Protocol

_HEAD: Final = struct.Struct("<IQ")
_LONGEST_HEADER: Final = 1 << 20
Header = dict[str, Any]
Part = bytes | bytearray | memoryview


class FrameError(Exception):
    """Bytes that are no frame, or one that is too large."""


class RawStream(Protocol):
    """Unbuffered binary stream, as ``open(..., buffering=0)`` gives it."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of the bytes and return how many."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read some bytes and return how many; 0 at the end."""


def send(stream: RawStream, header: Mapping[str, object], *parts: Part) -> None:
    """Send one frame.

    Args:
        stream: Unbuffered.
        header: Plain values only.
        parts: Bytes that follow it, one behind the other.

    Raises:
        OSError: If the other side is gone.
    """
    text = json.dumps(header, allow_nan=False).encode()
    views = [memoryview(part).cast("B") for part in parts if len(part)]
    size = sum(view.nbytes for view in views)
    for view in (memoryview(_HEAD.pack(len(text), size) + text), *views):
        sent = 0
        while sent < view.nbytes:
            sent += stream.write(view[sent:]) or 0


def receive(stream: RawStream, *, most: int) -> tuple[Header, bytearray]:
    """Receive one frame.

    Args:
        stream: Unbuffered.
        most: Bytes that may follow the JSON object.

    Raises:
        EOFError: If the stream ends before the frame does.
        FrameError: If it is none, or larger.
    """
    length, size = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if length > _LONGEST_HEADER or size > most:
        raise FrameError(f"a frame of {length} and {size} bytes")
    text = _exactly(stream, length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise FrameError("a header that is no object")
    return header, _exactly(stream, size)


def _exactly(stream: RawStream, count: int) -> bytearray:
    data = bytearray(count)
    view, got = memoryview(data), 0
    while got < count:
        read = stream.readinto(view[got:])
        if not read:
            raise EOFError
        got += read
    return data
