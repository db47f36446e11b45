"""TIFF files of any kind, written segment by segment: what no library would write is wanted too."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Value = tuple[int, "Sequence[int] | bytes"]

SHORT, LONG, ASCII, RATIONAL, UNDEFINED, LONG8 = 3, 4, 2, 5, 7, 16
_LAYOUT = {6: "b", 8: "h", 9: "i", 1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 13: "I", 16: "Q"}


@dataclass(kw_only=True)
class Page:
    """One directory: its entries (tag to type and values), and the coded segments of its pixels.

    Attributes:
        tags: All but the places of the segments.
        segments: Strips or tiles in the file's order.
        tiled: Which of both they are.
        reverse: Write the segments last first.
        gap: Bytes between two segments.
        below: Directories that tag 330 points to.
        counts: Byte counts to write instead of the true ones; empty to leave the tag out.
        after: Bytes behind the directory.
    """

    tags: dict[int, Value]
    segments: list[bytes]
    tiled: bool = False
    reverse: bool = False
    gap: bytes = b""
    below: list[Page] = field(default_factory=list)
    counts: list[int] | None = None
    after: bytes = b""


class Writer:
    """Writes a classic or a big TIFF in either byte order."""

    def __init__(self, order: str = "<", *, big: bool = False) -> None:
        self._order, self._big = order, big
        mark = b"II" if order == "<" else b"MM"
        self.body = bytearray(mark + self._pack("H", 43 if big else 42))
        self.body += self._pack("HHQ", 8, 0, 0) if big else self._pack("I", 0)
        self.data_starts: list[tuple[int, int]] = []

    def _pack(self, layout: str, *values: int) -> bytes:
        return struct.pack(self._order + layout, *values)

    @property
    def _word(self) -> str:
        return "Q" if self._big else "I"

    def write(self, pages: Sequence[Page]) -> bytes:
        """Return the file; ``data_starts`` then holds where each segment lies."""
        link = 8 if self._big else 4
        for page in pages:
            at, following = self._directory(page)
            self.body[link : link + len(self._pack(self._word, 0))] = self._pack(self._word, at)
            link = following
        return bytes(self.body)

    def _align(self) -> None:
        if len(self.body) % 2:
            self.body += b"\0"

    def _segments(self, page: Page) -> list[int]:
        places = [0] * len(page.segments)
        order = range(len(places))
        for index in reversed(order) if page.reverse else order:
            self._align()
            places[index] = len(self.body)
            self.data_starts.append((len(self.body), len(self.body) + len(page.segments[index])))
            self.body += page.segments[index] + page.gap
        return places

    def _directory(self, page: Page) -> tuple[int, int]:
        places = self._segments(page)
        wide = LONG8 if self._big else LONG
        tags: dict[int, Value] = dict(page.tags)
        if places:
            tags[324 if page.tiled else 273] = (wide, places)
            counts = [len(segment) for segment in page.segments] if page.counts is None else page.counts
            if counts:
                tags[325 if page.tiled else 279] = (wide, counts)
        if page.below:
            tags[330] = (wide, [self._directory(below)[0] for below in page.below])
        entries = [self._entry(tag, *tags[tag]) for tag in sorted(tags)]
        self._align()
        at = len(self.body)
        self.body += self._pack("Q" if self._big else "H", len(entries)) + b"".join(entries)
        following = len(self.body)
        self.body += self._pack(self._word, 0) + page.after
        return at, following

    def _entry(self, tag: int, kind: int, values: Any) -> bytes:
        raw = values if isinstance(values, bytes) else self._pack(f"{len(values)}{_LAYOUT[kind]}", *values)
        count = len(raw) // 8 if kind == RATIONAL else len(raw) // struct.calcsize(_LAYOUT[kind])
        room = 8 if self._big else 4
        if len(raw) > room:
            self._align()
            at = len(self.body)
            self.body += raw
            raw = self._pack(self._word, at)
        return self._pack("HH" + self._word, tag, kind, count) + raw.ljust(room, b"\0")


def tiff(pages: Sequence[Page], order: str = "<", *, big: bool = False) -> bytes:
    """Return a TIFF file of these pages."""
    return Writer(order, big=big).write(pages)
