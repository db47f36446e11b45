"""Proposal of a slide's fields: the best ones of the monolayer, or every square with tissue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from allstation.core.errors import StationError
from allstation.core.slide_part import Region, SlidePart
from allstation.core.text import shown_name

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from allstation.core.known_sizes import KnownSize
    from allstation.core.slide_info import SlideInfo
    from allstation.imaging.readers import SlideReader

_PASSES: Final = 2.0
"""How often the finder reads the area of a slide: the overview, then what lies between glass."""
_MOST: Final = 0.95
"""Share that is told at most while it goes on: how much of a slide is glass is not known before."""
_ASK_EVERY: Final = 0.2
"""Seconds after which a read that goes on is asked about: whether anybody still wants it."""
_READS: Final = 2
"""Threads of the finder that read at once."""


def propose(
    reader: SlideReader,
    count: int | None,
    progress: Callable[[float], None],
    *,
    known_size: KnownSize | None = None,
) -> tuple[tuple[SlidePart, ...], str]:
    """Return proposed fields of a slide, the best first, and a sentence about them and the scale.

    Args:
        reader: The open slide.
        count: How many; None for every square with tissue, row by row.
        progress: Told how far it is, 0 to 1, at each read and while one goes on; may raise to give up, which
            ends the reader's children.
        known_size: Pixel size that counts for the slide; found out if None.

    Raises:
        StationError: If the slide cannot be read.
    """
    from allstation.imaging.slides.monolayer import everything, find_fields_of_slide
    from allstation.imaging.slides.scale import scale_of_slide

    with _ProgressReader(reader, progress) as told:
        if count is not None:
            plan = find_fields_of_slide(told, count=count, known_size=known_size)
            return plan.regions, plan.sentence
        scale = scale_of_slide(told, known_size)
        found = tuple(everything(told, pixel_um=scale.pixel_um))
    nothing = "" if found else "Nothing stained was found on this slide."
    return found, f"{nothing} {scale.sentence}".strip()


def whole_of_small(
    path: Path, info: SlideInfo, *, least: int, known_size: KnownSize | None = None
) -> tuple[tuple[SlidePart, ...], str] | None:
    """Return a slide that is no larger than a field as the one field that it is; None for a larger one.

    Args:
        path: The slide's file.
        info: Facts of the slide.
        least: Pixels that a field has at least along a side.
        known_size: Pixel size that counts for the slide; None for the file's.

    Raises:
        StationError: ``too-small`` if a field of it would have fewer.
    """
    from allstation.imaging.slides.scale import LIKELY_UM, USUAL_UM, scale_by_person
    from allstation.imaging.slides.squares import FieldSize, make_grid

    by_person = scale_by_person(known_size)
    stated = by_person.pixel_um if by_person is not None else info.pixel_um or 0.0
    pixel_um = stated if LIKELY_UM[0] <= stated <= LIKELY_UM[1] else USUAL_UM
    field = FieldSize()
    whole = info.width * pixel_um <= field.width_um and info.height * pixel_um <= field.height_um
    sides = (info.width, info.height) if whole else make_grid(info, pixel_um, field).field
    if min(sides) < least:
        sentence = (
            f"The slide {shown_name(path)} is {info.width:,} x {info.height:,} pixels large; a field has at "
            f"least {least} a side. Add the slide with its largest level."
        )
        raise StationError("too-small", sentence)
    if not whole:
        return None
    part = Region(level=0, x=0, y=0, width=info.width, height=info.height)
    sentence = (
        f"The slide is no larger than a field ({info.width:,} x {info.height:,} pixels): it is taken whole."
    )
    return (part,), sentence


class _ProgressReader:
    """Reader that tells how much of its slide was read, and gives up a read that nobody wants any more.

    A level that the file lacks is averaged while it is read, which may take minutes.

    Args:
        reader: The open slide.
        progress: Told the share, 0 to 1, on any thread; may raise to give up.
    """

    def __init__(self, reader: SlideReader, progress: Callable[[float], None]) -> None:
        self._reader = reader
        self._progress = progress
        self._area = 0.0
        self._threads = ThreadPoolExecutor(_READS, thread_name_prefix="slide-search")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    @property
    def info(self) -> SlideInfo:
        """Facts of the slide."""
        return self._reader.info

    def read(self, part: Region) -> NDArray[np.uint8]:
        """Return the pixels of a rectangle, as the reader does."""
        info = self.info
        self._area += part.width * part.height * info.levels[part.level].downsample ** 2
        share = min(_MOST, self._area / (_PASSES * info.width * info.height))
        pixels = self._threads.submit(self._reader.read, part)
        try:
            self._progress(share)
            while True:
                with suppress(TimeoutError):
                    return pixels.result(_ASK_EVERY)
                self._progress(share)
        except StationError:
            self._progress(share)  # ended as another thread gave up: say that
            raise
        except BaseException:
            self._reader.end()
            raise
