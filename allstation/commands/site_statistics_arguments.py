"""Arguments of the actions of ``allstation site`` that share statistics. Loads the standard library only."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    _Actions = argparse._SubParsersAction[argparse.ArgumentParser]

ACTIONS: Final = ("export-statistics", "merge", "remove")


def declare(actions: _Actions) -> None:
    """Declare the actions and what each of them takes."""
    exporting = actions.add_parser(
        ACTIONS[0], help="counts, means and scatter of a site's typed cells, signed, without pixels"
    )
    exporting.add_argument("model", type=Path, metavar="SITE.allmodel", help="that “commission” wrote here")
    exporting.add_argument(
        "--noise", type=float, metavar="EPSILON", help="add Gaussian noise of this epsilon (default: none)"
    )
    merging = actions.add_parser("merge", help="add the statistics of sites, exactly")
    merging.add_argument("files", nargs="+", type=Path, metavar="SITE.allstats", help="of two or more sites")
    removing = actions.add_parser("remove", help="take the statistics of a site out of merged ones, exactly")
    removing.add_argument("whole", type=Path, metavar="MERGED.allstats", help="that “site merge” wrote")
    removing.add_argument("part", type=Path, metavar="SITE.allstats", help="what is taken out")
    for parser in (exporting, merging, removing):
        parser.add_argument(
            "--name", default="", metavar="NAME", help="that others read (default: the file's)"
        )
        also = "" if parser is exporting else "; as .allmodel a model that names nothing by itself"
        parser.add_argument(
            "--out", type=Path, required=True, metavar="F.allstats", help=f"file to write{also}"
        )
        parser.add_argument("--force", action="store_true", help="replace a file of an earlier run")
