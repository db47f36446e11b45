"""Report options: template, paper, letterhead, status, anonymisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from allstation.core.errors import StationError
from allstation.core.reports import ReportStatus as Status
from allstation.core.times import Clock, utc_clock
from allstation.report.content.free_text import Anonymity
from allstation.report.content.report_types import SignatureBlock

_E = TypeVar("_E", bound=StrEnum)


class Template(StrEnum):
    """Template: how much a report shows."""

    SUMMARY = "summary"
    FULL = "full"
    CONTACT = "contact"


class PageSize(StrEnum):
    """Paper."""

    A4 = "A4"
    LETTER = "Letter"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Letterhead of the laboratory that issues the report.

    Attributes:
        name: Laboratory; empty prints the program's name.
        lines: Address, telephone, accreditation; at most four are printed.
        logo: A picture file, or None.
    """

    name: str = ""
    lines: tuple[str, ...] = ()
    logo: Path | None = None


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Options of a report that are not in the case.

    Attributes:
        template: ``summary`` (page one alone), ``full`` or ``contact`` (contact sheet of each slide).
        page_size: ``A4`` or ``Letter``.
        anonymise: Withhold everything that names the patient, the requester, and folders; free text and
            names of reviewers as ``anonymity`` says; put pseudonyms for ids and hashes, years for dates.
        status: ``draft``, ``preliminary``, ``final`` or ``amended``.
        reason: Why it has this status; needed for an amended report.
        reviewer: Who signs; needed for a final or amended report.
        conclusion: What the person who signs concludes; printed first.
        comment: Free text printed under the figures.
        letterhead: Who issues it.
        clock: Gives the time of the report; the same case and clock give the same bytes.
        annex: Whether a full report ends with tables of every field, models, methods and hashes.
        montage: Whether fields are shown as pictures on page one and in the annex.
        montage_per_slide: Most fields shown of one slide, half of them doubtful ones.
        previous: Embedded data of the report that this one amends, to name what changed.
        replaces: SHA-256 of that report's file.
        signature: Certificate that a final or amended report is to be signed with digitally.
        anonymity: What an anonymised report lets go, and the number its pseudonyms are made with.
        travels: It is a part of data for others: if anonymised, without its laboratory and who signed it.
        count_proposals: Whether proposed types of cells count for the readers, and are then named.

    Raises:
        StationError: ``bad-report-option`` for an unknown word or a missing reviewer or reason.
    """

    template: Template | str = Template.FULL
    page_size: PageSize | str = PageSize.A4
    anonymise: bool = True
    status: Status | str = Status.DRAFT
    reason: str = ""
    reviewer: str = ""
    comment: str = ""
    conclusion: str = ""
    annex: bool = False
    letterhead: Letterhead = field(default_factory=Letterhead)
    clock: Clock = utc_clock
    montage: bool = True
    montage_per_slide: int = 8
    previous: Mapping[str, object] | None = None
    replaces: str = ""
    signature: SignatureBlock = field(default_factory=SignatureBlock)
    anonymity: Anonymity = field(default_factory=Anonymity)
    travels: bool = False
    count_proposals: bool = False

    def __post_init__(self) -> None:
        """Turn words into their enumerations and refuse what cannot be signed."""
        object.__setattr__(self, "template", _word(Template, self.template))
        object.__setattr__(self, "page_size", _word(PageSize, self.page_size))
        object.__setattr__(self, "status", _word(Status, self.status))
        signed = Status(self.status).locks
        if signed and not self.reviewer.strip():
            sentence = f"A report with status {self.status} needs the name of the person who signs it."
            raise StationError("bad-report-option", sentence)
        if self.status == Status.AMENDED and not self.reason.strip():
            sentence = "An amended report needs a reason: say what changed since the final one and why."
            raise StationError("bad-report-option", sentence)


def travelling(options: ReportOptions | None) -> ReportOptions:
    """Return the options of a report that is a part of data for others."""
    return replace(options or ReportOptions(), travels=True)


def _word(kind: type[_E], given: str) -> _E:
    try:
        return kind(given)
    except ValueError:
        known = ", ".join(kind)
        sentence = f"{given!r} is no {kind.__name__.lower()} of a report. Choose one of: {known}."
        raise StationError("bad-report-option", sentence) from None
