"""Pixel sizes known of a case's fields: by the case data, the file, the site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allstation.core.pixel_size import size_at
from allstation.core.site import PixelSize, Site


@dataclass(frozen=True, slots=True)
class KnownSizes:
    """What case data and site say of the pixel size of fields.

    Attributes:
        case_data: Text of the case data, see :func:`~allstation.core.pixel_size.frame_sizes`.
        site: The case's site.
    """

    case_data: str = ""
    site: Site | None = None

    def by_person(self, width: int, height: int) -> float | None:
        """Return the micrometres that a person wrote for frames of one size; None if nobody did."""
        return size_at(self.case_data, width, height)

    def by_site(self, width: int, height: int) -> PixelSize | None:
        """Return the site's pixel size for frames of one size; None if it has none."""
        return None if self.site is None else self.site.pixel_size_of(width, height)

    def at(self, width: int, height: int, *, stated: float | None = None) -> float | None:
        """Return the micrometres that a pixel of frames of one size is wide; None if nobody says it.

        Args:
            width: Columns of the frame.
            height: Rows.
            stated: By the field's own file: goes before the site, and after what a person wrote.
        """
        written = self.by_person(width, height)
        if written is not None or stated is not None:
            return written if written is not None else stated
        by_site = self.by_site(width, height)
        return None if by_site is None else by_site.size


NOTHING_KNOWN: Final = KnownSizes()
"""What is known of fields that belong to no case."""
