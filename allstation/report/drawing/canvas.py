"""Canvas of a report: tagged PDF with page x of y, an attachment, and the same bytes each time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Final

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from allstation.report.content.report_types import ATTACHMENT, SIGNATURE_FIELD
from allstation.report.drawing.structure import Structure
from allstation.report.drawing.typeset import Line

_LOCKED: Final = 132
"""Flags of its annotation: printed, locked."""


@dataclass(frozen=True, slots=True)
class Properties:
    """Document properties that a viewer shows.

    Attributes:
        title: Shown in the title bar.
        author: Laboratory and reviewer.
        subject: One sentence.
        keywords: Case id, status, digest of the embedded data.
        creator: Program and version.
        moment: Date of the document, from the report's clock.
        data: The embedded machine-readable data, UTF-8 JSON.
    """

    title: str
    author: str
    subject: str
    keywords: str
    creator: str
    moment: datetime
    data: bytes


PageDecorator = Callable[["StationCanvas", int, int], None]
"""Draws header and footer of a page: canvas, page number from 1, number of pages."""


class StationCanvas(Canvas):  # type: ignore[misc]
    """ReportLab's canvas with structure, a page decorator that knows the last page, and fixed dates."""

    def __init__(
        self, target: IO[bytes], *, properties: Properties, decorator: PageDecorator, **options: object
    ) -> None:
        super().__init__(target, **options)
        self.structure = Structure()
        self._properties = properties
        self._decorator = decorator
        self._bodies: list[str] = []
        self._colours: dict[str, Color] = {}
        self._code: list[str]
        self._bookmarks = 0
        self._signature: tuple[int, tuple[float, float, float, float]] | None = None
        self._pictures: dict[bytes, str] = {}

    @contextmanager
    def leaf(self, kind: str, *, alt: str = "") -> Iterator[None]:
        """Mark what is drawn inside as the content of one structure element."""
        mark = self.structure.leaf(kind, len(self._bodies), alt=alt)
        self._code.append(f"/{kind} <</MCID {mark}>> BDC")
        yield
        self._code.append("EMC")

    @contextmanager
    def artifact(self) -> Iterator[None]:
        """Mark what is drawn inside as decoration that is not read out."""
        self._code.append("/Artifact BMC")
        yield
        self._code.append("EMC")

    def colour(self, name: str) -> Color:
        """Return ``#rrggbb`` as a colour of the page."""
        known = self._colours.get(name)
        if known is None:
            known = self._colours[name] = HexColor(name)
        return known

    def box(
        self,
        at: tuple[float, float, float, float],
        *,
        fill: str = "",
        line: str = "",
        radius: float = 0,
        width: float = 0.6,
    ) -> None:
        """Draw a rectangle as decoration.

        Args:
            at: Left, bottom, width, height in points.
            fill: Colour inside, or empty.
            line: Colour of the edge, or empty.
            radius: Of the corners.
            width: Of the edge.
        """
        with self.artifact():
            if fill:
                self.setFillColor(self.colour(fill))
            if line:
                self.setStrokeColor(self.colour(line))
                self.setLineWidth(width)
            shape = self.roundRect if radius else self.rect
            extra = (radius,) if radius else ()
            shape(*at, *extra, stroke=int(bool(line)), fill=int(bool(fill)))

    def stroke(self, at: tuple[float, float, float, float], *, line: str, width: float = 0.6) -> None:
        """Draw a straight line (x1, y1, x2, y2) as decoration."""
        with self.artifact():
            self.setStrokeColor(self.colour(line))
            self.setLineWidth(width)
            self.line(*at)

    def text_line(self, line: Line, x: float, y: float, *, size: float, colour: str) -> None:
        """Print a line with its baseline at ``y`` beginning at ``x``.

        Where the glyphs do not give the text in reading order, the text is attached for copying.
        """
        if not line.runs:
            return
        self.setFillColor(self.colour(colour))
        if line.logical:
            text = (b"\xfe\xff" + line.logical.encode("utf-16-be", "replace")).hex()
            self._code.append(f"/Span <</ActualText <{text}>>> BDC")
        # ReportLab's text objects say matrix, leading and line end for each; a report is mostly text.
        code = [f"BT {x:.2f} {y:.2f} Td"]
        for run in line.runs:
            face = pdfmetrics.getFont(run.face)
            for subset, data in face.splitString(run.text, self._doc):
                name = face.getSubsetInternalName(subset, self._doc)
                code.append(f"{name} {size:g} Tf ({self._escape(data)}) Tj")
        self._code.append(" ".join([*code, "ET"]))
        if line.logical:
            self._code.append("EMC")

    def jpeg(self, data: bytes, at: tuple[float, float, float, float], *, pixels: tuple[int, int]) -> None:
        """Place a JPEG as it is; the same bytes are stored once however often they are placed.

        Args:
            data: A baseline RGB JPEG.
            at: Left, bottom, width, height in points.
            pixels: Width and height.
        """
        # A name that follows from the bytes would join an anonymised report with an open one.
        digest = hashlib.sha256(data).digest()
        name = self._pictures.setdefault(digest, f"picture{len(self._pictures) + 1}")
        registered = self._doc.getXObjectName(name)
        if registered not in self._doc.idToObject:
            image = pdfdoc.PDFImageXObject(name)
            image.width, image.height = pixels
            image.colorSpace, image.bitsPerComponent = "DeviceRGB", 8
            image._filters, image.streamContent = ("DCTDecode",), data
            self._doc.Reference(image, registered)
            self._doc.addForm(name, image)
        self._currentPageHasImages = 1
        self._formsinuse.append(name)
        left, bottom, width, height = at
        self._code.append(f"q {width:.3f} 0 0 {height:.3f} {left:.3f} {bottom:.3f} cm /{registered} Do Q")

    def outline(self, title: str, level: int, *, top: float) -> None:
        """Add a bookmark to the present page, ``top`` points from its lower edge."""
        key = f"bookmark-{self._bookmarks}"
        self._bookmarks += 1
        self.bookmarkPage(key, fit="XYZ", left=0, top=top, zoom=0)
        self.addOutlineEntry(title, key, level=level, closed=level > 0)

    def signature_field(self, at: tuple[float, float, float, float]) -> None:
        """Place the empty signature field on the present page.

        Args:
            at: Left, bottom, width, height in points of the present coordinates; all 0 for a field that
                is not seen.
        """
        left, bottom = self.absolutePosition(at[0], at[1])
        self._signature = len(self._bodies), (left, bottom, left + at[2], bottom + at[3])

    def showPage(self) -> None:
        """End a page; its decorator waits until the number of pages is known."""
        super().showPage()
        self._bodies.append(self._doc.Pages.pages[-1].stream)

    def save(self) -> None:
        """Draw the decorator of every page, add structure and attachment, write the file."""
        if self._code:
            self.showPage()
        for index, body in enumerate(self._bodies):
            self._code = []
            with self.artifact():
                self._decorator(self, index + 1, len(self._bodies))
            self._finish(self._doc.Pages.pages[index], index, body)
        self._code = []
        self._describe()
        self._describe_catalog()
        self._doc.SaveToFile(self._filename, self)

    def _finish(self, page: pdfdoc.PDFPage, index: int, body: str) -> None:
        # Flate alone: ReportLab would wrap it in ASCII 85, a quarter more bytes for nothing.
        page.Contents = pdfdoc.PDFStream(
            content="\n".join([body, *self._code]) + "\n", filters=[pdfdoc.PDFZCompress]
        )
        page.__NoDefault__ = [*page.__NoDefault__, "StructParents", "Tabs"]
        page.StructParents = index
        page.Tabs = pdfdoc.PDFName("S")

    def _describe(self) -> None:
        properties = self._properties
        self.setTitle(properties.title)
        self.setAuthor(properties.author)
        self.setSubject(properties.subject)
        self.setKeywords(properties.keywords)
        self.setCreator(properties.creator)
        moment = properties.moment
        self._doc._timeStamp.YMDhms = tuple(moment.timetuple())[:6]
        self._doc.updateSignature(properties.data)

    def _describe_catalog(self) -> None:
        catalog, document = self._doc.Catalog, self._doc
        catalog.__NoDefault__ = [*catalog.__NoDefault__, "AF"]
        catalog.StructTreeRoot = self.structure.write(document)
        catalog.MarkInfo = pdfdoc.PDFDictionary({"Marked": pdfdoc.PDFtrue})
        catalog.ViewerPreferences = pdfdoc.PDFDictionary({"DisplayDocTitle": pdfdoc.PDFtrue})
        attached = self._attachment()
        files = pdfdoc.PDFDictionary({"Names": pdfdoc.PDFArray([pdfdoc.PDFString(ATTACHMENT), attached])})
        catalog.Names = pdfdoc.PDFDictionary({"EmbeddedFiles": document.Reference(files)})
        catalog.AF = pdfdoc.PDFArray([attached])
        if self._signature is not None:
            self._add_signature_field(*self._signature)

    def _add_signature_field(self, index: int, corners: tuple[float, float, float, float]) -> None:
        document = self._doc
        page = document.Pages.pages[index]
        field = {
            "Type": pdfdoc.PDFName("Annot"),
            "Subtype": pdfdoc.PDFName("Widget"),
            "FT": pdfdoc.PDFName("Sig"),
            "T": pdfdoc.PDFString(SIGNATURE_FIELD),
            "TU": pdfdoc.PDFString("Digital signature of the report"),
            "F": _LOCKED,
            "Rect": pdfdoc.PDFArray([round(one, 2) for one in corners]),
            "P": document.Reference(page),
        }
        widget = document.Reference(pdfdoc.PDFDictionary(field))
        page.Annots = pdfdoc.PDFArray([widget])
        form = pdfdoc.PDFDictionary({"Fields": pdfdoc.PDFArray([widget]), "SigFlags": 1})
        document.Catalog.__NoDefault__ = [*document.Catalog.__NoDefault__, "AcroForm"]
        document.Catalog.AcroForm = document.Reference(form)

    def _attachment(self) -> pdfdoc.PDFObjectReference:
        data = self._properties.data
        stamp = pdfdoc.PDFDate(self._doc._timeStamp)
        stream = pdfdoc.PDFStream(
            pdfdoc.PDFDictionary(
                {
                    "Type": pdfdoc.PDFName("EmbeddedFile"),
                    "Subtype": pdfdoc.PDFName("application#2Fjson"),
                    "Filter": pdfdoc.PDFName("FlateDecode"),
                    "Params": pdfdoc.PDFDictionary({"Size": len(data), "ModDate": stamp}),
                }
            ),
            content=zlib.compress(data, 9),
        )
        specification = {
            "Type": pdfdoc.PDFName("Filespec"),
            "F": pdfdoc.PDFString(ATTACHMENT),
            "UF": pdfdoc.PDFString(ATTACHMENT),
            "Desc": pdfdoc.PDFString("The figures of this report for machines"),
            "AFRelationship": pdfdoc.PDFName("Data"),
            "EF": pdfdoc.PDFDictionary({"F": self._doc.Reference(stream)}),
        }
        return self._doc.Reference(pdfdoc.PDFDictionary(specification))
