"""Statistics of a slide or a case: counts for its summary, read in one transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.decision import Reason
from allstation.core.records import FieldState
from allstation.core.summary import Tally
from allstation.store.connection import Repository
from allstation.store.rows import Row

_POOR: Final = (str(Reason.BLURRED), str(Reason.NO_WHITE_CELLS))
_COLUMNS: Final = (
    "state, final, reasons, needs_review, reviewed, review_class IS NULL, count(*), "
    "coalesce(sum(iif(EXISTS (SELECT 1 FROM prediction_cells s WHERE s.id = fields.prediction_id) OR EXISTS "
    "(SELECT 1 FROM cell_list l WHERE l.field_id = fields.id AND l.listed = 1), 0, cells)), 0)"
)
"""States and marks of fields, how many, and the cells in the model's mask where the case has none."""
_CELLS: Final = "SELECT count(*) FROM cell_list WHERE listed = 1"
_LATEST: Final = """
SELECT r.field_id, r.reviewer, r.class_name FROM reviews r JOIN (
    SELECT max(id) AS id FROM reviews WHERE withdrawn = 0 GROUP BY reviewer, field_id
) latest ON latest.id = r.id
"""


class Statistics(Repository):
    """Repository of counts over the fields and reviews."""

    def tally(self, slide_id: int | None = None) -> Tally:
        """Count one slide, or the whole case."""
        where = "removed = 0" if slide_id is None else "removed = 0 AND slide_id = ?"
        values: list[object] = [] if slide_id is None else [slide_id]
        with self._connection.consistent_read() as db:
            groups = db.execute(
                f"SELECT {_COLUMNS} FROM fields WHERE {where} GROUP BY 1, 2, 3, 4, 5, 6",  # noqa: S608
                values,
            ).fetchall()
            more = "" if slide_id is None else " AND slide_id = ?"
            cells = int(db.execute(_CELLS + more, values).fetchone()[0])
            with_model, unnamed = _against_model(db, where, values)
            between = _between(db, where, values)
        tally = _counted(groups)
        return replace(
            tally, cells=tally.cells + cells, with_model=with_model, unnamed=unnamed, between=between
        )


def _counted(groups: Iterable[Row]) -> Tally:
    finals: Counter[str] = Counter()
    states: Counter[str] = Counter()
    open_reasons: Counter[str] = Counter()
    poor: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for state, final, reasons, needs, seen, unset, count, cells in groups:
        states[state] += count
        sums.update(fields=count, cells=cells, reviewed=seen * count, open=needs * count)
        sums.update(another_look=count if seen and unset else 0)
        if final is not None:
            finals[final] += count
        found = [reason for reason in reasons.split("|") if reason]
        poor.update({reason: count for reason in found if reason in _POOR})
        if needs:
            open_reasons.update(dict.fromkeys(found, count))
        if state == FieldState.FAILED:
            poor[state] += count
    return Tally(
        fields=sums["fields"],
        finals=dict(finals),
        states=dict(states),
        cells=sums["cells"],
        reviewed=sums["reviewed"],
        open=sums["open"],
        open_reasons=dict(open_reasons),
        another_look=sums["another_look"],
        poor=dict(poor),
    )


def _against_model(
    db: sqlite3.Connection, where: str, values: list[object]
) -> tuple[dict[str, dict[tuple[str, str], int]], dict[str, int]]:
    pairs: dict[str, dict[tuple[str, str], int]] = {}
    unnamed: Counter[str] = Counter()
    rows = db.execute(
        f"SELECT l.reviewer, f.decision, l.class_name, count(*) FROM ({_LATEST}) l "  # noqa: S608
        f"JOIN fields f ON f.id = l.field_id WHERE {where} AND l.class_name IS NOT NULL "
        "AND f.decision IS NOT NULL GROUP BY 1, 2, 3",
        values,
    )
    for reviewer, decision, name, count in rows:
        if decision == NEEDS_REVIEW:
            unnamed[reviewer] += count
        else:
            pairs.setdefault(reviewer, {})[decision, name] = count
    return pairs, dict(unnamed)


def _between(
    db: sqlite3.Connection, where: str, values: list[object]
) -> dict[tuple[str, str], dict[tuple[str, str], int]]:
    pairs: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    rows = db.execute(
        f"WITH latest AS MATERIALIZED ({_LATEST}) "  # noqa: S608
        "SELECT a.reviewer, b.reviewer, a.class_name, b.class_name, count(*) FROM latest a "
        "JOIN latest b ON b.field_id = a.field_id AND a.reviewer < b.reviewer "
        f"JOIN fields f ON f.id = a.field_id WHERE {where} "
        "AND a.class_name IS NOT NULL AND b.class_name IS NOT NULL GROUP BY 1, 2, 3, 4",
        values,
    )
    for one, other, first, second, count in rows:
        pairs.setdefault((one, other), {})[first, second] = count
    return pairs
