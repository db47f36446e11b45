"""Fonts of a report, loaded once a report and embedded glyph by glyph.

Every character is looked up in the asked face first, then in a fixed chain of fallbacks, so that
a name in Arabic, Hebrew, Thai, Chinese, Japanese or Korean is printed as it is written.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from allstation import paths

if TYPE_CHECKING:
    from reportlab.pdfbase.ttfonts import TTFont

TEXT: Final = "Inter-Regular"
MEDIUM: Final = "Inter-Medium"
BOLD: Final = "Inter-SemiBold"
FIGURES: Final = "InterFigures-Regular"
FIGURES_BOLD: Final = "InterFigures-SemiBold"
MONO: Final = "JetBrainsMono-Ascii"

FALLBACKS: Final = (
    TEXT,
    "NotoSansArabic-Regular",
    "NotoSansHebrew-Regular",
    "NotoSansThai-Regular",
    "DejaVuSans-Symbols",
    "DroidSansFallback-CJK",
)
REPLACEMENT: Final = "\ufffd"
"""The replacement character, a question mark in a diamond: the last resort where nothing else is printed."""
_LAST_OF_BASIC_PLANE: Final = 0xFFFF


class Fonts:
    """Loads faces when first used and answers which face has a character, and how wide it is."""

    def __init__(self) -> None:
        self._faces: dict[str, TTFont] = {}
        self._found: dict[str, dict[str, tuple[str, str, float]]] = {}

    def face(self, name: str) -> TTFont:
        """Return a face by name, registered with the PDF writer.

        Raises:
            StationError: ``missing-resource`` if its file is not there.
        """
        face = self._faces.get(name)
        if face is None:
            face = self._faces[name] = _registered(name)
        return face

    def find(self, name: str, char: str) -> tuple[str, str, float]:
        """Return the face to print a character with, the character to print, and its width.

        Args:
            name: The face that is asked first.
            char: One character, already shaped.

        Returns:
            Face name, the character or its replacement, and the advance in thousandths of the size.
        """
        known = self._found.setdefault(name, {})
        found = known.get(char)
        if found is None:
            found = known[char] = self._search(name, char)
        return found

    def _search(self, name: str, char: str) -> tuple[str, str, float]:
        code = ord(char)
        # Beyond the basic plane ReportLab writes a character map that readers reject.
        for candidate in (name, *FALLBACKS) if code <= _LAST_OF_BASIC_PLANE else ():
            face = self.face(candidate).face
            if code in face.charToGlyph:
                return candidate, char, float(face.getCharWidth(code))
        plain = unicodedata.normalize("NFKC", char)
        if len(plain) == 1 and plain != char:
            face_name, shown, width = self.find(name, plain)
            return face_name, shown, width
        return self.find(TEXT, REPLACEMENT)

    def prints(self, char: str) -> bool:
        """Return whether a character, or what it is compatible with, has a glyph in one of the faces."""
        return self.find(TEXT, char)[1] != REPLACEMENT or char == REPLACEMENT


def _registered(name: str) -> TTFont:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    if name in pdfmetrics.getRegisteredFontNames():
        return pdfmetrics.getFont(name)
    face = TTFont(name, str(paths.resource(f"fonts/{name}.ttf")))
    pdfmetrics.registerFont(face)
    return face
