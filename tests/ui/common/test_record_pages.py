"""The pages of records that tables and the gallery of cells show."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.ui.common.record_pages import PAGE, RecordPages


@dataclass(frozen=True)
class Named:
    id: int
    name: str = ""


def test_a_missing_row_asks_for_its_page_once() -> None:
    asked: list[int] = []
    pages: RecordPages[Named] = RecordPages(1_000, lambda: asked.append(1))
    ids = range(1, 2 * PAGE + 1)
    assert pages.at(ids, PAGE + 3) is None
    assert pages.at(ids, PAGE + 4) is None
    assert list(pages.take_wanted()) == [list(ids[PAGE:])]
    assert asked
    assert list(pages.take_wanted()) == []


def test_an_outdated_record_is_shown_until_the_new_one_comes() -> None:
    pages: RecordPages[Named] = RecordPages(1_000, lambda: None)
    assert pages.add([Named(1), Named(2)]) == [Named(1), Named(2)]
    assert pages.add([Named(2)]) == [], "nothing new"
    assert pages.outdate([1, 7])
    assert not pages.outdate([7])
    assert pages.at([1, 2], 0) == Named(1)
    assert list(pages.take_wanted()) == [[1]]
    assert pages.add([Named(1, "new")]) == [Named(1, "new")]
    assert pages.at([1, 2], 0) == Named(1, "new")
    assert list(pages.take_wanted()) == []


def test_the_longest_unseen_go_first_and_clearing_forgets_what_was_asked() -> None:
    pages: RecordPages[Named] = RecordPages(2, lambda: None)
    pages.add([Named(1), Named(2), Named(3)])
    assert [pages.get(one) is not None for one in (1, 2, 3)] == [False, True, True]
    assert pages.at([1], 0) is None
    pages.clear()
    assert pages.all() == ()
    assert pages.at([1], 0) is None
    assert list(pages.take_wanted()) == [[1]]
