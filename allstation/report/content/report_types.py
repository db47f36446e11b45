"""Types of a report's content, frozen plain data; pages, tables and checks print from these only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allstation.report.content.cell_types import CellsBlock
from allstation.report.content.count_types import Counts, Spread
from allstation.report.content.field_types import CopyRow, FieldRow
from allstation.report.content.free_text import FreeText
from allstation.report.content.place_types import PlacesBlock

SCHEMA: Final = 2
"""Version of the embedded data; ``resources/schemas/report-2.schema.json`` describes it."""
READABLE: Final = (1, SCHEMA)
"""Versions that this program verifies; before 2 probabilities were printed whatever the reasons."""
KIND: Final = "allstation-report"
ATTACHMENT: Final = "report.json"
MAKER: Final = "Maker"
"""Label of the fact of a model that says who signed its bundle."""
"""Name of the embedded data in the PDF."""
SIGNATURE_FIELD: Final = "Signature"
"""Name of the empty field in the PDF that a digital signature fills."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Labelled line: ``Stain``, ``May-Gruenwald-Giemsa``.

    Attributes:
        label: What it is.
        value: The text; empty when it was not given or is withheld.
        withheld: Given, but left out of an anonymised report.
    """

    label: str
    value: str
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class SlideBlock:
    """Slide: its figures and the fields to show.

    Attributes:
        name: Shown name.
        folder: Empty in an anonymised report.
        counts: Its figures.
        numbers: Numbers of its fields.
        representative: Numbers of the fields that show what was found, most certain first by class.
        doubtful: Numbers of the fields a person should look at first.
        scanned: It is a scanner's file, and its fields are parts of it.
    """

    name: str
    folder: str
    counts: Counts
    numbers: tuple[int, ...]
    representative: tuple[int, ...]
    doubtful: tuple[int, ...]
    scanned: bool = False


@dataclass(frozen=True, slots=True)
class ModelFigure:
    """A figure of a model on its own test fields, as its bundle states it.

    Attributes:
        name: What was measured.
        value: As printed.
        interval: As printed, or empty.
        n: Fields, or empty.
        split: Kind of split.
        patients: ``patients unknown`` unless the bundle says otherwise.
    """

    name: str
    value: str
    interval: str
    n: str
    split: str
    patients: str


@dataclass(frozen=True, slots=True)
class ModelBlock:
    """Excerpt of a model card."""

    name: str
    version: str
    sha256: str
    classes: tuple[str, ...]
    fields_read: int
    facts: tuple[Entry, ...]
    figures: tuple[ModelFigure, ...]
    probes: tuple[ModelFigure, ...]
    limits: tuple[str, ...]

    @property
    def maker(self) -> str:
        """Signer of the bundle, in a few words; empty where the case does not say."""
        return next((fact.value for fact in self.facts if fact.label == MAKER), "")

    @property
    def is_of_unknown_maker(self) -> bool:
        """Whether nobody that the station knew had signed the bundle."""
        return bool(self.maker) and not self.maker.startswith("signed by ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """Difference from the report that is amended."""

    what: str
    before: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureBlock:
    """Digital signature as the report announces it; whether it is there and holds, only the file tells.

    Attributes:
        signed: Whether the report is to be signed digitally; all else is empty if not.
        name: Of the certificate's holder.
        organisation: The holder's.
        issuer: Of the certificate.
        certificate_sha256: Its fingerprint.
        valid_until: Last day of its validity, ISO 8601.
        self_made: Made in this program: no authority has looked at the holder's identity.
        time_stamp: Server that was asked for a time stamp; empty if none was.
    """

    signed: bool = False
    name: str = ""
    organisation: str = ""
    issuer: str = ""
    certificate_sha256: str = ""
    valid_until: str = ""
    self_made: bool = False
    time_stamp: str = ""


@dataclass(frozen=True, slots=True)
class ControlNote:
    """Release of a day on which the control of the site was not in order.

    Attributes:
        day: Of the fields; its year in an anonymised report.
        broken: Metrics and rules.
        by: Who released it.
        at: When, ISO 8601 UTC.
        reason: Why.
    """

    day: str
    broken: str
    by: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Share of the fields read that one person looked at.

    Attributes:
        reviewer: Who; a number in an anonymised report.
        fields: Fields read.
        confirmed: The person set what the program had decided.
        changed: The person set another class.
        another_look: The person asked for another look.
        same_second: Reviews in the same second as another one of that person.
    """

    reviewer: str
    fields: int
    confirmed: int
    changed: int
    another_look: int
    same_second: int

    @property
    def reviewed(self) -> int:
        """Fields the person looked at."""
        return self.confirmed + self.changed + self.another_look


