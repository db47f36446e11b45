"""Slides among the files of a folder: which there are, and which other files belong to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allstation.imaging.field_names import looks_like_field
from allstation.imaging.readers import find_slides, looks_like_slide, pages_of, slide_files

_WITH_FOLDER: Final = ".mrxs"
"""Suffix of slides whose tiles lie in a folder of the same name."""


@dataclass(frozen=True, slots=True)
class SlidesOfFolder:
    """Slides that lie in one folder.

    Attributes:
        slides: The files that open them.
        parts: Further files and folders that they consist of.
    """

    slides: frozenset[Path]
    parts: frozenset[Path]


@dataclass(slots=True)
class SlideFinder:
    """Tells whole slides from fields, each slide once, however many of its files are named.

    Attributes:
        pages: A file of several pages, or frames, counts as a slide, so that each can be a field.
        taken: Files of slides that were found.
    """

    pages: bool = False
    taken: set[Path] = field(default_factory=set)

    def take(self, path: Path) -> None:
        """Note the files of a slide that was named by one of them."""
        self.taken.update(slide_files(path))

    def is_one(self, path: Path) -> bool:
        """Return whether a file is a slide; a damaged one with a scanner's suffix is, too."""
        return path.is_file() and (looks_like_slide(path) or self._is_paged(path))

    def in_folder(self, folder: Path) -> SlidesOfFolder:
        """Return the slides that lie directly in a folder."""
        found = find_slides([folder])
        slides = {one.path for one in found}
        parts = {file for one in found for file in one.files} - slides
        parts |= {path.with_suffix("") for path in slides if path.suffix.lower() == _WITH_FOLDER}
        others = (path for path in _files(folder) if path not in slides and path not in parts)
        slides |= {path for path in others if self.is_one(path)}
        return SlidesOfFolder(frozenset(slides), frozenset(parts))

    def _is_paged(self, path: Path) -> bool:
        return self.pages and looks_like_field(path) and pages_of(path) > 1


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
