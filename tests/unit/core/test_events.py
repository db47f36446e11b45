"""The protocol's lines: each event survives, anything else is refused."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allstation.core import events
from allstation.core.errors import StationError

EVENTS = [
    events.Started(7, "fit", "runs/1"),
    events.Phase("training", "Training"),
    events.Progress(3, 10, 4.5, "fields read"),
    events.Batch(1, 15, 2, 30, 0.5, 0.75, None),
    events.Epoch(2, 15, 9.1, {"loss": 0.4, "val_loss": None}, best=True),
    events.Message("A line\nbreak and \u00e4\u2028", "warning"),
    events.Report("check", {"fields": 3, "names": ["a", "b"]}),
    events.Failed("nan-loss", "The loss is not a number."),
    events.Finished("finished", "runs/1", {"accuracy": 0.9}),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_survives_as_one_line(event: events.Event) -> None:
    line = events.encode(event)
    assert len(line.splitlines()) == 1
    assert events.decode(line) == event


def test_numbers_that_are_not_finite_become_null() -> None:
    line = events.encode(events.Epoch(1, 2, 3.0, {"loss": math.nan, "val_loss": math.inf}, best=False))
    assert events.decode(line) == events.Epoch(1, 2, 3.0, {"loss": None, "val_loss": None}, best=False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Epoch 1/15", "not JSON"),
        ("[1]", "version 1"),
        ('{"v":2,"event":"phase","name":"training"}', "version 1"),
        ('{"v":1,"event":"dance"}', "unknown event"),
        ('{"v":1,"event":"phase","name":"training","colour":"red"}', "unknown parts"),
        ('{"v":1,"event":"phase"}', "missing parts"),
        ('{"v":1,"event":"phase","name":5}', "another kind"),
        ('{"v":1,"event":"epoch","epoch":1,"epochs":2,"seconds":1,"values":[],"best":true}', "another kind"),
        ('{"v":1,"event":"finished","state":"../won"}', "another kind"),
        ('{"v":1,"event":"progress","done":1,"total":1e9}', "another kind"),
        ('{"v":1,"event":"progress","done":1,"total":2,"seconds_left":1e999}', "not JSON"),
        ('{"v":1,"event":"progress","done":1,"total":2,"seconds_left":NaN}', "not JSON"),
        ('{"v":1,"event":"report","kind":"check","data":' + "[" * 100_000, "not JSON"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(line: str, reason: str) -> None:
    with pytest.raises(StationError, match=reason) as caught:
        events.decode(line)
    assert caught.value.code == "protocol"
    assert "same edition" in caught.value.sentence


_FINITE = st.none() | st.floats(allow_nan=False, allow_infinity=False)
_PLAIN = st.recursive(
    _FINITE | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_OF_TYPE = {
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "float | None": _FINITE,
    "int": st.integers(-(1 << 62) + 1, (1 << 62) - 1),
    "bool": st.booleans(),
    "str": st.text(),
    "Mapping[str, float | None]": st.dictionaries(st.text(), _FINITE, max_size=5),
    "Mapping[str, Any]": st.dictionaries(st.text(), _PLAIN, max_size=3),
}
_OF_NAME = {"state": st.sampled_from(sorted(events.STATES))}
_ANY_EVENT = st.one_of(
    [
        st.builds(
            type(one), **{part.name: _OF_NAME.get(part.name, _OF_TYPE[part.type]) for part in fields(one)}
        )
        for one in EVENTS
    ]
)


@settings(deadline=None)
@given(_ANY_EVENT)
def test_whatever_an_event_holds_it_is_one_line_and_read_back(event: events.Event) -> None:
    line = events.encode(event)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert events.decode(line) == event
    assert type(events.decode(line)) is type(event)
