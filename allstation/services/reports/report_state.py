"""State of a case's reports: what was signed, what differs from it now, what a signer should know."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.core.reports import ReportRecord
from allstation.core.text import shown_name
from allstation.keys.people import Naming, People
from allstation.services.reports.control_hold import out_of_control
from allstation.store.case import Case


@dataclass(frozen=True, slots=True)
class ReportState:
    """Status of the reports of a case.

    Attributes:
        last: The last final or amended report, or None.
        changes: What differs from it now, one line each.
        unread: Fields without a prediction.
        needs_review: Fields that no class was named for, by rule or person.
        unreviewed: Fields no person looked at.
        another_look: Fields a person marked for another look.
        fields: All of them.
        removed: Fields that were taken out of the case.
        warnings: What a person should know before signing.
        needs_pin: Whoever signs is asked for a PIN.
    """

    last: ReportRecord | None = None
    changes: tuple[str, ...] = ()
    unread: int = 0
    needs_review: int = 0
    unreviewed: int = 0
    another_look: int = 0
    fields: int = 0
    removed: int = 0
    warnings: tuple[str, ...] = ()
    needs_pin: bool = False


def state_of(case: Case, snapshot: CaseSnapshot, *, logo: Path | None = None) -> ReportState:
    """Tell where the reports of a case stand.

    Args:
        case: The case, open.
        snapshot: What was read from it.
        logo: The laboratory's, to say when it is gone.
    """
    signed = [one for one in case.reports.all() if one.status.locks]
    numbers = {one.id: number for number, one in enumerate(snapshot.fields, start=1)}
    changes = []
    for change in case.reports.amendments():
        was, name = change.was or "none", shown_name(change.name)
        if change.removed:
            changes.append(f"{name}: {was} → removed from the case")
        elif change.field_id in numbers:  # others were added since the snapshot was taken
            changes.append(f"{numbers[change.field_id]}  {name}: {was} → {change.now or 'none'}")
    gone = logo is not None and not logo.is_file()
    said = f"The logo {logo.name} is not at its place any more and is left out." if logo and gone else ""
    return ReportState(
        last=signed[-1] if signed else None,
        changes=tuple(changes),
        unread=sum(one.prediction is None for one in snapshot.fields),
        needs_review=sum(one.final_name == NEEDS_REVIEW for one in snapshot.fields),
        unreviewed=sum(one.review is None for one in snapshot.fields),
        another_look=sum(one.review is not None and one.review.class_name is None for one in snapshot.fields),
        fields=len(snapshot.fields),
        removed=snapshot.removed,
        warnings=tuple(filter(None, (said, out_of_control(case)))),
        needs_pin=_needs_pin(),
    )


def _needs_pin() -> bool:
    """Tell whether who signs has to give a PIN; a list that cannot be read is told when it is needed."""
    with suppress(StationError):
        return People.load().naming is Naming.PIN
    return False
