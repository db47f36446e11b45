"""Formatting of counts, percentages, durations, names and tool tips for the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDateTime, QLocale
from PySide6.QtGui import QGuiApplication

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.ui.common.i18n import tr

if TYPE_CHECKING:
    from pathlib import Path

    from allstation.core.typer.validation import TyperFigures

_SWITCH_UNIT: Final = 90
"""Largest count of the smaller unit of time before the larger one is used."""


def tip(text: str) -> str:
    """Return a tool tip that shows a text as it is: a file or class with tags in its name is no markup.

    Qt offers no plain format for tool tips; what it would take for markup is escaped, the rest is left alone.
    """
    if "<" not in text and "&" not in text:
        return text
    # Here, not above: the namespace's enumerations would take a fifth of the time until the window is up.
    from PySide6.QtGui import Qt

    return Qt.convertFromPlainText(text) if Qt.mightBeRichText(text) else text


def together(text: str) -> str:
    """Return a number with its unit so that both keep their order among words written from right to left."""
    if not QGuiApplication.isRightToLeft():
        return text
    return f"\N{LEFT-TO-RIGHT ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def number(value: int) -> str:
    """Return a count with the locale's thousands separators."""
    return QLocale().toString(value)


def percent(share: float, *, digits: int = 1) -> str:
    """Return a share of 0 to 1 as a percentage, for example ``93.4 %``.

    A share that is not quite 1 never reads as 100 %, nor one above 0 as 0 %: ``>99.9 %``, ``<0.1 %``.
    """
    step = 10.0**-digits
    shown, sign = share * 100, ""
    if 0 < share < 1 and round(shown, digits) in {0, 100}:
        shown, sign = (step, "<") if share < 0.5 else (100 - step, ">")  # noqa: PLR2004 - the nearer end
    return together(f"{sign}{QLocale().toString(shown, 'f', digits)} %")


def kept_apart(figures: TyperFigures) -> str:
    """Return what was kept apart when a typer was measured: patients where they are known, else slides."""
    patients = figures.balanced.patients
    by_patient = patients != PATIENTS_UNKNOWN
    if figures.apart:
        unit = "{n} patients kept apart" if by_patient else "{n} slides kept apart"
        words = tr(unit, n=number(figures.groups))
    else:
        words = tr("one patient only, which flatters" if by_patient else "one slide only, which flatters")
    return words if by_patient else f"{words}, {tr(patients)}"


def duration(seconds: float) -> str:
    """Return a duration in words a person would use: ``8 s``, ``4 min``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < _SWITCH_UNIT:
        return tr("{n} s", n=whole)
    minutes = round(whole / 60)
    if minutes < _SWITCH_UNIT:
        return tr("{n} min", n=minutes)
    return tr("{h} h {m} min", h=minutes // 60, m=minutes % 60)


def moment(stamp: str) -> str:
    """Return a time of the case in this computer's zone: ``30 Nov 2026, 05:33``; what is no time as it is.

    The locale's own short form is ``30 11 2026`` in some, which nobody can read without a doubt.

    Args:
        stamp: ISO 8601, as cases and runs keep it; of a day alone only the day is shown.
    """
    # Here, not above: the namespace's enumerations would take a fifth of the time until the window is up.
    from PySide6.QtCore import Qt

    read = QDateTime.fromString(stamp, Qt.DateFormat.ISODate)
    if not read.isValid():
        return stamp
    if "T" not in stamp:
        return QLocale().toString(read.date(), "d MMM yyyy")
    return QLocale().toString(read.toLocalTime(), "d MMM yyyy, HH:mm")


def field_name(path: Path) -> str:
    """Return a field's name as lists show it: its file's, or the place on its slide, ``x 120 · y 340``."""
    # Here, not above: what is not needed for the first paint would delay it.
    from allstation.core.slide_part import Frame, parse_part
    from allstation.core.text import shown_name

    part = parse_part(path.name)
    if part is None:
        return shown_name(path.name)
    if isinstance(part, Frame):
        return tr("page {n}", n=number(part.number))
    place = tr("x {x} · y {y}", x=number(part.x), y=number(part.y))
    return f"{place} · {tr('level {n}', n=part.level)}" if part.level else place


def short_name(name: str, limit: int = 60) -> str:
    """Return a file name on one line without control or direction marks, shortened in its middle."""
    plain = "".join(ch if ch.isprintable() else "\N{REPLACEMENT CHARACTER}" for ch in name)
    if len(plain) <= limit:
        return plain
    head = limit // 2
    return f"{plain[:head]}…{plain[-(limit - head - 1) :]}"
