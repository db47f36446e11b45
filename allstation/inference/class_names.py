"""Names in a model bundle: what may stand in tables, reports and on screens as the name of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from allstation.core.classes import class_name_problem
from allstation.core.decision import Reason
from allstation.core.text import fold, shown_name

_LONGEST_NAME: Final = 120
_LONGEST_SHOWN: Final = 40
_TAKEN: Final = frozenset(map(fold, Reason))
"""What the program itself says in the place of a class."""


def name_problem(name: object, version: object, classes: Sequence[object]) -> str:
    """Return what is wrong with a bundle's names, as the end of a sentence; empty if nothing is.

    Args:
        name: Of the model.
        version: Of the model.
        classes: Of its outputs.
    """
    for text in (name, version):
        if problem := _text_problem(text):
            return f"has a name or version that {problem}"
    for label in map(str, classes):
        problem = class_name_problem(label)
        if not problem and _read(label) in _TAKEN:
            problem = "the program itself uses in the place of a class"
        if problem:
            return f"has a class name, {shown_name(label)[:_LONGEST_SHOWN]!r}, that {problem}"
    folded = [_read(str(label)) for label in classes]
    return "has two class names that read the same" if len(set(folded)) != len(folded) else ""


def _read(label: str) -> str:
    """Return a name as it is read: case and the number of spaces do not count."""
    return " ".join(fold(label).split())


def _text_problem(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        return "is no text"
    if len(text) > _LONGEST_NAME:
        return f"has {len(text):,} characters; at most {_LONGEST_NAME} are accepted"
    if text != text.strip() or shown_name(text) != text:
        return "begins or ends with a space, or holds signs that cannot be seen"
    return ""
