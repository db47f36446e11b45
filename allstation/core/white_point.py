"""White point of fields: how far their pale background lies from a reference, in words with figures."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Final

from allstation.core.site import White

TOLERANCE: Final = 0.05
"""Share by which brightness or colour may differ before it is told: about 12 grey levels of 255."""
_MORE: Final = ("redder", "greener", "bluer")
_LESS: Final = ("less red", "less green", "yellower")


def median_white(whites: Sequence[White]) -> White | None:
    """Return the median of each channel, None of nothing."""
    if not whites:
        return None
    red, green, blue = (float(median(channel)) for channel in zip(*whites, strict=True))
    return red, green, blue


def white_drift(white: White, reference: White) -> str:
    """Return in words how a background differs from a reference; empty within the tolerance.

    Args:
        white: Red, green and blue, 0 to 255.
        reference: The site's.

    Example:
        ``Background 12 % bluer and 8 % darker than the site's (210, 208, 236; the site's 236, 230, 238).``
    """
    ratios = [max(now, 1.0) / max(before, 1.0) for now, before in zip(white, reference, strict=True)]
    whole = fmean(ratios)
    parts = [
        (abs(ratio / whole - 1), _MORE[i] if ratio > whole else _LESS[i]) for i, ratio in enumerate(ratios)
    ]
    parts.append((abs(whole - 1), "brighter" if whole > 1 else "darker"))
    told = [f"{share * 100:.0f} % {word}" for share, word in sorted(parts, reverse=True) if share > TOLERANCE]
    if not told:
        return ""
    figures = f"{_figures(white)}; the site's {_figures(reference)}"
    return f"Background {' and '.join(told)} than the site's ({figures})."


def _figures(white: White) -> str:
    return ", ".join(f"{part:.0f}" for part in white)
