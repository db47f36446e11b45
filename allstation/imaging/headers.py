"""What an image file says about itself, read without decoding a pixel.

Every parser is a bounded walk over the file's own structure: it never trusts a length beyond the
end of the file, never follows a loop, and reads a few kilobytes whatever the file claims. Nothing
of the metadata is kept but the orientation, and a size in micrometres where it is asked for.

Sources: ITU-T T.81 and Exif 2.32 (JPEG), W3C PNG 3rd edition, TIFF 6.0 and BigTIFF, Microsoft's
BITMAPINFOHEADER, RFC 9649 (WebP), ITU-T T.800 annex A and I (JPEG 2000).
"""

# ruff: noqa: PLR2004 - the numbers are the formats' own; each parser names its source

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

_MAX_STEPS: Final = 100_000
"""Markers, chunks, boxes or directory entries that one file may have before it is refused."""

END_OF_IMAGE: Final = b"\xff\xd9"
"""Last marker of a JPEG image and of a JPEG 2000 codestream."""


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
    """What is known of an image before its pixels are decoded.

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
        inverted: 16-bit gray where 0 is white.
        patches: Offset and bytes to write over the file before a decoder sees it: its orientation
            is set to 1.
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
    inverted: bool = False
    patches: tuple[tuple[int, bytes], ...] = ()

    @property
    def turned(self) -> bool:
        """Whether the orientation swaps width and height."""
        return self.orientation >= 5  # Exif 2.32, table 6


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


def unsupported(what: str) -> HeaderError:
    """Return the refusal of an image that is fine but nothing the station reads."""
    problem = f"is {what}, which the station does not read. Save it as 8- or 16-bit TIFF, PNG or JPEG."
    return HeaderError("unsupported-format", problem)


def read_header(source: Source, *, max_frames: int = 1000) -> Header:
    """Find out what a file is by its content; its name plays no part.

    Args:
        source: The file; of a TIFF with several pages the first is described.
        max_frames: Pages that a file may have.

    Raises:
        HeaderError: If the file is no image, none that is read, damaged or truncated.
    """
    start = source.at(0, min(source.size, 32))
    for magic, parser in _PARSERS:
        if start.startswith(magic):
            return parser(source)
    if start[:4] in _TIFF_MAGIC:
        return _Tiff(source, _TIFF_MAGIC[start[:4]], max_frames=max_frames).header()
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _webp(source)
    for offset, magic, name in _FOREIGN:
        if start[offset : offset + len(magic)] == magic:
            raise unsupported(name)
    problem = "is not an image file that the station knows. Expected JPEG, PNG, TIFF, BMP, WebP or JPEG 2000."
    raise HeaderError("not-an-image", problem)


def _jpeg(source: Source) -> Header:
    """Walk the marker segments up to the start of the first scan."""
    offset, frame, orientation = 2, None, 1
    for _ in range(_MAX_STEPS):
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
            frame = source.unpack(">BHHB", offset + 4)
        elif marker == 0xE1 and length >= 16 and source.at(offset + 4, 6) == b"Exif\0\0":
            orientation = _exif_orientation(source, offset + 10, length - 8)
        elif marker in {0xDA, 0xD9}:
            break
        offset += 2 + max(length, 2)
    if frame is None:
        raise damaged("JPEG")
    depth, height, width, _ = frame
    return Header("JPEG", width, height, depth=depth, orientation=orientation, data_at=offset)


_START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def _png(source: Source) -> Header:
    """Walk the chunks to the end, which is the only proof that a PNG is complete."""
    width, height, depth, colour = source.unpack(">IIBB", 16)
    orientation, alpha, offset = 1, colour in {4, 6}, 8
    for _ in range(_MAX_STEPS):
        (length,) = source.unpack(">I", offset)
        kind = source.at(offset + 4, 4)
        if kind == b"IEND":
            end = offset + 12
            return Header("PNG", width, height, depth=depth, alpha=alpha, orientation=orientation, end=end)
        if kind == b"tRNS":
            alpha = True
        elif kind == b"eXIf":
            orientation = _exif_orientation(source, offset + 8, length)
        offset += 12 + length
    raise damaged("PNG")


def _bmp(source: Source) -> Header:
    """Read the file header and whichever of the info headers follows it."""
    pixels_at, size = source.unpack("<II", 10)
    if size == 12:  # BITMAPCOREHEADER
        width, height, _, bits = source.unpack("<HHHH", 18)
        compression = 0
    else:
        width, height, _, bits, compression = source.unpack("<iiHHI", 18)
    width, height = abs(width), abs(height)
    end = pixels_at + (width * bits + 31) // 32 * 4 * height if compression in {0, 3} else 0
    return Header("BMP", width, height, end=end)


def _webp(source: Source) -> Header:
    """Read the first chunk, and of an extended file the flags and the orientation."""
    (length,) = source.unpack("<I", 4)
    kind = source.at(12, 4)
    end = length + 8
    if kind == b"VP8 ":
        width, height = source.unpack("<HH", 26)
        return Header("WebP", width & 0x3FFF, height & 0x3FFF, end=end)
    if kind == b"VP8L":
        (bits,) = source.unpack("<I", 21)
        return Header("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=True, end=end)
    if kind != b"VP8X":
        raise damaged("WebP")
    flags = source.at(20, 1)[0]
    width, height = (int.from_bytes(source.at(at, 3), "little") + 1 for at in (24, 27))
    orientation = _webp_orientation(source, min(end, source.size)) if flags & 0x08 else 1
    return Header("WebP", width, height, alpha=bool(flags & 0x10), orientation=orientation, end=end)


def _webp_orientation(source: Source, end: int) -> int:
    offset = 12
    for _ in range(_MAX_STEPS):
        if offset + 8 > end:
            break
        (length,) = source.unpack("<I", offset + 4)
        if source.at(offset, 4) == b"EXIF":
            skip = 6 if source.at(offset + 8, min(6, length)) == b"Exif\0\0" else 0
            return _exif_orientation(source, offset + 8 + skip, length - skip)
        offset += 8 + length + length % 2
    return 1


def _jp2(source: Source) -> Header:
    """Find the codestream's box and read its SIZ segment."""
    offset = 0
    for _ in range(_MAX_STEPS):
        length, kind = source.unpack(">II", offset)
        body = 8
        if length == 1:
            (length,) = source.unpack(">Q", offset + 8)
            body = 16
        if kind == 0x6A703263:  # "jp2c"
            return _codestream(source, offset + body)
        if length < body:
            raise damaged("JPEG 2000")
        offset += length
    raise damaged("JPEG 2000")


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
    if not 1 <= components <= 4:
        raise unsupported(f"a JPEG 2000 file with {components} channels")
    depths = [size & 0x7F for size in source.at(offset + 42, 3 * components)[::3]]
    tiles = -(-x1 // tile_width) * -(-y1 // tile_height)
    if tiles > 65_535:
        raise damaged("JPEG 2000")
    return Header(
        "JPEG 2000", x1 - x0, y1 - y0, depth=max(depths) + 1, alpha=components in {2, 4}, data_at=offset
    )


_PARSERS: Final[tuple[tuple[bytes, Callable[[Source], Header]], ...]] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"BM", _bmp),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _jp2),
    (b"\xff\x4f\xff\x51", _j2k),
)
_TIFF_MAGIC: Final = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_FOREIGN: Final = (
    (0, b"GIF8", "a GIF file (256 colours at most)"),
    (4, b"ftypavif", "an AVIF file"),
    (4, b"ftyphei", "a HEIF file"),
    (4, b"ftypmif1", "a HEIF file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"PK\x03\x04", "a zip archive or an office document"),
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One directory entry of a TIFF: its type, count, and where its values lie."""

    kind: int
    count: int
    at: int


_TIFF_LAYOUT: Final = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Layouts of the integer types: BYTE, SHORT, LONG, IFD, LONG8, IFD8."""


_MEASURES: Final = {2: "s", 3: "H", 5: "II"}
"""Layouts of what a size is written in: ASCII, SHORT, RATIONAL."""
_LONGEST_TEXT: Final = 1 << 20
"""Bytes of a description that are read; OME-XML of many planes is long, its first ones say the size."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a TIFF says of its pixels' size, as it says it (TIFF 6.0, section 8).

    Attributes:
        across: Pixels a unit in a row; 0 where it is not said.
        down: Pixels a unit in a column.
        unit: 1 for none, 2 for inches, 3 for centimetres.
        description: Free text, in which microscopes' programs say more.
    """

    across: float = 0.0
    down: float = 0.0
    unit: int = 2
    description: str = ""


def read_resolution(source: Source) -> Resolution:
    """Return what a file says of its pixels' size: nothing unless it is a TIFF.

    Raises:
        HeaderError: If it is damaged or truncated.
    """
    order = _TIFF_MAGIC.get(source.at(0, min(source.size, 4)))
    return _Tiff(source, order).resolution() if order is not None else Resolution()


class _Tiff:
    """A TIFF's directories, classic and BigTIFF.

    Args:
        source: The file.
        order: ``<`` or ``>``.
        start: Offset of the TIFF inside the file: Exif blocks are TIFFs inside other files.
        size: Bytes it may use from there.
        max_frames: Pages that it may have.
    """

    def __init__(
        self, source: Source, order: str, *, start: int = 0, size: int | None = None, max_frames: int = 1000
    ) -> None:
        self._source = source
        self._order = order
        self._start = start
        self._size = source.size - start if size is None else size
        self._max_frames = max_frames
        self._big = source.at(start + 2, 2) in {b"+\0", b"\0+"}

    def _unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        if offset + struct.calcsize("<" + layout) > self._size:
            raise truncated(self._source.size)
        return self._source.unpack(self._order + layout, self._start + offset)

    def _directories(self) -> Iterator[tuple[int, int]]:
        """Yield the offset and entry count of each directory, each at most once."""
        pointer = 8 if self._big else 4
        (offset,) = self._unpack("Q" if self._big else "I", pointer)
        seen: set[int] = set()
        while offset and offset not in seen:
            if len(seen) >= self._max_frames:
                problem = f"has more than {self._max_frames:,} pages. Split it and add the parts."
                raise HeaderError("too-many-pages", problem)
            seen.add(offset)
            (count,) = self._unpack("Q" if self._big else "H", offset)
            if count > 4096:
                raise damaged("TIFF")
            yield offset, count
            end = offset + (8 + 20 * count if self._big else 2 + 12 * count)
            (offset,) = self._unpack("Q" if self._big else "I", end)

    def _entries(
        self, offset: int, count: int, layouts: Mapping[int, str] = _TIFF_LAYOUT
    ) -> dict[int, _Entry]:
        entries: dict[int, _Entry] = {}
        head, step, inline = (8, 20, 8) if self._big else (2, 12, 4)
        for at in range(offset + head, offset + head + step * count, step):
            tag, kind, values = self._unpack("HHQ" if self._big else "HHI", at)
            layout = layouts.get(kind)
            if layout is None:
                continue
            value_at = at + step - inline
            if values * struct.calcsize(layout) > inline:
                (value_at,) = self._unpack("Q" if self._big else "I", value_at)
            entries.setdefault(tag, _Entry(kind, values, value_at))
        return entries

    def _values(self, entries: dict[int, _Entry], tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        entry = entries.get(tag)
        if entry is None or not entry.count:
            return default
        if entry.count > _MAX_STEPS * 10:
            raise damaged("TIFF")
        return self._unpack(f"{entry.count}{_TIFF_LAYOUT[entry.kind]}", entry.at)

    def orientation(self) -> int:
        """Return the orientation that the first directory names, 1 if none."""
        for offset, count in self._directories():
            value = self._values(self._entries(offset, count), 274, (1,))[0]
            return value if 1 <= value <= 8 else 1
        return 1

    def resolution(self) -> Resolution:
        """Return what the first directory says of its pixels' size; nothing where it makes no sense."""
        for offset, count in self._directories():
            found = self._entries(offset, count, _MEASURES)
            across, down = (self._quotient(found.get(tag)) for tag in (282, 283))
            unit = found.get(296)
            (number,) = self._unpack("H", unit.at) if unit is not None and unit.kind == 3 else (2,)
            text = found.get(270)
            size = min(text.count, _LONGEST_TEXT) if text is not None and text.kind == 2 else 0
            (said,) = self._unpack(f"{size}s", text.at) if text is not None and size else (b"",)
            return Resolution(across, down, number, bytes(said).decode("utf-8", "replace"))
        return Resolution()

    def _quotient(self, entry: _Entry | None) -> float:
        if entry is None or entry.kind != 5 or entry.count != 1:
            return 0.0
        above, below = self._unpack("II", entry.at)
        return above / below if below else 0.0

    def header(self) -> Header:
        """Describe the first page.

        Raises:
            HeaderError: If it is damaged or of a kind not read.
        """
        directories = list(self._directories())
        if not directories:
            raise damaged("TIFF")
        return self._page(self._entries(*directories[0]), frames=len(directories))

    def _page(self, entries: dict[int, _Entry], *, frames: int) -> Header:
        (width,), (height,) = (self._values(entries, tag, (0,))[:1] for tag in (256, 257))
        depths = self._values(entries, 258, (1,))
        if max(self._values(entries, 339, (1,))) > 2 or max(depths) > 16:
            raise unsupported(f"a TIFF file with {max(depths)}-bit or floating-point samples")
        orientation = 1
        patches: tuple[tuple[int, bytes], ...] = ()
        turn = entries.get(274)
        if turn is not None:
            value = self._values(entries, 274, (1,))[0]
            orientation = value if 1 <= value <= 8 else 1
            size = struct.calcsize(_TIFF_LAYOUT[turn.kind])
            patches = ((turn.at, (1).to_bytes(size, _BYTE_ORDER[self._order])),)
        extra = self._values(entries, 338, (0,))[0]
        return Header(
            "TIFF",
            width,
            height,
            depth=max(depths),
            alpha=extra in {1, 2},
            premultiplied=extra == 1 or max(depths) <= 8,
            orientation=orientation,
            frames=frames,
            end=self._end(entries),
            inverted=max(depths) == 16 and self._values(entries, 262, (1,))[0] == 0,
            patches=patches,
        )

    def _end(self, entries: dict[int, _Entry]) -> int:
        """Return where the last strip or tile of a page ends."""
        offsets = self._values(entries, 324, ()) or self._values(entries, 273, ())
        counts = self._values(entries, 325, ()) or self._values(entries, 279, ())
        return max((at + count for at, count in zip(offsets, counts, strict=False)), default=0)


_BYTE_ORDER: Final[dict[str, Literal["little", "big"]]] = {"<": "little", ">": "big"}


def _exif_orientation(source: Source, offset: int, size: int) -> int:
    """Return the orientation of an Exif block; a damaged block is no reason to refuse a field."""
    try:
        order = _TIFF_MAGIC.get(source.at(offset, 4))
        if order is None:
            return 1
        return _Tiff(source, order, start=offset, size=size).orientation()
    except HeaderError:
        return 1
