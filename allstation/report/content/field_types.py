"""Types of a report's rows: fields, and files with the same bytes."""

from __future__ import annotations

from dataclasses import dataclass

from allstation.core.decision import invalidating
from allstation.core.slide_part import part_label


@dataclass(frozen=True, slots=True)
class PartRow:
    """Part of a whole slide that is a field.

    Attributes:
        file: The slide's file; empty in an anonymised report.
        fingerprint: By which the file is known again; a code in an anonymised report.
        x: Left edge, pixels of the slide's largest level; None of a page.
        y: Upper edge, likewise.
        width: Pixels of the level, likewise.
        height: Pixels of the level, likewise.
        level: Level of the slide, 0 is the largest; None of a page.
        page: Page of a file of several, from 1; None of a rectangle.
    """

    file: str
    fingerprint: str
    x: int | None = None
    y: int | None = None
    width: int | None = None
    height: int | None = None
    level: int | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class FieldRow:
    """Field as the report prints it.

    Attributes:
        number: 1, 2, 3 ... in the order of the case.
        slide: Index into the slides of the report.
        name: File name.
        folder: Folder; empty in an anonymised report.
        sha256: Of the file.
        width: Pixels.
        height: Pixels.
        state: Place in the queue.
        probabilities: Class and probability, in the model's order; empty without a prediction, None for
            what was not finite.
        decision: Class, ``needs review``, or empty without a prediction.
        reasons: Why it needs review.
        top: Class with the highest probability; empty where probabilities are not valid.
        reviewed: Class a person set, ``needs another look``, or empty.
        reviewer: Who.
        reviewed_at: When, ISO 8601.
        comment: What they wrote.
        final: Reviewed class if there is one, else the decision.
        cells: White cells found.
        novelty: 1.0 is the model's limit.
        sharpness: Variance of the Laplacian.
        brightness: Mean grey level.
        clipped: Share of pixels at the ends of the range.
        cell_area: Share of the field covered by white cells.
        model: Hash of the bundle that read it.
        milliseconds: Time to read it.
        error_code: Why it failed.
        error: In a sentence.
        probabilities_valid: Whether the probabilities mean anything and are printed; False without a
            prediction.
        slide_part: The part of a whole slide that it is; None for a file of its own.
        pixel_size: Micrometres that a pixel is wide, as a person said; None where only the file itself, the
            site or red cells tell.
        pixel_size_of: What the person said it of: ``slide`` or ``case``; empty without a size.
    """

    number: int
    slide: int
    name: str
    folder: str
    sha256: str
    width: int
    height: int
    state: str
    probabilities: tuple[tuple[str, float | None], ...] = ()
    decision: str = ""
    reasons: tuple[str, ...] = ()
    top: str = ""
    reviewed: str = ""
    reviewer: str = ""
    reviewed_at: str = ""
    comment: str = ""
    final: str = ""
    cells: int = 0
    novelty: float | None = 0.0
    sharpness: float | None = 0.0
    brightness: float | None = 0.0
    clipped: float | None = 0.0
    cell_area: float | None = 0.0
    model: str = ""
    milliseconds: float = 0.0
    error_code: str = ""
    error: str = ""
    probabilities_valid: bool = False
    slide_part: PartRow | None = None
    pixel_size: float | None = None
    pixel_size_of: str = ""

    @property
    def label(self) -> str:
        """The name as pages print it: of a part of a whole slide where it lies."""
        return part_label(self.name)

    @property
    def shown_probabilities(self) -> tuple[tuple[str, float], ...]:
        """The probabilities that may be printed as such; empty where they mean nothing."""
        if not self.probabilities_valid:
            return ()
        return tuple((name, value) for name, value in self.probabilities if value is not None)

    @property
    def invalid_because(self) -> str:
        """Reason why no percentages are printed; empty where they are, or without a prediction."""
        return ", ".join(invalidating(self.reasons))

    @property
    def no_percentages(self) -> str:
        """Text in place of the probabilities; empty where they are printed, or without a prediction."""
        return f"no percentages: {self.invalid_because}" if self.invalid_because else ""


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A file with the same bytes as a field.

    Attributes:
        name: Its file name.
        slide: Name of its slide.
        same_as: Number of the field.
        field: File name of the field.
        of_slide: Name of the field's slide.
        across: The slides differ, which is what a mix-up looks like.
    """

    name: str
    slide: str
    same_as: int
    field: str
    of_slide: str
    across: bool
