"""Which cells a prediction found, as one value: read whole, and searched for one cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.errors import StationError
from allstation.store.cells.rows import list_support, support_blob, support_of, supports_of

CLASSES = ("A", "B", "C")
ENTRIES = st.dictionaries(
    st.integers(0, 300) | st.integers(0, 2**62), st.binary(min_size=3, max_size=3), max_size=30
)


@given(ENTRIES, st.integers(0, 300))
def test_one_cell_is_found_as_in_the_whole(entries, number):
    blob = support_blob(entries.items())
    assert supports_of(blob, 3) == entries
    for one in (number, *entries):
        expected = {name: value / 255 for name, value in zip(CLASSES, entries.get(one, b""), strict=False)}
        assert support_of(one, CLASSES, blob) == expected


def test_bytes_across_two_entries_are_no_cell():
    blob = support_blob([(1, bytes(3)), (2**40, bytes(3))])
    assert support_of(0, CLASSES, blob) == {}


def test_value_of_another_length_is_damage():
    with pytest.raises(StationError) as caught:
        supports_of(b"12345", 3)
    assert caught.value.code == "damaged-case"


@pytest.mark.parametrize(
    ("support", "expected"),
    [
        (b"", ("", 0, 0)),
        (bytes(3), ("", 0, 0)),
        (bytes([7, 90, 30]), ("B", 90, 60)),
        (bytes([5]), ("A", 5, 5)),
    ],
)
def test_strongest_class_and_its_lead(support, expected):
    assert list_support(support, CLASSES) == expected
