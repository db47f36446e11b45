"""Type check of values that came from another process, against the annotations of a dataclass."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

_LARGEST: Final = 1 << 62
"""Of whole numbers; a database holds no larger ones."""
_UNIONS: Final = (Union, types.UnionType)


def fields_fit(record: Any) -> bool:  # noqa: ANN401 - any dataclass
    """Tell whether every field of a dataclass has its annotated type; records in it were checked before."""
    return all(fits(getattr(record, name), hint) for name, hint in _hints(record.__class__))


def fits(value: Any, hint: Any) -> bool:  # noqa: ANN401, PLR0911 - one line a kind of annotation
    """Tell whether a value has an annotated type: a class, a union, a tuple, a sequence or a mapping."""
    if hint is Any:
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return any(fits(value, one) for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
        return len(value) == len(kinds) and all(map(fits, value, kinds))
    if origin in (Sequence, list):
        return isinstance(value, list | tuple) and all(fits(one, inner[0]) for one in value)
    if origin in (Mapping, dict):
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(one, inner[1]) for key, one in value.items()
        )
    if hint in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
        return whole or (hint is float and isinstance(value, float))
    return isinstance(value, hint)


@cache
def _hints(kind: type) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((one.name, hints[one.name]) for one in dataclasses.fields(kind))
