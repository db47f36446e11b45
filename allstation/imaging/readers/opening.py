"""Choice of the library that reads a slide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from allstation.core.limits import DecodeLimits
from allstation.imaging.readers.backend import Backend, NotThisLibraryError
from allstation.imaging.readers.by_openslide import OpenSlideBackend
from allstation.imaging.source import HeaderError

_NOT_KNOWN: Final = (
    "is not a slide that the station reads. Expected Aperio SVS, Hamamatsu NDPI or VMS, 3DHISTECH MRXS, "
    "Leica SCN, Ventana BIF, Zeiss CZI, Philips or tiled TIFF, OME-TIFF or DICOM."
)


def open_backend(path: Path, limits: DecodeLimits) -> Backend:
    """Open a slide with the first library that reads it.

    Args:
        path: The slide's file.
        limits: Limits of pages.

    Raises:
        HeaderError: ``unsupported-format`` if none knows it, else what the last one said.
    """
    problem: HeaderError | None = None
    for library in _libraries(path, limits):
        try:
            return library()
        except NotThisLibraryError:
            continue
        except HeaderError as error:
            problem = error
    raise problem or HeaderError("unsupported-format", _NOT_KNOWN)


def _libraries(path: Path, _limits: DecodeLimits) -> list[Callable[[], Backend]]:
    return [lambda: OpenSlideBackend(path)]
