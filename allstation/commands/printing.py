"""Lines on the terminal: names and texts from files cannot steer it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name

OUTPUT_LOST: Final = "output-lost"
"""Code of the error when the terminal, pipe or file takes no more."""


def say(line: object, *, error: bool = False) -> None:
    """Print one line; control characters and marks that turn the writing are replaced.

    Args:
        line: What to print; line breaks in it are replaced as well.
        error: Print it on stderr.

    Raises:
        StationError: ``output-lost``.
    """
    try:
        print(shown_name(str(line)), file=sys.stderr if error else sys.stdout)
    except OSError as problem:
        raise output_lost(problem) from problem


def note(sentence: str) -> None:
    """Print something to know, on stderr."""
    say(f"note     {sentence}", error=True)


def say_lines(text: str) -> None:
    """Print a text of several lines as :func:`say` prints one."""
    for line in text.split("\n"):
        say(line)


def flush() -> None:
    """Write what is still held back.

    Raises:
        StationError: ``output-lost``.
    """
    try:
        sys.stdout.flush()
    except OSError as problem:
        raise output_lost(problem) from problem


def output_lost(problem: OSError) -> StationError:
    """Return the error for output that cannot be written; nothing more is written to it."""
    with suppress(OSError, ValueError):  # else Python tries, and says so, once more at its end
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    reason = problem.strerror or "it was closed"
    sentence = f"Not all that was to be printed could be written ({reason}); what the command did is kept."
    return StationError(OUTPUT_LOST, sentence)
