"""Features of cells by the cell network, and the types that a typer proposes from them."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.store.cells import types
from allstation.store.cells.rows import proposals_content
from allstation.store.connection import CaseConnection
from allstation.store.rows import first_column, json_list

PROPOSED: Final = "cells-proposed"
PROPOSALS_CLEARED: Final = "cell-proposals-cleared"
NETWORK: Final = "cell_network"
"""Key in ``info``: SHA-256 of the network that made the features."""
TYPER: Final = "cell_typer"
"""Key in ``info``: SHA-256 of the typer that made the proposals."""
_CHUNK: Final = 500


def save_features(
    connection: CaseConnection, rows: Iterable[tuple[int, NDArray[np.floating]]], network_sha256: str
) -> None:
    """Keep the appearance features of cells, as float16; those of another network are dropped.

    Args:
        connection: The case's.
        rows: Cells and their features (f,).
        network_sha256: The network that made them.
    """
    with connection.write() as db:
        if connection.info(NETWORK) != network_sha256:
            db.execute("DELETE FROM cell_features")
            connection.set_info(NETWORK, network_sha256)
        db.executemany(
            "INSERT INTO cell_features VALUES (?, ?) ON CONFLICT DO UPDATE SET features = excluded.features",
            ((int(number), np.asarray(one, "<f2").tobytes()) for number, one in rows),
        )


def features_of(
    connection: CaseConnection, cell_ids: Iterable[int], network_sha256: str = ""
) -> tuple[array[int], NDArray[np.float16]]:
    """Return which of these cells have features, in the order given, and the features (n, f).

    Args:
        connection: The case's.
        cell_ids: The cells.
        network_sha256: Only if this network made them; empty for whichever did.
    """
    found, rows = array("q"), []
    wanted = list(cell_ids)
    with connection.consistent_read() as db:
        if network_sha256 not in ("", connection.info(NETWORK)):
            return found, np.zeros((0, 0), np.float16)
        stored: dict[int, bytes] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = json_list(wanted[start : start + _CHUNK])
            query = "SELECT id, features FROM cell_features WHERE id IN (SELECT value FROM json_each(?))"
            stored.update(db.execute(query, (chunk,)))
    for number in wanted:
        if number in stored:
            found.append(number)
            rows.append(np.frombuffer(stored[number], "<f2"))
    return found, np.array(rows, np.float16) if rows else np.zeros((0, 0), np.float16)


def without_features(connection: CaseConnection, network_sha256: str) -> array[int]:
    """Return the cells that count and have no features by this network yet, by field."""
    query = (
        "SELECT c.id FROM cell_list c WHERE c.listed = 1 AND (? OR "
        "c.id NOT IN (SELECT id FROM cell_features)) ORDER BY c.field_id, c.number"
    )
    with connection.consistent_read() as db:
        others = connection.info(NETWORK) != network_sha256
        return first_column(db.execute(query, (others,)))


def save_proposals(
    connection: CaseConnection, rows: Iterable[tuple[int, str, float]], typer_sha256: str
) -> int:
    """Replace all proposals by those of a typer: cell, type, probability. Returns how many there are.

    They are marked as proposals wherever they show and count nowhere as a person's.
    """
    with connection.write() as db:
        _drop_proposals(db)
        made = [(int(number), kind, float(share)) for number, kind, share in rows]
        types.require_cells(db, [row[0] for row in made])
        db.executemany("INSERT INTO cell_proposals VALUES (?, ?, ?)", made)
        changes = [(kind, share, number) for number, kind, share in made]
        db.executemany("UPDATE cell_list SET proposed = ?, probability = ? WHERE id = ?", changes)
        connection.set_info(TYPER, typer_sha256)
        details = {"cells": len(made), "typer": typer_sha256}
        connection.audit(PROPOSED, "cells", details, input_hash=proposals_content(db))
    return len(made)


def clear_proposals(connection: CaseConnection) -> int:
    """Drop all proposals; returns how many there were."""
    with connection.write() as db:
        number = _drop_proposals(db)
        if number:
            connection.set_info(TYPER, "")
            connection.audit(PROPOSALS_CLEARED, "cells", {"cells": number})
    return number


def _drop_proposals(db: sqlite3.Connection) -> int:
    db.execute("UPDATE cell_list SET proposed = '', probability = NULL WHERE proposed <> ''")
    return db.execute("DELETE FROM cell_proposals").rowcount
