"""Release of a day whose control chart broke a rule: by whom, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from allstation.core.errors import StationError
from allstation.core.text import shown_name, storable

_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRelease:
    """A named person's release of a day.

    Attributes:
        site: Id of the site.
        day: ISO 8601 date.
        broken: Metrics and rules that were broken, in words.
        by: Who released it.
        at: ISO 8601 UTC time.
        reason: Why.
    """

    site: str
    day: str
    broken: str
    by: str
    at: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the object that is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ControlRelease:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError: If an entry is missing.
        """
        return cls(**{name: str(data[name]) for name in ("site", "day", "broken", "by", "at", "reason")})


def checked_day(day: str, today: str) -> str:
    """Return the day on which a reference begins: with one to come no day would be judged.

    Args:
        day: As it was given.
        today: ISO 8601 date.

    Raises:
        StationError: ``bad-day`` if it is no ISO 8601 date, or is still to come.
    """
    try:
        plain = date.fromisoformat(day).isoformat()
    except ValueError:
        plain = ""
    if plain != day or day > today:
        sentence = f"The day is {shown_name(day)!r}; expected one up to today, such as {today}. Correct it."
        raise StationError("bad-day", sentence)
    return day


def checked_release(release: ControlRelease) -> ControlRelease:
    """Return a release as it is stored.

    Raises:
        StationError: ``no-reason`` or ``no-name``.
    """
    by, reason = storable(release.by).strip(), storable(release.reason).strip()
    if not by:
        raise StationError("no-name", "A release needs the name of who gives it: type a name.")
    if not reason or len(reason) > _LONGEST:
        sentence = f"A release needs a reason of 1 to {_LONGEST} characters; this one has {len(reason)}."
        raise StationError("no-reason", f"{sentence} Say what was looked at, and why results may be used.")
    return ControlRelease(
        site=release.site, day=release.day, broken=release.broken, by=by, at=release.at, reason=reason
    )
