"""Arguments of ``allstation atlas``. Only the standard library is loaded here."""

from __future__ import annotations

import argparse
from pathlib import Path


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and what each of them takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    adding = actions.add_parser("add", help="copy the reviewed fields of cases; nothing is overwritten")
    adding.add_argument("cases", nargs="+", type=Path, metavar="CASE", help="a .allcase folder")
    _folder(adding)
    _folder(actions.add_parser("list", help="class, reviewer, date and hash of each field, as JSON"))
    using = actions.add_parser("use", help="choose the folder that the window compares fields with")
    using.add_argument("folder", type=Path, metavar="FOLDER", help="an atlas, or an empty or new folder")


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--atlas", type=Path, metavar="FOLDER", help="the atlas (default: the one that was chosen)"
    )
