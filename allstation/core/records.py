"""Records of a case: slides, fields, predictions, reviews, models.

The store reads and writes them, the window shows them, the report prints them. None of them
knows a database, a widget or a page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from allstation.core.cell_types import CellSummary
from allstation.core.control_release import ControlRelease
from allstation.core.decision import Decision
from allstation.core.known_sizes import NOTHING_KNOWN, KnownSizes
from allstation.core.pseudonyms import new_secret
from allstation.core.slide_part import SlidePart

UNPACKED: Final = "unpacked"
"""Folder inside a case for the fields of archives."""
UNPACKED_FROM: Final = ".unpacked-from"
"""File in each archive's folder there: the archive's SHA-256, which tells one added again from another."""


class FieldState(StrEnum):
    """State of a field in the batch queue."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """Slide: one smear, a folder of field images or the file of a scanner.

    Attributes:
        id: Row id in the case.
        name: Shown name; the folder's name unless renamed.
        folder: Absolute folder the fields were found in, or None when they were dropped one by one; of a
            whole slide its file.
        patient: Id of the patient; empty where it is not known.
        patient_source: Where the id came from, a :class:`~allstation.core.patients.PatientSource`; empty
            without one.
        fingerprint: By which the file of a whole slide is known again; empty for a folder of images.
        downsamples: Of each level of a whole slide, how many pixels of the largest one of its pixels is wide.
    """

    id: int
    name: str
    folder: Path | None
    patient: str = ""
    patient_source: str = ""
    fingerprint: str = ""
    downsamples: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewField:
    """A field image found on disk, not yet in the case.

    Attributes:
        path: Absolute path.
        sha256: Of the file's bytes, lower-case hex.
        bytes: File size.
        width: Pixels as stored, after EXIF orientation.
        height: Pixels as stored, after EXIF orientation.
        pages: Pages of the file, of which the first is the field.
        channels_left_out: Channels of the file that are neither a colour nor transparency.
    """

    path: Path
    sha256: str
    bytes: int
    width: int
    height: int
    pages: int = 1
    channels_left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Image quality of one field, measured at the network's size.

    Attributes:
        sharpness: Variance of the Laplacian, grey levels squared.
        brightness: Mean grey level, 0 to 255.
        clipped: Share of pixels at 0 or 255 in any channel, 0 to 1.
        cell_area: Share of the field covered by white cells, 0 to 1.
    """

    sharpness: float
    brightness: float
    clipped: float
    cell_area: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceMap:
    """Evidence map: support for each class on the network's coarse grid.

    Attributes:
        rows: Grid rows.
        columns: Grid columns.
        classes: Class names, in the order of the planes.
        values: ``len(classes) * rows * columns`` bytes, plane after plane, row after row.
            0 is no support; 255 is the strongest support in any plane of this field.
    """

    rows: int
    columns: int
    classes: tuple[str, ...]
    values: bytes

    def __post_init__(self) -> None:
        """Refuse a map whose bytes do not fit its shape."""
        expected = self.rows * self.columns * len(self.classes)
        if len(self.values) != expected:
            message = f"An evidence map of this shape holds {expected} bytes; received {len(self.values)}."
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Calibrated class probabilities of one field by one model, with the decision drawn from them.

    Attributes:
        model_sha256: Hash of the bundle file that produced it.
        probabilities: Class name to probability, in the model's class order; sums to 1. All NaN where the
            network's output was not finite. Shown and summed up only if :attr:`probabilities_valid`.
        decision: What the bundle's rule made of it.
        novelty: 1.0 is the limit fitted with the model; NaN where it could not be computed.
        cell_count: Cells in the mask that the model looks at, for its decision rule; people count the cells
            of the case.
        quality: Image quality figures.
        evidence: The evidence map, if the model makes one.
        milliseconds: Decode to decision, wall time of this field.
    """

    model_sha256: str
    probabilities: Mapping[str, float]
    decision: Decision
    novelty: float
    cell_count: int
    quality: Quality
    evidence: EvidenceMap | None
    milliseconds: float

    @property
    def probabilities_valid(self) -> bool:
        """Whether the probabilities mean anything: see :attr:`Decision.probabilities_valid`."""
        return self.decision.probabilities_valid and self.is_readable

    @property
    def is_readable(self) -> bool:
        """Whether every probability is a finite number."""
        return all(map(math.isfinite, self.probabilities.values()))

    @property
    def top_class(self) -> str:
        """The class with the highest probability, whatever the decision says; empty if unreadable."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.is_readable else ""

    @property
    def top_probability(self) -> float:
        """The highest probability, 0 to 1; NaN if unreadable."""
        return max(self.probabilities.values()) if self.is_readable else math.nan

    @property
    def margin(self) -> float:
        """Difference between the two highest probabilities, 0 to 1; NaN if unreadable."""
        if not self.is_readable:
            return math.nan
        ordered = sorted(self.probabilities.values(), reverse=True)
        return ordered[0] - ordered[1] if len(ordered) > 1 else ordered[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Decision of a named person about a field. The prediction stays beside it.

    Attributes:
        field_id: The field.
        reviewer: Name as the person gave it.
        class_name: The class they set; None means *needs another look*; empty for a remark, which
            decides nothing: the field stays as it was.
        comment: Free text, may be empty.
        at: ISO 8601 UTC time with seconds.
        id: Row id; 0 before it is stored.
    """

    field_id: int
    reviewer: str
    class_name: str | None
    comment: str = ""
    at: str = ""
    id: int = 0

    @property
    def is_remark(self) -> bool:
        """Whether it is a comment alone, without a decision."""
        return self.class_name == ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRecord:
    """Field of a case with everything known about it.

    Attributes:
        id: Row id in the case.
        slide_id: Slide it belongs to.
        path: Absolute path; relative inside the case folder is resolved on reading.
        sha256: Of the file's bytes.
        width: Pixels.
        height: Pixels.
        state: Place in the queue.
        error_code: Set when the state is failed.
        error: Sentence for the error code.
        prediction: The current prediction, if there is one.
        review: The review that counts (the latest not withdrawn), if there is one.
        added: When it came into the case, ISO 8601 UTC; empty where nobody asked.
        removed: It was taken out of the case and counts nowhere.
        remark: The latest comment that stands beside no review; empty for none.
        cells: White cells of the case in it, corrections counted; None while nobody looked for them.
        part: The part of a whole slide that it is; None for a file of its own.
    """

    id: int
    slide_id: int
    path: Path
    sha256: str
    width: int
    height: int
    state: FieldState
    error_code: str = ""
    error: str = ""
    prediction: Prediction | None = None
    review: Review | None = None
    added: str = ""
    removed: bool = False
    remark: str = ""
    cells: int | None = None
    part: SlidePart | None = None

    @property
    def comment(self) -> str:
        """Comment about the field: that of the review that counts, else a remark beside it."""
        return (self.review.comment if self.review is not None else "") or self.remark

    @property
    def white_cells(self) -> int | None:
        """White cells as a person sees them: those of the case, else those in the model's mask."""
        if self.cells is not None:
            return self.cells
        return None if self.prediction is None else self.prediction.cell_count

    @property
    def final_name(self) -> str | None:
        """Reviewed class if a person set one, else the decision; None while nothing is known."""
        if self.review is not None and self.review.class_name is not None:
            return self.review.class_name
        return self.prediction.decision.name if self.prediction is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCopy:
    """A file with the same bytes as a field, at another place: listed with the field's prediction.

    Attributes:
        field_id: The field that was added first.
        slide_id: Slide of the copy; another one than the field's is what a mix-up looks like.
        path: Absolute path of the copy.
    """

    field_id: int
    slide_id: int
    path: Path


TRUST: Final = "trust"
"""Key of who signed a bundle, beside the entries of its ``bundle.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model bundle as a case or report remembers it.

    Attributes:
        sha256: Hash of the bundle file.
        name: Bundle name.
        version: Bundle version.
        classes: Class names in output order.
        info: The parsed ``bundle.json``, so that a report can be made without the bundle at hand; under
            :data:`TRUST` who signed the bundle, as it was when the model came into the case.
    """

    sha256: str
    name: str
    version: str
    classes: tuple[str, ...]
    info: Mapping[str, object]

    @property
    def signed_by(self) -> str:
        """Signer of the bundle, in a few words; empty where that was not written down."""
        trust = self.info.get(TRUST)
        return str(trust.get("text", "")) if isinstance(trust, Mapping) else ""

    @property
    def is_of_unknown_maker(self) -> bool:
        """Whether nobody that the station knew had signed the bundle, or it bore a false name."""
        trust = self.info.get(TRUST)
        return isinstance(trust, Mapping) and trust.get("level") in ("unknown", "unsigned", "impostor")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSnapshot:
    """Snapshot of a case for reports and tables, read in one transaction.

    Attributes:
        case_id: Stable id of the case.
        name: Shown name.
        taken_at: ISO 8601 UTC time with seconds.
        details: Optional patient, request and specimen data, key to text.
        slides: In natural order.
        fields: By slide, then in natural order of their names; all of them, or read as they are asked for.
        models: Every model that made one of the predictions.
        audit_head: Hash of the audit trail's last entry.
        reviews: Every review of these fields that was not withdrawn, of whichever person, the oldest first.
        removed: How many fields a person took out of the case; they are not among ``fields``.
        moved: How many stand at another place of their slide now; among ``fields`` there only.
        taken_back: How many were proposed and taken back before anybody looked at them.
        copies: Files with the same bytes as one of the fields, at other places; counted nowhere.
        audit_at: Time of the audit trail's last entry, ISO 8601 UTC; empty where it has none.
        secret: Key of the pseudonyms of anonymised exports; drawn anew where the case has none.
        cells: Types that people gave to the cells of these fields.
        control: Releases of days on which the control of the case's site was not in order.
        sizes: What is known of the pixel sizes of the fields.
    """

    case_id: str
    name: str
    taken_at: str
    details: Mapping[str, str]
    slides: tuple[Slide, ...]
    fields: Sequence[FieldRecord]
    models: tuple[ModelRecord, ...]
    audit_head: str
    reviews: tuple[Review, ...] = field(default=())
    removed: int = 0
    moved: int = 0
    taken_back: int = 0
    copies: tuple[FieldCopy, ...] = ()
    audit_at: str = ""
    secret: bytes = field(default_factory=new_secret, repr=False, compare=False)
    cells: CellSummary = field(default_factory=CellSummary)
    control: tuple[ControlRelease, ...] = ()
    sizes: KnownSizes = NOTHING_KNOWN
