"""The stack of requests that thumbnails and crops are made from."""

from __future__ import annotations

from allstation.services.images.newest_first import NewestFirst


def test_the_newest_comes_first_and_asking_again_moves_it_up() -> None:
    stack: NewestFirst[str, int] = NewestFirst()
    assert [stack.add(key, number) for number, key in enumerate("abc")] == [True, True, True]
    assert not stack.add("a", 0), "it waits already"
    assert [stack.take() for _ in range(4)] == [{"a": 0}, {"c": 2}, {"b": 1}, {}]


def test_what_was_scrolled_past_is_dropped() -> None:
    stack: NewestFirst[int, int] = NewestFirst(most=2)
    for number in range(5):
        stack.add(number, number)
    assert [stack.take() for _ in range(3)] == [{4: 4}, {3: 3}, {}]


def test_requests_of_one_field_are_taken_together() -> None:
    stack: NewestFirst[int, str] = NewestFirst()
    for number, field in enumerate(["left", "right", "left", "left"]):
        stack.add(number, field)
    assert stack.take(alike=lambda field: field, most=2) == {3: "left", 2: "left"}
    assert stack.take(alike=lambda field: field, most=2) == {1: "right"}


def test_what_is_worked_on_is_not_asked_for_twice_unless_it_is_another_file() -> None:
    stack: NewestFirst[int, str] = NewestFirst()
    stack.add(1, "first case")
    assert stack.take() == {1: "first case"}
    assert not stack.add(1, "first case")
    assert stack.add(1, "second case"), "the same number in another case is another picture"
    assert stack.take() == {1: "second case"}
    stack.done([1])
    assert stack.add(1, "second case")
    stack.clear()
    assert stack.take() == {}
