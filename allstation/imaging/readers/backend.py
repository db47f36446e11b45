"""Interface of the libraries that read slides; they run in a confined child only."""

from __future__ import annotations

from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region
from allstation.imaging.source import HeaderError

Rgb = NDArray[np.uint8]
CACHE_BYTES: Final = 64 << 20
"""Decoded tiles that a child keeps."""
_OPAQUE: Final = 255


class Backend(Protocol):
    """Open slide. Every method raises :class:`HeaderError` for what is damaged or not read."""

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""

    def region(self, region: Region) -> Rgb:
        """Return the (h, w, 3) pixels of a rectangle; white where it reaches beyond the slide."""

    def page(self, number: int) -> Rgb:
        """Return the (h, w, 3) pixels of a page, from 1."""

    def associated(self, name: str) -> Rgb:
        """Return the (h, w, 3) pixels of a picture beside the pyramid."""


class NotThisLibraryError(Exception):
    """A library does not know a file; another one may."""


def no_pages(number: int) -> HeaderError:
    """Return the refusal of a page that is not there."""
    return HeaderError("no-such-part", f"has no page {number:,}. Choose another part.")


def no_picture(name: str) -> HeaderError:
    """Return the refusal of a picture beside the pyramid that is not there."""
    return HeaderError("no-such-part", f"has no {name} picture.")


def over_white(rgba: NDArray[np.uint8]) -> Rgb:
    """Lay (h, w, 4) colours that are not multiplied by their alpha over white."""
    alpha = rgba[..., 3]
    rgb = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8)
    if int(alpha.min()) == _OPAQUE:
        return rgb
    share = alpha[..., np.newaxis].astype(np.uint16)
    return np.asarray((rgb * share + (255 - share) * 255 + 127) // 255, np.uint8)
