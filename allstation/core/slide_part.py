"""Parts of a whole slide that are fields: a rectangle of a level, or a page; named by a path.

The slide's file plays the folder and the part the file name, as in
``/data/patient.svs/x1200-y3400-300x300-level0.region``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PART_SUFFIX: Final = ".region"
_NUMBER: Final = r"(0|[1-9][0-9]{0,8})"
"""No leading zeros, so that a part has one name; nine digits hold any slide."""
_SIDE: Final = r"([1-9][0-9]{0,8})"
_REGION: Final = re.compile(rf"x{_NUMBER}-y{_NUMBER}-{_SIDE}x{_SIDE}-level{_NUMBER}\.region", re.ASCII)
_FRAME: Final = re.compile(rf"page{_SIDE}\.region", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Rectangle of one level of a slide.

    Attributes:
        level: Level of the pyramid, 0 is the largest.
        x: Left edge, pixels of level 0.
        y: Upper edge, pixels of level 0.
        width: Pixels of ``level``.
        height: Pixels of ``level``.
    """

    level: int
    x: int
    y: int
    width: int
    height: int

    @property
    def name(self) -> str:
        """Name that stands for a file's: ``x1200-y3400-300x300-level0.region``."""
        return f"x{self.x}-y{self.y}-{self.width}x{self.height}-level{self.level}{PART_SUFFIX}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Page of a TIFF or frame of a DICOM file.

    Attributes:
        number: From 1, in the order of the file.
    """

    number: int

    @property
    def name(self) -> str:
        """Name that stands for a file's: ``page3.region``."""
        return f"page{self.number}{PART_SUFFIX}"


SlidePart = Region | Frame


def parse_part(name: str) -> SlidePart | None:
    """Return the part that a name stands for; None for any name that :attr:`Region.name` would not give."""
    region = _REGION.fullmatch(name)
    if region is not None:
        x, y, width, height, level = map(int, region.groups())
        return Region(level=level, x=x, y=y, width=width, height=height)
    frame = _FRAME.fullmatch(name)
    return None if frame is None else Frame(number=int(frame[1]))


def split_part(path: Path) -> tuple[Path, SlidePart] | None:
    """Return a slide's file and the part of it that a path names; None for the path of an ordinary file."""
    part = parse_part(path.name)
    return None if part is None else (path.parent, part)


def part_path(file: Path, part: SlidePart) -> Path:
    """Return the path of a part of a slide's file."""
    return file / part.name


def part_label(name: str) -> str:
    """Return a field's name as lists show it: ``x 1,200 · y 3,400``, ``page 3``, or the name of a file."""
    part = parse_part(name)
    if isinstance(part, Region):
        level = f" · level {part.level}" if part.level else ""
        return f"x {part.x:,} · y {part.y:,}{level}"
    return name if part is None else f"page {part.number}"


def slide_field_sha256(fingerprint: str, part: SlidePart) -> str:
    """Return what stands for the SHA-256 of a field's file, of a part of a slide.

    Args:
        fingerprint: Of the slide's file (:func:`allstation.imaging.slides.identity.fingerprint`).
        part: The part.

    Returns:
        SHA-256 in lower-case hexadecimals of the fingerprint, a slash and the part's name.
    """
    return hashlib.sha256(f"{fingerprint}/{part.name}".encode("ascii")).hexdigest()
