"""Code 128 of an accession number, as laboratory scanners read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from allstation.report.drawing import palette
from allstation.report.drawing.canvas import StationCanvas

_MODULE: Final = 0.9
"""Points of the narrowest bar, 0.32 mm: a handheld scanner reads it from an office printer's page."""
_NARROWEST: Final = 0.54
"""Points; 0.19 mm is the least that a laser printer keeps apart."""


def bars(text: str, width: float) -> tuple[float, tuple[tuple[float, float], ...]]:
    """Return the width of a Code 128 and its bars (left, width), points.

    Args:
        text: Printable ASCII.
        width: Room without the quiet zones.

    Returns:
        0 and no bars where the text cannot be encoded, or only with bars that no scanner reads.
    """
    from reportlab.graphics.barcode.code128 import Code128

    if not text or not text.isascii() or not text.isprintable():
        return 0.0, ()
    code = Code128(text, barWidth=1, quiet=0)
    module = min(_MODULE, width / code.width)
    if module < _NARROWEST:
        return 0.0, ()
    return code.width * module, tuple(_drawn(code.decomposed, module))


def _drawn(pattern: str, module: float) -> Iterator[tuple[float, float]]:
    """Yield the bars of ReportLab's pattern: capitals are bars, small letters gaps, A one module wide."""
    x = 0.0
    for letter in pattern:
        wide = module * (ord(letter.upper()) - ord("A") + 1)
        if letter.isupper():
            yield x, wide
        x += wide


def draw(canvas: StationCanvas, text: str, at: tuple[float, float, float, float]) -> float:
    """Draw a barcode that ends at the right edge of a box; return its width, 0 where there is none.

    Args:
        canvas: The page.
        text: What it says.
        at: Left, bottom, width and height of the box, points.
    """
    left, bottom, room, height = at
    width, found = bars(text, room)
    if not width:
        return 0.0
    start = left + room - width
    with canvas.leaf("Figure", alt=f"Barcode (Code 128) of {text}"):
        canvas.setFillColor(canvas.colour(palette.INK))
        for x, wide in found:
            canvas.rect(start + x, bottom, wide, height, stroke=0, fill=1)
    return width
