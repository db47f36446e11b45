"""Upper limits for untrusted image files."""

from __future__ import annotations

from typing import NamedTuple


class DecodeLimits(NamedTuple):
    """Upper limits of a field. The defaults hold any microscope camera's frame.

    Attributes:
        max_bytes: File size.
        max_pixels: Width times height of one page.
        max_frames: Pages of a TIFF.
        min_side: Smallest width and height, pixels.
        max_side: Largest width and height, pixels.
        max_seconds: Wall time for reading and classifying one field. The largest frame within the other
            limits takes a few seconds; the default leaves room for a slow drive and a busy machine.
    """

    max_bytes: int = 256 << 20
    max_pixels: int = 120_000_000
    max_frames: int = 1000
    min_side: int = 16
    max_side: int = 65_500
    max_seconds: float = 120.0
