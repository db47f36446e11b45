"""Wording and number formats shared by pages, tables and checks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allstation.core.classes import PATIENTS_UNKNOWN, RESEARCH_USE
from allstation.core.text import shown_name

if TYPE_CHECKING:
    from allstation.report.content.field_types import CopyRow
    from allstation.report.content.report_types import ReportContent

PROGRAM: Final = "ALL Station"
NBSP: Final = "\u00a0"

MIN_FIELDS: Final = 10
"""Fewer fields than this say little about a slide."""
MIN_CELLS: Final = 100
"""Fewest white cells of a routine differential count (CLSI H20-A2)."""

MORPHOLOGY_ONLY: Final = (
    "The classes are immunophenotypes. What a network suggests from morphology is a suggestion for a person "
    "to judge; lineage needs immunophenotyping and cytogenetics."
)
INTERVAL_NOTE: Final = (
    "Exact 95 % intervals of counts among the fields read. They describe counting only: fields of one smear "
    "are not independent, and nothing here is an estimate over patients."
)
NOT_A_SCALE: Final = "The classes have no order of severity."
METHODS: Final = (
    "Each field is decoded once, turned as its EXIF orientation says, reduced to the network's size and "
    "prepared by the named preprocessing; one that shows much more of the smear than the model's fields is "
    "read in parts and pooled over its white cells. The network's outputs are divided by the fitted "
    "temperature and turned into class probabilities that sum to 100 %.",
    "A field is given a class only if every check of the model's decision rule passes: enough white cells, "
    "sharp enough, like the training data, and a top probability at or above the limit. Otherwise the "
    "decision is needs review, with its reasons. Where a field is unlike the training data, shows no white "
    "cells or gave an unreadable output, its class probabilities mean nothing and are not printed.",
    "A review by a person stands beside the prediction and does not replace it. Counts use the reviewed "
    "class where there is one, otherwise the decision.",
    f"{INTERVAL_NOTE} Every field is identified by the SHA-256 of its file.",
    "An evidence map shows where in a field the network found support for its class. It explains the "
    "network, not the cells, and is no proof.",
)
ANONYMISED_METHODS: Final = (
    *METHODS[:3],
    f"{INTERVAL_NOTE} Case and fields are identified by codes of this export, which the laboratory can trace "
    "with the case and nobody without it. Dates are cut to the year. Pictures were not searched for writing.",
    *METHODS[4:],
)
LIMITS: Final = (
    RESEARCH_USE,
    MORPHOLOGY_ONLY,
    f"{PATIENTS_UNKNOWN.capitalize()}: the model's own figures were computed over fields, not over "
    "patients, unless its card says otherwise.",
    NOT_A_SCALE,
)
WITHHELD: Final = "withheld"
NOT_GIVEN: Final = "not given"
MOST_PLACES: Final = 60
"""Slides and patients whose shares are printed; tables have those of all."""
HASH_PREFIX: Final = 10
"""Characters of a field's hash in the tables; the whole hash stands in the appendix."""
ANOTHER_LOOK: Final = "needs another look"
NOT_SIGNED: Final = "Not digitally signed"
SIGNED: Final = "Digitally signed"
SELF_SIGNED: Final = "Digitally signed, self-made certificate"
REPLACES: Final = "It replaces the report whose file has the SHA-256"
_MIX_UPS: Final = 3
"""Pairs of slides that are named on a page."""
_LONGEST_NAME: Final = 60


def percent(share: float) -> str:
    """Write a share of 0 to 1 as ``30.0 %``."""
    return f"{100 * share:.1f}{NBSP}%"


def interval(low: float, high: float) -> str:
    """Write an interval of shares as ``18.1 to 45.4 %``."""
    return f"{100 * low:.1f} to {100 * high:.1f}{NBSP}%"


def probability(value: float) -> str:
    """Write a probability of 0 to 1 in per cent with one decimal, without the sign.

    Only what is certain is written as 0.0 or 100.0: a network never is.
    """
    text = f"{100 * value:.1f}"
    if text == "100.0" and value < 1:
        return ">99.9"
    return "<0.1" if text == "0.0" and value > 0 else text


