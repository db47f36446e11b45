"""Recipe files: plain data as TOML, as the window and the training program write it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from allstation.core.errors import StationError
from allstation.files import write_atomically


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


def to_toml(data: Mapping[str, Any]) -> str:
    """Write plain data as TOML: values first, then tables; an empty table is left out."""
    lines: list[str] = []

    def table(name: str, entries: Mapping[str, Any]) -> None:
        nested = {key: value for key, value in entries.items() if isinstance(value, Mapping)}
        if name:
            lines.extend(("", f"[{name}]"))
        lines.extend(f"{key} = {_toml(value)}" for key, value in entries.items() if key not in nested)
        for key, value in nested.items():
            if value:
                table(f"{name}.{key}" if name else key, value)

    table("", data)
    return "\n".join(lines).lstrip("\n") + "\n"


def write_recipe(path: Path, data: Mapping[str, Any]) -> None:
    """Write a recipe file whole or not at all.

    Raises:
        StationError: ``cannot-write``.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not synced: the window's thread writes, also for every preview of an edited recipe.
        write_atomically(path, to_toml(data).encode(), sync=False)
    except OSError as error:
        sentence = f"The recipe {path.name} could not be written ({error.strerror}). Choose another folder."
        raise StationError("cannot-write", sentence) from error
