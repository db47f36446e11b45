"""Structure tree of a tagged PDF: headings, paragraphs, table cells, figures.

ReportLab's open edition writes no structure tree. This one is built while pages are drawn and
handed to its document as plain objects (ISO 32000-1, 14.7 and 14.8). What it gives: the order of
reading, headings, tables with header cells, alternative texts of figures, the language. What it
does not give: role maps, table spans, list items, or a claim of PDF/UA.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reportlab.pdfbase.pdfdoc import PDFDocument, PDFObjectReference

_NAME: Final = "Structure"


@dataclass(eq=False)
class Element:
    """Structure element.

    Attributes:
        kind: ``P``, ``H1``, ``Table``, ``TR``, ``TD``, ``Figure`` and so on.
        number: Its place in the document; names its PDF object.
        parent: The element it belongs to; None for the root.
        kids: Elements below it, in reading order.
        page: Index of the page its content is drawn on; -1 for a group.
        mark: Number of its content on that page; -1 for a group.
        alt: Alternative text of a figure.
    """

    kind: str
    number: int
    parent: Element | None
    kids: list[Element] = field(default_factory=list)
    page: int = -1
    mark: int = -1
    alt: str = ""


class Structure:
    """Collects elements page by page and writes the tree at the end."""

    def __init__(self) -> None:
        self._root = Element("Document", 0, None)
        self._open = [self._root]
        self._count = 1
        self._pages: dict[int, list[Element]] = {}

    @contextmanager
    def group(self, kind: str) -> Iterator[None]:
        """Open an element that holds others."""
        self._open.append(self._add(kind))
        try:
            yield
        finally:
            self._open.pop()

    def leaf(self, kind: str, page: int, *, alt: str = "") -> int:
        """Add an element with content of its own.

        Args:
            kind: Structure type.
            page: Index of the page.
            alt: Alternative text.

        Returns:
            The number to mark the content with.
        """
        element = self._add(kind)
        marks = self._pages.setdefault(page, [])
        element.page, element.mark, element.alt = page, len(marks), alt
        marks.append(element)
        return element.mark

    def _add(self, kind: str) -> Element:
        element = Element(kind, self._count, self._open[-1])
        self._count += 1
        self._open[-1].kids.append(element)
        return element

    def write(self, document: PDFDocument) -> PDFObjectReference:
        """Add the tree to a document whose pages are complete; return the reference to its root."""
        from reportlab.pdfbase import pdfdoc

        numbers: list[object] = []
        for page, marks in sorted(self._pages.items()):
            numbers += [page, pdfdoc.PDFArrayCompact([_reference(element) for element in marks])]
        tree = pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("StructTreeRoot"),
                "K": _reference(self._root),
                "ParentTree": document.Reference(pdfdoc.PDFDictionary({"Nums": pdfdoc.PDFArray(numbers)})),
            }
        )
        root = document.Reference(tree, _NAME)
        waiting = [self._root]
        while waiting:
            element = waiting.pop()
            document.Reference(_dictionary(element), f"{_NAME}{element.number}")
            waiting.extend(reversed(element.kids))
        return root


def _reference(element: Element) -> PDFObjectReference:
    from reportlab.pdfbase.pdfdoc import PDFObjectReference

    return PDFObjectReference(f"{_NAME}{element.number}")


def _dictionary(element: Element) -> object:
    from reportlab.pdfbase import pdfdoc

    entries: dict[str, object] = {"Type": pdfdoc.PDFName("StructElem"), "S": pdfdoc.PDFName(element.kind)}
    parent = element.parent
    entries["P"] = _reference(parent) if parent else pdfdoc.PDFObjectReference(_NAME)
    if element.page >= 0:
        entries["Pg"] = pdfdoc.PDFObjectReference(f"Page{element.page + 1}")
        entries["K"] = element.mark
    else:
        entries["K"] = pdfdoc.PDFArrayCompact([_reference(kid) for kid in element.kids])
    if element.alt:
        entries["Alt"] = pdfdoc.PDFString(element.alt)
    if element.kind == "TH":
        entries["A"] = pdfdoc.PDFDictionary({"O": pdfdoc.PDFName("Table"), "Scope": pdfdoc.PDFName("Column")})
    return pdfdoc.PDFDictionary(entries)
