"""Date parser: dates as people write them, in any script's digits; ambiguous ones are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final
from unicodedata import category, decimal, normalize

from allstation.core.errors import StationError
from allstation.core.times import utc_clock

_EARLIEST: Final = 1850
_FARTHEST: Final = 14
"""Hours between UTC and the zone farthest from it."""
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/. ]{1,2}(\d{1,2})[-/. ]{1,2}(\d{1,2})\.?")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})\.[ ]?(\d{1,2})\.[ ]?(\d{4})")
_EITHER: Final = re.compile(r"(\d{1,2})[-/ ](\d{1,2})[-/ ](\d{4})")
_DAY_MONTH: Final = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[. -]{1,2}([a-z]{3,9})\.?,?[ -]?(\d{4})", re.IGNORECASE
)
_MONTH_DAY: Final = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.IGNORECASE)
_TIME: Final = re.compile(
    r"(?P<date>.*\d[.]?)(?:[T,]| )[ ]?"
    r"(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"[ ]?(?P<half>[ap]\.?m\.?)?(?:[ ]?(?:uhr|h))?[ ]?(?P<zone>z|utc|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_IDEOGRAPHS: Final = re.compile("(\\d)\\s*[年년月월]\\s*")
_DAY_IDEOGRAPH: Final = re.compile("(\\d)\\s*[日일]")


@dataclass(frozen=True, slots=True)
class When:
    """A date, with its time of day where one was written.

    Attributes:
        day: The date.
        clock: Time of day, or None.
        zone: Offset from UTC where one was written.
    """

    day: date
    clock: time | None = None
    zone: timezone | None = None

    def __str__(self) -> str:
        """Write ``2026-11-22`` or ``2026-11-22 14:30``, with ``+01:00`` where a zone was written."""
        if self.clock is None:
            return self.day.isoformat()
        shown = self.clock.isoformat("seconds" if self.clock.second else "minutes")
        return f"{self.day.isoformat()} {shown}{_zone_text(self.zone)}"

    def instant(self) -> str:
        """Return a FHIR dateTime: a time of day takes the zone it was written with, else this computer's."""
        if self.clock is None:
            return self.day.isoformat()
        at = datetime.combine(self.day, self.clock, self.zone)
        return (at if self.zone is not None else at.astimezone()).isoformat(timespec="seconds")


def _zone_text(zone: timezone | None) -> str:
    if zone is None:
        return ""
    return " " + datetime(2000, 1, 1, tzinfo=zone).isoformat()[-6:]


def read_date(text: str, what: str, *, timed: bool, year: int | None = None) -> When:
    """Read a date.

    Args:
        text: As a person wrote it. Day and month are not guessed: 03/04/2019 is refused, 04.03.2019 is
            4 March, as dots are used where the day comes first.
        what: Name of the entry, for the sentence.
        timed: Whether a time of day may follow.
        year: The present year; none later than the next is taken.

    Raises:
        StationError: ``bad-date``.
    """
    plain = _plain(text)
    found = _TIME.fullmatch(plain)
    day_text = found["date"].strip(" ,") if found else plain
    parts = _parts(day_text)
    if parts is None:
        raise _refused(text, what, _why(day_text), timed=timed)
    latest = (utc_clock().year if year is None else year) + 1
    try:
        day = date(*parts)
        clock = _clock(found) if found else None
        zone = _zone(found["zone"]) if found else None
    except ValueError:
        raise _refused(text, what, "is not in the calendar or not on the clock", timed=timed) from None
    if not _EARLIEST <= day.year <= latest:
        raise _refused(text, what, f"lies outside the years {_EARLIEST} to {latest}", timed=timed)
    if found and not timed:
        raise _refused(text, what, "has a time of day, which is not kept here", timed=timed)
    return When(day, clock, zone)


def _plain(text: str) -> str:
    """Return text with ASCII digits and separators, single spaces and no invisible marks."""
    kept = (char for char in normalize("NFKC", text) if category(char) != "Cf")
    digits = "".join(str(decimal(char)) if char.isdecimal() else char for char in kept)
    digits = digits.translate(str.maketrans("\u2010\u2011\u2012\u2013\u2212\u2044\u060c", "-----/,"))
    digits = _DAY_IDEOGRAPH.sub(r"\1 ", _IDEOGRAPHS.sub(r"\1-", digits))
    return " ".join(digits.split())


def _parts(text: str) -> tuple[int, int, int] | None:
    """Return year, month and day where they can be told for certain."""
    if (found := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text)) is not None:
        return int(found[1]), int(found[2]), int(found[3])
    if (found := _DAY_FIRST.fullmatch(text)) is not None:
        return int(found[3]), int(found[2]), int(found[1])
    if (found := _EITHER.fullmatch(text)) is not None:
        return _either(int(found[1]), int(found[2]), int(found[3]))
    return _with_month_name(text)


def _either(first: int, second: int, year: int) -> tuple[int, int, int] | None:
    """Return day and month where only one order is possible."""
    if first > len(_MONTHS) or first == second:
        return year, second, first
    return (year, first, second) if second > len(_MONTHS) else None


def _with_month_name(text: str) -> tuple[int, int, int] | None:
    if (found := _DAY_MONTH.fullmatch(text)) is not None and (month := _month(found[2])):
        return int(found[3]), month, int(found[1])
    if (found := _MONTH_DAY.fullmatch(text)) is not None and (month := _month(found[1])):
        return int(found[3]), month, int(found[2])
    return None


def _month(name: str) -> int:
    """Return the number of an English month by its name or its first three letters, 0 for none."""
    lower = name.casefold()
    known = (place for place, one in enumerate(_MONTHS, 1) if lower in {one, one[:3], one[:4]})
    return next(known, 0)


def _clock(found: re.Match[str]) -> time:
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - hours of half a day
            raise ValueError(hour)
        hour = hour % 12 + (12 if found["half"].casefold().startswith("p") else 0)
    return time(hour, int(found["minute"]), int(found["second"] or 0))


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text.casefold() in {"z", "utc"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > _FARTHEST or minutes > 59:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(text)
    return timezone((1 if text[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _why(text: str) -> str:
    if _EITHER.fullmatch(text):
        return "can be read as two dates: it does not say which number is the month"
    return "is no date that can be read for certain"


def _refused(text: str, what: str, why: str, *, timed: bool) -> StationError:
    with_time = ", if need be with the time: 2026-11-22 14:30" if timed else ", such as 2019-03-04"
    sentence = f"{what}: {text.strip()[:60]!r} {why}. Write it as YYYY-MM-DD{with_time}."
    return StationError("bad-date", sentence)


def spellings(day: date) -> tuple[str, ...]:
    """Return how a date may be written in file names and comments, to take it out of them."""
    y, m, d = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    padded = ((y, m, d), (d, m, y), (m, d, y))
    short = ((str(day.day), str(day.month), y), (str(day.month), str(day.day), y))
    separated = (sign.join(order) for order in (*padded, *short) for sign in "-./_ ")
    return tuple(dict.fromkeys([*separated, *("".join(order) for order in padded)]))
