"""Typesetting of any text into lines: cleaned, shaped, put in visual order, wrapped.

No markup is ever read: what a person typed is printed as typed. Lines are broken in logical order
and reordered one by one, as the Unicode bidirectional algorithm (UAX #9, 3.4) asks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from allstation.report.drawing.fonts import Fonts

ELLIPSIS: Final = "\u2026"
_RTL: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_OVERRIDES: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
_CJK: Final = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef"
_TOKENS: Final = re.compile(f"[ ]+|[{_CJK}]|[^ {_CJK}]+")
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
_BREAK_AFTER: Final = re.compile(r"(?<=[/\\_\-,;])|(?<=\.)(?!\w{1,4}$)")
"""Not before a suffix: ``.jpg`` alone on a line reads like nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one face, in the order they stand on the page."""

    face: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """Printable line.

    Attributes:
        runs: From left to right.
        width: Points, at the size it was set for.
        logical: The text in reading order if the runs do not give it (right-to-left, replaced
            characters), else empty. Stored in the page for copying.
        rtl: Whether the line begins on the right.
    """

    runs: tuple[Run, ...]
    width: float
    logical: str
    rtl: bool


def clean(text: str) -> str:
    """Return text without what cannot or must not be printed; line breaks are kept.

    Tabs become spaces; control characters, lone surrogates, unassigned code points and marks that
    override the direction of writing become U+FFFD.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").replace("\u2028", "\n")
    text = _OVERRIDES.sub("\ufffd", unicodedata.normalize("NFC", text))
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\ufffd" if char != "\n" and unicodedata.category(char) in _UNPRINTABLE else char for char in text
    )


def spelled(text: str, fonts: Fonts | None = None) -> str:
    """Return text in which every character that no face has is written as its code and name.

    ``[U+1F9EC DNA DOUBLE HELIX]`` for a symbol; a word of a script that is not printed here is written as
    the script and its codes: ``[DEVANAGARI U+0930 U+093E U+092E]``. Nothing is lost, and no box is printed.

    Args:
        text: Any text.
        fonts: Where glyphs are looked for.
    """
    if text.isascii():
        return text
    faces = fonts or Fonts()
    plain = "".join(_compatible(char, faces) for char in unicodedata.normalize("NFC", text))
    parts = groupby(plain, key=lambda char: _has_no_glyph(char, faces))
    return "".join(_spell("".join(part)) if missing else "".join(part) for missing, part in parts)


def _compatible(char: str, fonts: Fonts) -> str:
    """Return a character without a glyph as those it is made of, where they have: ligatures."""
    if not _has_no_glyph(char, fonts):
        return char
    parts = unicodedata.normalize("NFKC", char)
    return char if any(_has_no_glyph(part, fonts) for part in parts) else parts


def _has_no_glyph(char: str, fonts: Fonts) -> bool:
    kind = unicodedata.category(char)
    if kind in _UNPRINTABLE:
        return kind in {"Cn", "Co"}
    return not (char.isascii() or _INVISIBLE.match(char) or _OVERRIDES.match(char) or fonts.prints(char))


def _spell(run: str) -> str:
    if len(run) > 1 and all(unicodedata.category(char)[0] in "LMN" for char in run):
        script = unicodedata.name(run[0], "").split(" ")[0]
        return f"[{' '.join(filter(None, (script, *(_code(char) for char in run))))}]"
    return "".join(f"[{' '.join(filter(None, (_code(char), _char_name(char))))}]" for char in run)


def _code(char: str) -> str:
    return f"U+{ord(char):04X}"


def _char_name(char: str) -> str:
    """Return the name of a character; that of an ideograph says no more than its code."""
    return unicodedata.name(char, "").removesuffix(f"-{ord(char):X}")


def clean_line(text: str) -> str:
    """Return cleaned text on one line."""
    return " ".join(clean(text).split())


