"""SQL of listing cells: filters and orders of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from allstation.core.cells import CellFilter, CellOrder
from allstation.store.field_query import conditions as field_conditions
from allstation.store.rows import json_list

LISTED: Final = "c.listed = 1"
"""Condition of the partial indexes of ``cell_list``: SQLite uses them only where a query repeats it."""
_REMOVED: Final = "c.removed = 1 AND c.field_removed = 0"
_OWN: Final = "SELECT cell_id FROM cell_types WHERE reviewer = ?"


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a list: cells that meet one more condition, in an order that an index has.

    Attributes:
        condition: SQL.
        values: Its values.
        order: ``ORDER BY`` terms.
    """

    condition: str
    values: tuple[object, ...]
    order: str


def conditions(where: CellFilter) -> tuple[str, list[object]]:
    """Return a filter as SQL on ``cell_list`` as ``c``, with its values."""
    parts: list[tuple[str, list[object]]] = [(_REMOVED if where.removed else LISTED, [])]
    if where.field_id is not None:
        parts.append(("c.field_id = ?", [where.field_id]))
    if where.slides:
        fields = "SELECT id FROM fields WHERE slide_id IN (SELECT value FROM json_each(?))"
        parts.append((f"c.field_id IN ({fields})", [json_list(where.slides)]))
    if where.support_classes:
        named = json_list(where.support_classes)
        parts.append(("c.support_class IN (SELECT value FROM json_each(?))", [named]))
    if where.at_edge is not None:
        parts.append(("c.at_edge = ?", [int(where.at_edge)]))
    if where.min_area is not None:
        parts.append(("c.area >= ?", [where.min_area]))
    if where.max_area is not None:
        parts.append(("c.area <= ?", [where.max_area]))
    parts += _type_conditions(where) + _field_conditions(where)
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _type_conditions(where: CellFilter) -> list[tuple[str, list[object]]]:
    parts: list[tuple[str, list[object]]] = []
    typed, untyped = _typed(where.reviewer)
    own: list[object] = [] if where.reviewer is None else [where.reviewer]
    if where.typed is not None:
        parts.append((typed if where.typed else untyped, own))
    if where.proposed is not None:
        proposed = f"({untyped} AND c.proposed <> '')"
        parts.append((proposed if where.proposed else f"NOT {proposed}", own))
    if where.types:
        named = json_list(where.types)
        listed = "(SELECT value FROM json_each(?))"
        if where.reviewer is None:
            parts.append((f"c.shown_type IN {listed}", [named]))
        else:
            sql = f"(c.id IN ({_OWN} AND type IN {listed}) OR ({untyped} AND c.proposed IN {listed}))"
            parts.append((sql, [*own, named, *own, named]))
    return parts


def _field_conditions(where: CellFilter) -> list[tuple[str, list[object]]]:
    parts: list[tuple[str, list[object]]] = []
    if where.fields is not None:
        sql, values = field_conditions(where.fields)
        parts.append((f"c.field_id IN (SELECT id FROM fields WHERE {sql})", values))  # noqa: S608
    if where.decisions:
        sql = "c.field_id IN (SELECT id FROM fields WHERE final IN (SELECT value FROM json_each(?)))"
        parts.append((sql, [json_list(where.decisions)]))
    return parts


def _typed(reviewer: str | None) -> tuple[str, str]:
    """Return the conditions of a cell with and without a type by a person, or by this person."""
    if reviewer is None:
        return "c.type <> ''", "c.type = ''"
    return f"c.id IN ({_OWN})", f"c.id NOT IN ({_OWN})"


def order_parts(
    order: CellOrder, *, descending: bool, reviewer: str | None, types: Sequence[str]
) -> list[Part]:
    """Return a list's parts, one after the other in its order.

    Args:
        order: Any but ``FIELD``, which is an order of fields.
        descending: Largest first.
        reviewer: Whose types count; None for the latest of anyone.
        types: For ``TYPE``: every shown type, in the order wanted.
    """
    way = "DESC" if descending else "ASC"
    match order:
        case CellOrder.SIZE:
            terms = f"c.size {way}, c.id {way}"
            return [Part("c.unmeasured = 0", (), terms), Part("c.unmeasured = 1", (), terms)]
        case CellOrder.SUPPORT:
            return [Part("1", (), f"c.support_class {way}, c.support {way}, c.id {way}")]
        case CellOrder.UNCERTAINTY:
            return [
                Part("c.probability IS NOT NULL", (), f"c.probability {way}, c.id {way}"),
                Part("c.probability IS NULL", (), f"c.margin {way}, c.id {way}"),
            ]
        case _:
            return _type_parts(types, reviewer, way)


def _type_parts(types: Sequence[str], reviewer: str | None, way: str) -> list[Part]:
    order, parts = f"c.id {way}", []
    for name in types:
        if reviewer is None:
            parts.append(Part("c.shown_type = ? AND c.type = ?", (name, name), order))
            parts.append(Part("c.shown_type = ? AND c.type = ''", (name,), order))
        else:
            parts.append(Part(f"c.id IN ({_OWN} AND type = ?)", (reviewer, name), order))
            parts.append(Part(f"c.proposed = ? AND c.id NOT IN ({_OWN})", (name, reviewer), order))
    if reviewer is None:
        return [*parts, Part("c.shown_type = '' AND c.type = ''", (), order)]
    return [*parts, Part(f"c.proposed = '' AND c.id NOT IN ({_OWN})", (reviewer,), order)]
