"""Arguments of ``allstation site``. Only the standard library is loaded here."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.commands import site_statistics_arguments
from allstation.core.arguments import frame_size, micrometre_size

_TEXTS = ("microscope", "camera", "objective", "stain")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and what each of them takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the sites of this station, as JSON")
    _identified(actions.add_parser("show", help="one site, as JSON"))
    adding = actions.add_parser("add", help="add a site")
    adding.add_argument("name", metavar="NAME", help="name that people know it by")
    adding.add_argument("--id", default="", metavar="ID", help="default: made from the name")
    _optics(adding)
    editing = actions.add_parser("edit", help="change a site of this station; cases keep what they have")
    _identified(editing)
    editing.add_argument("--name", metavar="NAME", help="another name")
    _optics(editing)
    using = actions.add_parser("use", help="say at which site a case was taken")
    using.add_argument("case", type=Path, metavar="CASE", help="a .allcase folder")
    using.add_argument("id", nargs="?", default="", metavar="ID", help="the site")
    using.add_argument("--none", action="store_true", help="nobody knows the site")
    measuring = actions.add_parser(
        "measure", help="scale and white point of fields, by slide and frame size, against a site; as JSON"
    )
    measuring.add_argument(
        "paths", nargs="+", type=Path, metavar="CASE|PATH", help="a .allcase folder, or images and folders"
    )
    measuring.add_argument("--site", default="", metavar="ID", help="default: the case's site")
    measuring.add_argument(
        "--save", action="store_true", help="keep in the site what it lacks: white point, pixel sizes"
    )
    measuring.add_argument(
        "--renew", action="store_true", help="with --save: take this white point in place of the site's"
    )
    site_statistics_arguments.declare(actions)


def _identified(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the site")


def _optics(parser: argparse.ArgumentParser) -> None:
    for key in _TEXTS:
        parser.add_argument(f"--{key}", metavar="TEXT")
    parser.add_argument(
        "--pixel-size", type=micrometre_size, metavar="UM", help="micrometres a pixel is wide, or '110 nm'"
    )
    parser.add_argument(
        "--frame", type=frame_size, metavar="WxH", help="frames that it holds for (default: all of the site)"
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="F", help="model bundle that was commissioned for the site"
    )
