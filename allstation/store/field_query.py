"""SQL of listing fields: filters, orders and groups of the browser."""

from __future__ import annotations

from typing import Final

from allstation.core.decision import Reason
from allstation.core.filters import FieldFilter, FieldGroup, FieldSort
from allstation.core.records import FieldState
from allstation.core.text import fold


def cells_in_case(fields: str) -> str:
    """Return SQL of how many cells of the case a field has; NULL where nobody looked for them.

    Args:
        fields: Name of the table of fields in the query.
    """
    count = f"(SELECT count(*) FROM cell_list l WHERE l.field_id = {fields}.id AND l.listed = 1)"  # noqa: S608
    looked = f"EXISTS (SELECT 1 FROM prediction_cells s WHERE s.id = {fields}.prediction_id)"  # noqa: S608
    return f"iif({looked}, {count}, nullif({count}, 0))"


_ORDERS: Final = {
    FieldSort.SLIDE: "slide_key {0}, slide_id {0}, name_key {0}, id {0}",
    FieldSort.NAME: "name_key {0}, id {0}",
    FieldSort.DECISION: "decision {0}, id {0}",
    FieldSort.FINAL: "final {0}, id {0}",
    # Fields without a certainty that means anything stand last in either direction.
    FieldSort.PROBABILITY: "probability {0} NULLS LAST, id {0}",
    FieldSort.MARGIN: "margin {0} NULLS LAST, id {0}",
    FieldSort.NOVELTY: "novelty {0}, id {0}",
    FieldSort.SHARPNESS: "sharpness {0}, id {0}",
    FieldSort.CELLS: f"coalesce({cells_in_case('fields')}, cells) {{0}}, id {{0}}",
    FieldSort.REVIEWED: "reviewed {0}, id {0}",
    FieldSort.STATE: "state {0}, id {0}",
    FieldSort.SIZE: "bytes {0}, id {0}",
    FieldSort.ADDED: "id {0}",
}
GROUP_ORDERS: Final = {FieldGroup.SLIDE: "slide_key, slide_id", FieldGroup.DECISION: "final IS NULL, final"}
"""First keys of the order when fields are grouped; fields without a decision last."""
GROUP_KEYS: Final = {FieldGroup.SLIDE: "slide_id", FieldGroup.DECISION: "final"}
_POOR: Final = (
    f"(instr(reasons, '|{Reason.BLURRED}|') OR instr(reasons, '|{Reason.NO_WHITE_CELLS}|') "
    f"OR state = '{FieldState.FAILED}')"
)
IN_CASE: Final = "removed = 0"
"""Condition of the partial indexes of ``fields``: SQLite uses them only where a query repeats it."""


def order(sort: FieldSort, descending: bool) -> str:
    """Return the ``ORDER BY`` terms of a sort, ties by id."""
    return _ORDERS[sort].format("DESC" if descending else "ASC")


def conditions(where: FieldFilter | None) -> tuple[str, list[object]]:
    """Return a filter as SQL with its values; removed fields meet only a filter that asks for them."""
    if where is None:
        return IN_CASE, []
    parts: list[tuple[str, list[object]]] = [
        (sql, [value])
        for sql, value in (
            ("slide_id = ?", where.slide_id),
            ("decision = ?", where.decision),
            ("final = ?", where.final),
            ("needs_review = ?", where.needs_review),
            ("reviewed = ?", where.reviewed if where.reviewer is None else None),
            ("instr(reasons, ?)", None if where.reason is None else f"|{where.reason}|"),
            ("state = ?", where.state),
            ("sharpness <= ?", where.max_sharpness),
            ("probability <= ?", where.max_probability),
            ("margin <= ?", where.max_margin),
            ("model_id = (SELECT id FROM models WHERE sha256 = ?)", where.model_sha256),
        )
        if value is not None
    ]
    parts += _text_condition(where.text) + _reviewer_condition(where)
    if where.poor_quality is not None:
        parts.append((_POOR if where.poor_quality else f"NOT {_POOR}", []))
    parts.append(("removed = 1" if where.removed else IN_CASE, []))
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _text_condition(text: str) -> list[tuple[str, list[object]]]:
    folded = fold(text).strip()
    if not folded:
        return []
    slides = "slide_id IN (SELECT id FROM slides WHERE instr(search, ?))"
    return [(f"(instr(search, ?) OR {slides})", [folded, folded])]


def _reviewer_condition(where: FieldFilter) -> list[tuple[str, list[object]]]:
    if where.reviewer is None:
        return []
    known = "" if where.reviewed is not False else "NOT "
    sql = f"id {known}IN (SELECT field_id FROM reviews WHERE reviewer = ? AND withdrawn = 0)"  # noqa: S608
    return [(sql, [where.reviewer])]
