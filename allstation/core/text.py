"""Text normalisation: natural sort keys, case folding, storable text, safe file names."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final
from unicodedata import category, decimal, normalize

_DIGITS: Final = re.compile(r"(\d+)")
_UNSTORABLE: Final = re.compile("[\ud800-\udfff\ufdd0]")
_ESCAPED: Final = re.compile("\ufdd0([0-9a-f]{4})")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LONGEST_NUMBER: Final = 999
_HIDDEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def fold(text: str) -> str:
    """Return the form two texts share when a person would call them equal but for case."""
    return normalize("NFKC", storable(text)).casefold()


def natural_key(text: str) -> str:
    """Return a key that sorts ``field 9`` before ``field 10`` with plain string comparison.

    Each run of digits is written as its length and its digits without leading zeros, so that
    more digits sort later. Any database or program that can compare strings sorts the same way.
    """
    parts = _DIGITS.split(fold(text))
    return "".join(_number_key(part) if index % 2 else part for index, part in enumerate(parts))


def _number_key(digits: str) -> str:
    significant = "".join(str(decimal(digit)) for digit in digits).lstrip("0")
    return f"{min(len(significant), _LONGEST_NUMBER):03d}{significant}"


def storable(text: str) -> str:
    """Return free text without what UTF-8 and SQLite cannot hold: lone surrogates and NUL."""
    return _SURROGATE.sub("\ufffd", text).replace("\0", "\ufffd")


def escape_name(name: str) -> str:
    """Return a file name or path as valid Unicode, reversible with :func:`unescape_name`.

    Names that are not UTF-8 on disk reach Python with lone surrogates (PEP 383). Each is written
    as U+FDD0, a noncharacter, and four hexadecimal digits.
    """
    return _UNSTORABLE.sub(lambda found: f"\ufdd0{ord(found[0]):04x}", name)


def unescape_name(stored: str) -> str:
    """Return the file name or path that :func:`escape_name` was given."""
    if "\ufdd0" not in stored:
        return stored
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), stored)


def plain_name(text: str, *, longest: int = 80) -> str:
    """Return text as part of a file's name that every system takes; empty if nothing of it is left.

    Letters and digits of any script, spaces and ``._-`` stay, all else becomes ``_``; spaces and dots
    at the ends go.

    Args:
        text: What somebody called it.
        longest: Most characters.
    """
    kept = "".join(char if char.isalnum() or char in " ._-" else "_" for char in text)
    return kept.strip(" .")[:longest].rstrip(" .")


def shown_name(path: PurePath | str) -> str:
    """Return a file's name fit for one line of a window, page or sentence.

    Control characters, line breaks, lone surrogates and the marks that turn the direction of
    writing become a replacement character: a name must not be able to disguise itself.

    Args:
        path: A path, of which the last part is shown, or a name.
    """
    name = path.name if isinstance(path, PurePath) else path
    return "".join("\ufffd" if char in _TURNS or category(char) in _HIDDEN else char for char in name)