class Typesetter:
    """Measures, wraps and shapes text for one report.

    Args:
        fonts: The faces.
    """

    def __init__(self, fonts: Fonts) -> None:
        self.fonts = fonts

    def line(self, text: str, face: str, *, size: float) -> Line:
        """Set text on one line, however wide it gets."""
        return self._set(_shape(self._line_of(text)), face, size)

    def _line_of(self, text: str) -> str:
        return clean_line(spelled(text, self.fonts))

    def fitted(self, text: str, face: str, *, size: float, width: float) -> Line:
        """Set text on one line, the middle replaced by an ellipsis if it is wider than ``width``."""
        text = self._line_of(text)
        line = self._set(_shape(text), face, size)
        if line.width <= width:
            return line
        low, high = 0, min(len(text), int(width / size * 8))
        while low < high:
            keep = (low + high + 1) // 2
            if self._set(_shape(_shortened(text, keep)), face, size).width <= width:
                low = keep
            else:
                high = keep - 1
        return self._set(_shape(_shortened(text, low)), face, size)

    def wrap(self, text: str, face: str, *, size: float, width: float) -> list[Line]:
        """Break text into lines no wider than ``width`` points.

        Words wider than a line are broken after a separator if they have one, else anywhere.
        """
        lines: list[Line] = []
        for paragraph in clean(spelled(text, self.fonts)).split("\n"):
            shaped = _shape(paragraph.rstrip())
            lines.extend(self._set(part, face, size) for part in self._broken(shaped, face, width / size))
        return lines or [self._set("", face, size)]

    def _width(self, text: str, face: str) -> float:
        """Return the advance in units of the size."""
        find = self.fonts.find
        return sum(find(face, char)[2] for char in text if not _INVISIBLE.match(char)) / 1000

    def _broken(self, text: str, face: str, room: float) -> Iterator[str]:
        current, used = "", 0.0
        for token in _TOKENS.findall(text):
            for piece in self._pieces(token, face, room):
                advance = self._width(piece, face)
                if used + advance > room and not piece.isspace():
                    if current.strip():
                        yield current.rstrip()
                    current, used = "", 0.0  # an indent goes where the word needs its room
                current, used = current + piece, used + advance
        yield current.rstrip()

    def _pieces(self, token: str, face: str, room: float) -> Iterator[str]:
        """Cut a token that is wider than a whole line."""
        if token.isspace() or self._width(token, face) <= room:
            yield token
            return
        for part in _BREAK_AFTER.split(token):
            piece, used = "", 0.0
            for char in part:
                advance = self._width(char, face)
                if piece and used + advance > room:
                    yield piece
                    piece, used = "", 0.0
                piece, used = piece + char, used + advance
            if piece:
                yield piece

    def _set(self, shaped: str, face: str, size: float) -> Line:
        visual, rtl = _visual(shaped)
        runs: list[Run] = []
        width, replaced, current, text = 0.0, False, "", ""
        for char in visual:
            if _INVISIBLE.match(char):
                continue
            name, shown, advance = self.fonts.find(face, char)
            if name != current and text:
                runs.append(Run(current, text))
                text = ""
            replaced = replaced or shown != char
            current, text, width = name, text + shown, width + advance
        if text:
            runs.append(Run(current, text))
        logical = shaped if rtl is not None or replaced else ""
        return Line(tuple(runs), width * size / 1000, unicodedata.normalize("NFKC", logical), bool(rtl))


def _shortened(text: str, keep: int) -> str:
    """Keep the beginning and the end: file names differ at their ends."""
    head = (keep + 1) // 2
    return text[:head] + ELLIPSIS + text[len(text) - (keep - head) :]


def _shape(text: str) -> str:
    """Replace Arabic letters by their joined forms, still in logical order."""
    if not _RTL.search(text):
        return text
    from arabic_reshaper import ArabicReshaper  # type: ignore[import-untyped]

    shaped: str = ArabicReshaper({"delete_harakat": False, "support_zwj": True}).reshape(text)
    return shaped


def _visual(shaped: str) -> tuple[str, bool | None]:
    """Return the line in visual order, and whether it begins on the right; None without such text."""
    if not _RTL.search(shaped):
        return shaped, None
    # The pure Python algorithm: unlike the compiled one it mirrors brackets (UAX #9, rule L4).
    from bidi.algorithm import get_display  # type: ignore[import-untyped]

    kinds = (unicodedata.bidirectional(char) for char in shaped)
    rtl = next((kind for kind in kinds if kind in _STRONG), "L") != "L"
    return str(get_display(shaped, base_dir="R" if rtl else "L")), rtl


_STRONG: Final = frozenset({"L", "R", "AL"})
