"""Types of command line arguments that the station's and the training program's parsers share."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Read a whole number of 1 or more.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        message = f"expected a whole number of 1 or more, received {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value
