"""Letterhead, title with status, and sign-off of a report."""

from __future__ import annotations

from typing import Final

from allstation.report.content.report_types import ReportContent, SignatureBlock
from allstation.report.content.wording import HASH_PREFIX, moment, signature_statement
from allstation.report.drawing import barcode, palette
from allstation.report.drawing.blocks import Block, Style
from allstation.report.drawing.fonts import BOLD, MEDIUM, MONO, TEXT
from allstation.report.drawing.images import Thumbnail
from allstation.report.drawing.typeset import Typesetter

STATUS_COLOURS: Final = {
    "draft": palette.MUTED,
    "preliminary": palette.WARNING,
    "final": "#1b7f4d",
    "amended": palette.DANGER,
}

_LEAST: Final = 60.0
"""Points that a case's name always has."""
_ACCESSION: Final = ("Accession number", "Accession", "Request id")
"""Labels of the accession number; the request id is it for DICOM and FHIR too."""
_NAME_SIZES: Final = (13.5, 12.0, 10.5, 9.0)
"""A laboratory's name is set smaller before it is shortened."""
_MARK: Final = ("#2b3050", "#8f9bff")
_MARK_CELLS: Final = (
    ("#cd9896", 20, 20, 7.0),
    ("#bd8f90", 48, 45, 6.5),
    ("#8a6f79", 47, 15, 5.0),
    ("#b9c3f5", 30, 36, 15.5),
    ("#6a4fb3", 30.5, 35, 11.5),
)
"""Colour, centre and radius of the cells of ``icons/allstation.svg``, on its square of 64."""


class LetterheadBlock(Block):
    """Logo, laboratory and address; the program's own mark where no laboratory is named."""

    def __init__(
        self, setter: Typesetter, content: ReportContent, logo: Thumbnail | None, *, tight: bool = False
    ) -> None:
        super().__init__(setter, after=4 if tight else 9)
        self.content, self.logo = content, logo

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, 44.0
        return width, self.height

    def draw(self) -> None:
        """Draw it over a hair line."""
        x = 0.0
        if self.logo:
            scale = min(34 / self.logo.height, 120 / self.logo.width)
            size = (self.logo.width * scale, self.logo.height * scale)
            with self.canv.leaf("Figure", alt="Logo of the laboratory"):
                self.canv.jpeg(
                    self.logo.jpeg, (0, 44 - size[1], *size), pixels=(self.logo.width, self.logo.height)
                )
            x = size[0] + 12
        elif not self.content.laboratory:
            self._mark()
            x = 38
        lines = self.content.laboratory_lines
        room = self.width - x - (190 if lines else 0)
        name = self.content.laboratory or "ALL Station"
        points = next((one for one in _NAME_SIZES if self._width(name, one) <= room), _NAME_SIZES[-1])
        self.put(name, (x, 25), Style(BOLD, points, 16), width=room)
        below = "Report made with ALL Station" if self.content.laboratory else "Blood smear workstation"
        self.put(below, (x, 12.5), Style(TEXT, 7.8, 10, palette.MUTED), width=room)
        for index, text in enumerate(lines):
            self.put(
                text,
                (self.width, 35.5 - 9.8 * index),
                Style(TEXT, 7.4, 10, palette.MUTED),
                width=180,
                align="right",
            )
        self.canv.stroke((0, 0, self.width, 0), line=palette.LINE)

    def _width(self, name: str, size: float) -> float:
        return self.setter.line(name, BOLD, size=size).width

    def _mark(self) -> None:
        """The program's own mark: a white cell among red ones under a field's frame."""
        canvas, scale, (left, bottom) = self.canv, 30 / 58, (0.0, 11.0)
        with canvas.artifact():
            canvas.setFillColor(canvas.colour(_MARK[0]))
            canvas.roundRect(left, bottom, 30, 30, 13 * scale, stroke=0, fill=1)
            for colour, x, y, radius in _MARK_CELLS:
                canvas.setFillColor(canvas.colour(colour))
                canvas.circle(
                    left + (x - 3) * scale, bottom + (61 - y) * scale, radius * scale, stroke=0, fill=1
                )
            canvas.setStrokeColor(canvas.colour(_MARK[1]))
            canvas.setLineWidth(3 * scale)
            canvas.setLineCap(1)
            canvas.lines(
                [
                    (left + 39 * scale, bottom + 6 * scale, left + 51 * scale, bottom + 6 * scale),
                    (left + 51 * scale, bottom + 6 * scale, left + 51 * scale, bottom + 15 * scale),
                ]
            )
            canvas.setLineCap(0)


