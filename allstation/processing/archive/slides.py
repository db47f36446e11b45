"""Slides of an archive: every folder that holds fields, found without listing all of them first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.text import natural_key, shown_name
from allstation.imaging.field_names import looks_like_field


@dataclass(frozen=True, slots=True)
class ArchiveSlide:
    """One slide of an archive.

    Attributes:
        key: Unique in the archive: name of the folder that was named, and the way from there.
        folder: Its folder.
        files: Names of its field images, in natural order.
        state: Number, bytes and latest change of the files; another one means another slide.
    """

    key: str
    folder: Path
    files: tuple[str, ...]
    state: str


def find_slides(folders: Sequence[Path], *, outside: Path) -> Iterator[ArchiveSlide]:
    """Walk folders in natural order and yield each that holds fields; links to folders are not followed.

    Args:
        folders: Named by a person.
        outside: Folder that is passed over: the archive's own.

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
            slide = _slide_at(Path(here), "/".join([prefix, *Path(here).relative_to(root).parts]))
            if slide is not None:
                yield slide


def _slide_at(folder: Path, key: str) -> ArchiveSlide | None:
    files, size, latest = [], 0, 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if looks_like_field(Path(entry.name)) and entry.is_file():
                about = entry.stat()
                files.append(entry.name)
                size += about.st_size
                latest = max(latest, about.st_mtime_ns)
    if not files:
        return None
    return ArchiveSlide(key, folder, tuple(sorted(files, key=natural_key)), f"{len(files)} {size} {latest}")
