"""Counting one cell after the other: target, what counts, taking back, the order of two readers."""

from __future__ import annotations

from allstation.core.cell_count import CellCount, Counted, spread
from allstation.core.cell_types import SHIPPED_TYPES


def count_of(cells=10, target=100, before=None) -> CellCount:
    return CellCount(range(1, cells + 1), before or {}, SHIPPED_TYPES, target)


def test_cells_come_one_after_the_other() -> None:
    count = count_of(3)
    assert [count.name("blast"), count.name("lymphocyte"), count.name("blast"), count.name("blast")] == [
        1, 2, 3, None,
    ]  # fmt: skip
    assert count.current is None
    assert count.counts() == {"blast": 2, "lymphocyte": 1}


def test_only_white_cells_reach_the_target() -> None:
    count = count_of(10, target=2)
    for kind in ("nucleated-red-cell", "smudge-cell", "artefact", "blast"):
        count.name(kind)
    assert (count.white(), count.is_full) == (1, False)
    count.name("unidentified")
    assert count.is_full
    assert count.name("blast") is None, "nothing is counted beyond the target"
    assert count.current == 6


def test_cells_typed_before_belong_to_the_count() -> None:
    count = count_of(5, before={"blast": 98, "smudge-cell": 3})
    assert count.white() == 98
    count.name("blast")
    count.name("segmented")
    assert count.counts() == {"blast": 99, "smudge-cell": 3, "segmented": 1}
    assert count.is_full


def test_the_latest_is_taken_back_and_is_current_again() -> None:
    count = count_of(3)
    count.name("blast")
    count.name("")
    assert count.take_back() == Counted(2, "")
    assert count.current == 2
    assert count.take_back() == Counted(1, "blast")
    assert (count.counts(), count.take_back()) == ({}, None)


def test_what_is_passed_over_is_not_counted() -> None:
    count = count_of(3)
    assert count.name("") == 1
    assert (count.counts(), count.current, list(count.following(5))) == ({}, 2, [3])


def test_a_type_that_the_list_lacks_counts_as_white() -> None:
    count = count_of(3)
    count.name("mast-cell")
    assert count.white() == 1


def test_the_spread_order_is_fixed_and_mixes_neighbours() -> None:
    order = spread(range(1, 1001))
    assert order == spread(list(reversed(range(1, 1001))))
    assert sorted(order) == list(range(1, 1001))
    first = order[:100]
    assert max(sum(low < cell <= low + 100 for cell in first) for low in range(0, 1000, 100)) <= 20
