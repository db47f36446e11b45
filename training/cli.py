"""The training program's command line: check, fit, sweep, evaluate, reproduce, previews, estimates, lists.

With ``--protocol`` the output is JSON lines for the window (:mod:`allstation.core.events`).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from allstation.core.arguments import positive
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.events import TYPED_AS, Failed, Finished, Report, Started
from allstation.sweep import AXES
from training import commands
from training.fit.protocol import EventWriter, console, over_pipes
from training.papers.plan import TABLES

DONE, REFUSED = 0, 2
"""Exit statuses: done; wrong usage or input, said in one sentence."""


def _recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="recipe file (.toml), or the name of a preset")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="labelled folder instead of the recipe's")


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="replace files that this program wrote for another run"
    )


def _cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS|local[:N]",
        help="train on the laboratory's machines; the folders must have the same names on all of them",
    )
    parser.add_argument("--join", type=Path, metavar="F.alljoin", help="join file of the cluster")


def _fit(parser: argparse.ArgumentParser) -> None:
    _recipe(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="run folder (default: runs/NAME-TIME)")
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the recipe's")
    parser.add_argument("--seed", type=int, metavar="S", help="instead of the recipe's")
    parser.add_argument(
        "--checked", type=Path, metavar="F", help="what a check of the folder kept of its fields"
    )
    _cluster(parser)


def _sweep(parser: argparse.ArgumentParser) -> None:
    _recipe(parser)
    parser.add_argument(
        "--vary",
        nargs="+",
        default=(),
        metavar="KEY=VALUES",
        help=f"values with commas between, such as batch=32,64; of {', '.join(key for _, key, _ in AXES)}",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new folder, or one whose sweep goes on"
    )
    _cluster(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="labelled folder, or CSV of path,class,patient"
    )
    parser.add_argument(
        "--archive", type=Path, metavar="F", help="the .zip, .rar or .tar the folder came from"
    )
    parser.add_argument("--groups", type=Path, metavar="CSV", help="known same-field groups to compare with")
    parser.add_argument(
        "--recipe",
        type=Path,
        metavar="F.toml",
        help="recipe or preset to be trained (default: any)",
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write everything found as JSON")
    parser.add_argument("--pdf", type=Path, metavar="F", help="write the report")
    parser.add_argument("--keep", type=Path, metavar="F", help="keep what was found of every field, for fit")
    _force(parser)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run folders; two or more are compared"
    )
    parser.add_argument(
        "--model", type=Path, metavar="BUNDLE", help="a model to compare with on the same fields"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the comparison as JSON")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw every figure of the first run")
    _force(parser)


def _map(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="labelled folder, or CSV of path,class,patient"
    )
    parser.add_argument(
        "--model", type=Path, metavar="BUNDLE", help="whose features (default: the run's, else the shipped)"
    )
    parser.add_argument(
        "--run", type=Path, metavar="RUN", help="run whose split tells the part of each field"
    )
    parser.add_argument("--csv", type=Path, metavar="F", help="write the coordinates")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="where features are kept (default: the user's)"
    )
    _force(parser)


def _reproduce(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", choices=TABLES, help="which paper's table")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="labelled folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="runs and report")
    parser.add_argument("--groups", type=Path, metavar="CSV", help="same-field groups of the folder")
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="seeds a row (default 3)")
    parser.add_argument(
        "--quick", action="store_true", help="tiny runs: checks the machinery, not the figures"
    )
    parser.add_argument("--backbone-size", type=positive, default=224, metavar="PX", help="default 224")
    parser.add_argument("--backbone-epochs", type=positive, default=15, metavar="N", help="default 15")
    parser.add_argument("--only", nargs="+", default=(), metavar="ROW", help="only these rows, by their keys")
    parser.add_argument("--report-only", action="store_true", help="write the report of what is there")
    parser.add_argument(
        "--times", action="store_true", help="take the prediction times of finished runs again, in turn"
    )
    _cluster(parser)


def _preview(parser: argparse.ArgumentParser) -> None:
    _recipe(parser)
    parser.add_argument("out", type=Path, metavar="F.png", help="preview sheet")
    parser.add_argument("--fields", type=positive, default=4, metavar="N", help="fields (default 4)")
    _force(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same sheet")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        os.environ.get(TYPED_AS) or "python -m training",
        description="Checks labelled folders, trains models from recipes and compares what came of it.",
        epilog=RESEARCH_USE,
    )
    parser.add_argument(
        "--protocol", action="store_true", help="JSON lines for the window; end of input stops"
    )
    kinds = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, fill, text in (
        ("check", _check, "look at a labelled folder before trusting any figure"),
        ("fit", _fit, "train from a recipe"),
        ("train", _fit, "train from a recipe; the same as fit"),
        ("sweep", _sweep, "train every combination of some values, as the window's Sweep page does"),
        ("evaluate", _evaluate, "show and compare finished runs"),
        ("map", _map, "where the fields of a labelled folder lie in a model's features"),
        ("reproduce", _reproduce, "the tables of the source papers"),
        ("augment-preview", _preview, "a sheet of augmented fields"),
        ("estimate", _recipe, "how long a recipe will take here and what memory it needs"),
        ("list", lambda _: None, "networks and classical methods with their options"),
    ):
        fill(kinds.add_parser(name, help=text, description=text[0].upper() + text[1:] + "."))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the training program.

    Args:
        arguments: Without the program's name; default those of the process.

    Returns:
        0 when done, 2 when refused with a sentence.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if "--protocol" in rest:
        options.protocol = True
        rest.remove("--protocol")
    if rest:
        parser.error(f"unrecognised: {' '.join(rest)}")
    events = over_pipes() if options.protocol else console()
    events.write(Started(os.getpid(), options.command))
    return _answer(options, events)


def _answer(options: argparse.Namespace, events: EventWriter) -> int:
    try:
        outcome = commands.run(options, events)
    except StationError as error:
        state = "discarded" if events.discarding else "failed"
        if state == "failed":
            events.write(Failed(error.code, error.sentence))
        events.write(Finished(state))
        return DONE if state == "discarded" else REFUSED
    except KeyboardInterrupt:
        events.write(Failed("interrupted", "Interrupted from the keyboard; start again to resume."))
        return REFUSED
    if outcome.report is not None:
        events.write(Report(outcome.kind, outcome.report))
    events.write(Finished(outcome.state, str(outcome.folder or ""), outcome.summary))
    return DONE
