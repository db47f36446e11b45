"""Choice of the library that reads a slide."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from allstation.core.limits import DecodeLimits
from allstation.imaging.formats.source import HeaderError, Source
from allstation.imaging.readers.backend import Backend, NotThisLibraryError
from allstation.imaging.readers.by_openslide import OpenSlideBackend
from allstation.imaging.readers.by_pages import PagesBackend
from allstation.imaging.readers.by_pydicom import DicomFramesBackend, DicomSlideBackend
from allstation.imaging.readers.by_tifffile import TiffBackend
from allstation.imaging.readers.dicom_header import DicomHeader, missing
from allstation.imaging.readers.jpeg_tiles import JpegTiles
from allstation.imaging.readers.kinds import is_slide, look
from allstation.imaging.readers.tiff_outline import TiffOutline, check_not_cut
from allstation.imaging.readers.virtual_levels import VirtualLevels

_OWN_OFFSETS: Final = frozenset({".ndpi"})
"""Files of Hamamatsu: of more than 4 GB no offset means what it does in other TIFF files."""
Library = Callable[[Path, DecodeLimits], Backend]
_NOT_KNOWN: Final = (
    "is not a slide that the station reads. Expected Aperio SVS, Hamamatsu NDPI or VMS, 3DHISTECH MRXS, "
    "Leica SCN, Ventana BIF, Zeiss CZI, Philips or tiled TIFF, OME-TIFF or DICOM."
)


def open_backend(path: Path, limits: DecodeLimits) -> Backend:
    """Open a slide with the first library that reads it, and add the smaller levels that it lacks.

    Args:
        path: The slide's file.
        limits: Limits of bytes, pages and pixels.

    Raises:
        HeaderError: ``unsupported-format`` if none knows it, ``decoder-missing`` if a library is missing,
            ``unreadable-slide`` if it ends too early, else what the last one said.
    """
    if path.suffix.lower() not in _OWN_OFFSETS:
        with path.open("rb") as file:
            check_not_cut(Source(file, os.fstat(file.fileno()).st_size))
    problem: HeaderError | None = None
    for library in _libraries(path, limits):
        try:
            return VirtualLevels(library(path, limits))
        except NotThisLibraryError:
            continue
        except HeaderError as error:
            problem = error
    raise problem or _not_known()


def _libraries(path: Path, limits: DecodeLimits) -> Sequence[Library]:
    found = look(path)
    if isinstance(found, DicomHeader):
        return (_by_openslide, DicomSlideBackend) if found.is_slide else (DicomFramesBackend,)
    if not isinstance(found, TiffOutline):
        return (_by_openslide,)
    if not is_slide(path, limits):
        return (PagesBackend, TiffBackend)
    # OpenSlide knows no copies that hang on a page or are not marked as such, and 8-bit colours alone.
    return (_by_openslide, TiffBackend) if found.scanner or found.usual else (TiffBackend, _by_openslide)


def _by_openslide(path: Path, limits: DecodeLimits) -> Backend:
    return JpegTiles(OpenSlideBackend(path), path, limits)


def _not_known() -> HeaderError:
    try:
        import openslide  # noqa: F401
    except (ImportError, OSError):
        return HeaderError("decoder-missing", missing("OpenSlide"))
    return HeaderError("unsupported-format", _NOT_KNOWN)
