"""Header parsers of image files; no pixel is decoded.

Every parser is a bounded walk over the file's own structure: it never trusts a length beyond the
end of the file, never follows a loop, and reads a few kilobytes whatever the file claims. Nothing
of the metadata is kept but the orientation, and a size in micrometres where it is asked for.

JPEG 2000 is read here; ``jpeg``, ``png``, ``tiff``, ``bmp`` and ``webp`` read the others.

Source: ITU-T T.800 annex A and I (JPEG 2000).
"""

# ruff: noqa: PLR2004 - the numbers are the formats' own; each parser names its source

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from allstation.imaging.formats.bmp import read_bmp
from allstation.imaging.formats.jpeg import read_jpeg
from allstation.imaging.formats.png import read_png
from allstation.imaging.formats.source import (
    MAX_STEPS,
    Header,
    HeaderError,
    Source,
    damaged,
    too_many_pages,
    unsupported,
)
from allstation.imaging.formats.tiff import TIFF_MAGIC, read_tiff
from allstation.imaging.formats.webp import read_webp
from allstation.imaging.readers.dicom_header import is_dicom, read_dicom


def read_header(source: Source, *, max_frames: int = 1000, frame: int = 1) -> Header:
    """Find out what a file is by its content; its name plays no part.

    Args:
        source: The file.
        max_frames: Pages or frames that it may have.
        frame: Page of a TIFF that is described, from 1.

    Raises:
        HeaderError: If the file is no image, none that is read, damaged or truncated.
    """
    start = source.at(0, min(source.size, 132))
    if is_dicom(start):  # before all others: it may begin as a TIFF does, for programs that know no DICOM
        return _dicom(source, max_frames)
    for magic, parser in _PARSERS:
        if start.startswith(magic):
            return parser(source)
    if start[:4] in TIFF_MAGIC:
        return read_tiff(source, TIFF_MAGIC[start[:4]], max_frames=max_frames, frame=frame)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return read_webp(source)
    for offset, magic, name in _FOREIGN:
        if start[offset : offset + len(magic)] == magic:
            raise unsupported(name)
    known = "JPEG, PNG, TIFF, BMP, WebP, JPEG 2000 or DICOM"
    problem = f"is not an image file that the station knows. Expected {known}."
    raise HeaderError("not-an-image", problem)


def _dicom(source: Source, max_frames: int) -> Header:
    header = read_dicom(source)
    if header.is_slide:
        problem = "is a part of a DICOM whole slide. Add the folder that it lies in."
        raise HeaderError("unsupported-format", problem)
    if header.frames > max_frames:
        raise too_many_pages(max_frames)
    return header


def _jp2(source: Source) -> Header:
    """Find the codestream's box, read its SIZ segment, and look at how its channels become colours."""
    offset = 0
    for _ in range(MAX_STEPS):
        length, kind = source.unpack(">II", offset)
        body = 8
        if length == 1:
            (length,) = source.unpack(">Q", offset + 8)
            body = 16
        if kind == 0x6A703263:  # "jp2c"
            return _codestream(source, offset + body)
        if kind == 0x6A703268:  # "jp2h"
            _check_jp2_header(source, offset + body, offset + length)
        if length < body:
            raise damaged("JPEG 2000")
        offset += length
    raise damaged("JPEG 2000")


def _check_jp2_header(source: Source, offset: int, end: int) -> None:
    """Refuse colour spaces that are not read (T.800, I.5.3)."""
    for _ in range(MAX_STEPS):
        if offset + 8 > end:
            return
        length, kind = source.unpack(">II", offset)
        if kind == 0x636F6C72 and source.at(offset + 8, 1) == b"\1":  # "colr", enumerated
            (space,) = source.unpack(">I", offset + 11)
            if space not in {16, 17}:
                name = _JP2_SPACES.get(space, f"of colour space {space}")
                raise unsupported(f"a JPEG 2000 file {name}")
        if length < 8:
            return
        offset += length


