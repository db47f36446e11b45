"""Releases of control days that a case was signed under: kept in the case and in its audit log."""

from __future__ import annotations

import json

from allstation.core.audit import canonical
from allstation.core.control_release import ControlRelease
from allstation.core.times import local_day
from allstation.store.audit.contents import BEFORE, CONTENT, CONTROL, text_content
from allstation.store.connection import Repository
from allstation.store.database import damaged


class ControlReleases(Repository):
    """Repository of the releases that concern the fields of this case."""

    def all(self) -> tuple[ControlRelease, ...]:
        """Return the releases, the oldest first."""
        try:
            entries = json.loads(self._connection.info(CONTROL, "[]"))
            return tuple(ControlRelease.from_json(entry) for entry in entries)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise damaged("its releases of control days cannot be understood") from error

    def add(self, release: ControlRelease) -> bool:
        """Keep a release of the site's control log; returns whether it is new here."""
        known = self.all()
        if release in known:
            return False
        text = canonical([one.to_json() for one in (*known, release)])
        with self._connection.write():
            held = text_content(self._connection.info(CONTROL))
            self._connection.set_info(CONTROL, text)
            details = {**release.to_json(), BEFORE: held, CONTENT: text_content(text)}
            self._connection.audit("control-released", f"site {release.site}", details, who=release.by)
        return True

    def days(self) -> dict[str, list[int]]:
        """Return the classified fields by the day on which they came into the case, in local time."""
        return {day: [number for number, _ in found] for day, found in self._by_day().items()}

    def marks(self) -> dict[str, tuple[int, int]]:
        """Return how many classified fields each day has, and their newest prediction."""
        return {day: (len(found), max(made for _, made in found)) for day, found in self._by_day().items()}

    def _by_day(self) -> dict[str, list[tuple[int, int]]]:
        query = (
            "SELECT id, prediction_id, added FROM fields WHERE removed = 0 AND prediction_id IS NOT NULL "
            "ORDER BY id"
        )
        found: dict[str, list[tuple[int, int]]] = {}
        day_of: dict[str, str] = {}
        with self._connection.read() as db:
            for number, made, added in db.execute(query):
                if added not in day_of:
                    day_of[added] = local_day(added)
                found.setdefault(day_of[added], []).append((number, made))
        return found
