"""Pages of a PDF as pictures, for a live preview in the window and for looking at reports in tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LIBRARY: Final = threading.Lock()
"""PDFium may be used by one thread at a time, whatever the document."""


def page_pictures(
    pdf: bytes, *, width: int, first: int = 0, count: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Yield pages as pictures, one at a time.

    Args:
        pdf: A whole document, as ``render_pdf`` returns it.
        width: Pixels across.
        first: Index of the first page wanted.
        count: Most pages; all from ``first`` without it.

    Yields:
        (h, w, 3) uint8 RGB, C-contiguous.
    """
    last = page_count(pdf) if count is None else min(page_count(pdf), first + count)
    for index in range(first, last):
        yield _picture(pdf, index, width)


def page_count(pdf: bytes) -> int:
    """Return the number of pages."""
    import pypdfium2  # type: ignore[import-untyped]

    with _LIBRARY:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return len(document)
        finally:
            document.close()


def _picture(pdf: bytes, index: int, width: int) -> NDArray[np.uint8]:
    import pypdfium2

    with _LIBRARY:
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[index]
            bitmap = page.render(scale=width / page.get_width(), rev_byteorder=True)
            pixels = np.array(bitmap.to_numpy()[:, :, :3], np.uint8, order="C")
            bitmap.close()
            page.close()
        finally:
            document.close()
    return pixels
