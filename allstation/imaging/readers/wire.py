"""Slide facts and requests as JSON between the station and the child that reads a slide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from allstation.core.slide_info import Level, SlideInfo, SlideMetadata
from allstation.core.text import shown_name

_FIELDS: Final = tuple(SlideMetadata.__dataclass_fields__)
_MOST_LEVELS: Final = 64
_MOST_SIDE: Final = 1 << 30
_MOST_FRAMES: Final = 1_000_000
_LONGEST: Final = 200
_PICTURES: Final = frozenset({"label", "macro", "thumbnail"})


def to_json(info: SlideInfo) -> dict[str, object]:
    """Return facts of a slide as plain values."""
    return {
        "format": info.format,
        "vendor": info.vendor,
        "levels": [[level.width, level.height, level.downsample] for level in info.levels],
        "pixel_um": info.pixel_um,
        "objective": info.objective,
        "associated": list(info.associated),
        "frames": info.frames,
        "averaged": info.averaged,
        "metadata": {name: getattr(info.metadata, name) for name in _FIELDS},
    }


def from_json(said: Mapping[str, Any]) -> SlideInfo:
    """Return facts of a slide from what a child said, which is not believed.

    Raises:
        ValueError: If they make no sense.
    """
    try:
        levels = tuple(_level(level) for level in said["levels"])
        metadata = said.get("metadata") or {}
        if not 1 <= len(levels) <= _MOST_LEVELS or levels[0].downsample != 1.0:
            raise ValueError("levels")
        averaged = said.get("averaged", 0)
        return SlideInfo(
            format=_text(said["format"]),
            vendor=_text(said["vendor"]),
            width=levels[0].width,
            height=levels[0].height,
            levels=levels,
            pixel_um=_positive(said.get("pixel_um")),
            objective=_positive(said.get("objective")),
            associated=tuple(name for name in said.get("associated", ()) if name in _PICTURES),
            frames=_whole(said.get("frames", 1), _MOST_FRAMES),
            averaged=0 if averaged == 0 else _whole(averaged, len(levels) - 1),
            metadata=SlideMetadata(**{name: _text(metadata.get(name, "")) for name in _FIELDS}),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("facts of a slide") from error


def _level(said: Sequence[Any]) -> Level:
    width, height, downsample = said
    factor = _positive(downsample)
    if factor is None or factor < 1.0:
        raise ValueError("downsample")
    return Level(_whole(width, _MOST_SIDE), _whole(height, _MOST_SIDE), factor)


def _whole(said: object, most: int) -> int:
    if not isinstance(said, int) or not 1 <= said <= most:
        raise ValueError("number")
    return said


def _positive(said: object) -> float | None:
    if said is None:
        return None
    found = float(said) if isinstance(said, int | float) else math.nan
    if not (math.isfinite(found) and found > 0):
        raise ValueError("number")
    return found


def _text(said: object) -> str:
    return shown_name(str(said)[:_LONGEST])
