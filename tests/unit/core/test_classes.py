from __future__ import annotations

import pytest

from allstation.core.classes import (
    CLASS_NAMES,
    NEEDS_REVIEW,
    RESEARCH_USE,
    class_name_problem,
    class_style,
)


def test_letters_and_colours_tell_the_classes_apart():
    styles = [class_style(name) for name in (*CLASS_NAMES, NEEDS_REVIEW)]
    assert len({style.letter for style in styles}) == len(styles)
    assert len({style.colour for style in styles}) == len(styles)


def test_a_class_of_the_labs_own_gets_a_letter_and_a_colour_of_its_position():
    assert class_style("Blast", 1).letter == "B"
    assert class_style("Blast", 1).colour != class_style("Blast", 2).colour


def test_the_research_use_line_is_the_regulations_wording():
    assert RESEARCH_USE == "For Research Use Only. Not for use in diagnostic procedures."


@pytest.mark.parametrize(
    "name", ["ALL", "B-ALL, common", "AML/MDS", "Früh (prä-B)", "CD34+", "骨髄", "L" * 60]
)
def test_what_a_laboratory_calls_its_classes_is_taken(name):
    assert class_name_problem(name) == ""


@pytest.mark.parametrize(
    "name",
    ["", " ", " A", "A\n", "needs review", "Needs Review", "x" * 61, "=1+1", "@SUM", "<b>Early</b>",
     "\x1b[2J", "\u202egnp", "\ud800", "a|b", "not read"],
)  # fmt: skip
def test_a_name_that_could_be_taken_for_something_else_is_none(name):
    assert class_name_problem(name)
