from __future__ import annotations

from allstation.core.classes import CLASS_NAMES, NEEDS_REVIEW, RESEARCH_USE, class_style


def test_letters_and_colours_tell_the_classes_apart():
    styles = [class_style(name) for name in (*CLASS_NAMES, NEEDS_REVIEW)]
    assert len({style.letter for style in styles}) == len(styles)
    assert len({style.colour for style in styles}) == len(styles)


def test_a_class_of_the_labs_own_gets_a_letter_and_a_colour_of_its_position():
    assert class_style("Blast", 1).letter == "B"
    assert class_style("Blast", 1).colour != class_style("Blast", 2).colour


def test_the_research_use_line_is_the_regulations_wording():
    assert RESEARCH_USE == "For Research Use Only. Not for use in diagnostic procedures."