class TitleBlock(Block):
    """Title with case, time and status."""

    _TITLES: Final = {
        "summary": "Blood smear report",
        "full": "Blood smear report",
        "contact": "Blood smear contact sheet",
    }

    def __init__(self, setter: Typesetter, content: ReportContent) -> None:
        super().__init__(setter, after=8)
        self.content = content

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, 44.0
        return width, self.height

    def draw(self) -> None:
        """Draw title, line below, status."""
        content, top = self.content, self.height
        title = self._TITLES[content.template]
        self.canv.outline(title, 0, top=self.canv.absolutePosition(0, top + 4)[1])
        self._status()
        self.put(title, (0, top - 19), Style(BOLD, 18, 22, kind="H1"), width=self.width - 130)
        self._case(top - 36, self.width - self._digital() - 10)
        self._barcode()

    def _case(self, y: float, room: float) -> None:
        """Name the case, say when the report was made, and give the id in small letters."""
        content, quiet = self.content, Style(TEXT, 8.8, 12, palette.MUTED)
        x = self.put("Case", (0, y), quiet).width + 4
        made = f"\u00b7 {moment(content.created)}"
        small = Style(MONO, 6.2, 9, palette.MUTED)
        rest = self.setter.line(made, quiet.face, size=quiet.size).width + 14
        rest += (
            self.setter.line(content.case_id, small.face, size=small.size).width if content.case_name else 0
        )
        name = content.case_name or content.case_id
        face = Style(BOLD, 9.4, 12) if content.case_name else Style(MONO, 8.6, 12)
        x += self.put(name, (x, y), face, width=max(room - x - rest, _LEAST)).width + 4
        x += self.put(made, (x, y), quiet, width=max(room - x, 10)).width + 8
        if content.case_name:
            self.put(content.case_id, (x, y), small, width=max(room - x, 10))

    def _barcode(self) -> None:
        """Print the accession number as a barcode between title and status, where it is given and shown."""
        given = {one.label: one.value for one in self.content.request if not one.withheld}
        number = next((given[label] for label in _ACCESSION if given.get(label)), "")
        right = self.width - 108
        barcode.draw(self.canv, number, (right - 170, self.height - 22, 170, 19))

    def _digital(self) -> float:
        """Say whether the report is signed digitally; return the width of it."""
        text = signature_statement(self.content)
        if not text:
            return 0.0
        at = (self.width, self.height - 36)
        return self.put(text, at, Style(MEDIUM, 7.8, 12), width=200, align="right").width

    def _status(self) -> None:
        content = self.content
        colour = STATUS_COLOURS[content.status]
        line = self.setter.line(content.status.upper(), BOLD, size=9)
        width = line.width + 20
        self.canv.box((self.width - width, self.height - 22, width, 19), line=colour, radius=9.5, width=1)
        with self.canv.leaf("P"):
            self.canv.text_line(line, self.width - width + 10, self.height - 15.6, size=9, colour=colour)


class SignOff(Block):
    """Lines for name, signature and date; what is signed, in words."""

    def __init__(self, setter: Typesetter, content: ReportContent, *, tight: bool = False) -> None:
        super().__init__(setter, before=5, after=0)
        self.content, self.tight = content, tight

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size."""
        self.width, self.height = width, 46.0 if self.tight else 58.0
        return width, self.height

    def draw(self) -> None:
        """Draw the three lines."""
        content = self.content
        text = {
            "draft": "Draft. Not reviewed for release; nothing in it is confirmed.",
            "preliminary": "Preliminary. Decisions may change before the final report.",
            "final": "Final. The decisions in this report are the ones that were signed.",
            "amended": "Amended. It replaces an earlier report; the differences are listed.",
        }[content.status]
        self.put("Sign-off", (0, self.height - 9), Style(BOLD, 9.5, 12, kind="H3"))
        self.put(text, (56, self.height - 9), Style(TEXT, 7.8, 10, palette.MUTED), width=self.width - 56)
        gap = 16.0
        each = (self.width - 2 * gap) / 3
        signed = content.status in {"final", "amended"}
        values = (content.reviewer, "", moment(content.created) if signed else "")
        if content.digital_signature.signed:
            kind = "Digital signature"
        else:
            kind = "Signature, not digital" if signed else "Signature"
        for index, (label, value) in enumerate(zip(("Reviewed by", kind, "Date"), values, strict=True)):
            x = index * (each + gap)
            self.canv.stroke((x, 15, x + each, 15), line=palette.INK, width=0.6)
            if value:
                self.put(value, (x, 19), Style(MEDIUM, 9, 12), width=each)
            self.put(label, (x, 5), Style(TEXT, 7, 9, palette.MUTED))
        if content.digital_signature.signed:
            self._digital(content.digital_signature, each + gap, each)

    def _digital(self, block: SignatureBlock, x: float, width: float) -> None:
        """Draw the signature block, with the empty field that the signature fills."""
        made = "self-made certificate" if block.self_made else f"certificate of {block.issuer}"
        small = Style(TEXT, 6.4, 8, palette.MUTED)
        self.put(block.name, (x, 26), Style(MEDIUM, 7.6, 10), width=width)
        mark = f"{block.certificate_sha256[:HASH_PREFIX]}\u2026, {made}"
        self.put(mark, (x, 18), small, width=width)
        if block.time_stamp:
            text = f"stamped by {block.time_stamp}"
            self.put(text, (x + width, 5), small, width=width - 64, align="right")
        self.canv.signature_field((x, 16, width, 19))


class UnseenSignature(Block):
    """Place of the digital signature in a report without a sign-off: a field that is not seen."""

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Return the size: none."""
        self.width, self.height = width, 0.0
        return width, self.height

    def draw(self) -> None:
        """Place the field."""
        self.canv.signature_field((0, 0, 0, 0))
