"""Free text on the terminal: what an anonymised output withholds, and what of it a person lets go."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.commands.printing import say
from allstation.core.records import CaseSnapshot
from allstation.report.content.anonymise import free_texts
from allstation.report.content.free_text import TITLES, Anonymity, kinds
from allstation.report.content.options import ReportOptions
from allstation.store.case import Case

_LISTED = 200
"""Texts of one kind that are printed."""


def anonymity(options: argparse.Namespace) -> Anonymity:
    """Return what ``--keep`` lets go."""
    return Anonymity(kinds(options.keep))


def draw_secret(folder: Path) -> None:
    """Open a case of an earlier version for writing once: without a secret no code can be traced.

    Raises:
        StationError: As :meth:`Case.open`.
    """
    with Case.open(folder, read_only=True) as case:
        if case.secret:
            return
    Case.open(folder).close()


def list_texts(snapshot: CaseSnapshot, report: ReportOptions | None = None) -> None:
    """Print every free text of a case by kind."""
    for kind, texts in free_texts(snapshot, report).items():
        for text in texts[:_LISTED]:
            say(f"{kind:<10} {text}")
        if len(texts) > _LISTED:
            say(f"{kind:<10} and {len(texts) - _LISTED} more")


def name_withheld(snapshot: CaseSnapshot, report: ReportOptions, *, travels: bool = True) -> None:
    """Print before an anonymised output what is withheld, by kind, and every text that goes.

    Args:
        snapshot: The case.
        report: Its choices, and the report that goes along.
        travels: It goes to others without its laboratory; else its letterhead is a part of it.
    """
    found = free_texts(snapshot, report)
    kept = report.anonymity.keep
    withheld = [kind for kind in found if kind not in kept and (travels or kind != "letterhead")]
    if withheld:
        say(f"withheld: {', '.join(f'{kind} ({len(found[kind])})' for kind in withheld)}")
    for kind in found:
        for text in found[kind][:_LISTED] if kind in kept else ():
            say(f"lets go:  {TITLES[kind]}: {text}")
        if kind in kept and len(found[kind]) > _LISTED:
            say(f"lets go:  {TITLES[kind]}: and {len(found[kind]) - _LISTED} more")
