"""Slides through OpenSlide: Aperio, Hamamatsu, 3DHISTECH, Leica, Ventana, Philips, Zeiss, DICOM, TIFF."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from allstation.core.pixel_size import sensible_size
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.formats.source import HeaderError
from allstation.imaging.readers.backend import (
    CACHE_BYTES,
    NotThisLibraryError,
    Rgb,
    no_pages,
    no_picture,
    over_white,
)
from allstation.imaging.readers.kinds import INDEX_SUFFIXES, slide_files
from allstation.imaging.readers.metadata import metadata_of

if TYPE_CHECKING:
    import openslide

_FORMATS: Final = {
    "aperio": "Aperio SVS",
    "dicom": "DICOM",
    "generic-tiff": "TIFF",
    "hamamatsu": "Hamamatsu",
    "leica": "Leica SCN",
    "mirax": "3DHISTECH MRXS",
    "philips-tiff": "Philips TIFF",
    "sakura": "Sakura",
    "trestle": "Trestle TIFF",
    "ventana": "Ventana BIF",
    "zeiss": "Zeiss CZI",
}
_ASSOCIATED: Final = ("label", "macro", "thumbnail")
_MOST_OBJECTIVE: Final = 200.0
_USUAL_TILE: Final = 256
_LONGEST_REASON: Final = 120
_NAMES_A_FILE: Final = re.compile(
    r"hamamatsu\.[A-Za-z]*(?:File|Image)[A-Za-z0-9(),]*|mirax\.DATAFILE\.FILE_\d+|mirax\.HIERARCHICAL\.INDEXFILE"
)
_PATHS: Final = re.compile(r"(?:/|[A-Za-z]:\\)\S+")
_T = TypeVar("_T")


class OpenSlideBackend:
    """One slide that OpenSlide reads.

    Args:
        path: The slide's file.

    Raises:
        NotThisLibraryError: If OpenSlide does not know it, or is not installed.
        HeaderError: If it is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            import openslide
        except (ImportError, OSError) as error:
            raise NotThisLibraryError from error
        self._library = openslide
        self._path = path
        try:
            if openslide.OpenSlide.detect_format(path) is None:
                raise NotThisLibraryError
            self._slide = self._opened()
            _check_names(path, self._slide.properties)
            self._info = _info(self._slide.properties, self._slide)
        except openslide.OpenSlideUnsupportedFormatError as error:
            raise NotThisLibraryError from error
        except (openslide.OpenSlideError, OSError) as error:
            raise _damaged(error) from error

    def _opened(self) -> openslide.OpenSlide:
        slide = self._library.OpenSlide(self._path)
        slide.set_cache(self._library.OpenSlideCache(CACHE_BYTES))
        return slide

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a tile of the smallest level, where OpenSlide says them."""
        sides = [
            _number(self._slide.properties, f"openslide.level[{len(self._info.levels) - 1}].tile-{side}", 1e6)
            for side in ("width", "height")
        ]
        return int(sides[0] or _USUAL_TILE), int(sides[1] or _USUAL_TILE)

    def region(self, region: Region) -> Rgb:
        """Return the pixels of a rectangle, as OpenSlide gives them, over white."""
        size = (region.width, region.height)
        return self._guarded(
            lambda: over_white(np.asarray(self._slide.read_region((region.x, region.y), region.level, size)))
        )

    def page(self, number: int) -> Rgb:
        """Refuse: the pages of these files are levels."""
        raise no_pages(number)

    def associated(self, name: str) -> Rgb:
        """Return a picture beside the pyramid."""
        if name not in self._info.associated:
            raise no_picture(name)
        return self._guarded(
            lambda: over_white(np.asarray(self._slide.associated_images[name].convert("RGBA")))
        )

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()

    def _guarded(self, read: Callable[[], _T]) -> _T:
        """Read, and open the slide again if that failed: OpenSlide answers nothing after an error."""
        try:
            return read()
        except self._library.OpenSlideError as error:
            self._slide.close()
            with suppress(self._library.OpenSlideError):
                self._slide = self._opened()
            raise _damaged(error) from error


def _check_names(path: Path, properties: Mapping[str, str]) -> None:
    """Refuse a slide whose index names a file that is none of its own, as OpenSlide understood it."""
    suffix = path.suffix.lower()
    if suffix not in INDEX_SUFFIXES:
        return
    mirax = suffix == ".mrxs"
    folder = path.with_suffix("") if mirax else path.parent
    # Every file in the folder of a MRXS is its own; the folder cannot be listed within the confinement.
    own = None if mirax else {file.name for file in slide_files(path)}
    for key, name in properties.items():
        if not _NAMES_A_FILE.fullmatch(key) or not (folder / name).exists():
            continue
        if Path(name).name != name or (own is not None and name not in own):
            problem = "names a file that is not its own. Copy it again from the scanner, with all its files."
            raise HeaderError("unreadable-slide", problem)


def _info(properties: Mapping[str, str], slide: openslide.OpenSlide) -> SlideInfo:
    known = {str(name): str(text) for name, text in properties.items()}
    vendor = known.get("openslide.vendor", "")
    width, height = slide.dimensions
    levels = tuple(
        Level(wide, high, float(downsample))
        for (wide, high), downsample in zip(slide.level_dimensions, slide.level_downsamples, strict=True)
    )
    return SlideInfo(
        format=_FORMATS.get(vendor, vendor or "TIFF"),
        vendor="generic" if vendor == "generic-tiff" else vendor,
        width=width,
        height=height,
        levels=levels,
        pixel_um=_pixel_um(known),
        objective=_number(known, "openslide.objective-power", _MOST_OBJECTIVE),
        associated=tuple(name for name in _ASSOCIATED if name in slide.associated_images),
        metadata=metadata_of(known),
    )


def _pixel_um(properties: Mapping[str, str]) -> float | None:
    across, down = (_number(properties, f"openslide.mpp-{axis}", 1e6) for axis in "xy")
    return sensible_size(across, down) if across and down else None


def _number(properties: Mapping[str, str], name: str, most: float) -> float | None:
    try:
        found = float(properties.get(name, ""))
    except ValueError:
        return None
    return found if 0 < found <= most else None


def _damaged(error: Exception) -> HeaderError:
    reason = _PATHS.sub("…", str(error))[:_LONGEST_REASON].rstrip(". ")
    problem = f"is damaged or incomplete ({reason}). Copy it again from the scanner, with all its files."
    return HeaderError("unreadable-slide", problem)
