"""The chain breaks at the entry that was changed, removed, inserted or exchanged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.audit import GENESIS, AuditEntry, canonical, details_text, first_broken, rows_digest
from allstation.core.times import stamp, utc_clock


def chain(length):
    entries, previous = [], GENESIS
    for number in range(1, length + 1):
        details = details_text({"n": number})
        at = "2026-01-01T00:00:00Z"
        entry = AuditEntry(number, at, "Ada", "1", "tested", "x", details, "", "", previous, "")
        entries.append(replace(entry, hash=entry.seal()))
        previous = entries[-1].hash
    return entries


def test_untouched_chain_holds():
    assert first_broken(chain(20)) is None
    assert first_broken([]) is None


@given(
    st.integers(0, 9), st.sampled_from(["at", "who", "app", "action", "object", "details", "model", "input"])
)
def test_any_change_is_found_where_it_is(place, column):
    entries = chain(10)
    entries[place] = replace(entries[place], **{column: "changed"})
    assert first_broken(entries).entry_id == place + 1


@given(st.integers(0, 8))
def test_removal_is_found(place):
    entries = chain(10)
    del entries[place]
    assert first_broken(entries).entry_id == place + 2


@given(st.integers(0, 8))
def test_resealed_change_breaks_the_next_link(place):
    entries = chain(10)
    forged = replace(entries[place], who="Eve")
    entries[place] = replace(forged, hash=forged.seal())
    assert first_broken(entries).entry_id == place + 2


def test_exchange_is_found():
    entries = chain(5)
    entries[1], entries[2] = entries[2], entries[1]
    assert first_broken(entries).entry_id == 3


def test_known_seal():
    """The form that is sealed may never change: cases of older versions must verify."""
    assert chain(2)[1].hash == "119fab8fbe2cc672fe64a550d14a174360a7bc5b5b5bfeb6334a67edb1e26232"


def test_canonical_text():
    assert canonical({"b": 1, "a": "ä"}) == '{"a":"\\u00e4","b":1}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical(float("nan"))
    assert rows_digest([(1, "a")]) != rows_digest([(1,), ("a",)])


def test_stamp_is_utc_with_seconds():
    moment = datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(moment) == "2026-01-02T01:04:05Z"
    assert utc_clock().tzinfo is UTC
    with pytest.raises(ValueError, match="time zone"):
        stamp(datetime(2026, 1, 1))  # noqa: DTZ001
