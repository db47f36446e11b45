"""JPEG: header, completeness, and pixels with the decoder's own warnings as errors.

libjpeg fills what is missing with grey and warns. OpenCV and Pillow drop the warning, so the pixels come
from simplejpeg, the same libjpeg-turbo with its warnings raised: on 240 fields of two cameras the same
bytes as OpenCV's, in 0.6 (224x224) and 0.9 (1024x768) of its time.

Source: ITU-T T.81, annex B.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from allstation.imaging.source import (
    END_OF_IMAGE,
    MAX_STEPS,
    Header,
    HeaderError,
    Source,
    damaged,
    truncated,
    unsupported,
)
from allstation.imaging.tiff import exif_orientation

_MAX_SCANS: Final = 100
"""Scans of a progressive JPEG. Encoders write about 10; each costs a pass over all pixels."""
_START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_READ: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Frames that are read: baseline, extended and progressive with Huffman codes."""
_PROGRESSIVE: Final = 0xC2
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded data: neither a stuffed byte, nor a restart marker, nor a fill byte."""
_HARMLESS: Final = ("Adobe color transform", "JFIF revision", "ICC", "Invalid SOS parameters")
"""Words of warnings about segments that the pixels do not depend on."""
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_PADDING: Final = 4
"""Bytes of any value before the end marker that some cameras leave there."""


@dataclass(frozen=True, slots=True)
class JpegHeader(Header):
    """Adds what decoding needs to know.

    Attributes:
        components: Ids of the components, 1 to 4 of them.
        progressive: Whether the coefficients come bit by bit in several scans.
    """

    components: tuple[int, ...] = ()
    progressive: bool = False


def read_jpeg(source: Source) -> JpegHeader:
    """Walk the marker segments up to the start of the first scan.

    Raises:
        HeaderError: If the file is damaged, truncated, or of a kind that is not read.
    """
    offset, frame, orientation = 2, None, 1
    for _ in range(MAX_STEPS):
        fill, marker = source.unpack(">BB", offset)
        if fill != 0xFF:
            raise damaged("JPEG")
        if marker == 0xFF:  # fill byte
            offset += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            offset += 2
            continue
        (length,) = source.unpack(">H", offset + 2)
        if marker in _START_OF_FRAME or marker == 0xF7:
            frame = (marker, *source.unpack(">BHHB", offset + 4))
            ids = source.at(offset + 10, 3 * frame[4])[::3] if frame[4] <= 4 else b""
        elif marker == 0xE1 and length >= 16 and source.at(offset + 4, 6) == b"Exif\0\0":
            orientation = exif_orientation(source, offset + 10, length - 8)
        elif marker in {0xDA, 0xD9}:
            break
        offset += 2 + max(length, 2)
    if frame is None:
        raise damaged("JPEG")
    kind, depth, height, width, count = frame
    _check_kind(kind, depth, count)
    return JpegHeader(
        "JPEG",
        width,
        height,
        orientation=orientation,
        data_at=offset,
        components=tuple(ids),
        progressive=kind == _PROGRESSIVE,
    )


def _check_kind(kind: int, depth: int, components: int) -> None:
    if kind == 0xF7:
        raise unsupported("a JPEG-LS file")
    if kind in {0xC3, 0xCB}:
        raise unsupported("a lossless JPEG file")
    if kind in {0xC9, 0xCA}:
        raise unsupported("a JPEG file with arithmetic coding")
    if kind not in _READ:
        raise unsupported("a hierarchical JPEG file")
    if depth == 12:
        raise unsupported("a 12-bit JPEG file")
    if depth != 8 or not components:
        raise damaged("JPEG")
    if components not in {1, 3, 4}:
        raise unsupported(f"a JPEG file with {components} channels")


def decode_jpeg(content: bytes, header: JpegHeader, *, reduction: int = 1) -> NDArray[np.uint8]:
    """Decode the first picture of a file, without orientation.

    Args:
        content: The file.
        header: Its header.
        reduction: 1, 2, 4 or 8: how far to shrink.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        HeaderError: If the picture is damaged or not complete.
    """
    picture, closed = _first_picture(content, header)
    size = (-(-header.height // reduction), -(-header.width // reduction))
    colour = "CMYK" if len(header.components) == 4 else "RGB"
    try:
        rgb = _without_warnings(picture, colour, size)
    except ValueError as error:
        raise (damaged("JPEG") if closed else truncated(len(content))) from error
    if colour == "CMYK":
        # OpenCV knows which writers store inks inverted.
        flags = _REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
        bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), flags)
        if bgr is None:
            raise damaged("JPEG")
        rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    if rgb.shape[:2] != size:
        raise damaged("JPEG")
    return rgb


_REDUCED: Final = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def _without_warnings(picture: bytes, colour: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode a picture about which the decoder has nothing to say.

    Raises:
        ValueError: With the decoder's last warning.
    """
    shrink = {"min_height": size[0], "min_width": size[1], "min_factor": 1.0}
    try:
        return _decoded(picture, colour, shrink, strict=True)
    except ValueError as error:
        warning = str(error)
        if any(words in warning for words in _HARMLESS):
            return _decoded(picture, colour, shrink, strict=False)
        tail = _EXTRANEOUS.search(warning)
        if tail is None:
            raise
        rest = len(picture) - 2 - int(tail[1])
        left_over = picture[rest:-2]
        if len(left_over) > _PADDING and left_over.strip(left_over[:1]):
            raise
        return _decoded(picture[:rest] + END_OF_IMAGE, colour, shrink, strict=True)


