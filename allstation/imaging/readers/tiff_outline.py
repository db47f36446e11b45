"""Outline of a TIFF: size, tiles and kind of its pages, by a bounded walk over its directories.

Sources: TIFF 6.0, BigTIFF, Hamamatsu's tag 65420 as OpenSlide documents it.
"""

# ruff: noqa: PLR2004 - the numbers are the format's own

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.imaging.formats.source import HeaderError, Source

_ORDER: Final = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_MOST_PAGES: Final = 2000
_MOST_ENTRIES: Final = 4096
_KINDS: Final = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_NDPI: Final = 65420
_LONGEST_TEXT: Final = 1 << 16
_REDUCED_OR_MASK: Final = 0b101
_SUB_PAGES: Final = 330
_PLACES: Final = ((273, 279), (324, 325))
"""Tags of the places and sizes of strips, and of tiles."""
_MOST_PIECES: Final = 1 << 22
"""Strips or tiles of a page whose places are looked at."""


@dataclass(frozen=True, slots=True)
class OutlinedPage:
    """Page of a TIFF.

    Attributes:
        width: Pixels.
        height: Pixels.
        tiled: Whether it is stored in tiles.
        reduced: Whether it is a smaller copy of another page, or a mask.
        sub_pages: Pages that hang on it, which are its smaller copies.
        bits: Of a sample.
        planar: Whether each colour is stored on its own.
    """

    width: int
    height: int
    tiled: bool
    reduced: bool
    sub_pages: int
    bits: int
    planar: bool


@dataclass(frozen=True, slots=True)
class TiffOutline:
    """Pages of a TIFF.

    Attributes:
        pages: In the order of the file; of Hamamatsu's files the first alone.
        description: Text of the first page.
        scanner: Whether tags or text are those of a slide scanner.
        ended: Whether the last page says that it is the last.
    """

    pages: tuple[OutlinedPage, ...]
    description: str
    scanner: bool
    ended: bool

    @property
    def sound(self) -> bool:
        """Whether every page has a size, and the chain of pages an end."""
        return self.ended and all(page.width > 0 and page.height > 0 for page in self.pages)

    @property
    def usual(self) -> bool:
        """Whether 8-bit colours lie together, in tiles whose smaller copies are marked as such."""
        first = self.pages[0]
        marked = all(page.reduced for page in self.pages[1:] if page.tiled)
        return first.tiled and marked and not first.sub_pages and first.bits == 8 and not first.planar

    @property
    def has_levels(self) -> bool:
        """Whether the first page is tiled and smaller copies of it follow, marked as such or not."""
        first, others = self.pages[0], self.pages[1:]
        if not first.tiled:
            return False
        if first.sub_pages or any(page.reduced and page.tiled for page in others):
            return True
        return bool(others) and all(
            below.tiled and below.width < page.width and abs(_aspect(below) / _aspect(first) - 1) < 0.02
            for page, below in zip(self.pages, others, strict=False)
        )


def _aspect(page: OutlinedPage) -> float:
    return max(page.width, 1) / max(page.height, 1)


def is_tiff(start: bytes) -> bool:
    """Tell whether a file's first four bytes are those of a TIFF."""
    return start[:4] in _ORDER


def outline(source: Source) -> TiffOutline | None:
    """Return the outline of a TIFF; None of anything else and of what makes no sense."""
    try:
        start = source.at(0, min(source.size, 4))
        return _Walk(source, _ORDER[start]).outline() if is_tiff(start) else None
    except (HeaderError, struct.error):
        return None


def check_not_cut(source: Source) -> None:
    """Refuse a TIFF that ends before its last page or before pixels of a page, as a copy that broke off does.

    Files of Hamamatsu, whose offsets are of a kind of their own, and what is no TIFF are not judged.

    Raises:
        HeaderError: ``unreadable-slide``.
    """
    if not source.size:
        raise HeaderError("unreadable-slide", "is empty (0 bytes). Copy it again from the scanner.")
    start = source.at(0, min(source.size, 4))
    try:
        cut = is_tiff(start) and _Walk(source, _ORDER[start]).ends_beyond()
    except HeaderError:
        cut = True
    except struct.error:
        cut = False
    if cut:
        problem = (
            f"ends too early, after {source.size:,} bytes: it was not copied to its end. "
            "Copy it again from the scanner."
        )
        raise HeaderError("unreadable-slide", problem)


