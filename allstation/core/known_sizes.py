"""Pixel sizes known of a case's fields, and which of them counts for a field."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Final, NamedTuple

from allstation.core.pixel_size import size_at
from allstation.core.site import Frame, PixelSize, Site, size_of_frame, with_frame_size

NO_SLIDE: Final = 0
"""In place of a slide's id, of a field that is on none: slides are numbered from 1."""


class SizeOrigin(StrEnum):
    """Who says a pixel size, in the order in which they count. The value is written into tables."""

    SLIDE = "slide"
    CASE = "case"
    FILE = "file"
    SITE = "site"


class KnownSize(NamedTuple):
    """Micrometres that a pixel is wide, and who says so."""

    size: float
    origin: SizeOrigin


@dataclass(frozen=True, slots=True)
class SlideSizes:
    """Pixel sizes of the fields of one slide, which differ from those of other slides.

    Attributes:
        slide_id: The slide: a folder of fields, or a whole slide's file.
        sizes: One a frame size; one without a frame holds for all other frames of the slide.
    """

    slide_id: int
    sizes: tuple[PixelSize, ...]

    def changed(self, frame: Frame, size: PixelSize | None) -> SlideSizes:
        """Return the sizes with another one for frames of one size; None takes it out.

        What was said for all frames of the slide is taken out with it: it would stand for this one again.
        """
        if size is not None:
            return SlideSizes(self.slide_id, with_frame_size(self.sizes, size))
        return SlideSizes(self.slide_id, tuple(one for one in self.sizes if one.frame not in (frame, None)))


@dataclass(frozen=True, slots=True)
class KnownSizes:
    """What slides, case data and site say of the pixel size of a case's fields.

    The first of these that says anything counts for a field:

    1. *its slide*: what a person said of this slide alone, of frames of the field's size before the slide's
       others;
    2. *the case*: what a person wrote into the case data, in the same order;
    3. *its file*: what the file states of its own pixels (TIFF resolution, OME, DICOM, a scanner's header);
    4. *the site*: of frames of the field's size, then of all its frames;
    5. the red cells that the field shows (:mod:`allstation.imaging.fields.scale`).

    A person goes before the file, as in QuPath's *Image* tab and ImageJ's *Set Scale*: a microscope writes
    what it was set to, also when another objective was turned in. The narrower word goes before the wider
    one, and a size says nothing about frames of another size, which may be binned or cropped.

    Attributes:
        case_data: Text of the case data, see :func:`~allstation.core.pixel_size.frame_sizes`.
        site: The case's site.
        slides: Of the slides that have sizes of their own, by ascending id.
    """

    case_data: str = ""
    site: Site | None = None
    slides: tuple[SlideSizes, ...] = ()

    def of_slide(self, slide: int) -> SlideSizes:
        """Return the sizes of one slide; without sizes if it has none of its own."""
        at = bisect_left(self.slides, slide, key=attrgetter("slide_id"))
        found = self.slides[at : at + 1]
        return found[0] if found and found[0].slide_id == slide else SlideSizes(slide, ())

    def by_slide(self, width: int, height: int, *, slide: int) -> PixelSize | None:
        """Return what a person said of frames of one size on one slide; None if nobody did."""
        return size_of_frame(self.of_slide(slide).sizes, width, height) if self.slides else None

    def by_case(self, width: int, height: int) -> float | None:
        """Return the micrometres that the case data name for frames of one size; None if they name none."""
        return size_at(self.case_data, width, height)

    def by_person(self, width: int, height: int, *, slide: int = NO_SLIDE) -> float | None:
        """Return the micrometres that a person said of frames of one size; None if nobody did."""
        own = self.by_slide(width, height, slide=slide)
        return self.by_case(width, height) if own is None else own.size

    def by_site(self, width: int, height: int) -> PixelSize | None:
        """Return the site's pixel size for frames of one size; None if it has none."""
        return None if self.site is None else self.site.pixel_size_of(width, height)

    def find(
        self, width: int, height: int, *, slide: int = NO_SLIDE, stated: float | None = None
    ) -> KnownSize | None:
        """Return the pixel size that counts for a field, with who says it; None if nobody does.

        Args:
            width: Columns of the frame.
            height: Rows.
            slide: Id of the field's slide.
            stated: Micrometres by the field's own file.
        """
        own = self.by_slide(width, height, slide=slide)
        if own is not None:
            return KnownSize(own.size, SizeOrigin.SLIDE)
        written = self.by_case(width, height) if self.case_data else None
        if written is not None:
            return KnownSize(written, SizeOrigin.CASE)
        if stated is not None:
            return KnownSize(stated, SizeOrigin.FILE)
        by_site = self.by_site(width, height)
        return None if by_site is None else KnownSize(by_site.size, SizeOrigin.SITE)

    def at(
        self, width: int, height: int, *, slide: int = NO_SLIDE, stated: float | None = None
    ) -> float | None:
        """Return the micrometres of :meth:`find`; None if nobody says it."""
        found = self.find(width, height, slide=slide, stated=stated)
        return None if found is None else found.size


def sorted_sizes(slides: Iterable[SlideSizes]) -> tuple[SlideSizes, ...]:
    """Return the slides that have sizes, by ascending id, as :class:`KnownSizes` holds them."""
    return tuple(sorted((one for one in slides if one.sizes), key=attrgetter("slide_id")))


NOTHING_KNOWN: Final = KnownSizes()
"""What is known of fields that belong to no case."""
