"""Arguments of the commands of a laboratory's machines. Only the standard library is loaded here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from allstation.commands import slide_arguments
from allstation.core.arguments import positive


def declare_cluster(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of ``allstation cluster``."""
    parser.add_argument(
        "action",
        choices=("up", "join", "status", "revoke", "renew"),
        help="up: start it on this machine; join: write a join file for another machine; status: who works; "
        "revoke: take a machine's certificates back; renew: begin anew, so that every join file ends",
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="",
        metavar="WHAT",
        help="join: file to write, on a stick; status: ADDRESS; revoke: NAME of the machine",
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="up: workers here (default: a half of the processors)"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="K", help="up: threads of each worker (default 2)"
    )
    parser.add_argument("--no-workers", action="store_true", help="up: this machine only hands out work")
    parser.add_argument(
        "--host",
        default="",
        metavar="ADDRESS",
        help="up: network address of this machine to use (127.0.0.1: none)",
    )
    parser.add_argument("--port", type=positive, default=8786, metavar="P", help="up: port (default 8786)")
    parser.add_argument("--name", default="", metavar="NAME", help="join: name of the other machine")
    parser.add_argument(
        "--address",
        default="",
        metavar="ADDRESS",
        help="join: where the cluster is, if not as last started here",
    )
    join(parser)


def declare_worker(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of ``allstation worker``."""
    parser.add_argument(
        "address", metavar="ADDRESS", help="as 'allstation cluster up' prints it, or a join file"
    )
    join(parser)
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument(
        "--threads", type=positive, metavar="K", help="threads of each (default: one a processor)"
    )
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="THERE=HERE",
        help="what the sender calls a folder, and what this machine calls it; again for more",
    )
    parser.add_argument(
        "--normal-priority",
        action="store_true",
        help="work as fast as other programs (default: these go first)",
    )
    parser.add_argument(
        "--one", action="store_true", help="work in this process, until the one that started it ends"
    )


def join(parser: argparse.ArgumentParser) -> None:
    """Take the join file."""
    parser.add_argument(
        "--join", type=Path, metavar="F.alljoin", help="join file of the cluster, from the stick"
    )


def use_cluster(parser: argparse.ArgumentParser) -> None:
    """Take the cluster that a command works on."""
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS|local[:N]",
        help="let the laboratory's machines work: an address, a scheduler file, or N workers here",
    )
    join(parser)


def declare_archive(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of ``allstation archive``."""
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="folders of slides: each folder of fields is one, and each whole slide",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the archive: a new folder, or one that goes on"
    )
    parser.add_argument("--verify", type=Path, metavar="DIR", help="hold an archive against its manifest")
    parser.add_argument(
        "--parquet", action="store_true", help="one Parquet data set by slide (default: one case a slide)"
    )
    parser.add_argument(
        "--model", type=Path, metavar="BUNDLE", help="model bundle (default: the shipped one)"
    )
    slide_arguments.declare(parser)
    parser.add_argument("--site", default="", metavar="ID", help="site that the fields were taken at")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="worker threads (default: one a processor)"
    )
    use_cluster(parser)


COMMANDS: Final = {
    "archive": (
        "archive",
        declare_archive,
        "classify any number of slides into cases or a Parquet data set; verify it",
    ),
    "cluster": ("cluster", declare_cluster, "let several machines of the laboratory work together"),
    "worker": ("cluster", declare_worker, "let this machine work for a cluster"),
}
"""Module, arguments and text of each, as ``arguments.COMMANDS`` has them."""
