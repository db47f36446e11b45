"""DICOM through pydicom: frames of an image, and whole slides that OpenSlide does not read.

Sources: DICOM PS3.3 (C.7.6.16, C.8.12.4 to C.8.12.9, C.8.12.14).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.limits import DecodeLimits
from allstation.core.pixel_size import sensible_size
from allstation.core.slide_info import Level, SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.formats import decode, pixel_conversions
from allstation.imaging.formats.source import HeaderError, damaged
from allstation.imaging.readers.backend import Rgb, TileCache, from_tiles, no_pages, no_picture, part_of
from allstation.imaging.readers.dicom_pixels import DicomFile
from allstation.imaging.readers.kinds import slide_files
from allstation.imaging.readers.metadata import metadata_of

_MILLIMETRE: Final = 1000.0
_ASSOCIATED: Final = {"LABEL": "label", "OVERVIEW": "macro", "THUMBNAIL": "thumbnail"}
_DEEPEST: Final = 6
_LONGEST: Final = 200
_MOST_PROPERTIES: Final = 5000
_EVEN: Final = 0.02
"""Share by which the sides of a level may differ from those of the largest one."""


def rgb_of(image: DicomFile, number: int, limits: DecodeLimits) -> Rgb:
    """Return a frame of a DICOM image as 8-bit RGB."""
    decode.check_size(image.header, limits._replace(min_side=1))
    raw = image.frame(number)
    return pixel_conversions.as_rgb(
        pixel_conversions.to_8_bit(raw, bits=max(image.header.depth, 8) if raw.itemsize > 1 else 0)
    )


class DicomFramesBackend:
    """One DICOM image whose frames are fields.

    Args:
        path: The file.
        limits: Of the pixels of a frame.

    Raises:
        HeaderError: If it is damaged or of a kind that is not read.
    """

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        self._image = DicomFile.open(path)
        self._limits = limits
        header = self._image.header
        self._info = SlideInfo(
            format="DICOM",
            vendor="dicom",
            width=header.width,
            height=header.height,
            levels=(Level(header.width, header.height, 1.0),),
            pixel_um=header.pixel_um or _shared_um(self._image.dataset),
            objective=_objective(self._image.dataset),
            frames=header.frames,
            metadata=metadata_of(properties_of(self._image.dataset)),
        )

    @property
    def info(self) -> SlideInfo:
        """Facts of the image."""
        return self._info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a frame."""
        return self._info.width, self._info.height

    def region(self, region: Region) -> Rgb:
        """Return a rectangle of the first frame."""
        return part_of(self.page(1), region)

    def page(self, number: int) -> Rgb:
        """Return a frame."""
        return rgb_of(self._image, number, self._limits)

    def associated(self, name: str) -> Rgb:
        """Refuse: there are none."""
        raise no_picture(name)

    def close(self) -> None:
        """Close the file."""
        self._image.close()


@dataclass(slots=True)
class _TiledLevel:
    """Level of a slide: the images that hold its tiles.

    Attributes:
        size: Width and height, pixels.
        tile: Width and height of a tile.
        places: Image and frame of a tile, by its column and row.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    places: dict[tuple[int, int], tuple[DicomFile, int]]


class DicomSlideBackend:
    """One DICOM whole slide.

    Args:
        path: One of its files; the others lie beside it.
        limits: Of the pixels of a tile.

    Raises:
        HeaderError: If it is damaged or of a kind that is not read.
    """

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        self._limits = limits
        self._cache = TileCache()
        self._images: list[DicomFile] = []
        try:
            for file in slide_files(path):
                self._images.append(DicomFile.open(file))
            self._associated = {name: image for image in self._images if (name := _associated_name(image))}
            self._levels = _levels_of([image for image in self._images if not _associated_name(image)])
            self._info = self._facts()
        except BaseException:
            self.close()
            raise

    def _facts(self) -> SlideInfo:
        if not self._levels:
            raise HeaderError("unreadable-slide", "has no level with pixels. Add the folder of its files.")
        largest = self._levels[0]
        first = next(iter(largest.places.values()))[0]
        return SlideInfo(
            format="DICOM",
            vendor="dicom",
            width=largest.size[0],
            height=largest.size[1],
            levels=tuple(Level(*level.size, largest.size[0] / level.size[0]) for level in self._levels),
            pixel_um=first.header.pixel_um or _shared_um(first.dataset),
            objective=_objective(first.dataset),
            associated=tuple(sorted(self._associated)),
            metadata=metadata_of(properties_of(first.dataset)),
        )

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._info

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a tile of the smallest level."""
        return self._levels[-1].tile

    def region(self, region: Region) -> Rgb:
        """Return a rectangle of a level."""
        level = self._levels[region.level]
        scale = self._info.levels[region.level].downsample
        box = (int(region.x / scale), int(region.y / scale), region.width, region.height)
        return from_tiles(
            box, level.size, level.tile, lambda column, row: self._tile(region.level, column, row)
        )

    def page(self, number: int) -> Rgb:
        """Refuse: the frames of a slide are its tiles."""
        raise no_pages(number)

    def associated(self, name: str) -> Rgb:
        """Return a picture beside the pyramid."""
        if name not in self._associated:
            raise no_picture(name)
        return rgb_of(self._associated[name], 1, self._limits)

    def close(self) -> None:
        """Close the files."""
        for image in self._images:
            image.close()

    def _tile(self, level: int, column: int, row: int) -> Rgb | None:
        place = self._levels[level].places.get((column, row))
        if place is None:
            return None
        image, frame = place
        return self._cache.get((level, column, row), lambda: rgb_of(image, frame, self._limits))


