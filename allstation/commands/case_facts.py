"""Facts that ``allstation classify`` keeps in a case: case data, pixel sizes, patients, control."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from allstation.commands.printing import say
from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.errors import StationError
from allstation.core.text import shown_name

if TYPE_CHECKING:
    from allstation.core.patients import FolderPattern
    from allstation.core.records import Slide
    from allstation.core.tables import Table
    from allstation.processing.slide_sizes import GivenSizes
    from allstation.store.case import Case

_NAMED: Final = 20
"""Slides without a patient that are named one by one."""


def details_of(given: list[str]) -> dict[str, str]:
    """Return case data as a case keeps them.

    Raises:
        StationError: ``bad-detail`` for an unknown key or a missing text, ``bad-date``.
    """
    if not given:
        return {}
    from allstation.report.content.identity import GROUPS, entered, known_key

    known = [key for _, labels in GROUPS for key in labels]
    found = {}
    for one in given:
        name, _, text = one.partition("=")
        key = known_key(name)
        if key not in known or not text.strip():
            sentence = f"--detail {one!r} is no KEY=TEXT with one of the keys {', '.join(known)}."
            raise StationError("bad-detail", sentence)
        found[key] = entered(key, text)
    return found


def give_sizes(case: Case, given: GivenSizes) -> None:
    """Give slides their pixel sizes, and name those whose red cells would be of unlikely size.

    Raises:
        StationError: ``bad-pixel-size``.
    """
    if not given:
        return
    from allstation.processing.slide_sizes import set_slide_sizes, size_doubts

    found = set_slide_sizes(case, given)
    say(f"pixel sizes: {len(found.slides)} of {len(case.slides.all())} slides have their own")
    if found.unused:
        say(f"note     {found.unused} rows of tables name no slide of this case", error=True)
    for sentence in size_doubts(case, found.slides):
        say(f"note     {sentence}", error=True)


def give_patients(case: Case, source: FolderPattern | Table) -> None:
    """Give the slides their patients and say how many have none.

    Raises:
        StationError: ``bad-patients``, ``bad-patient``.
    """
    from allstation.processing.patients import propose_patients

    found = propose_patients(case, source)
    case.slides.set_patients(found.patients, source=found.source)
    slides = case.slides.all()
    without = [slide for slide in slides if not slide.patient]
    say(f"patients: {len(slides) - len(without)} of {len(slides)} slides, {_patients_named(slides)}")
    if found.unused:
        say(f"note     {found.unused} rows of the table name no slide of this case", error=True)
    for slide in without[:_NAMED]:
        say(f"note     {shown_name(slide.name)}: patient unknown", error=True)
    if len(without) > _NAMED:
        say(f"note     and {len(without) - _NAMED} more slides of unknown patients", error=True)


def _patients_named(slides: list[Slide]) -> str:
    from allstation.core.patients import patients_text

    named = patients_text(slide.patient for slide in slides)
    known = len({slide.patient for slide in slides if slide.patient})
    return f"{named} ({known} known)" if named == PATIENTS_UNKNOWN else named


def measure_control(case: Case, written: Collection[int]) -> bool:
    """Measure the days of the fields classified just now against the site's reference; name broken rules.

    Returns:
        Whether the control could be measured: its log may be damaged, which takes no field's result away.
    """
    from allstation.processing import control
    from allstation.store.site.control_log import BAD_LOG

    site = control.site_id(case)
    if not site:
        return True
    log = control.control_log()
    days = [day for day, ids in case.control.days().items() if not set(ids).isdisjoint(written)]
    try:
        control.measure_case(case, site, log, days=days)
        control.note_releases(case, site, log)
        held = control.held_days(case, site, log)
        if held:
            say(f"CONTROL  {control.held_sentence(site, held, log.standing(site))}", error=True)
    except StationError as error:
        if error.code != BAD_LOG:
            raise
        say(f"CONTROL  not measured: {error.sentence}", error=True)
        return False
    return True
