"""Access to the bytes of an image file and the facts of its header.

Nothing here trusts a length beyond the end of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

MAX_STEPS: Final = 100_000
"""Markers, chunks, boxes or directory entries that one file may have before it is refused."""

END_OF_IMAGE: Final = b"\xff\xd9"
"""Last marker of a JPEG image and of a JPEG 2000 codestream."""

FEWEST_BITS: Final = 15
"""Bits that the colours of a pixel need: with 15 they are off by 2 grey levels on average, with 12 by 4."""


class HeaderError(Exception):
    """A file is refused because of its header.

    Args:
        code: As in ``StationError``.
        problem: Rest of the sentence that begins with ``The field NAME``.
    """

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Header:
    """Facts of an image file before its pixels are decoded.

    Attributes:
        format: ``JPEG``, ``PNG``, ``TIFF``, ``BMP``, ``WebP`` or ``JPEG 2000``.
        width: Pixels as stored, before orientation.
        height: Pixels as stored, before orientation.
        depth: Bits per sample, 1 to 16.
        alpha: Whether the file may hold transparency.
        premultiplied: Whether the decoder gives colours already multiplied by their alpha.
        orientation: Exif orientation, 1 to 8.
        frames: Pages that can be decoded; animations count as their first frame.
        end: Bytes the file must have to be complete.
        data_at: Where the coded pixels of JPEG and JPEG 2000 begin; 0 for the others.
        channels_left_out: Channels that are stored and not shown.
    """

    format: str
    width: int
    height: int
    depth: int = 8
    alpha: bool = False
    premultiplied: bool = False
    orientation: int = 1
    frames: int = 1
    end: int = 0
    data_at: int = 0
    channels_left_out: int = 0

    @property
    def turned(self) -> bool:
        """Whether the orientation swaps width and height."""
        return self.orientation >= 5  # noqa: PLR2004 - Exif 2.32, table 6


class Source:
    """Random access to a file whose size is known.

    Args:
        file: Open for reading, seekable.
        size: Bytes it holds.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    def at(self, offset: int, count: int) -> bytes:
        """Return exactly ``count`` bytes.

        Raises:
            HeaderError: ``truncated-field`` if they lie beyond the end.
        """
        if offset + count > self.size:
            raise truncated(self.size)
        self._file.seek(offset)
        data = self._file.read(count)
        if len(data) != count:
            raise truncated(offset + len(data))
        return data

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Return the integers that ``struct`` finds at an offset."""
        return struct.unpack(layout, self.at(offset, struct.calcsize(layout)))


def truncated(size: int) -> HeaderError:
    """Return the refusal of a file that ends too early."""
    problem = f"ends too early, after {size:,} bytes. Copy it again from the camera or the archive."
    return HeaderError("truncated-field", problem)


def damaged(kind: str) -> HeaderError:
    """Return the refusal of a file whose structure makes no sense."""
    problem = f"is a damaged {kind} file. Copy it again from the camera or the archive."
    return HeaderError("unreadable-field", problem)


def too_many_pages(most: int) -> HeaderError:
    """Return the refusal of a file with more pages or frames than may be read."""
    return HeaderError("too-many-pages", f"has more than {most:,} pages. Split it and add the parts.")


def unsupported(what: str) -> HeaderError:
    """Return the refusal of an image that is fine but nothing the station reads."""
    problem = (
        f"is {what}, which the station does not read. Save it from the camera's program as 8- or 16-bit "
        "TIFF without compression, PNG or JPEG."
    )
    return HeaderError("unsupported-format", problem)
