"""Pixel size parser: micrometres as people write them beside an objective, one a frame size."""

from __future__ import annotations

import re
from typing import Final

LARGEST: Final = 100.0
"""Micrometres; no field of a blood smear is that coarse, a larger figure is a slip."""
SMALLEST: Final = 1e-3
"""Micrometres; no light microscope shows as little in a pixel, a smaller figure is a slip."""
_SENSIBLE: Final = (0.005, 5.0)
"""Micrometres. What is coarser is the resolution of a print, 72 to 1200 dots an inch, which programs write
without having measured anything; a field of a blood smear shows nothing at that."""
_SQUARE: Final = 0.01
"""Share by which rows and columns may differ; one bar cannot measure both otherwise."""
_WRITTEN: Final = re.compile(
    r"(?P<figure>\d+(?:[.,]\d+)?|[.,]\d+)\s*(?P<unit>µm|μm|um|nm|mm|)\s*(?:(?:/|per)\s*(?:px|pixel))?",
    re.IGNORECASE,
)
_ENTRY: Final = re.compile(r"(?P<size>.*?)(?:\s+at\s+(?P<width>\d{1,5})\s*[x×]\s*(?P<height>\d{1,5}))?")
_BETWEEN: Final = ";"
_MICROMETRES: Final = {"nm": 1e-3, "mm": 1e3}


def micrometres(text: str) -> float | None:
    """Return the micrometres a text names: ``0.1``, ``0,1 µm``, ``100 nm/px``.

    Returns:
        ``SMALLEST`` to ``LARGEST``; None where the text names no such size.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    size = float(found["figure"].replace(",", ".")) * _MICROMETRES.get(found["unit"].lower(), 1.0)
    return size if SMALLEST <= size <= LARGEST else None


def sensible_size(across: float, down: float) -> float | None:
    """Return the width of a pixel if it is one of a microscope's picture and pixels are square.

    Args:
        across: Micrometres.
        down: Micrometres.
    """
    if not abs(across - down) <= _SQUARE * across:
        return None
    return across if _SENSIBLE[0] <= across <= _SENSIBLE[1] else None


def written(size: float) -> str:
    """Return micrometres as the case data hold them, to four decimals."""
    return f"{round(size, 4):g} µm"


def frame_sizes(text: str) -> dict[tuple[int, int] | None, float]:
    """Return the pixel size by frame size that a text names: ``0.1 µm at 1024x768; 0.2 µm at 640x480``.

    Returns:
        Micrometres by width and height; under None what is said without a frame size, for all others. Empty
        where a part of the text names no size, or two parts different ones for the same frames.
    """
    sizes: dict[tuple[int, int] | None, float] = {}
    for part in text.split(_BETWEEN):
        found = _ENTRY.fullmatch(part.strip())
        size = None if found is None else micrometres(found["size"])
        if found is None or size is None:
            return {}
        frame = (int(found["width"]), int(found["height"])) if found["width"] else None
        if sizes.setdefault(frame, size) != size:
            return {}
    return sizes


def size_at(text: str, width: int, height: int) -> float | None:
    """Return the micrometres that a text names for frames of one size; None if it names none."""
    sizes = frame_sizes(text)
    return sizes.get((width, height), sizes.get(None))


def with_size(text: str, frame: tuple[int, int], size: float | None) -> str:
    """Return a text with another pixel size for frames of one size; None takes it out.

    What was said for all frames is taken out with it: it would stand for this one again.
    """
    sizes = frame_sizes(text)
    sizes.pop(frame, None)
    if size is None:
        sizes.pop(None, None)
    else:
        sizes[frame] = size
    return f"{_BETWEEN} ".join(
        written(one) if at is None else f"{written(one)} at {at[0]}x{at[1]}" for at, one in sizes.items()
    )
