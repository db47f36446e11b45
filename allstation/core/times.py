"""Clock and time stamps: UTC, ISO 8601, whole seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present time, aware of its zone. Tests and reproducible reports bring their own."""


def utc_clock() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a moment as ``2026-11-22T15:34:07Z``.

    Raises:
        ValueError: If the moment does not know its zone.
    """
    if moment.tzinfo is None:
        message = f"A moment needs its time zone, received {moment!r}."
        raise ValueError(message)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_day(stamp: str) -> str:
    """Return the date of a stamp where the computer is, ISO 8601: a laboratory's day is not UTC's."""
    return moment_of(stamp).astimezone().date().isoformat()


def moment_of(stamp: str) -> datetime:
    """Return the moment of a stamp; of a year alone, as anonymised exports show it, its first moment.

    Raises:
        ValueError: If it is neither.
    """
    if len(stamp) == 4 and stamp.isdigit():  # noqa: PLR2004 - digits of a year
        return datetime(int(stamp), 1, 1, tzinfo=UTC)
    return datetime.fromisoformat(stamp)
