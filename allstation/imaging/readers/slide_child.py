"""Program of an isolated slide reader: one slide, opened after confinement; parts go out as pixels."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from allstation.core.limits import DecodeLimits
from allstation.core.slide_part import Region
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.readers.backend import Backend, Rgb
from allstation.imaging.readers.opening import open_backend
from allstation.imaging.readers.wire import to_json
from allstation.isolation import serving
from allstation.isolation.frames import Header

_LIMITS: Final = tuple(DecodeLimits._fields)


class SlideServer:
    """Answers requests about one slide.

    Args:
        path: The slide's file.
        limits: Of pages.
    """

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        self._path = path
        self._limits = limits
        self._backend: Backend | None = None

    def answer(self, request: Header, _: bytearray) -> serving.Answer:
        """Answer one request: ``info``, ``region``, ``page`` or ``associated``."""
        try:
            if self._backend is None:
                self._backend = open_backend(self._path, self._limits)
            if request["ask"] == "info":
                return to_json(self._backend.info), ()
            return _pixels(self._read(self._backend, request))
        except HeaderError as problem:
            return {"code": problem.code, "problem": problem.problem}, ()

    def _read(self, backend: Backend, request: Header) -> Rgb:
        if request["ask"] == "region":
            names = ("level", "x", "y", "width", "height")
            return backend.region(Region(**{name: int(request[name]) for name in names}))
        if request["ask"] == "page":
            return backend.page(int(request["number"]))
        return backend.associated(str(request["name"]))


def _pixels(rgb: Rgb) -> serving.Answer:
    return {"height": rgb.shape[0], "width": rgb.shape[1]}, (np.ascontiguousarray(rgb).data,)


def main() -> int:
    """Answer requests until the parent is gone; return the exit status."""
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    first = serving.first_request()
    server = SlideServer(
        Path(first["file"]), DecodeLimits(**{name: first["limits"][name] for name in _LIMITS})
    )
    places = [str(place) for place in first["readable"]]
    return serving.serve(server.answer, sys.argv[1:], most=0, readable=places)


if __name__ == "__main__":
    sys.exit(main())
