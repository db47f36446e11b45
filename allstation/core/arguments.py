"""Types of command line arguments that the station's and the training program's parsers share."""

from __future__ import annotations

import argparse

from allstation.core.pixel_size import micrometres


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


def frame_size(text: str) -> tuple[int, int]:
    """Read width and height of a frame: ``1024x768``.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    width, _, height = text.lower().replace("×", "x").partition("x")
    try:
        return positive(width), positive(height)
    except argparse.ArgumentTypeError:
        message = f"expected width and height in pixels, such as 1024x768, received {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def micrometre_size(text: str) -> float:
    """Read the micrometres that a pixel is wide: ``0.11``, ``110 nm``.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    size = micrometres(text)
    if size is None:
        message = f"expected micrometres a pixel, such as 0.11 or '110 nm', received {text!r}"
        raise argparse.ArgumentTypeError(message)
    return size