_JP2_SPACES: Final = {12: "in CMYK", 14: "in CIELab", 18: "in YCbCr"}


def _j2k(source: Source) -> Header:
    return _codestream(source, 0)


def _codestream(source: Source, offset: int) -> Header:
    """Read SIZ, the first segment of a JPEG 2000 codestream (T.800, A.5.1)."""
    if source.at(offset, 4) != b"\xff\x4f\xff\x51":
        raise damaged("JPEG 2000")
    x1, y1, x0, y0, tile_width, tile_height, *_ = source.unpack(">8I", offset + 8)
    (components,) = source.unpack(">H", offset + 40)
    if x1 <= x0 or y1 <= y0 or not tile_width or not tile_height:
        raise damaged("JPEG 2000")
    if components not in {1, 3, 4}:
        raise unsupported(f"a JPEG 2000 file with {components} channels")
    sizes = source.at(offset + 42, 3 * components)
    depths = {size & 0x7F for size in sizes[::3]}
    if any(size & 0x80 for size in sizes[::3]) or len(depths) > 1 or max(depths) > 15:
        raise unsupported("a JPEG 2000 file with signed, more than 16-bit or unequally deep channels")
    if set(sizes[1::3]) | set(sizes[2::3]) != {1}:
        raise unsupported("a JPEG 2000 file with subsampled channels")
    tiles = -(-x1 // tile_width) * -(-y1 // tile_height)
    if tiles > 65_535:
        raise damaged("JPEG 2000")
    return Header("JPEG 2000", x1 - x0, y1 - y0, depth=max(depths) + 1, alpha=components == 4, data_at=offset)


_PARSERS: Final[tuple[tuple[bytes, Callable[[Source], Header]], ...]] = (
    (b"\xff\xd8\xff", read_jpeg),
    (b"\x89PNG\r\n\x1a\n", read_png),
    (b"BM", read_bmp),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _jp2),
    (b"\xff\x4f\xff\x51", _j2k),
)
_FOREIGN: Final = (
    (0, b"GIF8", "a GIF file (256 colours at most)"),
    (4, b"ftypavif", "an AVIF file"),
    (4, b"ftypavis", "an AVIF file"),
    (4, b"ftypcrx ", "a raw camera file"),
    (4, b"ftyphe", "a HEIF file"),
    (4, b"ftypmif1", "a HEIF file"),
    (4, b"ftypmsf1", "a HEIF file"),
    (4, b"ftypjxl ", "a JPEG XL file"),
    (4, b"ftyp", "a film, or another file of that kind"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
    (0, b"II\xbc", "a JPEG XR file"),
    (0, b"\x97JB2", "a JBIG2 file"),
    (0, b"BA", "an array of OS/2 bitmaps"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"#?RADIANCE", "a Radiance HDR file"),
    (0, b"qoif", "a QOI file"),
    (0, b"DDS ", "a DirectDraw texture"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"\0\0\2\0", "a mouse pointer or a Targa file"),
    (0, b"\x0a\x05\x01", "a PCX file"),
    (0, b"\x0a\x05\x00", "a PCX file"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster file"),
    (0, b"\x01\xda", "an SGI picture"),
    (0, b"ZISRAWFILE", "a Zeiss CZI file"),
    (0, b"\xda\xce\xbe\x0a", "a Nikon ND2 file"),
    (0, b"\x70\0\0\0\x2a", "a Leica LIF file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"PK\x03\x04", "a zip archive or an office document"),
    *(
        (0, b"P%d" % kind + space, f"a PNM file (P{kind})")
        for kind in range(1, 8)
        for space in (b"\n", b" ", b"\t", b"\r", b"#")
    ),
    *((0, kind + space, "a PFM file") for kind in (b"PF", b"Pf") for space in (b"\n", b"\r", b" ")),
)
"""Offset and first bytes of what is known by name and not read."""
