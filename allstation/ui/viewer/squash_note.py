"""Remark on lengths in frames that may have been squashed to the size of the model's input."""

from __future__ import annotations

import math
from typing import Final

from allstation.processing.status_types import ModelInfo
from allstation.ui.common.i18n import tr

_SQUARE: Final = 0.01
"""Share by which a pixel may be wider than high and still count as square."""


def squash_note(width: int, height: int, model: ModelInfo | None) -> str:
    """Return what is to be said of lengths on a frame, empty if its pixels are square for all that is known.

    Whether a frame of exactly the model's size was squashed to it, as the frames were that the model learned
    from, stands in no file. Scales are the geometric mean of both directions (``imaging.fields.scale``), by
    which areas are right whatever was done.

    Args:
        width: Of the frame, pixels.
        height: Likewise.
        model: The model in use.
    """
    if model is None or (height, width) != model.size:
        return ""
    if model.aspect is None:
        return tr(
            "This field has exactly the size of the model's input. Whether it was squashed to it is not "
            "known: if so, lengths across and down are wrong, and areas are right."
        )
    wider = model.aspect * height / width
    if abs(wider - 1) <= _SQUARE:
        return ""
    return tr(
        "This field has exactly the size of the model's input, to which frames {aspect} times as wide as "
        "high were squashed. Whether it was is not known: if so, multiply lengths across by {across} and "
        "down by {down}; areas are right. Its pixel size is the geometric mean of both directions.",
        aspect=f"{model.aspect:.2f}",
        across=f"{math.sqrt(wider):.2f}",
        down=f"{1 / math.sqrt(wider):.2f}",
    )