class _Walk:
    """Walk over the directories of one file."""

    def __init__(self, source: Source, order: str) -> None:
        self._source = source
        self._order = order
        self._big = source.at(2, 2) in {b"+\0", b"\0+"}

    def outline(self) -> TiffOutline | None:
        """Return the outline; None if the file has no page."""
        (at,) = self._unpack("Q" if self._big else "I", 8 if self._big else 4)
        pages: list[OutlinedPage] = []
        seen: set[int] = set()
        description, scanner = "", False
        while at and at not in seen and len(pages) < _MOST_PAGES:
            seen.add(at)
            tags, following = self._directory(at)
            if not pages:
                description = self._text(tags, 270)
                scanner = _is_of_scanner(description, self._text(tags, 700), _NDPI in tags)
            pages.append(self._page(tags))
            # Hamamatsu's files of more than 4 GB have offsets of their own kind from here on.
            at = 0 if _NDPI in tags else following
        return TiffOutline(tuple(pages), description, scanner, ended=not at) if pages else None

    def ends_beyond(self) -> bool:
        """Tell whether strips or tiles of a page lie beyond the end of the file."""
        waiting = [*self._unpack("Q" if self._big else "I", 8 if self._big else 4)]
        seen: set[int] = {0}
        while waiting and len(seen) < _MOST_PAGES:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            tags, following = self._directory(at)
            if _NDPI in tags:
                return False
            if any(self._end_of(tags, *pair) > self._source.size for pair in _PLACES):
                return True
            waiting += [following, *map(int, self._numbers(tags, _SUB_PAGES)[:_MOST_PAGES])]
        return False

    def _end_of(self, tags: dict[int, tuple[int, int, int]], places: int, sizes: int) -> int:
        """Return where the last strip or tile of a page ends; those that were never written have no size."""
        begins, counts = self._numbers(tags, places), self._numbers(tags, sizes)
        if not len(begins) or len(begins) != len(counts):
            return 0
        return int((begins + counts)[counts > 0].max(initial=0.0))

    def _numbers(self, tags: dict[int, tuple[int, int, int]], tag: int) -> NDArray[np.float64]:
        kind, count, at = tags.get(tag, (0, 0, 0))
        if _KINDS.get(kind, "B") == "B" or count > _MOST_PIECES:
            return np.empty(0)
        layout = np.dtype(self._order + _KINDS[kind])
        return np.frombuffer(self._source.at(at, count * layout.itemsize), layout).astype(np.float64)

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return self._source.unpack(self._order + layout, at)

    def _directory(self, at: int) -> tuple[dict[int, tuple[int, int, int]], int]:
        """Return type, count and place of the values of each tag, and where the next directory is."""
        (count,) = self._unpack("Q" if self._big else "H", at)
        if count > _MOST_ENTRIES:
            raise struct.error
        head, step, inline = (8, 20, 8) if self._big else (2, 12, 4)
        tags: dict[int, tuple[int, int, int]] = {}
        for place in range(at + head, at + head + step * count, step):
            tag, kind, values = self._unpack("HHQ" if self._big else "HHI", place)
            value_at = place + step - inline
            if values * struct.calcsize(_KINDS.get(kind, "Q")) > inline:
                (value_at,) = self._unpack("Q" if self._big else "I", value_at)
            tags.setdefault(tag, (kind, values, value_at))
        (following,) = self._unpack("Q" if self._big else "I", at + head + step * count)
        return tags, following

    def _page(self, tags: dict[int, tuple[int, int, int]]) -> OutlinedPage:
        return OutlinedPage(
            width=self._one(tags, 256, 0),
            height=self._one(tags, 257, 0),
            tiled=322 in tags or 324 in tags,
            reduced=bool(self._one(tags, 254, 0) & _REDUCED_OR_MASK) or self._one(tags, 255, 1) == 2,
            sub_pages=tags[_SUB_PAGES][1] if _SUB_PAGES in tags else 0,
            bits=self._one(tags, 258, 1),
            planar=self._one(tags, 284, 1) == 2,
        )

    def _one(self, tags: dict[int, tuple[int, int, int]], tag: int, default: int) -> int:
        kind, count, at = tags.get(tag, (0, 0, 0))
        return self._unpack(_KINDS[kind], at)[0] if count and kind in _KINDS else default

    def _text(self, tags: dict[int, tuple[int, int, int]], tag: int) -> str:
        kind, count, at = tags.get(tag, (0, 0, 0))
        if kind not in {1, 2, 7} or not count:
            return ""
        return self._source.at(at, min(count, _LONGEST_TEXT)).decode("utf-8", "replace")


def _is_of_scanner(description: str, packet: str, has_ndpi_tag: bool) -> bool:
    return (
        has_ndpi_tag
        or description.startswith("Aperio")
        or "PhilipsDP" in description
        or "leica-microsystems.com/scn" in description
        or "iScan" in packet
        or description.startswith("<TrestleID>")
        or "Trestle" in description[:64]
    )
