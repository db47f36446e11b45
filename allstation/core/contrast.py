"""Contrast of colours as WCAG 2.2 defines it: whether a text can be read on its ground."""

from __future__ import annotations

from typing import Final

TEXT: Final = 4.5
"""Least contrast of a text."""
LARGE: Final = 3.0
"""Least contrast of text of 18 points, or 14 bold, and of icons and marks."""
_OFFSET: Final = 0.05
_EXTREMES: Final = ("#ffffff", "#000000")
"""One of them has at least 4.58 on any ground."""


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours ``#rrggbb``, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + _OFFSET) / (darker + _OFFSET)


def readable_ink(ground: str, inks: tuple[str, ...]) -> str:
    """Return the first of several colours that can be read on a ground, black or white if none can.

    Args:
        ground: ``#rrggbb``.
        inks: Likewise, the preferred one first.
    """
    found = next((ink for ink in inks if contrast(ink, ground) >= TEXT), None)
    return found or max(_EXTREMES, key=lambda ink: contrast(ink, ground))
