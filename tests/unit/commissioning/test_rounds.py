"""Slides on two sides: what was learned from is never tested, what was tested is never tested again."""

from __future__ import annotations

import pytest

from allstation.commissioning.rounds import cells_to_test, divided

SLIDES = [f"slide {number}" for number in range(10)]


def test_a_fifth_is_kept_apart_at_first_and_stays_apart():
    first = divided(SLIDES * 3)
    assert len(first.apart) == 2
    assert sorted(first.learning + first.apart) == SLIDES
    again = divided(SLIDES, learning=first.learning, apart=first.apart)
    assert again == first


def test_slides_with_typed_cells_are_learned_from_where_there_are_others():
    assert divided(SLIDES, typed=SLIDES[2:]).apart == ("slide 0", "slide 1")
    assert len(divided(SLIDES, typed=SLIDES).apart) == 2


@pytest.mark.parametrize(("more", "kept"), [(2, 2), (5, 3)])
def test_later_slides_are_learned_from_but_for_a_fifth_of_many(more: int, kept: int):
    first = divided(SLIDES)
    later = [*SLIDES, *(f"slide {10 + number}" for number in range(more))]
    second = divided(later, learning=first.learning, apart=first.apart)
    assert set(first.apart) <= set(second.apart)
    assert len(second.apart) == kept


def test_tested_slides_are_learned_from_only_once_others_take_their_place():
    first = divided(SLIDES)
    before = {"learning": first.learning, "apart": first.apart, "tested": first.apart}
    assert divided(SLIDES, **before) == first
    assert divided([*SLIDES, "slide 10"], **before).apart == first.apart
    second = divided([*SLIDES, "slide 10", "slide 11"], **before)
    assert second.apart == ("slide 10", "slide 11")
    assert set(first.apart) <= set(second.learning)


def test_two_slides_are_divided_one_by_one():
    assert len(divided(["a", "b"]).apart) == 1


def test_the_test_is_as_large_as_what_was_measured_needs():
    sizes = [cells_to_test(value, lowest=0.9, types=2) for value in (1.0, 0.98, 0.97, 0.96)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 60
    assert cells_to_test(0.5, lowest=0.9, types=2) == 60, "a hopeless test should be short"
