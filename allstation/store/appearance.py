"""Cache of appearances: what networks say of how fields look, by the hashes of field and model.

One SQLite file in the data folder, apart from all cases: it can be made anew at any time, holds no name, file
or patient, and serves cases that are open for looking only as well as the reference atlas.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.store.rows import json_list

_log = logging.getLogger(__name__)
FILE_NAME: Final = "appearance.sqlite"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS appearance (id INTEGER PRIMARY KEY, field TEXT NOT NULL, "
    "model TEXT NOT NULL, features BLOB NOT NULL, UNIQUE (field, model))"
)
_MOST: Final = 50_000
"""Rows kept: about 60 MB of 576 features. The oldest go first."""
_WAIT: Final = 5.0
"""Seconds that a program waits while another one writes."""


class AppearanceCache:
    """Appearances that were computed before, on any thread and by any program of this station.

    What cannot be read or written counts as missing: a damaged file is put aside and made anew.

    Args:
        folder: The data folder; made when something is first written.
        most: Rows kept.
    """

    def __init__(self, folder: Path, *, most: int = _MOST) -> None:
        self._path = folder / FILE_NAME
        self._most = most

    def read(self, model: str, fields: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the appearances (f,) that are known, by the field's SHA-256.

        Args:
            model: SHA-256 of the bundle.
            fields: SHA-256 of the fields.
        """
        if not self._path.is_file():
            return {}
        query = (
            "SELECT field, features FROM appearance WHERE model = ? "
            "AND field IN (SELECT value FROM json_each(?))"
        )
        wanted = (model, json_list(fields))
        rows = self._use(lambda db: db.execute(query, wanted).fetchall())
        return {str(field): _features(blob) for field, blob in rows or () if isinstance(blob, bytes)}

    def write(self, model: str, appearances: Mapping[str, NDArray[np.floating]]) -> None:
        """Keep appearances, by the field's SHA-256, and forget the oldest of too many."""
        rows = [(field, model, np.asarray(one, "<f2").tobytes()) for field, one in appearances.items()]
        insert = "INSERT OR REPLACE INTO appearance (field, model, features) VALUES (?, ?, ?)"
        forget = "DELETE FROM appearance WHERE id <= (SELECT max(id) FROM appearance) - ?"

        def keep(db: sqlite3.Connection) -> None:
            with db:
                db.executemany(insert, rows)
                db.execute(forget, (self._most,))

        self._use(keep)

    def _use(self, work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401 - what the work returns
        """Return what some work on the file returns; None where the file cannot be used."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_WAIT)) as db:
                db.execute(_TABLE)
                self._path.chmod(0o600)
                return work(db)
        except (sqlite3.Error, OSError) as error:
            _log.info("the cache of appearances cannot be used: %s", error)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                with suppress(OSError):
                    self._path.replace(self._path.with_suffix(".damaged"))
        return None


def _features(blob: bytes) -> NDArray[np.float32]:
    whole = blob[: len(blob) // 2 * 2]
    return np.frombuffer(whole, "<f2").astype(np.float32)
