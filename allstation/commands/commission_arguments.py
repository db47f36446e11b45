"""Arguments of ``allstation commission`` and of cells in ``evaluate``. Loads the standard library only."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.core.arguments import positive


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what ``commission`` takes."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="CELLS.csv|CASE|FOLDER",
        help="typed cells: a table with the columns file, type, patient (and x, y for cells of fields, "
        "pixel_size if known); a case; or one sub-folder of pictures a type",
    )
    parser.add_argument(
        "--budget", type=positive, metavar="N", help="learn from at most N cells of a type (default: all)"
    )
    parser.add_argument(
        "--slides",
        type=positive,
        metavar="N",
        help="learn from N patients or slides and test on all others (default: all but a frozen fifth)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of what is drawn (default 0)")
    parser.add_argument(
        "--lowest",
        type=float,
        default=0.90,
        metavar="SHARE",
        help="smallest accepted lower limit of balanced accuracy (default 0.90)",
    )
    parser.add_argument(
        "--error-rate",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="share of wrong names among the cells that the model names by itself (default 0.05)",
    )
    pixel_size(parser)
    parser.add_argument("--name", default="", metavar="NAME", help="of the model (default: the file's)")
    parser.add_argument("--out", type=Path, metavar="SITE.allmodel", help="write the model if it is accepted")
    parser.add_argument("--json", type=Path, metavar="F", help="write verdict and figures as JSON")
    parser.add_argument("--threads", type=positive, metavar="N", help="worker threads")
    parser.add_argument("--force", action="store_true", help="replace files of an earlier run")


def pixel_size(parser: argparse.ArgumentParser) -> None:
    """Declare the pixel size of pictures that state none."""
    parser.add_argument(
        "--pixel-size",
        type=float,
        metavar="UM",
        help="micrometres a pixel, where neither table nor files say (default: told from red cells)",
    )
