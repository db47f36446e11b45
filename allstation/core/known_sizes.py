"""Pixel sizes known of a case's fields: by the case data, the file, the site."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.core.pixel_size import size_at
from allstation.core.site import Site


@dataclass(frozen=True, slots=True)
class KnownSizes:
    """What case data and site say of the pixel size of fields.

    Attributes:
        case_data: Text of the case data, see :func:`~allstation.core.pixel_size.frame_sizes`.
        site: The case's site.
    """

    case_data: str = ""
    site: Site | None = None

    def at(self, width: int, height: int, *, stated: float | None = None) -> float | None:
        """Return the micrometres that a pixel of frames of one size is wide; None if nobody says it.

        Args:
            width: Columns of the frame.
            height: Rows.
            stated: By the field's own file: goes before the site, and after what a person wrote.
        """
        said = size_at(self.case_data, width, height)
        if said is not None or stated is not None:
            return said if said is not None else stated
        by_site = None if self.site is None else self.site.pixel_size_of(width, height)
        return None if by_site is None else by_site.size
