"""Names of field images: files are judged by their suffix before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

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
    }
)
"""Suffixes, in lower case, by which a folder's files are taken for fields."""


def looks_like_field(path: Path) -> bool:
    """Return whether a file has the suffix of a field image."""
    return path.suffix.lower() in SUFFIXES
