"""TIFF: its directories, and what each page is made of, read without decoding a pixel.

A page is either described completely, or refused with the name of what it is: compression, sample
format, photometric interpretation and layout are all looked at before a decoder sees the file.

Sources: TIFF 6.0, TIFF Technical Notes 1 and 2, BigTIFF, the OME-TIFF specification, ImageJ's
TiffEncoder; compression numbers as registered in libtiff and tifffile.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import re
import struct
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from allstation.imaging.formats.source import (
    MAX_STEPS,
    Header,
    HeaderError,
    Source,
    damaged,
    too_many_pages,
    truncated,
    unsupported,
)
from allstation.imaging.formats.tiff_page import TiffPage, check_kind

TIFF_MAGIC: Final = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}


_BYTE_ORDER: Final[dict[str, Literal["little", "big"]]] = {"<": "little", ">": "big"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """Directory entry of a TIFF: its type, its count and the place of its values."""

    kind: int
    count: int
    at: int


_TIFF_LAYOUT: Final = {
    **{1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"},
    **{6: "B", 8: "H", 9: "I", 17: "Q"},
}
"""Layouts of what integers are written in: BYTE, SHORT, LONG, UNDEFINED, IFD, LONG8, IFD8, and signed ones.

A negative number, which means nothing in any tag that is read, becomes too large a one.
"""

_DECISIVE: Final = (258, 259, 262, 266, 277, 284, 317, 338, 339)
"""Tags that say what the bytes of a pixel mean: one that cannot be read is not as good as none."""


_LAYOUTS: Final = {**_TIFF_LAYOUT, 2: "s", 5: "II"}
"""The same with what else is read: ASCII, RATIONAL."""
_LONGEST_TEXT: Final = 1 << 20
"""Bytes of a description that are read; OME-XML of many planes is long, its first ones say the size."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Resolution of a TIFF as the file states it (TIFF 6.0, section 8).

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


_OLD_REDUCED: Final = 2
"""SubfileType of a smaller copy, as TIFF 5.0 has it."""
_REDUCED_OR_MASK: Final = 5
"""Bits of NewSubfileType: a smaller copy of another page, a transparency mask."""
_MOST_SAMPLES: Final = 64


