"""Program of an isolated decoder: a file comes in, its pixels go out."""

from __future__ import annotations

import io
import sys
import warnings
from typing import Final

import cv2
import numpy as np

from allstation.imaging.formats.decode import pixels_here
from allstation.imaging.formats.headers import read_header
from allstation.imaging.formats.source import HeaderError, Source
from allstation.isolation import serving
from allstation.isolation.frames import Header

_MOST: Final = 4 << 30
"""Bytes of a file; what its parent reads is less (``DecodeLimits.max_bytes``)."""


def main() -> int:
    """Answer requests until the parent is gone; return the exit status."""
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    return serving.serve(_decode, sys.argv[1:], most=_MOST)


def _decode(request: Header, content: bytearray) -> serving.Answer:
    data = bytes(content)
    try:
        header = read_header(Source(io.BytesIO(data), len(data)), max_frames=int(request["frames"]))
        pixels = pixels_here(data, header, int(request["shrink"]))
    except HeaderError as problem:
        return {"code": problem.code, "problem": problem.problem}, ()
    return {}, (np.ascontiguousarray(pixels).data,)


if __name__ == "__main__":
    sys.exit(main())
