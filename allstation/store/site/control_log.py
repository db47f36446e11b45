"""Control log of a station: what every day's fields of a site measured, and which days people released.

One SQLite file in the data folder, apart from all cases: a site's days come from many of them. Sums are kept
by case, so that measuring a case again replaces what it said before. No field, file or patient is in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from allstation.core.control_chart import ControlDay, ControlStanding, judge
from allstation.core.control_metrics import Sums
from allstation.core.control_release import ControlRelease, checked_day, checked_release
from allstation.core.errors import StationError
from allstation.core.times import Clock, local_day, stamp, utc_clock
from allstation.store.database import plain_errors

FILE_NAME: Final = "control.sqlite"
BAD_LOG: Final = "bad-control-log"
"""Code of the error of a log that cannot be used."""
_APPLICATION: Final = 0x414C4C43
"""``ALLC``: distinguishes a control log from any other SQLite file."""
_VERSION: Final = 1
_TABLES: Final = (
    "CREATE TABLE sums (site TEXT NOT NULL, day TEXT NOT NULL, case_id TEXT NOT NULL, model TEXT NOT NULL, "
    "metric TEXT NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL, squares REAL NOT NULL, "
    "PRIMARY KEY (site, day, case_id, metric)) STRICT, WITHOUT ROWID",
    "CREATE TABLE releases (id INTEGER PRIMARY KEY, site TEXT NOT NULL, day TEXT NOT NULL, "
    "broken TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL) STRICT",
    "CREATE TABLE beginnings (id INTEGER PRIMARY KEY, site TEXT NOT NULL, day TEXT NOT NULL, "
    "by TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL) STRICT",
)
_WAIT: Final = 10.0
"""Seconds that a program waits while another one writes."""


@contextmanager
def _log_errors() -> Iterator[None]:
    """Translate errors of the disk or the file, which are not those of a case.

    Raises:
        StationError: ``bad-control-log``.
    """
    try:
        with plain_errors():
            yield
    except StationError as error:
        if error.code == BAD_LOG:
            raise
        sentence = (
            f"The control log {FILE_NAME} in the data folder cannot be used ({error.__cause__}). Move a "
            "damaged one away; its days and releases are lost then."
        )
        raise StationError(BAD_LOG, sentence) from error


class ControlLog:
    """Days, releases and beginnings of references of every site of a station.

    Any thread and any program may use it; each call is a transaction of its own.

    Args:
        folder: The data folder; made when something is first written.
        clock: Source of times.
    """

    def __init__(self, folder: Path, *, clock: Clock = utc_clock) -> None:
        self._path = folder / FILE_NAME
        self._clock = clock

    def sites(self) -> list[str]:
        """Return the ids of the sites that have days."""
        with self._read() as db:
            return (
                []
                if db is None
                else [row[0] for row in db.execute("SELECT DISTINCT site FROM sums ORDER BY 1")]
            )

    def write(self, site: str, day: str, case_id: str, metrics: Mapping[str, Sums], *, model: str) -> None:
        """Keep what the fields of one case measured on one day, in place of what it said before."""
        rows = [
            (site, day, case_id, model, key, one.n, one.total, one.squares)
            for key, one in metrics.items()
            if one.n
        ]
        with self._write() as db:
            db.execute("DELETE FROM sums WHERE site = ? AND day = ? AND case_id = ?", (site, day, case_id))
            db.executemany("INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def days(self, site: str) -> list[ControlDay]:
        """Return the days of a site, the oldest first, all cases of a day together.

        Of a day with several models the one that read most fields counts.
        """
        query = (
            "SELECT day, model, metric, sum(n), sum(total), sum(squares) FROM sums WHERE site = ? "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        found: dict[str, dict[str, dict[str, Sums]]] = {}
        with self._read() as db:
            for day, model, metric, n, total, squares in [] if db is None else db.execute(query, (site,)):
                found.setdefault(day, {}).setdefault(model, {})[metric] = Sums(n, total, squares)
        made = []
        for day, models in found.items():
            model = max(models, key=lambda one: max(sums.n for sums in models[one].values()))
            made.append(ControlDay(day, model, models[model]))
        return made

    def standing(self, site: str) -> ControlStanding:
        """Judge every day of a site."""
        released = frozenset(one.day for one in self.releases(site))
        return judge(self.days(site), since=self.begins(site), released=released)

    def releases(self, site: str) -> list[ControlRelease]:
        """Return the releases of a site, the oldest first."""
        query = "SELECT day, broken, by, at, reason FROM releases WHERE site = ? ORDER BY id"
        with self._read() as db:
            rows = [] if db is None else db.execute(query, (site,)).fetchall()
        return [
            ControlRelease(site=site, day=day, broken=broken, by=by, at=at, reason=reason)
            for day, broken, by, at, reason in rows
        ]

    def release(self, site: str, day: str, *, by: str, reason: str) -> ControlRelease:
        """Release a day that broke a rule.

        Raises:
            StationError: ``not-held`` if the day breaks no rule or was released; ``no-name``, ``no-reason``.
        """
        standing = self.standing(site)
        if day not in standing.open_days():
            sentence = (
                f"The site {site} has nothing to release on {day}: no rule is broken, or it was released."
            )
            raise StationError("not-held", sentence)
        made = checked_release(
            ControlRelease(
                site=site,
                day=day,
                broken=standing.sentence(day),
                by=by,
                at=stamp(self._clock()),
                reason=reason,
            )
        )
        with self._write() as db:
            db.execute(
                "INSERT INTO releases (site, day, broken, by, at, reason) VALUES (?, ?, ?, ?, ?, ?)",
                (made.site, made.day, made.broken, made.by, made.at, made.reason),
            )
        return made

    def begins(self, site: str) -> str:
        """Return the first day of the site's reference; empty for its first day."""
        query = "SELECT day FROM beginnings WHERE site = ? ORDER BY id DESC LIMIT 1"
        with self._read() as db:
            row = None if db is None else db.execute(query, (site,)).fetchone()
        return str(row[0]) if row else ""

    def begin_reference(self, site: str, day: str, *, by: str, reason: str) -> None:
        """Let the reference begin anew on a day, after a change that was meant.

        Raises:
            StationError: ``bad-day``, ``no-name`` or ``no-reason``.
        """
        at = stamp(self._clock())
        checked_day(day, local_day(at))
        made = checked_release(ControlRelease(site=site, day=day, broken="", by=by, at=at, reason=reason))
        with self._write() as db:
            db.execute(
                "INSERT INTO beginnings (site, day, by, at, reason) VALUES (?, ?, ?, ?, ?)",
                (site, day, made.by, made.at, made.reason),
            )

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection | None]:
        if not self._path.is_file():
            yield None
            return
        with _log_errors():
            db = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT)
            try:
                self._check(db)
                yield db
            finally:
                db.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _log_errors():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None)
            try:
                db.execute("BEGIN IMMEDIATE")
                if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for table in _TABLES:
                        db.execute(table)
                    db.execute(f"PRAGMA application_id = {_APPLICATION}")
                    db.execute(f"PRAGMA user_version = {_VERSION}")
                self._check(db)
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                db.close()

    def _check(self, db: sqlite3.Connection) -> None:
        """Refuse a file that is no control log of this version.

        Raises:
            StationError: ``bad-control-log``.
        """
        found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if found != [_APPLICATION, _VERSION]:
            sentence = (
                f"The control log {FILE_NAME} in the data folder is not one that this version reads. Move it "
                "away, or use the version that wrote it."
            )
            raise StationError(BAD_LOG, sentence)
