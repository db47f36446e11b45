"""Scan of a watched folder: its field images and slides, their sizes, and which are still held open."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from allstation.core.file_settling import Sighting
from allstation.imaging.formats.suffixes import looks_like_field

_ONE_FILE: Final = frozenset({".svs", ".svslide", ".ndpi", ".scn", ".bif", ".czi"})
"""Suffixes of slides that are one file."""


def scan_folder(folder: Path, *, held: Callable[[Path], bool] | None = None) -> dict[str, Sighting] | None:
    """Return the field images and slides directly in a folder, or None if it cannot be read now.

    Slides of several files are left out: which of them is written last is not known.

    Only plain files count: links, pipes and devices never become fields by lying in a folder.

    Args:
        folder: The watched folder.
        held: Says whether another program is writing to a file; by default what the system can tell.
    """
    is_held = held or held_open
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if _is_watched(Path(entry.name))]
            return {
                entry.name: Sighting(found.st_size, found.st_mtime_ns, is_held(Path(entry.path)))
                for entry in files
                if (found := _plain(entry)) is not None
            }
    except OSError:
        return None


def _is_watched(path: Path) -> bool:
    return looks_like_field(path) or path.suffix.lower() in _ONE_FILE


def _plain(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        found = os.stat(entry.path, follow_symlinks=False)  # noqa: PTH116 - DirEntry.stat is stale on Windows
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


if sys.platform == "win32":

    def held_open(path: Path) -> bool:
        """Return whether another program has the file open for writing, by opening it without sharing."""
        import ctypes
        from ctypes import wintypes

        create = ctypes.windll.kernel32.CreateFileW
        create.restype = wintypes.HANDLE
        generic_read, share_nothing, open_existing = 0x80000000, 0, 3
        handle = create(str(path), generic_read, share_nothing, None, open_existing, 0, None)
        if handle == wintypes.HANDLE(-1).value:
            return True
        ctypes.windll.kernel32.CloseHandle(handle)
        return False

else:

    def held_open(path: Path) -> bool:  # noqa: ARG001 - as on Windows
        """Return False: elsewhere everyone may read what is being written; size and time must tell."""
        return False
