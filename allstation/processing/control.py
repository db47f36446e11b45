"""Control of a site: a case's fields are measured day by day, kept in the station's log and judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from allstation.core.classes import NEEDS_REVIEW
from allstation.core.control_chart import ControlStanding
from allstation.core.control_metrics import SHARE, Sums
from allstation.core.errors import StationError
from allstation.core.records import FieldRecord
from allstation.imaging.fields.file import read_field
from allstation.imaging.fields.optics import field_optics
from allstation.paths import data_folder
from allstation.store.case import Case
from allstation.store.site.control_log import ControlLog

_OPENED: Final = 120
"""Fields of a day whose files are opened again for light and stain, in about 3 seconds."""


def control_log() -> ControlLog:
    """Return the control log of this station."""
    return ControlLog(data_folder())


def site_id(case: Case) -> str:
    """Return the id of the site that a case belongs to; empty for none."""
    site = case.site.get()
    return site.id if site is not None else ""


def measure_case(
    case: Case,
    site: str,
    log: ControlLog,
    *,
    days: Sequence[str] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Measure the classified fields of a case by the day on which they came into it, and keep the sums.

    Args:
        case: The case.
        site: Id of its site.
        log: Where the sums are kept.
        days: Only these days; None for all of the case.
        cancelled: Asked between fields; nothing of the day under way is kept then.

    Returns:
        The days that were measured.
    """
    measured = []
    for day, ids in case.control.days().items():
        if days is not None and day not in days:
            continue
        fields = case.fields.records(ids)
        sums = _sums(fields, cancelled)
        if cancelled():
            break
        models = [one.prediction.model_sha256 for one in fields if one.prediction is not None]
        log.write(site, day, case.case_id, sums, model=max(set(models), key=models.count))
        measured.append(day)
    return measured


def _sums(fields: Sequence[FieldRecord], cancelled: Callable[[], bool]) -> dict[str, Sums]:
    made = [one.prediction for one in fields if one.prediction is not None]
    classes = dict.fromkeys(name for one in made for name in one.probabilities)
    light, tint, stain = [], [], []
    # By hash: the same fields whenever the day is measured, and no slide before the others.
    for field in sorted(fields, key=lambda one: one.sha256)[:_OPENED]:
        if cancelled():
            break
        try:
            found = field_optics(read_field(field.path, sha256=field.sha256).pixels)
        except StationError:  # moved, or changed since: it says nothing of that day any more
            continue
        light.append(found.light)
        tint.append(found.tint)
        stain.append(found.stain)
    values = {
        "light": light,
        "tint": tint,
        "stain": stain,
        "sharpness": [_logarithm(one.quality.sharpness) for one in made],
        "novelty": [one.novelty for one in made],
        "review": [float(one.decision.class_name is None) for one in made],
        **{
            f"{SHARE}{name}": [float(one.decision.name == name) for one in made]
            for name in classes
            if name != NEEDS_REVIEW
        },
    }
    return {key: Sums.of(found) for key, found in values.items()}


def _logarithm(value: float) -> float:
    return math.log10(value) if value > 0 else math.nan


def held_days(case: Case, site: str, log: ControlLog) -> list[str]:
    """Return the days of a case's own fields that break a rule of the site's control and are not released."""
    own = case.control.days()
    return [day for day in log.standing(site).open_days() if day in own] if site else []


def note_releases(case: Case, site: str, log: ControlLog) -> int:
    """Keep the releases of days of the case's own fields in the case; returns how many are new."""
    own = case.control.days() if site else {}
    wanted = [one for one in log.releases(site) if one.day in own] if site else []
    return sum(case.control.add(one) for one in wanted)


def site_name(case: Case) -> str:
    """Return the name that people know the site of a case by; empty for none."""
    site = case.site.get()
    return (site.name or site.id) if site is not None else ""


def held_sentence(site: str, days: Sequence[str], standing: ControlStanding, *, name: str = "") -> str:
    """Return why signing is held, and what a person can do.

    Args:
        site: Id of the site.
        days: That break a rule.
        standing: Of the site.
        name: That people know the site by; empty for its id.
    """
    said = "; ".join(f"{day}: {standing.sentence(day)}" for day in days)
    return (
        f"The control of the site {name or site} is not in order ({said}). Look at fields, stain and lamp; a "
        "named person releases the day with a reason (“Case, Control of the Site…” or “allstation control "
        f"{site} --release DAY --by NAME --reason TEXT”)."
    )