@dataclass(frozen=True, slots=True)
class ReportContent:
    """A whole report.

    Attributes:
        created: When, from the report's clock, ISO 8601 UTC.
        template: ``summary``, ``full`` or ``contact``.
        page_size: ``A4`` or ``Letter``.
        anonymised: Whether names and folders are withheld.
        status: ``draft``, ``preliminary``, ``final`` or ``amended``.
        reason: Why it has this status.
        reviewer: Who signs.
        comment: Free text.
        laboratory: Who issues it.
        laboratory_lines: Address and the like.
        case_id: Stable id of the case, on every page.
        case_name: Empty in an anonymised report.
        taken_at: When the case was read.
        audit_head: Hash of the case's audit trail at that time.
        removed: Fields that a person took out of the case; not among ``fields``, counted nowhere.
        patient: Patient lines.
        request: Request lines.
        specimen: Specimen and microscope lines.
        counts: Figures of the whole case.
        quality: Spread of the quality figures.
        slides: In the order of the case.
        fields: In the order of the case.
        models: Every model that read a field.
        methods: How it was done, one paragraph each.
        software: Names and versions.
        limits: What the report is not.
        amendments: What differs from the report it amends.
        montage: Whether fields are shown as pictures.
        copies: Files with the same bytes as a field; reports of earlier versions do not name them.
        cells: Differential counts; None where nobody gave a cell a type.
        clock_remark: That the report is dated before the last entry of the audit trail; empty if it is not.
        digital_signature: Whether and with which certificate it is signed; earlier versions do not say.
        replaces: SHA-256 of the file of the report that this one amends; empty in all others.
        kept: Kinds of free text that a person let go into an anonymised report.
        travels: It was made for others: an anonymised one without its laboratory and who signed it.
        control: Releases of days of these fields by named persons.
        places: Shares of slides and patients; None where no patient is known and no cell was typed.
        conclusion: What the person who signs concludes.
        annex: A full report has tables of every field, models, methods and hashes; those of earlier versions
            do not say so, and have them.
        confirmations: Who confirmed which share; absent from those of earlier versions.
        moved: Fields that stand at another place of their slide now; earlier versions count the first
            place as removed.
        taken_back: Proposed fields that were taken back before anybody looked at them; likewise.
    """

    created: str
    template: str
    page_size: str
    anonymised: bool
    status: str
    reason: str
    reviewer: str
    comment: str
    laboratory: str
    laboratory_lines: tuple[str, ...]
    case_id: str
    case_name: str
    taken_at: str
    audit_head: str
    removed: int
    patient: tuple[Entry, ...]
    request: tuple[Entry, ...]
    specimen: tuple[Entry, ...]
    counts: Counts
    quality: tuple[Spread, ...]
    slides: tuple[SlideBlock, ...]
    fields: tuple[FieldRow, ...]
    models: tuple[ModelBlock, ...]
    methods: tuple[str, ...]
    software: tuple[Entry, ...]
    limits: tuple[str, ...]
    amendments: tuple[Amendment, ...]
    montage: bool
    copies: tuple[CopyRow, ...] = ()
    clock_remark: str = ""
    cells: CellsBlock | None = None
    digital_signature: SignatureBlock = SignatureBlock()
    replaces: str = ""
    kept: tuple[str, ...] = ()
    travels: bool = False
    places: PlacesBlock | None = None
    control: tuple[ControlNote, ...] = ()
    conclusion: str = ""
    annex: bool = True
    confirmations: tuple[Confirmation, ...] = ()
    moved: int = 0
    taken_back: int = 0

    @property
    def hash_label(self) -> str:
        """Identifier of a field's file: its hash, or the code that stands for it."""
        return "code" if self.anonymised else "SHA-256"

    @property
    def shows_letterhead(self) -> bool:
        """Whether name, address and logo of the laboratory may be shown."""
        return not self.travels or FreeText.LETTERHEAD in self.kept

    @property
    def changes(self) -> tuple[FieldRow, ...]:
        """The fields whose reviewed class differs from the decision."""
        return tuple(row for row in self.fields if row.reviewed and row.reviewed != row.decision)

    @property
    def comments(self) -> tuple[FieldRow, ...]:
        """The other fields that somebody wrote a comment about."""
        changed = {row.number for row in self.changes}
        return tuple(row for row in self.fields if row.comment and row.number not in changed)

    @property
    def failures(self) -> tuple[FieldRow, ...]:
        """The fields without a prediction."""
        return tuple(row for row in self.fields if not row.decision)