@dataclass(frozen=True, slots=True)
class TiffHeader(Header):
    """Adds what decoding needs to know.

    Attributes:
        pages: The page that is shown, or the three grey ones that are its colours.
        patches: Offset and bytes to write over the file before a library decodes it: the page is made the
            first, and its orientation 1.
    """

    pages: tuple[TiffPage, ...] = ()
    patches: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class _Stack:
    """Relation of the pages of a file.

    Attributes:
        frames: Pictures in it.
        colours: Whether the first three pages are the colours of one picture.
    """

    frames: int
    colours: bool = False

    @classmethod
    def of(cls, text: str, pages: int) -> _Stack:
        """Read it from the description of the first page, as ImageJ and OME-TIFF write it."""
        if text.startswith("ImageJ="):
            said = dict(re.findall(r"^(images|channels)=(\d{1,6})\s*$", text, re.MULTILINE))
            images, channels = max(int(said.get("images", 1)), pages), int(said.get("channels", 1))
            if channels == 3 and images % 3 == 0:
                return cls(images // 3, colours=True)
            return cls(images)
        pixels = _OME_PIXELS.search(text)
        if pixels is not None and pages >= 3:
            said = dict(_OME_SIZES.findall(pixels[0]))
            single = said.get("SizeZ") == said.get("SizeT") == "1"
            if said.get("SizeC") == "3" and (single or said.get("DimensionOrder", "").startswith("XYC")):
                return cls(pages // 3, colours=True)
        return cls(pages)


_OME_PIXELS: Final = re.compile(r"<Pixels\b[^>]*>")
_OME_SIZES: Final = re.compile(r"\b(SizeC|SizeZ|SizeT|DimensionOrder)\s*=\s*[\"']([^\"']*)[\"']")


def read_resolution(source: Source) -> Resolution:
    """Return the resolution that a file states; none unless it is a TIFF.

    Raises:
        HeaderError: If it is damaged or truncated.
    """
    order = TIFF_MAGIC.get(source.at(0, min(source.size, 4)))
    return _Tiff(source, order).resolution() if order is not None else Resolution()


def read_tiff(source: Source, order: str, *, max_frames: int, frame: int = 1) -> TiffHeader:
    """Describe a page of a TIFF; the first is the one that is shown.

    Args:
        source: The file.
        order: ``<`` or ``>``, by its first bytes.
        max_frames: Pages that it may have.
        frame: Which of its pictures, from 1; smaller copies are not counted.

    Raises:
        HeaderError: If it is damaged, truncated, or of a kind that is not read; ``no-such-part`` if it has
            fewer pictures.
    """
    return _Tiff(source, order, max_frames=max_frames).header(frame)


def _behind(first: TiffPage, planes: int) -> TiffPage:
    """Return a page that lies a number of pages behind one, without a directory of its own."""
    if planes and (first.compression != 1 or first.tiled):
        raise unsupported("a TIFF file that names more pages or colours than it has")
    step = planes * sum(size for _, size in first.segments)
    return replace(first, segments=tuple((at + step, size) for at, size in first.segments))


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
                raise too_many_pages(self._max_frames)
            seen.add(offset)
            (count,) = self._unpack("Q" if self._big else "H", offset)
            if count > 4096:
                raise damaged("TIFF")
            yield offset, count
            end = offset + (8 + 20 * count if self._big else 2 + 12 * count)
            (offset,) = self._unpack("Q" if self._big else "I", end)

    def _entries(self, offset: int, count: int) -> dict[int, _Entry]:
        entries: dict[int, _Entry] = {}
        head, step, inline = (8, 20, 8) if self._big else (2, 12, 4)
        for at in range(offset + head, offset + head + step * count, step):
            tag, kind, values = self._unpack("HHQ" if self._big else "HHI", at)
            layout = _LAYOUTS.get(kind)
            if layout is None:
                continue
            value_at = at + step - inline
            if values * struct.calcsize(layout) > inline:
                (value_at,) = self._unpack("Q" if self._big else "I", value_at)
            entries.setdefault(tag, _Entry(kind, values, value_at))
        return entries

    def _values(self, entries: dict[int, _Entry], tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        entry = entries.get(tag)
        if entry is None or not entry.count or entry.kind not in _TIFF_LAYOUT:
            return default
        if entry.count > MAX_STEPS * 10:
            raise damaged("TIFF")
        return self._unpack(f"{entry.count}{_TIFF_LAYOUT[entry.kind]}", entry.at)

    def orientation(self) -> int:
        """Return the orientation that the first directory names, 1 if none."""
        for offset, count in self._directories():
            value = self._values(self._entries(offset, count), 274, (1,))[0]
            return value if 1 <= value <= 8 else 1
        return 1

    def resolution(self) -> Resolution:
        """Return the resolution that the first directory states; none where it makes no sense."""
        for offset, count in self._directories():
            found = self._entries(offset, count)
            across, down = (self._quotient(found.get(tag)) for tag in (282, 283))
            unit = found.get(296)
            (number,) = self._unpack("H", unit.at) if unit is not None and unit.kind == 3 else (2,)
            return Resolution(across, down, number, self.text(found, 270))
        return Resolution()

    def _quotient(self, entry: _Entry | None) -> float:
        if entry is None or entry.kind != 5 or entry.count != 1:
            return 0.0
        above, below = self._unpack("II", entry.at)
        return above / below if below else 0.0

    def text(self, entries: dict[int, _Entry], tag: int) -> str:
        """Return a text of a directory."""
        entry = entries.get(tag)
        if entry is None or entry.kind != 2 or not entry.count:
            return ""
        (said,) = self._unpack(f"{min(entry.count, _LONGEST_TEXT)}s", entry.at)
        return bytes(said).decode("utf-8", "replace")

    def header(self, frame: int = 1) -> TiffHeader:
        """Describe a page, from 1.

        Raises:
            HeaderError: If it is damaged or of a kind not read.
        """
        directories = list(self._directories())
        if not directories:
            raise damaged("TIFF")
        found = [self._entries(*directory) for directory in directories]
        whole = [index for index, entries in enumerate(found) if not self._is_copy(entries)]
        described = [found[index] for index in whole] or found
        places = [directories[index][0] for index in whole or range(len(found))]
        first = self._page(described[0])
        stack = _Stack.of(self.text(found[0], 270), len(described))
        if not 1 <= frame <= stack.frames:
            raise HeaderError("no-such-part", f"has no page {frame:,}. Choose another one.")
        step = 3 if stack.colours and first.samples == 1 else 1
        at = (frame - 1) * step
        # ImageJ may describe its first page alone, and put the others behind it.
        alone = at and len(described) == 1
        at, planes = (0, at) if alone else (at, 0)
        if at + (1 if step == 1 or len(described) < 3 else 3) > len(described):
            raise damaged("TIFF")
        shown = self._page(described[at]) if at else first
        if planes:
            shown = _behind(shown, planes)
        pages = self._colours(described[at:], shown) if step == 3 else [shown]
        return self._header(pages, described[at], places[at], frames=stack.frames)

    def _is_copy(self, entries: dict[int, _Entry]) -> bool:
        """Return whether a page is a smaller copy of another or a mask, by the newer or the older tag."""
        return bool(self._values(entries, 254, (0,))[0] & _REDUCED_OR_MASK) or (
            self._values(entries, 255, (1,))[0] == _OLD_REDUCED
        )

    def _colours(self, described: list[dict[int, _Entry]], first: TiffPage) -> list[TiffPage]:
        """Return the grey pages that are the red, green and blue of one picture.

        ImageJ and tifffile may describe the first page alone and put the others behind it.
        """
        if len(described) >= 3:
            pages = [first, *(self._page(entries) for entries in described[1:3])]
            shapes = {(page.width, page.height, page.samples, page.bits, page.signed) for page in pages}
            if len(shapes) > 1:
                raise unsupported("a TIFF file whose three colours differ in size or depth")
            return pages
        return [_behind(first, index) for index in range(3)]

    def _header(
        self, pages: list[TiffPage], entries: dict[int, _Entry], place: int, *, frames: int
    ) -> TiffHeader:
        value = self._values(entries, 274, (1,))[0]
        pointer, size = (8, 8) if self._big else (4, 4)
        patches: tuple[tuple[int, bytes], ...] = ((pointer, place.to_bytes(size, _BYTE_ORDER[self._order])),)
        turn = entries.get(274)
        if turn is not None and turn.kind in _TIFF_LAYOUT:
            size = struct.calcsize(_TIFF_LAYOUT[turn.kind])
            patches += ((turn.at, (1).to_bytes(size, _BYTE_ORDER[self._order])),)
        page = pages[0]
        return TiffHeader(
            "TIFF",
            page.width,
            page.height,
            depth=page.bits,
            alpha=bool(page.alpha),
            premultiplied=page.alpha == 1,
            orientation=value if 1 <= value <= 8 else 1,
            frames=frames,
            end=max((at + size for page in pages for at, size in page.segments), default=0),
            channels_left_out=page.left_out,
            pages=tuple(pages),
            patches=patches,
        )

    def _page(self, entries: dict[int, _Entry]) -> TiffPage:
        """Describe a page.

        Raises:
            HeaderError: If it is damaged or of a kind not read.
        """

        def one(tag: int, default: int) -> int:
            return self._values(entries, tag, (default,))[0]

        if any(not self._values(entries, tag, ()) for tag in _DECISIVE if tag in entries):
            raise damaged("TIFF")
        if 262 not in entries:
            # Grey, its negative, a palette's numbers, inks and luma look alike.
            raise unsupported("a TIFF file that does not name its colours")
        samples = one(277, 1)
        tiled = 324 in entries or 322 in entries
        width, height = one(256, 0), one(257, 0)
        if not 1 <= samples <= _MOST_SAMPLES:
            raise unsupported(f"a TIFF file with {samples:,} channels")
        depths = set(self._values(entries, 258, (1,))[:samples])
        formats = set(self._values(entries, 339, (1,))[:samples])
        if len(depths) > 1 or len(formats) > 1:
            raise unsupported("a TIFF file whose channels differ in depth")
        page = TiffPage(
            width=width,
            height=height,
            bits=depths.pop(),
            samples=samples,
            signed=formats == {2},
            planar=one(284, 1) == 2 and samples > 1,
            photometric=one(262, 0),
            compression=one(259, 1),
            predictor=one(317, 1),
            byte_order=self._order,
            reversed_bits=one(266, 1) == 2,
            tiled=tiled,
            block=(one(323, 0), one(322, 0)) if tiled else (min(one(278, height) or height, height), width),
            extra=self._values(entries, 338, ()),
            subsampling=(*self._values(entries, 530, (2, 2)), 2, 2)[:2],
            usual_luma=self._usual_luma(entries),
            white_point=self._white_point(entries.get(318) if one(262, 0) == 8 else None),
            palette=self._values(entries, 320, ()),
            tables=self._bytes(entries.get(347)),
            segments=(),
        )
        if formats - {1, 2, 4}:
            kind = "complex" if formats & {5, 6} else "floating-point"
            raise unsupported(f"a TIFF file with {page.bits}-bit {kind} samples")
        if one(332, 1) != 1 and page.photometric == 5:
            raise unsupported("a TIFF file with inks other than CMYK")
        check_kind(page)
        return replace(page, segments=self._segments(entries, page))

    def _usual_luma(self, entries: dict[int, _Entry]) -> bool:
        """Return whether luma is mixed as ITU-R BT.601 does it, in the full range (TIFF 6.0, section 21)."""
        usual = {529: (0.299, 0.587, 0.114), 532: (0, 255, 128, 255, 128, 255)}
        for tag, values in usual.items():
            found = entries.get(tag)
            if found is None:
                continue
            if found.count != len(values) or found.kind != 5:
                return False
            numbers = self._unpack(f"{2 * len(values)}I", found.at)
            pairs = zip(numbers[::2], numbers[1::2], values, strict=True)
            if any(not below or abs(above / below - value) > 0.002 for above, below, value in pairs):
                return False
        return True

    def _white_point(self, entry: _Entry | None) -> tuple[float, float]:
        """Return CIE x and y of the white of CIELab: D50 if it is not said (Photoshop TIFF Technical Notes).

        Raises:
            HeaderError: If it is no white between a lamp's and the blue sky's.
        """
        if entry is None:
            return 0.3457, 0.3585
        if entry.kind != 5 or entry.count != 2:
            raise damaged("TIFF")
        above_x, below_x, above_y, below_y = self._unpack("4I", entry.at)
        x, y = above_x / max(below_x, 1), above_y / max(below_y, 1)
        if not (0.2 <= x <= 0.45 and 0.2 <= y <= 0.45):
            raise unsupported("a TIFF file with CIELab colours of an unusual white")
        return x, y

    def _bytes(self, entry: _Entry | None) -> bytes:
        """Return the shared tables of JPEG strips, which are of type UNDEFINED."""
        if entry is None or entry.kind not in {1, 7}:
            return b""
        if entry.count > _LONGEST_TEXT:
            raise damaged("TIFF")
        (value,) = self._unpack(f"{entry.count}s", entry.at)
        return bytes(value)

    def _segments(self, entries: dict[int, _Entry], page: TiffPage) -> tuple[tuple[int, int], ...]:
        """Return offset and size of every strip or tile, in the order of the file.

        Raises:
            HeaderError: If there are fewer than the page needs.
        """
        wanted = page.down * page.across * (page.samples if page.planar else 1)
        if not wanted or wanted > MAX_STEPS * 10:
            raise damaged("TIFF")
        offsets = self._values(entries, 324 if 324 in entries else 273, ())
        counts = self._values(entries, 325 if 325 in entries else 279, ())
        if len(offsets) < wanted or not all(offsets[:wanted]):
            raise damaged("TIFF")
        if not counts or (
            counts[0] == 0 and wanted == 1
        ):  # Some writers leave out what can be told from the rest.
            places = sorted({*offsets[:wanted], self._source.size})
            ends = {at: places[min(bisect(places, at), len(places) - 1)] for at in offsets[:wanted]}
            found = [max(ends[at] - at, 0) for at in offsets[:wanted]]
            most = page.row_bytes * page.block[0] if page.compression == 1 else max(found)
            counts = tuple(min(size, most) for size in found)
        if len(counts) < wanted:
            raise damaged("TIFF")
        return tuple(zip(offsets[:wanted], counts[:wanted], strict=True))


def exif_orientation(source: Source, offset: int, size: int) -> int:
    """Return the orientation of an Exif block; a damaged block is no reason to refuse a field."""
    try:
        order = TIFF_MAGIC.get(source.at(offset, 4))
        if order is None:
            return 1
        return _Tiff(source, order, start=offset, size=size).orientation()
    except HeaderError:
        return 1
