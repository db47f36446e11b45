"""Colours of the printed page: few, calm, and dark enough to survive a laser printer.

The window has its own; a page is always white.
"""

from __future__ import annotations

from typing import Final

from allstation.core.contrast import readable_ink

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


def ink_on(colour: str) -> str:
    """Return the colour of a letter that stands on ``colour``: paper where it reads, else ink."""
    return readable_ink(colour, (PAPER, INK))
