"""Classes of the shipped model, and their letters and colours.

Benign, Early, Pre and Pro are immunophenotypes (hematogones; early pre-B, pre-B and pro-B
lymphoblasts). They have no order of severity and are never drawn as a scale.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from allstation.core.text import shown_name

CLASS_NAMES: Final = ("Benign", "Early", "Pre", "Pro")
"""The classes of the shipped model, in the order of its outputs."""

NEEDS_REVIEW: Final = "needs review"
"""What a decision says when it names no class."""

RESEARCH_USE: Final = "For Research Use Only. Not for use in diagnostic procedures."
"""The exact wording of 21 CFR 809.10(c)(2)(i)."""

PATIENTS_UNKNOWN: Final = "patients unknown"
"""Stands beside every figure that was computed without patient ids."""


class ClassStyle(NamedTuple):
    """Display style of a class: a letter first, a colour second.

    Attributes:
        letter: One capital letter, unique among the four known classes.
        colour: ``#rrggbb`` from the Okabe-Ito palette, distinguishable with every common
            colour-vision deficiency.
        meaning: The immunophenotype in words.
    """

    letter: str
    colour: str
    meaning: str


_KNOWN: Final = {
    "Benign": ClassStyle("B", "#009e73", "benign (hematogones)"),
    "Early": ClassStyle("E", "#0072b2", "early pre-B"),
    "Pre": ClassStyle("P", "#e69f00", "pre-B"),
    "Pro": ClassStyle("R", "#cc79a7", "pro-B"),
}
_RESERVED: Final = frozenset({NEEDS_REVIEW, "needs another look", "not read", "none"})
"""What stands where a class could stand, and says that there is none."""
_LONGEST: Final = 60
_COMPUTED: Final = tuple("=+-@")
"""What a spreadsheet takes for the beginning of a formula."""
_MARKUP: Final = frozenset("<>|\\")
_OTHERS: Final = ("#56b4e9", "#d55e00", "#f0e442", "#999999")

NEEDS_REVIEW_STYLE: Final = ClassStyle("?", "#6e6e6e", "needs review")


def class_style(name: str, index: int = 0) -> ClassStyle:
    """Return the style of a class, also of classes that a lab brought itself.

    Args:
        name: Class name as the model bundle gives it.
        index: Position of the class in the model's outputs; picks the colour of unknown names.
    """
    if name == NEEDS_REVIEW:
        return NEEDS_REVIEW_STYLE
    known = _KNOWN.get(name)
    if known is not None:
        return known
    return ClassStyle(name[:1].upper() or "?", _OTHERS[index % len(_OTHERS)], name)


def class_name_problem(name: str) -> str:
    """Return why a name cannot be that of a class, to follow the name in a sentence; empty if it can.

    Class names come from bundles and folders of others, and stand in tables, reports and lists.
    """
    if not name.strip() or name != name.strip():
        return "is empty or has spaces around it"
    if len(name) > _LONGEST:
        return f"has more than {_LONGEST} characters"
    if " ".join(name.casefold().split()) in _RESERVED:
        return "says that there is no class"
    if shown_name(name) != name or not name.isprintable():
        return "holds characters that cannot be printed"
    if name.startswith(_COMPUTED) or _MARKUP & set(name):
        return "holds characters of formulas or markup"
    return ""