def decimal(value: float, *, digits: int = 3) -> str:
    """Write a number with fixed decimals and a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\u2212")


def count(n: int, one: str) -> str:
    """Write ``1 field`` or ``12 fields``."""
    return f"{n:,} {one if n == 1 else one + 's'}".replace(",", NBSP)


def number(n: int) -> str:
    """Write a whole number with narrow groups of thousands."""
    return f"{n:,}".replace(",", NBSP)


def copies_sentence(copies: Sequence[CopyRow]) -> str:
    """Return a sentence about copies: how many files repeat a field's bytes, which slides share a picture.

    Args:
        copies: At least one.
    """
    first = copies[0]
    has, are = ("file has", "is") if len(copies) == 1 else ("files have", "are")
    text = (
        f"{number(len(copies))} {has} the same bytes as another field and {are} not counted again "
        f"(the first: {_short(first.name)} is {_short(first.field)})."
    )
    return " ".join([text, *mix_up_sentences(copies)[:_MIX_UPS]])


def mix_up_sentences(copies: Sequence[CopyRow]) -> list[str]:
    """Warn of every two slides that share a picture, one sentence each."""
    pairs: dict[tuple[str, ...], list[CopyRow]] = {}
    for one in copies:
        if one.across:
            pairs.setdefault(tuple(sorted((one.slide, one.of_slide))), []).append(one)
    return [_mix_up(shared) for shared in pairs.values()]


def _mix_up(shared: Sequence[CopyRow]) -> str:
    one = shared[0]
    here, there = (
        f"on slide {_short(slide)} ({_short(name)})"
        for slide, name in ((one.of_slide, one.field), (one.slide, one.name))
    )
    what = "The same picture lies" if len(shared) == 1 else f"{number(len(shared))} pictures lie both"
    first = "" if len(shared) == 1 else ", the first of them named"
    return f"{what} {here} and {there}{first}: that is what a mix-up looks like."


def _short(name: str) -> str:
    shown = shown_name(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}\u2026"


def moment(stamp: str) -> str:
    """Write ``2026-11-22T15:34:07Z`` as ``22 Nov 2026, 15:34 UTC``; anything else as it is."""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    zone = " UTC" if at.utcoffset() is not None and not at.utcoffset() else ""
    return f"{at.day}{NBSP}{month}{NBSP}{at.year}, {at.hour:02d}:{at.minute:02d}{zone}"


def clock_remark(created: str, audit_at: str, *, dated: bool = True) -> str:
    """Return a remark if a report is dated before the last entry of its case's audit log, else an empty text.

    Args:
        created: Time of the report, ISO 8601.
        audit_at: Time of the entry, ISO 8601; empty where there is none.
        dated: Name both times.
    """
    try:
        if not audit_at or datetime.fromisoformat(created) >= datetime.fromisoformat(audit_at):
            return ""
    except ValueError:  # a trail that was tampered with is named by its own check
        return ""
    at, entry = (f" {moment(created)},", f" ({moment(audit_at)})") if dated else ("", "")
    return (
        f"This report is dated{at} before the last entry of the case's audit trail{entry}. "
        "The clock of a computer is or was wrong: do not rely on these times."
    )


def too_few(fields: int, cells: int) -> str:
    """Return a sentence if there is too little to count, else an empty text."""
    if fields == 0:
        return "No field has been read: there is nothing to count."
    missing = []
    if fields < MIN_FIELDS:
        missing.append(f"{count(fields, 'field')} read (fewer than {MIN_FIELDS})")
    if cells < MIN_CELLS:
        missing.append(f"{count(cells, 'white cell')} found (fewer than {MIN_CELLS})")
    return f"Too few fields: {' and '.join(missing)}. The fractions say little." if missing else ""


def signature_statement(content: ReportContent) -> str:
    """Return whether a report is signed digitally, as its first page says; nothing of a draft."""
    block = content.digital_signature
    return announced(content.status, signed=block.signed, self_made=block.self_made)


def announced(status: str, *, signed: bool, self_made: bool) -> str:
    """Return what the first page of a report says of its digital signature."""
    if status == "draft":
        return ""
    if not signed:
        return NOT_SIGNED
    return SELF_SIGNED if self_made else SIGNED
