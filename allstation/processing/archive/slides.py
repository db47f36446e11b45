"""Slides of an archive: every folder that holds fields, and every whole slide, found as they are needed."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.text import natural_key, shown_name
from allstation.imaging import readers
from allstation.imaging.formats.suffixes import looks_like_field
from allstation.imaging.readers import SlideFiles
from allstation.processing.slide_import import SlideOptions


@dataclass(frozen=True, slots=True)
class ArchiveSlide:
    """One slide of an archive.

    Attributes:
        key: Unique in the archive: name of the folder that was named, and the way from there.
        folder: Its folder.
        files: Names of its field images, in natural order; of a whole slide the file that opens it.
        state: Number, bytes and latest change of the files; another one means another slide.
    """

    key: str
    folder: Path
    files: tuple[str, ...]
    state: str
    whole: bool = False

    def expected(self, options: SlideOptions) -> int:
        """Return how many fields it will have, as far as can be said before it is opened."""
        return (options.fields or 1) if self.whole else len(self.files)


def find_slides(
    folders: Sequence[Path], *, outside: Path, options: SlideOptions | None = None
) -> Iterator[ArchiveSlide]:
    """Walk folders in natural order and yield each that holds fields, and each whole slide.

    Links to folders are not followed.

    Args:
        folders: Named by a person.
        outside: Folder that is passed over: the archive's own.
        options: What is wanted of whole slides; other wishes make another archive of them.

    Raises:
        StationError: ``not-found`` if one is no folder.
    """
    names: dict[str, int] = {}
    for given in folders:
        root = given.absolute()
        if not root.is_dir():
            sentence = f"{shown_name(root)} is no folder. Name folders that hold slides: folders of fields."
            raise StationError("not-found", sentence)
        names[root.name] = names.get(root.name, 0) + 1
        prefix = root.name if names[root.name] == 1 else f"{root.name} {names[root.name]}"
        for here, below, _ in os.walk(root):
            below.sort(key=natural_key)
            if Path(here) == outside:
                below.clear()
                continue
            key = "/".join([prefix, *Path(here).relative_to(root).parts])
            whole = readers.find_slides([Path(here)])
            for found in whole:
                yield _whole_slide(found, f"{key}/{found.path.name}", options or SlideOptions())
            slide = _slide_at(Path(here), key, {path.name for found in whole for path in found.files})
            if slide is not None:
                yield slide


def _whole_slide(found: SlideFiles, key: str, options: SlideOptions) -> ArchiveSlide:
    about = [path.stat() for path in found.files]
    size, latest = sum(one.st_size for one in about), max(one.st_mtime_ns for one in about)
    state = f"{len(about)} {size} {latest} {options.wanted}"
    return ArchiveSlide(key, found.path.parent, (found.path.name,), state, whole=True)


def _slide_at(folder: Path, key: str, others: Container[str]) -> ArchiveSlide | None:
    files, size, latest = [], 0, 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if looks_like_field(Path(entry.name)) and entry.name not in others and entry.is_file():
                about = entry.stat()
                files.append(entry.name)
                size += about.st_size
                latest = max(latest, about.st_mtime_ns)
    if not files:
        return None
    return ArchiveSlide(key, folder, tuple(sorted(files, key=natural_key)), f"{len(files)} {size} {latest}")
