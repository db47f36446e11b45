"""Records of reports made from a case, and digests of the decisions they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from allstation.core.audit import rows_digest
from allstation.core.records import CaseSnapshot


class ReportStatus(StrEnum):
    """Status of a report. The value is stored and printed."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"

    @property
    def locks(self) -> bool:
        """Whether the report stands for the decisions it holds."""
        return self in (ReportStatus.FINAL, ReportStatus.AMENDED)


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """Report that was made from a case.

    Attributes:
        id: Row id in the case.
        status: How binding it is.
        sha256: Of the report file's bytes.
        file: The file's name, without its folder.
        at: ISO 8601 UTC time with seconds.
        by: Who made it.
        reason: Why; needed for an amended report.
        decisions_sha256: :func:`decisions_digest` of what it holds.
        audit_head: Hash of the trail's last entry before the report's own.
    """

    id: int
    status: ReportStatus
    sha256: str
    file: str
    at: str
    by: str
    reason: str
    decisions_sha256: str
    audit_head: str


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """Change of a field since the last final or amended report.

    Attributes:
        field_id: The field.
        was: Final name in the report, None if it had none or was not in it.
        now: Final name now, None if there is none.
        name: The field's file name.
        removed: It was taken out of the case.
    """

    field_id: int
    was: str | None
    now: str | None
    name: str = ""
    removed: bool = False


def decisions_digest(finals: Iterable[tuple[str, str | None]]) -> str:
    """Return one SHA-256 over ``(field sha256, final name)`` pairs, whatever their order."""
    return rows_digest(sorted((sha256, name or "") for sha256, name in finals))


def snapshot_decisions(snapshot: CaseSnapshot) -> str:
    """Return the digest of the decisions that a report made from this snapshot holds."""
    return decisions_digest((record.sha256, record.final_name) for record in snapshot.fields)
