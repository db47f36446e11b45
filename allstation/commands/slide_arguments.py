"""Arguments about whole slides. Only the standard library is loaded here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from allstation.core.arguments import positive

DEFAULT_FIELDS: Final = 200
EVERYTHING: Final = "all"


def declare(parser: argparse.ArgumentParser, *, sizes: bool = False) -> None:
    """Add what is wanted of whole slides, and pixel sizes of single slides where they can be given."""
    if sizes:
        _pixel_sizes(parser)
    parser.add_argument(
        "--fields",
        type=_fields,
        default=DEFAULT_FIELDS,
        metavar="N|all",
        help=f"fields of each whole slide: the N best (default: {DEFAULT_FIELDS}), or every square with "
        "tissue",
    )
    parser.add_argument(
        "--pages",
        choices=("first", EVERYTHING),
        default="first",
        help="of files with several pages or frames: the first is a field (default), or all are",
    )


def _pixel_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pixel-size",
        action="append",
        default=[],
        metavar="FOLDER=UM|CSV",
        help="micrometres a pixel of one slide's fields, such as slide-3=0.12 or slide-3='0.12 at 1024x768'; "
        "again for more, or a table (pixel_size and slide, folder or file). It goes before --detail "
        "pixel_size=UM for all slides, what files state, and the site",
    )


def declare_pictures(parser: argparse.ArgumentParser) -> None:
    """Add the pictures of labels, which no export has that does not ask for them."""
    parser.add_argument(
        "--slide-pictures",
        type=Path,
        metavar="DIR",
        help="label and macro pictures of whole slides; with --show-patient only",
    )


def _fields(text: str) -> int | None:
    """Return a number of fields; None for all of them."""
    return None if text == EVERYTHING else positive(text)