def _associated_name(image: DicomFile) -> str:
    """Return the name of a picture beside the pyramid; empty for a level."""
    return next((_ASSOCIATED[kind] for kind in image.header.kinds if kind in _ASSOCIATED), "")


def _levels_of(images: list[DicomFile]) -> list[_TiledLevel]:
    """Return the levels of a pyramid, from the largest; parts of one level are put together."""
    levels: dict[tuple[int, int], _TiledLevel] = {}
    for image in images:
        header = image.header
        if min(header.matrix) < 1:
            raise damaged("DICOM")
        level = levels.setdefault(
            header.matrix, _TiledLevel(header.matrix, (header.width, header.height), {})
        )
        if level.tile != (header.width, header.height):
            raise damaged("DICOM")
        for place, frame in _places(image, level):
            level.places.setdefault(place, (image, frame))
    found = sorted(levels.values(), key=lambda level: -level.size[0])
    first = found[0].size if found else (1, 1)
    return [level for level in found if _is_even(first, level.size)]


def _is_even(first: tuple[int, int], size: tuple[int, int]) -> bool:
    across, down = first[0] / size[0], first[1] / size[1]
    return abs(across - down) <= _EVEN * max(across, down) + 1


def _places(image: DicomFile, level: _TiledLevel) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield column and row of each tile, and its frame; of several focal planes and colours the first."""
    found = image.dataset
    tiles = found.get("PerFrameFunctionalGroupsSequence")
    offset = int(found.get("ConcatenationFrameOffsetNumber") or 0)
    columns = -(-level.size[0] // level.tile[0])
    rows = -(-level.size[1] // level.tile[1])
    full = str(found.get("DimensionOrganizationType") or "") == "TILED_FULL"
    for number in range(image.header.frames):
        index = number + offset
        position = None if full or tiles is None else tiles[number].get("PlanePositionSlideSequence")
        if position:
            column = (int(position[0].ColumnPositionInTotalImagePixelMatrix) - 1) // level.tile[0]
            row = (int(position[0].RowPositionInTotalImagePixelMatrix) - 1) // level.tile[1]
        elif index < columns * rows:
            row, column = divmod(index, columns)
        else:
            return
        yield (column, row), number + 1


def _shared_um(found: Any) -> float | None:  # noqa: ANN401 - pydicom's data set
    """Return the pixel size of the functional groups that all frames share."""
    try:
        spacing = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
        return sensible_size(float(spacing[1]) * _MILLIMETRE, float(spacing[0]) * _MILLIMETRE)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def _objective(found: Any) -> float | None:  # noqa: ANN401
    try:
        power = float(found.OpticalPathSequence[0].ObjectiveLensPower)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    return power if 0 < power <= 200 else None  # noqa: PLR2004 - no objective magnifies more


def properties_of(found: Any) -> dict[str, str]:  # noqa: ANN401
    """Return the texts of a data set under the names that OpenSlide gives them."""
    properties: dict[str, str] = {}
    for name, text in _texts(found, "dicom", 0):
        if len(properties) >= _MOST_PROPERTIES:
            break
        properties[name] = text
    return properties


def _texts(found: Any, prefix: str, depth: int) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    for element in found:
        name = f"{prefix}.{element.keyword}"
        if not element.keyword or element.keyword == "PerFrameFunctionalGroupsSequence":
            continue
        if element.VR == "SQ":
            for index, item in enumerate(element.value if depth < _DEEPEST else ()):
                yield from _texts(item, f"{name}[{index}]", depth + 1)
        elif not isinstance(element.value, bytes):
            yield name, str(element.value)[:_LONGEST]
