"""Strict JSON: no NaN, no Infinity, and no name twice in what is read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, cast


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


class AmbiguousError(ValueError):
    """JSON that two readers may understand differently, or that holds what is not a number."""


def strict_json(text: bytes) -> object:
    """Return JSON in which every number is finite and every name stands once.

    Raises:
        ValueError: If it is no JSON, or other JSON.
    """
    return json.loads(
        text, parse_constant=_not_finite, parse_float=_finite, object_pairs_hook=_without_repeats
    )


def _not_finite(text: str) -> object:
    raise AmbiguousError(f"with {text} where a number is expected")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else cast("float", _not_finite(text))


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise AmbiguousError(f"that names {next(name for name in names if names.count(name) > 1)!r} twice")
    return found
