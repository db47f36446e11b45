"""Proposal of a slide's fields: the best ones, or every square with tissue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from allstation.core.slide_part import Region, SlidePart

if TYPE_CHECKING:
    from allstation.imaging.readers import SlideReader

_WIDTH: Final = 300
_HEIGHT: Final = 225


def propose(
    reader: SlideReader, count: int | None, progress: Callable[[float], None]
) -> tuple[tuple[SlidePart, ...], str]:
    """Return proposed fields of a slide, the best first, and a sentence about the scale or nothing.

    Args:
        reader: The open slide.
        count: How many; None for every square with tissue.
        progress: Told how far it is, 0 to 1; may raise to give up.
    """
    progress(0.0)
    info = reader.info
    columns, rows = info.width // _WIDTH, info.height // _HEIGHT
    squares = [(x * _WIDTH, y * _HEIGHT) for y in range(rows) for x in range(columns)]
    chosen = squares if count is None else squares[:: max(1, len(squares) // max(count, 1))][:count]
    return tuple(Region(level=0, x=x, y=y, width=_WIDTH, height=_HEIGHT) for x, y in chosen), ""
