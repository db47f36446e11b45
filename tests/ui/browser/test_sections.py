"""Groups: every tile has its place under its heading, in grid and table, and none is lost or shown twice."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allstation.ui.browser.sections import TileLayout

COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=6)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is slow to think of examples; that says nothing about the layout."""
SHAPES = st.tuples(st.integers(1, 5), st.integers(5, 40), st.integers(0, 20))


def made(counts: list[int], shape: tuple[int, int, int]) -> TileLayout:
    columns, height, head = shape
    starts = [sum(counts[:number]) for number in range(len(counts))] if head else []
    return TileLayout(sum(counts), starts, columns=columns, height=height, head=head)


@UNHURRIED
@given(COUNTS, SHAPES)
def test_every_place_of_a_tile_leads_back_to_it(counts: list[int], shape: tuple[int, int, int]) -> None:
    layout = made(counts, shape)
    seen = set()
    for row in range(sum(counts)):
        top, column = layout.place(row)
        seen.add((top, column))
        for y in (top, top + shape[1] - 1):
            assert layout.row_at(y, column) == row
        assert top + shape[1] <= layout.total
    assert len(seen) == sum(counts)


@UNHURRIED
@given(COUNTS, SHAPES, st.integers(0, 500), st.integers(0, 200))
def test_what_is_visible_is_what_the_stretch_touches(
    counts: list[int], shape: tuple[int, int, int], top: int, length: int
) -> None:
    layout = made(counts, shape)
    touched = [
        row
        for row in range(sum(counts))
        if layout.place(row)[0] <= top + length and layout.place(row)[0] + shape[1] > top
    ]
    assert list(layout.rows_between(top, top + length)) == touched


@UNHURRIED
@given(COUNTS, SHAPES)
def test_headings_stand_above_their_first_tile(counts: list[int], shape: tuple[int, int, int]) -> None:
    layout = made(counts, shape)
    heads = dict(layout.headings_between(0, layout.total))
    assert len(heads) == (len(counts) if shape[2] else 0)
    for number, top in heads.items():
        first = sum(counts[:number])
        assert layout.place(first) == (top + shape[2], 0)
        assert layout.row_at(top, 0) is None


@UNHURRIED
@given(COUNTS, SHAPES)
def test_down_and_up_reach_every_line(counts: list[int], shape: tuple[int, int, int]) -> None:
    layout = made(counts, shape)
    lines, row = {layout.place(0)[0]}, 0
    while (below := layout.line_down(row)) != row:
        assert layout.place(below)[0] > layout.place(row)[0]
        row = below
        lines.add(layout.place(row)[0])
    assert lines == {layout.place(number)[0] for number in range(sum(counts))}
    while (above := layout.line_up(row)) != row:
        assert layout.place(above)[0] < layout.place(row)[0]
        row = above
    assert layout.place(row)[0] == layout.place(0)[0]


@pytest.mark.parametrize(("row", "below"), [(1, 4), (4, 5), (5, 5)])
def test_a_short_line_is_entered_at_its_end(row: int, below: int) -> None:
    layout = TileLayout(6, [0, 5], columns=3, height=10, head=4)
    assert layout.line_down(row) == below
