"""Site: microscope, camera, objective and stain of a laboratory, and what was measured of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.core.pixel_size import LARGEST

White = tuple[float, float, float]
Frame = tuple[int, int]
Interval = tuple[float, float]

LONGEST_TEXT: Final = 120
_LARGEST_SIDE: Final = 65_500
_BYTE: Final = 255.0
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class ScaleSource(StrEnum):
    """Source of a pixel size. The value is stored and written into JSON."""

    FILE = "file"
    SITE = "site"
    BAR = "bar"
    TYPED = "typed"
    RED_CELLS = "red cells"
    NUCLEI = "nuclei"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSize:
    """Pixel size of frames of one size.

    Attributes:
        size: Micrometres that a pixel is wide, above 0.
        source: How it was found.
        frame: Width and height of the frames it holds for, pixels; None for every frame of the site.
        interval: 95 % interval, micrometres; None where it was stated, not measured.
    """

    size: float
    source: ScaleSource = ScaleSource.TYPED
    frame: Frame | None = None
    interval: Interval | None = None

    def __post_init__(self) -> None:
        """Refuse what is no pixel size."""
        _check_size(self.size)
        if self.interval is not None:
            low, high = self.interval
            if not (0 < low <= self.size <= high < math.inf):
                raise _bad("pixel_size_interval", f"{low} to {high}", f"limits around {self.size:g}")
        if self.frame is not None and not all(1 <= side <= _LARGEST_SIDE for side in self.frame):
            raise _bad("frame", str(list(self.frame)), "width and height in pixels")

    def to_json(self) -> dict[str, Any]:
        """Return the object that is stored."""
        return {
            "size": self.size,
            "source": self.source.value,
            "frame": None if self.frame is None else list(self.frame),
            "interval": None if self.interval is None else list(self.interval),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PixelSize:
        """Read what ``to_json`` wrote.

        Raises:
            StationError: ``bad-site`` if an entry is missing or of another kind.
        """
        if not isinstance(data, Mapping):
            raise _bad("pixel size", type(data).__name__, "an object with size, source, frame and interval")
        frame, interval = _pair(data, "frame"), _pair(data, "interval")
        return cls(
            size=_number(data, "size"),
            source=_source(data.get("source", ScaleSource.TYPED)),
            frame=None if frame is None else (int(frame[0]), int(frame[1])),
            interval=interval,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Site of a laboratory: what its fields were taken with. Texts may be empty.

    Attributes:
        id: Lower-case letters, digits and hyphens; unique on a station.
        name: Shown name.
        microscope: Maker and type.
        camera: Maker and type.
        objective: Magnification and aperture, as engraved.
        stain: Such as May-Grünwald-Giemsa.
        pixel_sizes: One a frame size; the first is the one of the frames that the site takes as a rule.
        white_point: Median red, green and blue, 0 to 255, of the pale background; None if not measured.
        bundle_sha256: Of the model that was commissioned for it; empty if none was.
    """

    id: str
    name: str
    microscope: str = ""
    camera: str = ""
    objective: str = ""
    stain: str = ""
    pixel_sizes: tuple[PixelSize, ...] = ()
    white_point: White | None = None
    bundle_sha256: str = ""

    def __post_init__(self) -> None:
        """Refuse ids that cannot name a site, texts that are too long and colours that are none."""
        if _ID.fullmatch(self.id) is None:
            raise _bad("id", repr(self.id), "1 to 64 lower-case letters, digits and hyphens")
        if not self.name.strip():
            raise _bad("name", repr(self.name), "a name that people know it by")
        for key in ("name", "microscope", "camera", "objective", "stain"):
            if len(getattr(self, key)) > LONGEST_TEXT:
                raise _bad(key, f"{len(getattr(self, key))} characters", f"at most {LONGEST_TEXT}")
        if self.white_point is not None and not all(0 <= part <= _BYTE for part in self.white_point):
            raise _bad("white_point", str(self.white_point), "red, green and blue from 0 to 255")

    @property
    def pixel_size(self) -> float | None:
        """Micrometres a pixel of the site's usual frames is wide; None if it is not known."""
        return self.pixel_sizes[0].size if self.pixel_sizes else None

    @property
    def pixel_size_interval(self) -> Interval | None:
        """95 % interval of ``pixel_size``; None where it was stated, not measured."""
        return self.pixel_sizes[0].interval if self.pixel_sizes else None

    @property
    def pixel_size_source(self) -> str:
        """Source of ``pixel_size``; empty if it is not known."""
        return self.pixel_sizes[0].source.value if self.pixel_sizes else ""

    @property
    def frame(self) -> Frame | None:
        """Width and height of the site's usual frames; None if it was not said."""
        return self.pixel_sizes[0].frame if self.pixel_sizes else None

    def pixel_size_of(self, width: int, height: int) -> PixelSize | None:
        """Return the pixel size of frames of one size, None if it is not known."""
        return size_of_frame(self.pixel_sizes, width, height)

    def with_pixel_size(self, pixel_size: PixelSize) -> Site:
        """Return the site with a pixel size in place of the one of the same frame size."""
        return replace(self, pixel_sizes=with_frame_size(self.pixel_sizes, pixel_size))

    def with_white_point(self, white: White | None) -> Site:
        """Return the site with another white point as its reference."""
        return replace(self, white_point=white)

    def to_json(self) -> dict[str, Any]:
        """Return the object that is stored and printed."""
        return {
            "id": self.id,
            "name": self.name,
            "microscope": self.microscope,
            "camera": self.camera,
            "objective": self.objective,
            "stain": self.stain,
            "pixel_sizes": [one.to_json() for one in self.pixel_sizes],
            "white_point": None if self.white_point is None else list(self.white_point),
            "bundle_sha256": self.bundle_sha256,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Site:
        """Read what ``to_json`` wrote.

        Raises:
            StationError: ``bad-site`` if an entry is missing or of another kind.
        """
        if not isinstance(data, Mapping):
            raise _bad("site", type(data).__name__, "an object")
        sizes = data.get("pixel_sizes", [])
        if not isinstance(sizes, Sequence) or isinstance(sizes, str):
            raise _bad("pixel_sizes", type(sizes).__name__, "a list")
        texts = {
            key: _text(data, key) for key in ("id", "name", "microscope", "camera", "objective", "stain")
        }
        return cls(
            **texts,
            pixel_sizes=tuple(PixelSize.from_json(one) for one in sizes),
            white_point=_white(data),
            bundle_sha256=_text(data, "bundle_sha256"),
        )


def size_of_frame(sizes: Sequence[PixelSize], width: int, height: int) -> PixelSize | None:
    """Return the pixel size of frames of one size, else the one for every frame, else None.

    A frame of half the width may be binned or cropped: one size says nothing about another.
    """
    own = next((one for one in sizes if one.frame == (width, height)), None)
    return own or next((one for one in sizes if one.frame is None), None)


def with_frame_size(sizes: Sequence[PixelSize], new: PixelSize) -> tuple[PixelSize, ...]:
    """Return pixel sizes with one in place of that of the same frame size, or at the end."""
    if any(one.frame == new.frame for one in sizes):
        return tuple(new if one.frame == new.frame else one for one in sizes)
    return (*sizes, new)


def new_id(name: str, taken: Sequence[str] = ()) -> str:
    """Return an id for a site of that name that is not taken: ``ward-3``, ``ward-3-2``."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:56].strip("-") or "site"
    number = 1
    while (found := plain if number == 1 else f"{plain}-{number}") in taken:
        number += 1
    return found


def _check_size(size: float) -> None:
    if not (0 < size <= LARGEST):
        raise _bad("pixel size", f"{size:g} µm", f"more than 0 and at most {LARGEST:g} µm")


def _bad(what: str, received: str, expected: str) -> StationError:
    sentence = f"The {what} of the site is {received}; expected {expected}. Correct it."
    return StationError("bad-site", sentence)


def _text(data: Mapping[str, Any], key: str) -> str:
    text = data.get(key, "")
    if not isinstance(text, str):
        raise _bad(key, type(text).__name__, "a text")
    return text


def _number(data: Mapping[str, Any], key: str) -> float:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(key, repr(value), "a number")
    return float(value)


def _numbers(value: object, key: str, count: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    right = isinstance(value, list | tuple) and len(value) == count
    numbers = value if right and isinstance(value, list | tuple) else ()
    plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
    if not right or not plain or not all(math.isfinite(one) for one in numbers):
        raise _bad(key, repr(value)[:60], f"{count} numbers")
    return tuple(float(one) for one in numbers)


def _pair(data: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    found = _numbers(data.get(key), key, 2)
    return None if found is None else (found[0], found[1])


def _white(data: Mapping[str, Any]) -> White | None:
    found = _numbers(data.get("white_point"), "white_point", 3)
    return None if found is None else (found[0], found[1], found[2])


def _source(value: object) -> ScaleSource:
    try:
        return ScaleSource(str(value))
    except ValueError as error:
        known = ", ".join(one.value for one in ScaleSource)
        raise _bad("pixel_size_source", repr(value)[:60], f"one of {known}") from error
