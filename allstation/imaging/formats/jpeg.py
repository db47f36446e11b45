"""JPEG: header, completeness, and pixels with the decoder's own warnings as errors.

libjpeg fills what is missing with grey and warns. OpenCV and Pillow drop the warning, so the pixels come
from simplejpeg, the same libjpeg-turbo with its warnings raised: on 240 fields of two cameras the same
bytes as OpenCV's, in 0.6 (224x224) and 0.9 (1024x768) of its time.

Source: ITU-T T.81, annex B.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from allstation.imaging.formats.source import (
    END_OF_IMAGE,
    MAX_STEPS,
    Header,
    HeaderError,
    Source,
    damaged,
    truncated,
    unsupported,
)
from allstation.imaging.formats.tiff import exif_orientation

_MAX_SCANS: Final = 100
"""Scans of a progressive JPEG. Encoders write about 10; each costs a pass over all pixels."""
_START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_HUFFMAN: Final = frozenset({0xC0, 0xC1, 0xC2})
_LOSSLESS: Final = 0xC3
_ARITHMETIC: Final = frozenset({0xC9, 0xCA})
_PROGRESSIVE: Final = frozenset({0xC2, 0xCA})
_NOT_READ: Final = {0xF7: "a JPEG-LS file", 0xCB: "a lossless JPEG file with arithmetic coding"}
_SAMPLINGS: Final = frozenset({(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4)})
"""Luma samples across and down for one of each chroma that simplejpeg knows."""
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded data: neither a stuffed byte, nor a restart marker, nor a fill byte."""
_HARMLESS: Final = ("Adobe color transform", "JFIF revision", "ICC", "Invalid SOS parameters")
"""Words of warnings about segments that the pixels do not depend on."""
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker")
_PADDING: Final = 4
"""Bytes of any value before the end marker that some cameras leave there."""
_AHEAD: Final = 8
"""Bytes that libjpeg asks for, and may not need, behind those that it decodes."""


@dataclass(frozen=True, slots=True)
class JpegHeader(Header):
    """Adds what decoding needs to know.

    Attributes:
        components: Ids of the components: 1, 3 or 4 of them.
        process: Start-of-frame marker: how the coefficients are coded.
        usual_sampling: Whether chroma is as dense as luma, or has a usual part of its samples.
    """

    components: tuple[int, ...] = ()
    process: int = 0xC0
    usual_sampling: bool = True

    @property
    def scalable(self) -> bool:
        """Whether the decoder can shrink it by itself."""
        return self.process in _HUFFMAN and self.usual_sampling and len(self.components) != 4


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
        if marker in _START_OF_FRAME:
            frame = _frame(source, offset, marker)
        elif marker == 0xE1 and length >= 16 and source.at(offset + 4, 6) == b"Exif\0\0":
            orientation = exif_orientation(source, offset + 10, length - 8)
        elif marker in {0xDA, 0xD9}:
            break
        offset += 2 + max(length, 2)
    if frame is None:
        raise damaged("JPEG")
    return replace(frame, orientation=orientation, data_at=offset)


def _frame(source: Source, offset: int, process: int) -> JpegHeader:
    """Read a frame header (T.81, B.2.2).

    Raises:
        HeaderError: If it is of a kind that is not read.
    """
    depth, height, width, count = source.unpack(">BHHB", offset + 4)
    if process not in {*_HUFFMAN, _LOSSLESS, *_ARITHMETIC}:
        raise unsupported(_NOT_READ.get(process, "a hierarchical JPEG file"))
    if depth != 8:
        raise unsupported(f"a {depth}-bit JPEG file")
    if count not in {1, 3, 4}:
        raise unsupported(f"a JPEG file with {count} channels")
    specified = source.at(offset + 10, 3 * count)
    samplings = [(value >> 4, value & 15) for value in specified[1::3]]
    chroma = samplings[1] if count > 1 else (1, 1)
    usual = (
        all(chroma)
        and {*samplings[1:3]} <= {chroma}
        and {*samplings[3:]} <= {samplings[0]}
        and (samplings[0][0] / chroma[0], samplings[0][1] / chroma[1]) in _SAMPLINGS
    )
    return JpegHeader(
        "JPEG",
        width,
        height,
        components=tuple(specified[::3]),
        process=process,
        usual_sampling=usual or count == 1,
    )


