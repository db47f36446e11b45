"""Verification of the cells of a case against its audit log: digests, counts, marks, copies."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from allstation.core.audit import AuditEntry
from allstation.store.cells.derived_tables import other_cell_copy
from allstation.store.cells.edits import CELLS_RESTORED, EDITS
from allstation.store.cells.features import PROPOSALS_CLEARED, PROPOSED
from allstation.store.cells.rows import cells_content, proposals_content, support_content, types_content
from allstation.store.cells.saving import CELLS, CELLS_FOUND, RUNS
from allstation.store.cells.types import TYPED, TYPES_RESTORED, TYPES_WITHDRAWN

_LARGEST: Final = 10_000_000
"""Rows of one range of a forged entry that are looked at."""


@dataclass(slots=True)
class CellContents:
    """Cells, types and marks after replaying the audit log.

    Attributes:
        rows: Number of rows of each table that entries speak of.
        removed: Cells that are taken out by hand.
        withdrawn: Reviews of cells that no longer count.
        proposals: Digest of the proposals; empty for none.
    """

    rows: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("cells", "prediction_cells", "cell_reviews"), 0)
    )
    removed: set[int] = field(default_factory=set)
    withdrawn: set[int] = field(default_factory=set)
    proposals: str = ""

    def replay(self, db: sqlite3.Connection, entry: AuditEntry, details: Mapping[str, Any]) -> str:
        """Replay one entry; returns a sentence on what is wrong with its rows, else empty."""
        if CELLS in details and entry.action == "fields-classified":
            return self._detections(db, entry, details)
        if entry.action == CELLS_FOUND:
            return self._later_cells(db, entry, details)
        if entry.action == TYPED:
            return self._typed(db, entry, details)
        if entry.action in EDITS:
            return self._edited(db, entry, details)
        if entry.action in (TYPES_WITHDRAWN, TYPES_RESTORED):
            _mark(self.withdrawn, details, on=entry.action == TYPES_WITHDRAWN)
        elif entry.action == PROPOSED:
            self.proposals = entry.input
        elif entry.action == PROPOSALS_CLEARED:
            self.proposals = ""
        return ""

    def _detections(self, db: sqlite3.Connection, entry: AuditEntry, details: Mapping[str, Any]) -> str:
        cells = details[CELLS]
        self.rows["cells"] += cells["added"]
        self.rows["prediction_cells"] += cells["predictions"]
        same = cells_content(db, cells["first"], cells["last"]) == cells["content"]
        same = same and support_content(db, details["first"], details["last"]) == cells["found"]
        return "" if same else f"Cells that entry {entry.id} saved were changed or removed."

    def _later_cells(self, db: sqlite3.Connection, entry: AuditEntry, details: Mapping[str, Any]) -> str:
        cells = details[CELLS]
        self.rows["cells"] += cells["added"]
        self.rows["prediction_cells"] += cells["predictions"]
        same = cells_content(db, cells["first"], cells["last"]) == cells["content"]
        found = [support_content(db, first, last) for first, last in details[RUNS]]
        same = same and found == cells["found"]
        return "" if same else f"Cells that entry {entry.id} saved were changed or removed."

    def _typed(self, db: sqlite3.Connection, entry: AuditEntry, details: Mapping[str, Any]) -> str:
        self.rows["cell_reviews"] += details["cells"]
        same = types_content(db, details["first"], details["last"]) == entry.input
        return "" if same else f"Types of cells that entry {entry.id} saved were changed or removed."

    def _edited(self, db: sqlite3.Connection, entry: AuditEntry, details: Mapping[str, Any]) -> str:
        _mark(self.removed, details, on=entry.action != CELLS_RESTORED)
        if "first" not in details:
            return ""
        self.rows["cells"] += details["last"] - details["first"] + 1
        same = cells_content(db, details["first"], details["last"]) == details["content"]
        return "" if same else f"Cells that entry {entry.id} made were changed or removed."

    def other(self, db: sqlite3.Connection) -> str:
        """Return a sentence on the first thing that the log holds otherwise; empty if there is none."""
        for table, expected in self.rows.items():
            found = int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names above
            if found != expected:
                return (
                    f"The case holds {found} rows of {table}, the trail speaks of {expected}: "
                    "its end was cut off, or rows were added past it."
                )
        for table, mark, known, what in (
            ("cells", "removed", self.removed, "Cell {} was removed or brought back past the trail."),
            ("cell_reviews", "withdrawn", self.withdrawn, "The type {} was withdrawn past the trail."),
        ):
            marked = {row[0] for row in db.execute(f"SELECT id FROM {table} WHERE {mark} = 1")}  # noqa: S608
            for number in sorted(marked ^ known)[:1]:
                return what.format(number)
        if (db.execute("SELECT 1 FROM cell_proposals LIMIT 1").fetchone() is not None or self.proposals) and (
            proposals_content(db) != self.proposals
        ):
            return "The proposed types of the cells were changed past the trail."
        return other_cell_copy(db)


def _mark(marks: set[int], details: Mapping[str, Any], *, on: bool) -> None:
    change = marks.update if on else marks.difference_update
    for first, last in details.get("ranges", ()):
        change(range(first, min(last, first + _LARGEST) + 1))
