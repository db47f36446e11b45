"""Confirmations by reviewers: which share of the fields each confirmed, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from allstation.core.text import shown_name
from allstation.report.content.field_types import FieldRow
from allstation.report.content.report_types import Confirmation
from allstation.report.content.wording import ANOTHER_LOOK, count, number, percent

NAMED: Final = 3
"""People who are named on page one; the others are counted."""
_LONGEST: Final = 60
"""Characters of a name."""


def confirmations(rows: Sequence[FieldRow], stamps: Sequence[str]) -> tuple[Confirmation, ...]:
    """Count what each person said about the fields read, whoever reviewed most first.

    Args:
        rows: The fields as the report shows them, anonymised or not.
        stamps: Time of the review of each field with its seconds, as the case keeps it; empty without one.
    """
    read = sum(bool(row.decision) for row in rows)
    said: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, list[str]] = defaultdict(list)
    for row, stamp in zip(rows, stamps, strict=True):
        if not (row.decision and row.reviewed):
            continue
        kind = "confirmed" if row.reviewed == row.decision else "changed"
        said[row.reviewer]["another_look" if row.reviewed == ANOTHER_LOOK else kind] += 1
        times[row.reviewer].append(stamp)
    found = [
        Confirmation(
            reviewer=name,
            fields=read,
            confirmed=counts["confirmed"],
            changed=counts["changed"],
            another_look=counts["another_look"],
            same_second=len(times[name]) - len(set(times[name])),
        )
        for name, counts in said.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.reviewed, one.reviewer)))


def sentences(found: Sequence[Confirmation], read: int) -> Iterator[str]:
    """Yield who confirmed which share, and how much nobody looked at.

    Args:
        found: By person.
        read: Fields read.
    """
    for one in found[:NAMED]:
        yield f"By {_short(one.reviewer)}: {share_sentence(one)}"
    others = found[NAMED:]
    if others:
        fields = sum(one.reviewed for one in others)
        yield f"{count(len(others), 'other reader')} looked at {count(fields, 'field')}."
    left = read - sum(one.reviewed for one in found)
    if left and found:
        yield f"{count(left, 'field')} {'was' if left == 1 else 'were'} reviewed by nobody."
    elif left:
        yield "No field has been reviewed by a person."


def _short(name: str) -> str:
    shown = shown_name(name) or "somebody"
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}\u2026"


def share_sentence(one: Confirmation) -> str:
    """Return what a person did, to follow the name and a colon.

    Reviews are kept to the second: of two in the same one nobody knows how long the field was looked at.
    """
    share = percent(one.confirmed / one.fields)
    text = f"confirmed {number(one.confirmed)} of {count(one.fields, 'field')} ({share}), "
    text += f"changed {number(one.changed)}"
    if one.another_look:
        text += f", sent {number(one.another_look)} for another look"
    if one.same_second:
        return f"{text}; {number(one.same_second)} of them in the same second as another."
    return f"{text}; none faster than one a second."
