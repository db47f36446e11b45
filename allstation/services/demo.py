"""The demo case: synthetic fields of the project's own, so that a first look needs no patient's data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.files import free_path
from allstation.processing.status_types import Problem

FIELDS: Final = 24
_NAME: Final = "Demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """Attributes: ``case``, a folder that does not exist yet; ``fields``, a folder of synthetic fields."""

    case: Path
    fields: Path


def prepare(base: Path) -> Demo | Problem:
    """Draw the fields below a folder and name a case that is not taken."""
    from allstation.imaging.synthetic import write_demo

    case = free_path(base, _NAME, ".allcase")
    fields = base / "Demo fields"
    try:
        if not fields.is_dir() or not any(fields.iterdir()):
            write_demo(fields, fields=FIELDS)
    except StationError as error:
        return Problem.of(error)
    except OSError as error:
        sentence = (
            f"The demo fields could not be written to {base.name!r} ({error.strerror}). "
            "Make space or choose another profile folder, then try again."
        )
        return Problem("demo-failed", sentence)
    return Demo(case, fields)
