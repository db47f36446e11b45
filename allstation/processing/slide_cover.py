"""Places of a slide that fields of the case cover: a white cell in two fields would be counted twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from allstation.core.slide_info import SlideInfo
from allstation.core.slide_part import Region, SlidePart

MAY_OVERLAP: Final = 0.1
"""Share of a field that other ones may cover."""

_Box = tuple[float, float, float, float]


class SlideCover:
    """Rectangles of a slide that are taken; asked by place, so that 20,000 fields are compared in a second.

    Args:
        info: Facts of the slide.
        taken: Parts that fields of the case are; pages take no place.
    """

    def __init__(self, info: SlideInfo, taken: Iterable[SlidePart]) -> None:
        self._info = info
        boxes = [
            self._box(part) for part in taken if isinstance(part, Region) and part.level < len(info.levels)
        ]
        self._side = max((max(right - left, lower - top) for left, top, right, lower in boxes), default=1e9)
        self._boxes: dict[tuple[int, int], list[_Box]] = defaultdict(list)
        for box in boxes:
            for cell in self._cells(box):
                self._boxes[cell].append(box)

    def share(self, region: Region) -> float:
        """Return the share of a rectangle that the taken ones cover, 0 to 1."""
        left, top, right, lower = box = self._box(region)
        near = {other for cell in self._cells(box) for other in self._boxes.get(cell, ())}
        covered = sum(
            max(0.0, min(right, other[2]) - max(left, other[0]))
            * max(0.0, min(lower, other[3]) - max(top, other[1]))
            for other in near
        )
        return min(1.0, covered / ((right - left) * (lower - top)))

    def _box(self, region: Region) -> _Box:
        scale = self._info.levels[region.level].downsample
        return (
            float(region.x),
            float(region.y),
            region.x + region.width * scale,
            region.y + region.height * scale,
        )

    def _cells(self, box: _Box) -> Iterator[tuple[int, int]]:
        left, top, right, lower = (int(edge // self._side) for edge in box)
        for column in range(left, right + 1):
            for row in range(top, lower + 1):
                yield column, row


def apart_from(info: SlideInfo, taken: Sequence[SlidePart], parts: Sequence[SlidePart]) -> list[SlidePart]:
    """Return the parts that are taken already, or lie beside those that are.

    Args:
        info: Facts of the slide.
        taken: Parts that fields of the case are.
        parts: Proposed ones, of which none overlaps another.
    """
    held = set(taken)
    cover = SlideCover(info, taken)
    return [
        part
        for part in parts
        if part in held or not isinstance(part, Region) or cover.share(part) <= MAY_OVERLAP
    ]
