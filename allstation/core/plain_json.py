"""Strict JSON encoder: no NaN, no Infinity."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Replace what JSON cannot hold: numbers that are not finite become null, tuples lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def json_text(
    value: object, *, indent: int | None = 1, sort_keys: bool = False, ensure_ascii: bool = False
) -> str:
    """Return a value as JSON; numbers that are not finite become null.

    Args:
        value: Plain data.
        indent: Spaces a level; None writes one line without spaces.
        sort_keys: Equal text for equal data.
        ensure_ascii: Escape everything beyond ASCII.

    Raises:
        TypeError: If the value is no plain data.
    """
    separators = (",", ":") if indent is None else (",", ": ")

    def dumped(data: object) -> str:
        return json.dumps(
            data,
            indent=indent,
            sort_keys=sort_keys,
            ensure_ascii=ensure_ascii,
            separators=separators,
            allow_nan=False,
        )

    try:
        return dumped(value)
    except ValueError:  # the rare value is looked for only where there is one
        return dumped(plain(value))
