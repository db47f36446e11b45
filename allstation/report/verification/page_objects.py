"""Check of what stands on the pages of a report: nothing may cover, hide or crop their text.

Text that is compared with the embedded data is read from the file, not from the picture of a page: what lies
over it would not be noticed. Reports print each thing once and text last, so nothing ever overlaps text.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.report.content.report_types import SIGNATURE_FIELD
from allstation.report.drawing.montage import CleanRow
from allstation.report.preview import LIBRARY

if TYPE_CHECKING:
    from pypdf import PdfReader

_COVERED: Final = 0.15
"""Part of a text's area that something drawn later may cover."""
_OUTSIDE: Final = 1.0
"""Points that a text's box may stand out of the page."""
_LETTERHEAD: Final = 90.0
"""Points from the top of the first page within which its one picture, the logo, stands."""
_WIDER: Final = 3.0
"""Points by which a picture of page one may differ from the width that all of them have."""
_INVISIBLE: Final = (3, 7)
"""Ways of drawing text that leave no ink: neither filled nor stroked, or clipping only."""
_OPAQUE: Final = 255


def covered(data: bytes, *, pictures: int | None) -> Iterator[str]:
    """Find what covers, hides or crops the text of a report's pages.

    Args:
        data: The PDF.
        pictures: Most fields that the first page shows beside a logo; None for any number.

    Yields:
        One sentence for each page on which something is wrong.
    """
    import pypdfium2  # type: ignore[import-untyped]

    with LIBRARY:
        document = pypdfium2.PdfDocument(data)
        try:
            for index in range(len(document)):
                page = document[index]
                problem = _problem(page, most=pictures if index == 0 else None)
                page.close()
                if problem:
                    yield f"Page {index + 1}: {problem}"
        finally:
            document.close()


def _problem(page: Any, *, most: int | None) -> str:  # noqa: ANN401 - pypdfium2 has no types
    import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

    kinds, boxes, hidden = _objects(page)
    texts = kinds == pdfium.FPDF_PAGEOBJ_TEXT
    left, bottom, right, top = page.get_mediabox()
    if page.get_cropbox() != (left, bottom, right, top):
        return "its margins are cropped, and may hold text that is not seen."
    if hidden:
        return "text in it is not seen."
    away = (boxes[:, 0] < left - _OUTSIDE) | (boxes[:, 2] > right + _OUTSIDE)
    away |= (boxes[:, 1] < bottom - _OUTSIDE) | (boxes[:, 3] > top + _OUTSIDE)
    if (away & texts).any():
        return "text in it stands outside the page."
    if _overlaps(boxes, texts):
        return "something was drawn over its text, such as a picture."
    pictures = boxes[kinds == pdfium.FPDF_PAGEOBJ_IMAGE]
    below = pictures[:, 1] < top - _LETTERHEAD
    wide = pictures[below, 2] - pictures[below, 0]
    if most is not None and (
        len(wide) > most or (~below).sum() > 1 or (abs(wide - CleanRow.WIDTH) > _WIDER).any()
    ):
        return "it shows a picture that a report does not have there."
    return ""


def _objects(page: Any) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:  # noqa: ANN401
    """Return kinds and boxes (left, bottom, right, top; points) in order, and whether text is hidden."""
    import pypdfium2.raw as pdfium

    kinds, boxes, hidden = [], [], False
    sides = [ctypes.c_float() for _ in range(4)]
    colour = [ctypes.c_uint() for _ in range(4)]
    for index in range(pdfium.FPDFPage_CountObjects(page.raw)):
        drawn = pdfium.FPDFPage_GetObject(page.raw, index)
        if not pdfium.FPDFPageObj_GetBounds(drawn, *sides):
            continue
        kind = pdfium.FPDFPageObj_GetType(drawn)
        kinds.append(kind)
        boxes.append([side.value for side in sides])
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            hidden |= pdfium.FPDFTextObj_GetTextRenderMode(drawn) in _INVISIBLE
            known = pdfium.FPDFPageObj_GetFillColor(drawn, *colour)
            hidden |= bool(known) and colour[3].value < _OPAQUE
    return np.array(kinds, int), np.array(boxes, float).reshape(-1, 4), hidden


def _overlaps(boxes: NDArray[np.float64], texts: NDArray[np.bool_]) -> bool:
    """Tell whether anything covers a good part of a text that was drawn before it."""
    for index in np.flatnonzero(texts):
        box, later = boxes[index], boxes[index + 1 :]
        width, height = box[2] - box[0], box[3] - box[1]
        if width <= 0 or height <= 0:
            continue
        across = np.minimum(later[:, 2], box[2]) - np.maximum(later[:, 0], box[0])
        up = np.minimum(later[:, 3], box[3]) - np.maximum(later[:, 1], box[1])
        if (np.clip(across, 0, None) * np.clip(up, 0, None) > _COVERED * width * height).any():
            return True
    return False


def additions(data: bytes, reader: PdfReader, *, signed: bool) -> Iterator[str]:
    """Find what was added to a report after it was written: revisions, annotations, layers.

    Args:
        data: The PDF.
        reader: The same, open.
        signed: It holds a digital signature, which is a revision of its own.
    """
    revisions = data.count(b"startxref") - int(signed)
    if revisions != 1:
        yield f"The file was changed after it was written: it holds {revisions} versions, a report one."
    if not data.rstrip(b"\r\n").endswith(b"%%EOF"):
        yield "The file does not end where the report ends."
    if "/OCProperties" in reader.root_object:
        yield "The file has layers that can be switched off, a report has none."
    for index, page in enumerate(reader.pages, start=1):
        if any(not _is_signature(one.get_object()) for one in page.get("/Annots") or ()):
            yield f"Page {index}: an annotation was added, such as a note or a picture over the page."


def _is_signature(annotation: Any) -> bool:  # noqa: ANN401 - of any shape in a hostile file
    """Tell whether an annotation is the signature field, which has an empty appearance."""
    if annotation.get("/Subtype") != "/Widget" or annotation.get("/T") != SIGNATURE_FIELD:
        return False
    appearance = annotation.get("/AP")
    if appearance is None:
        return True
    shown = appearance["/N"].get_object()
    return set(appearance) == {"/N"} and shown.get_data().split() in ([], [b"q", b"Q"])
