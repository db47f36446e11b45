"""Pixel size parser: micrometres as people write them beside an objective."""

from __future__ import annotations

import re
from typing import Final

LARGEST: Final = 100.0
"""Micrometres; no field of a blood smear is that coarse, a larger figure is a slip."""
_WRITTEN: Final = re.compile(
    r"(?P<figure>\d+(?:[.,]\d+)?|[.,]\d+)\s*(?P<unit>µm|μm|um|nm|mm|)\s*(?:(?:/|per)\s*(?:px|pixel))?",
    re.IGNORECASE,
)
_MICROMETRES: Final = {"nm": 1e-3, "mm": 1e3}


def micrometres(text: str) -> float | None:
    """Return the micrometres a text names: ``0.1``, ``0,1 µm``, ``100 nm/px``.

    Returns:
        More than 0 and at most ``LARGEST``; None where the text names no such size.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    size = float(found["figure"].replace(",", ".")) * _MICROMETRES.get(found["unit"].lower(), 1.0)
    return size if 0.0 < size <= LARGEST else None


def written(size: float) -> str:
    """Return micrometres as the case data hold them, to four decimals."""
    return f"{round(size, 4):g} µm"
