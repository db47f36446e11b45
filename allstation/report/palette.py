"""Colours of the printed page: few, calm, and dark enough to survive a laser printer.

The window has its own; a page is always white.
"""

from __future__ import annotations

from typing import Final

INK: Final = "#1c2028"
MUTED: Final = "#59616f"
LINE: Final = "#d3d7df"
HAIR: Final = "#e6e9ee"
WASH: Final = "#f5f6f9"
PAPER: Final = "#ffffff"
ACCENT: Final = "#4656c9"
WARNING: Final = "#a35b00"
WARNING_WASH: Final = "#fdf6ea"
DANGER: Final = "#bd2b2b"

_READABLE: Final = 3.2
"""Contrast from which a bold white letter on a colour is readable (WCAG asks 3 for large text)."""


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(colour: str) -> str:
    """Return the colour of a letter that stands on ``colour``: paper where it reads, else ink."""
    return PAPER if 1.05 / (luminance(colour) + 0.05) >= _READABLE else INK
