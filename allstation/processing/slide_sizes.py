"""Pixel sizes of single slides as a person names them on the command line: folders or a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter
from allstation.core.known_sizes import SlideSizes
from allstation.core.pixel_size import frame_sizes
from allstation.core.records import Slide
from allstation.core.site import Frame, PixelSize, ScaleSource
from allstation.core.slide_names import FOLDER, KEYS, SLIDE, NamedSlides, SlideNames, unclear_row
from allstation.core.tables import Table
from allstation.core.text import shown_name
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.scale import doubt_of_file
from allstation.store.case import Case
from allstation.table_files import read_table

CODE: Final = "bad-pixel-size"
_COLUMN: Final = "pixel_size"
_FEW: Final = 12
"""Slides of the case that a sentence names."""

Sizes = tuple[PixelSize, ...]


@dataclass(frozen=True, slots=True)
class FolderSizes:
    """Pixel sizes of the fields in a folder.

    Attributes:
        folder: Its name, path or end of the path, as typed.
        sizes: One a frame size.
    """

    folder: str
    sizes: Sizes


GivenSizes = tuple[FolderSizes | Table, ...]


def parse_slide_sizes(given: Iterable[str]) -> GivenSizes:
    """Read what a person gave: ``FOLDER=UM``, or the name of a table's file.

    Micrometres are written as in the case data: ``0.1``, ``100 nm``, ``0.1 at 1024x768; 0.2 at 640x480``.

    Raises:
        StationError: ``bad-pixel-size``.
    """
    return tuple(map(_parsed, given))


def _parsed(given: str) -> FolderSizes | Table:
    if _is_file(given):
        return read_table(Path(given), (_COLUMN,), code=CODE, also=KEYS)
    folder, sign, text = given.rpartition("=")
    sizes = _sizes(text)
    if not (sign and folder.strip() and sizes):
        sentence = (
            f"--pixel-size {shown_name(given)!r} is neither FOLDER=UM, such as slide-3=0.12 or "
            f"slide-3='0.12 at 1024x768', nor a CSV file with the column {_COLUMN} and one of "
            f"{', '.join(KEYS)}. Write one of them."
        )
        raise StationError(CODE, sentence)
    return FolderSizes(folder.strip(), sizes)


def _is_file(given: str) -> bool:
    with suppress(OSError, ValueError):  # too long for a name: no file has it
        return Path(given).is_file()
    return False


def _sizes(text: str) -> Sizes:
    return tuple(
        PixelSize(size=size, source=ScaleSource.TYPED, frame=frame)
        for frame, size in frame_sizes(text).items()
    )


@dataclass(frozen=True, slots=True)
class SizedSlides:
    """Slides that got pixel sizes of their own.

    Attributes:
        slides: With their sizes, by ascending id.
        unused: Rows of tables that name no slide of the case.
    """

    slides: tuple[SlideSizes, ...]
    unused: int = 0


def set_slide_sizes(case: Case, given: GivenSizes) -> SizedSlides:
    """Give slides of a case their pixel sizes; those that are not named keep theirs.

    Raises:
        StationError: ``bad-pixel-size`` where a name means no slide or several, a size is none, or frames of
            one size on one slide get two.
    """
    slides = case.slides.all()
    names = SlideNames(slides, case.slides.files())
    found: dict[int, dict[Frame | None, PixelSize]] = {}
    unused = 0
    for numbers, sizes in _named(given, slides, names):
        unused += not numbers
        for number, size in product(sorted(numbers), sizes):
            kept = found.setdefault(number, {}).setdefault(size.frame, size)
            if kept != size:
                name = next(shown_name(one.name) for one in slides if one.id == number)
                sentence = (
                    f"--pixel-size gives the slide {name} two pixel sizes: {kept.size:g} µm and "
                    f"{size.size:g} µm. Leave one of them out."
                )
                raise StationError(CODE, sentence)
    wanted = tuple(SlideSizes(number, tuple(sizes.values())) for number, sizes in sorted(found.items()))
    case.slide_sizes.set(*wanted)
    return SizedSlides(wanted, unused)


def sizes_of_new_slide(given: GivenSizes, path: Path, name: str) -> Sizes:
    """Return the sizes given for a whole slide that is not in the case yet, so that its fields can follow.

    What names no slide, or cannot be read, is refused by :func:`set_slide_sizes` once all slides are known.

    Args:
        given: What a person gave.
        path: The slide's file.
        name: The name that the slide will have.
    """
    slide = Slide(id=1, name=name, folder=path)
    names = SlideNames([slide], [(slide.id, path)])
    found: list[PixelSize] = []
    for one in given:
        with suppress(StationError):
            for numbers, sizes in _named((one,), [slide], names):
                found += sizes if numbers else ()
    return tuple(found)


def _named(
    given: GivenSizes, slides: Sequence[Slide], names: SlideNames
) -> Iterator[tuple[frozenset[int], Sizes]]:
    for one in given:
        if isinstance(one, Table):
            yield from _named_by_table(one, names)
        else:
            yield _meant(one.folder, slides, names), one.sizes


def _named_by_table(table: Table, names: SlideNames) -> Iterator[tuple[frozenset[int], Sizes]]:
    keys = [name for name in KEYS if name in table]
    table.require(_COLUMN, *([] if keys else ["slide"]), code=CODE, also="folder or file")
    for row in table.rows:
        numbers, is_unclear = names.of_row(row, keys)
        sizes = _sizes(row[_COLUMN])
        if is_unclear:
            raise unclear_row(table, row, keys, code=CODE)
        if not sizes:
            sentence = (
                f"Line {row.line} of the table {table.name} has the pixel size {row[_COLUMN]!r}; expected "
                "micrometres a pixel, such as 0.12 or 0.12 at 1024x768. Correct it."
            )
            raise StationError(CODE, sentence)
        yield numbers, sizes


def _meant(folder: str, slides: Sequence[Slide], names: SlideNames) -> frozenset[int]:
    """Return the slides in a folder that was typed: by its name, the end of its path, or from here."""
    found = names.find(FOLDER, folder)
    if not found.numbers:
        with suppress(OSError):  # a name that is too long, or links in a circle
            found = names.find(FOLDER, os.path.realpath(folder, strict=True))
    if not found.numbers:
        found = NamedSlides(names.find(SLIDE, folder).numbers, False)
    if found.numbers and not found.is_unclear:
        return found.numbers
    known = ", ".join(shown_name(one.name) for one in slides[:_FEW]) or "none"
    which = "can mean several slides" if found.is_unclear else "is no slide"
    sentence = (
        f"--pixel-size: {shown_name(folder)!r} {which} of this case; its slides: {known}. Write the folder "
        "with more of its path."
    )
    raise StationError(CODE, sentence)


def size_doubts(case: Case, slides: Iterable[SlideSizes]) -> Iterator[str]:
    """Yield a sentence on each slide whose red cells would be unlikely large or small.

    One field a slide is read; one that cannot be is left out, classifying it says why.
    """
    names = {slide.id: shown_name(slide.name) for slide in case.slides.all()}
    known = case.site.known_sizes()
    for one in slides:
        for field in case.fields.page(FieldFilter(slide_id=one.slide_id), limit=1):
            size = known.by_person(field.width, field.height, slide=one.slide_id)
            with suppress(StationError):
                doubt = "" if size is None else doubt_of_file(read_field(field.path), size)
                if doubt:
                    yield f"{names[one.slide_id]}: {doubt}"
