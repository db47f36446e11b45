"""Progress callback and result type of exports of many files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import FieldRecord

Progress = Callable[[int, int], None]
"""Called with how many things are done and how many there are; may raise to give up."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Result of an export of many files.

    Attributes:
        written: Files, in the order of the case.
        refused: Field and error of each one that could not be read.
    """

    written: tuple[Path, ...]
    refused: tuple[tuple[FieldRecord, StationError], ...]


def no_progress(_done: int, _of: int) -> None:
    """Ignore the progress."""
