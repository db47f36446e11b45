"""Hold of signing while the control of the case's site is not in order."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from allstation.core.errors import StationError
from allstation.paths import config_folder
from allstation.services.settings import SettingsFile
from allstation.store.case import Case

CONTROL_HELD: Final = "control-held"
"""Code of the error for fields of a day that the site's control rejects."""


def note_control(case: Case) -> str:
    """Keep the releases that concern a case in it, where it is open for writing.

    Returns:
        Why signing may be held; empty where no rule is broken, or all such days were released.
    """
    from allstation.processing import control

    if not case.read_only:
        control.note_releases(case, control.site_id(case), control.control_log())
    return out_of_control(case)


def out_of_control(case: Case) -> str:
    """Return why signing may be held; a log that cannot be read is told when it is needed."""
    from allstation.processing import control

    with suppress(StationError):
        site = control.site_id(case)
        log = control.control_log()
        held = control.held_days(case, site, log)
        name = control.site_name(case)
        return control.held_sentence(site, held, log.standing(site), name=name) if held else ""
    return ""


def require_in_control(case: Case, *, printed: int) -> None:
    """Refuse to sign fields of a day that the control of their site rejects, where the laboratory holds them.

    Args:
        case: The case, open for writing.
        printed: Releases that the report to be signed prints.

    Raises:
        StationError: ``control-held`` until a named person released the day; ``case-changed`` if the report
            was made before the release, which it has to print.
    """
    from allstation.processing import control

    if not SettingsFile(config_folder()).value.hold_signing_on_control:
        return
    site = control.site_id(case)
    log = control.control_log()
    held = control.held_days(case, site, log)
    if held:
        sentence = control.held_sentence(site, held, log.standing(site), name=control.site_name(case))
        raise StationError(CONTROL_HELD, sentence)
    new = control.note_releases(case, site, log)
    if new or len(case.control.all()) != printed:
        sentence = (
            "A day of these fields was released after this report was made, and the report has to say so: "
            "look at the new pages, then sign."
        )
        raise StationError("case-changed", sentence)
