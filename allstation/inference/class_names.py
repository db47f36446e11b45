"""Names in a model bundle: what may stand in tables, reports and on screens as the name of a class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.decision import Reason
from allstation.core.text import fold, shown_name

_LONGEST_CLASS: Final = 40
_LONGEST_NAME: Final = 120
_TAKEN: Final = frozenset(map(fold, (NEEDS_REVIEW, *Reason)))
"""What the program itself says in the place of a class."""
_MARKUP: Final = re.compile(r"[<>|]|^[=+\-@]")
"""Markup, the separator of stored words, and what begins a formula in a spreadsheet."""


def name_problem(name: object, version: object, classes: Sequence[object]) -> str:
    """Return what is wrong with a bundle's names, as the end of a sentence; empty if nothing is.

    Args:
        name: Of the model.
        version: Of the model.
        classes: Of its outputs.
    """
    for text in (name, version):
        if problem := _text_problem(text, longest=_LONGEST_NAME):
            return f"has a name or version that {problem}"
    for label in classes:
        problem = _text_problem(label, longest=_LONGEST_CLASS)
        if not problem and _MARKUP.search(str(label)):
            problem = "holds signs that tables and pages would take for something else"
        if not problem and _read(label) in _TAKEN:
            problem = "the program itself uses in the place of a class"
        if problem:
            return f"has a class name, {shown_name(str(label))[:_LONGEST_CLASS]!r}, that {problem}"
    folded = [_read(label) for label in classes]
    return "has two class names that read the same" if len(set(folded)) != len(folded) else ""


def _read(label: object) -> str:
    """Return a name as it is read: case and the number of spaces do not count."""
    return " ".join(fold(str(label)).split())


def _text_problem(text: object, *, longest: int) -> str:
    if not isinstance(text, str) or not text.strip():
        return "is no text"
    if len(text) > longest:
        return f"has {len(text):,} characters; at most {longest} are accepted"
    if text != text.strip() or shown_name(text) != text:
        return "begins or ends with a space, or holds signs that cannot be seen"
    return ""
