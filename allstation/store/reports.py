"""Reports of a case: which were signed, and whether the case still agrees with the last one."""

from __future__ import annotations

from allstation.core.errors import StationError
from allstation.core.reports import DecisionChange, ReportRecord, ReportStatus, decisions_digest
from allstation.core.text import shown_name, storable, unescape_name
from allstation.store.connection import Repository

_REPORT_COLUMNS = "id, status, sha256, file, at, by, reason, decisions_sha256, audit_head"
_CHANGED = (
    "FROM fields WHERE EXISTS (SELECT 1 FROM reports WHERE status IN ('final', 'amended')) "
    "AND COALESCE(locked_name, '') != iif(removed, '', COALESCE(final, ''))"
)


class Reports(Repository):
    """Repository of the reports and the decisions they lock."""

    def all(self) -> list[ReportRecord]:
        """Return the reports made from this case, the oldest first."""
        with self._connection.read() as db:
            rows = db.execute(f"SELECT {_REPORT_COLUMNS} FROM reports ORDER BY id").fetchall()  # noqa: S608
        return [ReportRecord(row[0], ReportStatus(row[1]), *row[2:]) for row in rows]

    def add(
        self,
        status: ReportStatus | str,
        sha256: str,
        *,
        file: str = "",
        by: str = "",
        reason: str = "",
        decisions_sha256: str | None = None,
        kept: bool = False,
        named: str = "",
    ) -> ReportRecord:
        """Register a report that was written, and lock the decisions of a final or amended one.

        Args:
            status: How binding it is. The first binding report is final, every later one amended.
            sha256: Of the report file's bytes.
            file: Its name; a folder in it is left out.
            by: Who made it; by default the user of the case.
            reason: Why; needed for an amended report.
            decisions_sha256: Digest of the decisions the report shows
                (:func:`allstation.core.reports.snapshot_decisions`), to be sure the case did not
                change while it was written.
            kept: Its file is in the case folder and must stay there.
            named: How it is known who made it: ``typed``, ``login`` or ``pin``; empty if that is not known.

        Raises:
            StationError: ``case-changed``, ``reason-needed``, ``already-final``, ``not-final-yet``,
                or what the disk answered.
        """
        kind, why = ReportStatus(status), storable(reason).strip()
        who = storable(by).strip() or self._connection.user
        with self._connection.write() as db:
            self._require_order(kind, why)
            digest = decisions_digest(db.execute("SELECT sha256, final FROM fields WHERE removed = 0"))
            if decisions_sha256 not in (None, digest):
                raise StationError(
                    "case-changed", "The case changed while the report was written: write the report again."
                )
            self._connection.begin_entries()
            head = db.execute("SELECT hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()[0]
            name = shown_name(file.replace("\\", "/").rsplit("/", 1)[-1])
            values = (kind, sha256, name, self._connection.now(), who, why)
            added = db.execute(
                "INSERT INTO reports (status, sha256, file, at, by, reason, decisions_sha256, audit_head) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, digest, head),
            )
            number = int(added.lastrowid or 0)
            details = {"report": number, "status": kind, "decisions": digest, "reason": why, "kept": kept}
            details |= {"named": named} if named else {}
            self._connection.audit("report-made", f"report {number}", details, input_hash=sha256, who=who)
            if kind.locks:
                db.execute("UPDATE fields SET locked_name = iif(removed, NULL, COALESCE(final, ''))")
        return ReportRecord(number, *values, decisions_sha256=digest, audit_head=head)

    @property
    def amendment_needed(self) -> bool:
        """Whether a decision differs from the last final or amended report."""
        with self._connection.read() as db:
            return bool(db.execute(f"SELECT EXISTS (SELECT 1 {_CHANGED})").fetchone()[0])

    def amendments(self) -> list[DecisionChange]:
        """Return what differs from the last final or amended report; empty before there is one."""
        with self._connection.read() as db:
            columns = "id, name, locked_name, iif(removed, NULL, final), removed"
            rows = db.execute(f"SELECT {columns} {_CHANGED} ORDER BY id").fetchall()
        return [
            DecisionChange(number, was or None, now, name=unescape_name(name), removed=bool(removed))
            for number, name, was, now, removed in rows
        ]

    def _require_order(self, kind: ReportStatus, reason: str) -> None:
        if not kind.locks:
            return
        finalised = any(report.status.locks for report in self.all())
        if kind is ReportStatus.FINAL and finalised:
            raise StationError(
                "already-final",
                "This case already has a final report: make an amended one and say what changed.",
            )
        if kind is ReportStatus.AMENDED and not finalised:
            raise StationError(
                "not-final-yet", "This case has no final report that could be amended: make a final one."
            )
        if kind is ReportStatus.AMENDED and not reason:
            raise StationError("reason-needed", "An amended report needs a reason: say what changed and why.")
