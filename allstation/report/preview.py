"""Rendering of PDF pages as pictures, for the preview in the window and for tests."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.closing import Closing

LIBRARY: Final = threading.Lock()
"""PDFium may be used by one thread at a time, whatever the document."""


class PagePictures(Closing):
    """An open document. Close it, or use it in a ``with`` block.

    Args:
        pdf: A whole document, as ``render_pdf`` returns it.

    Attributes:
        sizes: Width and height of every page, in points.
    """

    def __init__(self, pdf: bytes) -> None:
        import pypdfium2  # type: ignore[import-untyped]

        with LIBRARY:
            self._document = pypdfium2.PdfDocument(pdf)
            pages = range(len(self._document))
            self.sizes: tuple[tuple[float, float], ...] = tuple(
                self._document.get_page_size(index) for index in pages
            )

    def picture(self, index: int, *, width: int) -> NDArray[np.uint8]:
        """Draw one page.

        Args:
            index: From 0.
            width: Pixels across.

        Returns:
            (h, w, 3) uint8 RGB, C-contiguous.
        """
        with LIBRARY:
            page = self._document[index]
            bitmap = page.render(scale=width / page.get_width(), rev_byteorder=True)
            pixels = np.array(bitmap.to_numpy()[:, :width, :3], np.uint8, order="C")
            bitmap.close()
            page.close()
        return pixels

    def close(self) -> None:
        """Let go of the document."""
        with LIBRARY:
            self._document.close()
