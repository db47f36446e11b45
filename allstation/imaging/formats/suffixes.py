"""Names of field images: files are judged by their suffix before anything is opened.

A field that is a part of a slide has a path without a file (:mod:`allstation.core.slide_part`); what is asked
of a field's file goes through here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from allstation.core.slide_part import split_part

SUFFIXES: Final = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".webp",
        ".jp2",
        ".j2k",
        ".jpx",
        ".dcm",
        ".dicom",
    }
)
"""Suffixes, in lower case, by which a folder's files are taken for fields."""

SLIDE_SUFFIXES: Final = frozenset(
    {".svs", ".svslide", ".ndpi", ".vms", ".vmu", ".mrxs", ".scn", ".bif", ".czi"}
)
"""Suffixes, in lower case, of files that are whole slides and nothing else; TIFF and DICOM may be either."""


def looks_like_field(path: Path) -> bool:
    """Return whether a file has the suffix of a field image."""
    return path.suffix.lower() in SUFFIXES


def field_file(path: Path) -> Path:
    """Return the file on disk that a field lies in: itself, or its slide's."""
    found = split_part(path)
    return path if found is None else found[0]
