"""Records of the files of whole slides in a case: identity, progress of hash and plan, fields by part."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.records import FieldState, NewField
from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region, SlidePart, part_path, slide_field_sha256

EVERYTHING: Final = "all"
"""What is wanted of a slide where every square with tissue is."""
PAGES: Final = "pages"
"""What is wanted of a file whose pages, or frames, are fields of their own."""
CANCELLED: Final = "cancelled"
"""What is wanted of a slide whose further fields were cancelled: those that it has."""
PIECE: Final = 64 * 2**20
"""Bytes of a piece of a slide's file that is hashed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideIdentity:
    """Identity of the file of a slide, found without reading all of it.

    Attributes:
        fingerprint: SHA-256 over its size, both ends and pieces between; 64 hexadecimal digits.
        bytes: Its size; of a slide of several files, all of them.
        mtime_ns: Time of its last change.
    """

    fingerprint: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideFile:
    """The file of a whole slide, as a case holds it.

    Attributes:
        slide_id: The slide.
        path: Where the file is now; where it was, if it is nowhere.
        identity: By which it is known again.
        info: Facts of the slide, without those of the patient.
        pieces: Pieces of it that are hashed.
        full_hash: SHA-256 of the concatenated SHA-256 of its 64-MiB pieces; empty until all are hashed.
        wanted: What was asked for: a number of fields, :data:`EVERYTHING`, :data:`PAGES` or
            :data:`CANCELLED`; empty before.
        proposed: Fields that were proposed for that.
        added: Those of them that were brought into the case; fewer while that is under way.
    """

    slide_id: int
    path: Path
    identity: SlideIdentity
    info: SlideInfo
    pieces: int = 0
    full_hash: str = ""
    wanted: str = ""
    proposed: int = 0
    added: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every proposed field was brought into the case."""
        return bool(self.wanted) and self.added >= self.proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePlanRecord:
    """Proposed fields of a slide, as a case holds them.

    Attributes:
        slide_id: The slide.
        wanted: What was asked for, see :attr:`SlideFile.wanted`.
        parts: The best first.
        added: How many of them, from the first, were brought into the case.
    """

    slide_id: int
    wanted: str
    parts: tuple[SlidePart, ...] = field(repr=False)
    added: int = 0


@dataclass(frozen=True, slots=True)
class SlideFieldMark:
    """Field of a slide as its overview draws it.

    Attributes:
        field_id: The field.
        part: Its place in the slide.
        state: Its place in the queue.
        final: Reviewed class, else the decision; None while nothing is known.
        needs_review: A person should look at it.
        cells: White cells of it in the case; None where nobody looked for them.
    """

    field_id: int
    part: SlidePart
    state: FieldState
    final: str | None
    needs_review: bool
    cells: int | None = None


def part_field(file: Path, fingerprint: str, info: SlideInfo, part: SlidePart) -> NewField:
    """Return a part of a slide as a field to be added; the file is not read.

    Args:
        file: The slide's file.
        fingerprint: Of the file.
        info: Facts of the slide.
        part: A rectangle, or a page, which is taken to be as large as the first one.

    Raises:
        StationError: ``bad-region`` for one that is not inside the slide.
    """
    if isinstance(part, Region):
        check_region(info, part)
        width, height = part.width, part.height
    else:
        width, height = info.width, info.height
    return NewField(
        path=part_path(file, part),
        sha256=slide_field_sha256(fingerprint, part),
        bytes=3 * width * height,
        width=width,
        height=height,
    )


def check_region(info: SlideInfo, region: Region) -> None:
    """Refuse a rectangle that is not inside its slide.

    Raises:
        StationError: ``bad-region``.
    """
    if region.level >= len(info.levels):
        sentence = f"The slide has {len(info.levels)} levels, so it has no level {region.level}."
        raise StationError("bad-region", sentence)
    scale = info.levels[region.level].downsample
    right, bottom = region.x + region.width * scale, region.y + region.height * scale
    if right > info.width + scale or bottom > info.height + scale:
        sentence = (
            f"A field of {region.width} x {region.height} pixels at x {region.x}, y {region.y} is not inside "
            f"the slide, which is {info.width} x {info.height} pixels large. Move it onto the slide."
        )
        raise StationError("bad-region", sentence)