def decode_jpeg(content: bytes, header: JpegHeader, *, reduction: int = 1) -> NDArray[np.uint8]:
    """Decode the first picture of a file, without orientation.

    Args:
        content: The file.
        header: Its header.
        reduction: 1, 2, 4 or 8: how far to shrink, 1 unless the header is ``scalable``.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        HeaderError: If the picture is damaged or not complete.
    """
    picture, closed, ends = _first_picture(content, header)
    size = (-(-header.height // reduction), -(-header.width // reduction))
    try:
        if not header.usual_sampling:
            rgb = _of_unusual_sampling(picture, progressive=header.process in _PROGRESSIVE)
        elif len(header.components) == 4:
            _without_warnings(picture, "CMYK")
            rgb = _of_inks(picture)
        elif header.process == _LOSSLESS and len(header.components) == 1:
            rgb = np.repeat(_without_warnings(picture, "GRAY"), 3, axis=2)
        else:
            rgb = _without_warnings(picture, "RGB", size)
        if header.process in _ARITHMETIC:
            _check_arithmetic(picture, ends)
    except (ValueError, OSError) as error:
        raise (damaged("JPEG") if closed else truncated(len(content))) from error
    if rgb.shape[:2] != size:
        raise damaged("JPEG")
    return rgb


def _without_warnings(picture: bytes, colour: str, size: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """Decode a picture about which the decoder has nothing to say.

    Args:
        picture: A JPEG up to its end marker.
        colour: As simplejpeg names it.
        size: Height and width to shrink to; zeros for the full size.

    Raises:
        ValueError: With the decoder's last warning.
    """
    try:
        return _decoded(picture, colour, size, strict=True)
    except ValueError as error:
        warning = str(error)
        if any(words in warning for words in _HARMLESS):
            return _decoded(picture, colour, size, strict=False)
        surplus = _EXTRANEOUS.search(warning)
        if surplus is None:
            raise
        rest = len(picture) - 2 - int(surplus[1])
        left_over = picture[rest:-2]
        if len(left_over) > _PADDING and left_over.strip(left_over[:1]):
            raise
        for end in range(rest - _AHEAD, rest):
            try:
                rgb = _decoded(picture[:end] + END_OF_IMAGE, colour, size, strict=True)
            except ValueError:
                continue
            return _unless_filled(rgb, picture[:end], left_over)
        rgb = _decoded(picture[:rest] + END_OF_IMAGE, colour, size, strict=True)
        return _unless_filled(rgb, picture[:rest], left_over)


def _unless_filled(rgb: NDArray[np.uint8], needed: bytes, left_over: bytes) -> NDArray[np.uint8]:
    """Return the pixels unless the bytes that they needed end as those that are left over.

    A copy that ended early and was filled up to its size looks so: the decoder took the filling for codes.

    Raises:
        ValueError: If they do.
    """
    if needed.endswith(left_over[:1] * _PADDING):
        raise ValueError("The codes end in what fills the file up.")
    return rgb


def _decoded(picture: bytes, colour: str, size: tuple[int, int], *, strict: bool) -> NDArray[np.uint8]:
    decoded = simplejpeg.decode_jpeg(
        picture, colour, min_height=size[0], min_width=size[1], min_factor=1.0, strict=strict
    )
    return np.asarray(decoded, np.uint8)


def _of_inks(picture: bytes) -> NDArray[np.uint8]:
    """Decode a sound CMYK picture with OpenCV, which knows that some programs store inks inverted."""
    bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise ValueError
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _of_unusual_sampling(picture: bytes, *, progressive: bool) -> NDArray[np.uint8]:
    """Decode with Pillow, which says when data run out, unless an end marker hides it.

    A progressive picture is not complete without the marker; which scans it has is known already.

    Raises:
        OSError: If they do.
        ValueError: If data are left over.
    """
    if progressive:
        return _by_pillow(picture, picture)
    codes = picture[:-2]
    padding = len(codes) - len(codes.rstrip(codes[-1:]))
    codes = codes[: len(codes) - max(padding - _PADDING, 0)]
    try:
        _by_pillow(codes[:-_AHEAD], picture)
    except OSError:
        return _by_pillow(codes + bytes(_AHEAD), picture)
    raise ValueError("Codes are left over.")


def _by_pillow(codes: bytes, picture: bytes) -> NDArray[np.uint8]:
    """Decode codes with Pillow, and the whole picture with OpenCV if they are inks."""
    from PIL import Image

    with Image.open(io.BytesIO(codes)) as image:
        rgb = np.array(image.convert("RGB"), np.uint8)
        return _of_inks(picture) if image.mode == "CMYK" else rgb


def _check_arithmetic(picture: bytes, ends: Sequence[int]) -> None:
    """Check that bytes put behind each scan are left over.

    An arithmetic decoder makes up what it is missing, without a warning.

    Raises:
        ValueError: If they are used.
    """
    for end in ends:
        try:
            simplejpeg.decode_jpeg(picture[:end] + b"\x55" * 8 + picture[end:], "GRAY", strict=True)
        except ValueError as error:
            surplus = _EXTRANEOUS.search(str(error))
            if surplus is not None and int(surplus[1]) >= 4:
                continue
        raise ValueError("Arithmetic codes end too early.")


def _first_picture(content: bytes, header: JpegHeader) -> tuple[bytes, bool, list[int]]:
    """Return a file up to the end of its first picture, whether that is marked, and where its scans end.

    What follows it (a preview, a second view, a depth map) is other pictures. Some frame grabbers leave
    the end marker out; one is put there, as the decoder tells by the data whether they are complete.

    Raises:
        HeaderError: If another picture begins before the end, scans are missing, or there are too many.
    """
    scans = _Scans(header)
    at, scanning = header.data_at, False
    end, closed, ends = len(content), False, []
    while (found := _MARKER.search(content, at)) is not None:
        at, marker = found.start(), content[found.start() + 1]
        if scanning:
            ends.append(at)
        scanning = marker == 0xDA
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
    if scanning and not closed:
        ends.append(end)
    return content[:end] + END_OF_IMAGE, closed, ends


_WITH_LENGTH: Final = frozenset({0xC4, 0xCC, *range(0xDA, 0xF0), 0xFE})


class _Scans:
    """Which bits of which coefficients the scans so far have brought.

    A progressive file that is cut between two scans decodes without a warning, only coarser; one of
    separate colours without them.
    """

    def __init__(self, header: JpegHeader) -> None:
        self._progressive = header.process in _PROGRESSIVE
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
    return _without_warnings(stream, colour)


def _without_colour_markers(data: bytes) -> bytes:
    """Return a JPEG from behind its first marker on, without what a decoder would judge its colours by."""
    at, parts = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in {0xE0, 0xEE}:
            parts.append(data[at:end])
        at = end
    return b"".join([*parts, data[at:]])
