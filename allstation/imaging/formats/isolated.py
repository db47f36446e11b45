"""Pool of isolated decoders: children that decode what is rare, each one file at a time."""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.limits import DecodeLimits
from allstation.core.text import shown_name
from allstation.frozen import child_command
from allstation.imaging.formats.source import Header, HeaderError, damaged
from allstation.isolation.child import (
    Budget,
    ChildDiedError,
    ChildError,
    ChildStartError,
    ChildTooSlowError,
)
from allstation.isolation.pool import ChildPool

_log = logging.getLogger(__name__)
DIED: Final = "decoder-died"
"""Code of a field whose decoder was ended by it."""
_BUDGET: Final = Budget(memory=3 << 30)
"""A frame of 120 million pixels with 16 bits fits (``tests/faults/fuzz_decode.py``)."""
_REFUSALS: Final = frozenset({"truncated-field", "unreadable-field", "unsupported-format"})
"""Codes that a decoder may give; a decoder that was taken over shall not name others."""
_LONGEST: Final = 300
_SAVE: Final = "Save it again from the camera's program as TIFF without compression, PNG or JPEG."

RgbArray = NDArray[np.uint8]


class DecoderPool(ChildPool):
    """Isolated decoders: as many as there are threads that decode at once.

    Args:
        command: Starts one.
        budget: Limits of each.
    """

    def __init__(self, command: list[str], budget: Budget = _BUDGET) -> None:
        super().__init__(command, budget)

    def pixels(self, content: bytes, header: Header, *, shrink: int, limits: DecodeLimits) -> RgbArray:
        """Decode a file as :func:`allstation.imaging.formats.decode.pixels_here` does, in a child.

        Args:
            content: The file.
            header: Its header, held against the limits.
            shrink: How far to shrink: 1, 2, 4 or 8.
            limits: Limits of pages, and of the time it may take.

        Raises:
            HeaderError: If it is damaged, or the decoder died of it or took too long.
        """
        request = {"shrink": shrink, "frames": limits.max_frames}
        shape = (-(-header.height // shrink), -(-header.width // shrink), 3)
        size = shape[0] * shape[1] * 3
        try:
            answer, pixels = self.ask(request, content, seconds=limits.max_seconds, most=size)
        except ChildError as error:
            _log.warning("an isolated decoder of %s ended: %s", header.format, error.how)
            raise _failure(error, header, limits) from error
        if answer.get("raised") == "MemoryError":
            problem = "needs more memory than a decoder may take. Save it smaller."
            raise HeaderError("out-of-memory", problem)
        if answer.get("code") in _REFUSALS:
            raise HeaderError(str(answer["code"]), shown_name(str(answer.get("problem", ""))[:_LONGEST]))
        if "raised" in answer or len(pixels) != size:
            raise damaged(header.format)
        return np.frombuffer(pixels, np.uint8).reshape(shape)


def _failure(error: ChildError, header: Header, limits: DecodeLimits) -> HeaderError:
    if isinstance(error, ChildStartError):
        problem = (
            f"cannot be decoded: the program's own part that decodes {header.format} does not start "
            f"({error.how}). Install ALL Station again, or save the field as PNG or JPEG."
        )
        return HeaderError("decoder-missing", problem)
    if isinstance(error, ChildTooSlowError):
        problem = f"took more than {limits.max_seconds:,.0f} seconds to decode and was given up. {_SAVE}"
        return HeaderError("too-slow", problem)
    how = error.how if isinstance(error, ChildDiedError) else "unknown"
    return HeaderError(DIED, f"ended its {header.format} decoder ({how}); nothing else was harmed. {_SAVE}")


@cache
def decoders() -> DecoderPool:
    """Return the pool of this process."""
    return DecoderPool(child_command("decoder"))
