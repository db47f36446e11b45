"""``allstation control``: charts of a site's days against its reference, and releases of days."""

from __future__ import annotations

import argparse
import math
from typing import Any, Final

from allstation.commands import DONE, SOME_FAILED
from allstation.commands.passwords import read_password
from allstation.commands.printing import say, say_lines
from allstation.core.control_chart import Chart, ControlStanding
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import shown_name
from allstation.core.westgard import Rule
from allstation.keys.people import Naming, People
from allstation.paths import login_name
from allstation.processing.control import control_log
from allstation.store.site.control_log import ControlLog

_SHOWN: Final = 7
"""Last days that are printed."""


def run(options: argparse.Namespace) -> int:
    """Print or write the charts of a site, or release a day; status 1 while a day is not in order.

    Raises:
        StationError: ``no-control`` for a site without days, ``not-held``, ``no-name``, ``no-reason``.
    """
    log = control_log()
    if options.site not in log.sites():
        known = ", ".join(log.sites()) or "none"
        sentence = (
            f"No fields of the site {shown_name(options.site)!r} were measured on this station. Sites with "
            f"control charts: {known}. Classify a case that belongs to the site first."
        )
        raise StationError("no-control", sentence)
    if options.release:
        made = log.release(options.site, options.release, by=_named(options.by), reason=options.reason)
        say(f"released: {made.day} by {made.by} ({made.broken})")
    if options.new_reference:
        by = _named(options.by)
        log.begin_reference(options.site, options.new_reference, by=by, reason=options.reason)
        say(f"reference: begins anew on {options.new_reference}")
    standing = log.standing(options.site)
    if options.json:
        say_lines(json_text(document(options.site, log, standing)))
    else:
        for line in text(options.site, standing):
            say(line)
    return SOME_FAILED if standing.open_days() else DONE


def _named(by: str) -> str:
    """Return the name of who acts, once it is certain who it is.

    Raises:
        StationError: ``unknown-person``, ``wrong-pin``, ``other-login``.
    """
    people, name = People.load(), by or login_name()
    pin = read_password(f"PIN of {shown_name(name)}", None) if people.naming is Naming.PIN else ""
    return people.identify(name, pin)


def text(site: str, standing: ControlStanding) -> list[str]:
    """Return the charts of a site as lines of text."""
    lines = [f"{site}: {len(standing.charts)} charts"]
    for chart in standing.charts:
        lines += ["", f"{chart.metric.name}{f' ({chart.metric.unit})' if chart.metric.unit else ''}"]
        lines.append(f"  {_reference(chart)}")
        for point in chart.points[-_SHOWN:]:
            score = "" if not math.isfinite(point.score) else f"  score {point.score:+.2f}"
            rules = "  " + " ".join(point.rules) if point.rules else ""
            part = "  reference" if point.in_reference else ""
            lines.append(f"  {point.day}  {point.value:.4g}  n = {point.n}{score}{rules}{part}")
    lines.append("")
    for day in standing.open_days():
        lines.append(f"NOT IN ORDER  {day}: {standing.sentence(day)}")
    if not standing.open_days():
        lines.append("in order: no day breaks a rule that was not released")
    return lines


def _reference(chart: Chart) -> str:
    found = chart.reference
    if found is None:
        return "no reference yet: it takes 20 fields of two days"
    kind = "provisional reference" if found.provisional else "reference"
    return (
        f"{kind}: mean {found.centre:.4g}, SD between days {found.between:.3g}, of fields {found.within:.3g}"
        f"{' (as angles)' if found.is_share else ''}, "
        f"{found.days} days, {found.fields} fields, patients not kept apart"
    )


def document(site: str, log: ControlLog, standing: ControlStanding) -> dict[str, Any]:
    """Return the charts of a site as plain JSON data."""
    return {
        "schema": 1,
        "site": site,
        "in_order": not standing.open_days(),
        "open_days": list(standing.open_days()),
        "rules": [rule.value for rule in Rule],
        "charts": [_chart_json(chart) for chart in standing.charts],
        "releases": [one.to_json() for one in log.releases(site)],
        "reference_begins": log.begins(site) or None,
    }


def _chart_json(chart: Chart) -> dict[str, Any]:
    found = chart.reference
    return {
        "metric": chart.metric.key,
        "name": chart.metric.name,
        "unit": chart.metric.unit,
        "reference": None
        if found is None
        else {
            "mean": found.centre,
            "sd_of_angles": found.is_share,
            "sd_between_days": found.between,
            "sd_of_fields": found.within,
            "days": found.days,
            "fields": found.fields,
            "provisional": found.provisional,
        },
        "points": [
            {
                "day": point.day,
                "n": point.n,
                "value": point.value,
                "score": point.score if math.isfinite(point.score) else None,
                "rules": list(point.rules),
                "in_reference": point.in_reference,
            }
            for point in chart.points
        ],
    }
