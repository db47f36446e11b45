"""Passwords and PINs: asked without being shown, a line of standard input or of a file; never an argument."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name

_LONGEST: Final = 4096


def read_password(question: str, file: Path | None, *, twice: bool = False) -> str:
    """Return a password.

    Args:
        question: What it opens.
        file: Whose first line it is; None to ask.
        twice: Ask again, as nothing else would show a slip.

    Raises:
        StationError: ``no-password`` if the file cannot be read, nobody can be asked, or two answers differ.
    """
    if file is not None:
        return _from_file(file)
    password = _asked(question)
    if twice and _asked(f"{question}, again") != password:
        raise StationError("no-password", "The two answers differ: nothing was done. Try again.")
    return password


def _asked(question: str) -> str:
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    return getpass.getpass(f"{question}: ") if at_terminal else _from_input()


def _from_input() -> str:
    line = "" if sys.stdin is None else sys.stdin.readline(_LONGEST)
    if not line:
        sentence = (
            "A password is needed, and there is no terminal to ask at: write it to the standard input, or "
            "name a file with --password-file where there is that option."
        )
        raise StationError("no-password", sentence)
    return line.rstrip("\r\n")


def _from_file(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline(_LONGEST).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        sentence = f"The password file {shown_name(file)} cannot be read ({reason})."
        raise StationError("no-password", sentence) from error
