"""Slides that a name, a path or a row of a table is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Final, NamedTuple
from unicodedata import normalize

from allstation.core.errors import StationError
from allstation.core.records import Slide
from allstation.core.tables import Table, TableRow
from allstation.core.text import fold, shown_name

FOLDER: Final = "folder"
SLIDE: Final = "slide"
FILE: Final = "file"
KEYS: Final = (FOLDER, SLIDE, FILE)
"""Columns that can say which slide a row of a table is about, in the order they are looked at."""


class NamedSlides(NamedTuple):
    """Ids of the slides that were named, and whether the name can mean several."""

    numbers: frozenset[int]
    is_unclear: bool


class SlideNames:
    """Finds slides by what people call them.

    Args:
        slides: Slides of the case.
        files: Slide and path of every field; needed for :data:`FILE` alone.
    """

    def __init__(self, slides: Sequence[Slide], files: Iterable[tuple[int, Path]] = ()) -> None:
        self._slides = slides
        self._by_file: dict[str, list[tuple[int, Path]]] = {}
        for number, path in files:
            self._by_file.setdefault(normalize("NFC", path.name), []).append((number, path))

    def of_row(self, row: TableRow, keys: Sequence[str]) -> NamedSlides:
        """Return the slides that a row is about: the first of the columns that is filled decides."""
        key = next((name for name in keys if row[name]), "")
        return self.find(key, row[key]) if key else NamedSlides(frozenset(), False)

    def find(self, key: str, given: str) -> NamedSlides:
        """Return the slides that are meant.

        Args:
            key: One of :data:`KEYS`: a *folder* is its name, its path or the end of it, and means all slides
                in it; a *slide* is its name; a *file* means the slide that it is on.
            given: The name or path.
        """
        wanted = path_names(PureWindowsPath(given))
        if key == FOLDER:
            places = {one.id: _run_in(path_names(one.folder), wanted) for one in self._slides if one.folder}
            numbers = frozenset(number for number, place in places.items() if place)
            return NamedSlides(numbers, len(set(filter(None, places.values()))) > 1)
        if key == SLIDE:
            numbers = frozenset(one.id for one in self._slides if fold(one.name) == fold(given))
        else:
            fitting = self._by_file.get(wanted[-1] if wanted else "", ())
            numbers = frozenset(
                number for number, path in fitting if path_names(path)[-len(wanted) :] == wanted
            )
        return NamedSlides(numbers, len(numbers) > 1)


def unclear_row(table: Table, row: TableRow, keys: Sequence[str], *, code: str) -> StationError:
    """Return the error about a row that can mean several slides.

    Args:
        table: The table.
        row: The row.
        keys: Its columns among :data:`KEYS`.
        code: Of the error.
    """
    given = next((row[name] for name in keys if row[name]), "")
    sentence = (
        f"Line {row.line} of the table {table.name} names {shown_name(given)!r}, which can mean several "
        "slides of this case. Write the column folder, with more of the path."
    )
    return StationError(code, sentence)


def path_names(folder: PurePath) -> tuple[str, ...]:
    """Return the names of a folder and of those above it, composed, without the root."""
    return tuple(normalize("NFC", name) for name in folder.parts if name != folder.anchor)


def _run_in(names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return a folder's names up to the place where the wanted ones end; empty where they do not occur."""
    size = len(wanted)
    for end in range(len(names), size - 1, -1):
        if size and names[end - size : end] == wanted:
            return names[:end]
    return ()
