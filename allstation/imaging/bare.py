"""Bare fields: files that hold the pixels and nothing else, for anonymised exports.

Of a JPEG the coded picture is kept bit for bit, and every segment around it that decoding does not need is
left out: Exif, XMP, IPTC, colour profiles, thumbnails, comments, what follows the end. Every other format is
written anew, as PNG, from the pixels that the station shows and classifies: only the first page, 8 bits a
channel.
"""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.fields.file import FieldFile
from allstation.imaging.formats.headers import read_header
from allstation.imaging.formats.source import Source

_KEPT: Final = frozenset({*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD} - {0xC8})
"""Frames, tables, number of lines, restart interval: what the pixels depend on (T.81, table B.1)."""
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a segment."""
_FILL: Final = 0xFF
_APP0, _APP14, _SCAN, _END = 0xE0, 0xEE, 0xDA, 0xD9
_NEXT_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded data: neither a stuffed byte, nor a restart marker, nor a fill byte."""
_JFIF_DENSITY: Final = slice(7, 12)
"""Unit and density in a JFIF segment's content: numbers; its thumbnail is left out."""
_ADOBE_TRANSFORM: Final = 11
_PNG_HEAD: Final = 33
"""Bytes of a PNG's signature and header chunk."""


def bare_field(file: FieldFile, *, note: str) -> tuple[bytes, str]:
    """Return a file with the pixels of a field and one remark, and the suffix for its name.

    Args:
        file: The field.
        note: ASCII text that the file bears as its comment.

    Raises:
        StationError: As :class:`FieldFile`, and ``not-bare`` if the new file would not show the same pixels.
    """
    made = _bare_jpeg(file, note) if file.header.format == "JPEG" else None
    if made is not None and _shows(made, file):
        return made, ".jpg"
    made = _png(file, note)
    if not _shows(made, file):
        sentence = f"{shown_name(file.path.name)} could not be written without its metadata. Save it as PNG."
        raise StationError("not-bare", sentence)
    return made, ".png"


def _shows(content: bytes, file: FieldFile) -> bool:
    """Tell whether the station decodes the same pixels."""
    try:
        return np.array_equal(FieldFile(Path("bare"), content).pixels, file.pixels)
    except StationError:
        return False


def _bare_jpeg(file: FieldFile, note: str) -> bytes | None:
    """Return the coded picture with the segments it needs; None if its segments cannot be told apart."""
    content, kept, head = file.content, [], b""
    at = 2
    while at + 4 <= len(content):
        if content[at] != _FILL:
            return None
        marker = content[at + 1]
        if marker == _FILL or marker in _ALONE:
            at += 1 if marker == _FILL else 2
            continue
        if marker == _END:
            break
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if marker in _KEPT:
            kept.append(content[at:end])
        elif marker == _SCAN:
            found = _NEXT_MARKER.search(content, end)
            end = found.start() if found else len(content)
            kept.append(content[at:end])
        else:
            head += _needed(marker, content[at + 4 : end])
        at = end
    return b"".join(
        (b"\xff\xd8", head, _orientation(content), _segment(0xFE, note.encode()), *kept, b"\xff\xd9")
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def _needed(marker: int, content: bytes) -> bytes:
    """Return what decoders ask an application segment for, made anew: JFIF or not, Adobe's transform."""
    if marker == _APP0 and content[:5] == b"JFIF\0" and len(content) >= _JFIF_DENSITY.stop:
        return _segment(_APP0, b"JFIF\0\1\1" + content[_JFIF_DENSITY] + b"\0\0")
    if marker == _APP14 and content[:5] == b"Adobe" and len(content) > _ADOBE_TRANSFORM:
        return _segment(_APP14, b"Adobe\0\x64\0\0\0\0" + content[_ADOBE_TRANSFORM : _ADOBE_TRANSFORM + 1])
    return b""


def _orientation(content: bytes) -> bytes:
    """Return an Exif segment with the orientation alone; none if the picture stands upright."""
    turned = read_header(Source(BytesIO(content), len(content))).orientation
    if turned == 1:
        return b""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, turned, 0)
    return _segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1" + entry + b"\0\0\0\0")


def _png(file: FieldFile, note: str) -> bytes:
    plain = cv2.imencode(".png", cv2.cvtColor(file.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    text = b"tEXtComment\0" + note.encode()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return plain[:_PNG_HEAD] + chunk + plain[_PNG_HEAD:]