def _decoded(picture: bytes, colour: str, shrink: dict[str, float], *, strict: bool) -> NDArray[np.uint8]:
    return np.asarray(simplejpeg.decode_jpeg(picture, colour, strict=strict, **shrink), np.uint8)


def _first_picture(content: bytes, header: JpegHeader) -> tuple[bytes, bool]:
    """Return a file up to the end of its first picture, and whether an end marker stood there.

    What follows it (a preview, a second view, a depth map) is other pictures. Some frame grabbers leave
    the end marker out; one is put there, as the decoder tells by the data whether they are complete.

    Raises:
        HeaderError: If another picture begins before the end, scans are missing, or there are too many.
    """
    scans = _Scans(header)
    at = header.data_at
    end, closed = len(content), False
    while (found := _MARKER.search(content, at)) is not None:
        at, marker = found.start(), content[found.start() + 1]
        if marker == 0xD9:
            end, closed = at, True
            break
        if marker == 0xD8:
            raise truncated(at)
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == 0xDA:
            scans.add(content[at + 4 : at + 2 + length])
        at += 2 + length if marker in _WITH_LENGTH else 2
    if not scans.complete:
        raise truncated(end)
    return content[:end] + END_OF_IMAGE, closed


_WITH_LENGTH: Final = frozenset({0xC4, 0xCC, *range(0xDA, 0xF0), 0xFE})


class _Scans:
    """Which bits of which coefficients the scans so far have brought.

    A progressive file that is cut between two scans decodes without a warning, only coarser; one of
    separate colours without them.
    """

    def __init__(self, header: JpegHeader) -> None:
        self._progressive = header.progressive
        self._missing_bits = {component: [-1] * 64 for component in header.components}
        self._count = 0

    def add(self, segment: bytes) -> None:
        """Take down the header of a scan (T.81, B.2.3)."""
        self._count += 1
        if self._count > _MAX_SCANS:
            problem = (
                f"has more than {_MAX_SCANS} scans, which no camera writes. Save it again from an image "
                "program."
            )
            raise HeaderError("unreadable-field", problem)
        count = segment[0] if segment else 0
        if len(segment) < 4 + 2 * count:
            raise damaged("JPEG")
        first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
        if not self._progressive:
            first, last, bits = 0, 63, 0
        for component in segment[1 : 1 + 2 * count : 2]:
            for index in range(first, min(last, 63) + 1):
                if component in self._missing_bits:
                    self._missing_bits[component][index] = bits & 15

    @property
    def complete(self) -> bool:
        """Whether every coefficient has come in full."""
        return not any(any(bits) for bits in self._missing_bits.values())


def decode_segment(data: bytes, tables: bytes, *, channels: int, transform: bool) -> NDArray[np.uint8]:
    """Decode a strip or tile of a TIFF (TIFF Technical Note 2).

    Args:
        data: The strip or tile.
        tables: Tables that all of them share; empty if each has its own.
        channels: 1, 3 or 4.
        transform: Whether the file says that luma and chroma are stored.

    Returns:
        (H, W, channels) uint8: grey, RGB, or inks as stored.

    Raises:
        ValueError: If it is damaged.
    """
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([int(transform)])
    stream = b"\xff\xd8" + adobe + tables[2:-2] + _without_colour_markers(data)
    colour = {1: "GRAY", 3: "RGB", 4: "CMYK"}[channels]
    return _without_warnings(stream, colour, (0, 0))


def _without_colour_markers(data: bytes) -> bytes:
    """Return a JPEG from behind its first marker on, without what a decoder would judge its colours by."""
    at, parts = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in {0xE0, 0xEE}:
            parts.append(data[at:end])
        at = end
    return b"".join([*parts, data[at:]])
