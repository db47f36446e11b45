"""Frozen program: start of its own parts, environment of its children."""

from __future__ import annotations

import importlib.util
import logging
import os
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from allstation import paths
from allstation.core.errors import StationError

TRAINING_SWITCH = "--training-child"
"""First argument that turns the frozen console program into the training program."""

CHILD_SWITCH = "--isolated-child"
"""First argument that turns the frozen console program into an isolated child; its kind follows."""

ISOLATED_CHILDREN: Final[Mapping[str, str]] = {
    "decoder": "allstation.imaging.formats.decoder_child",
    "archive": "allstation.imaging.archives.child",
    "network": "allstation.inference.network_child",
    "slide": "allstation.imaging.readers.slide_child",
}
"""Modules that are the program of an isolated child, by its kind."""

_CHILDREN: Final[Mapping[str, str]] = {
    **ISOLATED_CHILDREN,
    "field": "allstation.processing.cluster.careful",
}
"""The same, with those that work as the station does and may die in its place."""

CONSOLE_PROGRAM = "allstation-cli"
"""The console executable that lies beside the windowed one."""

BUILD_STAMP = "notices/BUILD.txt"
"""Which build this is, below ``resources/``; the packer writes it."""

_HOSTS_PLUGINS = (
    "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "QT_STYLE_OVERRIDE",
    "QML2_IMPORT_PATH", "MPLBACKEND", "KERAS_BACKEND",
)  # fmt: skip


def is_frozen() -> bool:
    """Tell whether this process was started from the frozen program rather than from a Python."""
    return bool(getattr(sys, "frozen", False))


def build_stamp() -> str:
    """Return which build this is, as the packer wrote it: edition, system, date and commit."""
    try:
        return paths.resource(BUILD_STAMP).read_text("utf-8").strip()
    except StationError:
        return "not packed: running from its sources"


def training_command() -> list[str]:
    """Return the command line that starts the training program; its arguments follow."""
    if is_frozen():
        return [str(_console_program()), TRAINING_SWITCH]
    return [sys.executable, "-m", "training"]


def station_command() -> list[str]:
    """Return the command line that starts this program's command line; a command follows."""
    if is_frozen():
        return [str(_console_program())]
    return [sys.executable, "-m", "allstation"]


def child_command(kind: str) -> list[str]:
    """Return the command line that starts an isolated child; its limits follow.

    Args:
        kind: One of :data:`ISOLATED_CHILDREN`, or ``field``.
    """
    if is_frozen():
        return [str(_console_program()), CHILD_SWITCH, kind]
    # -P: a module of the same name in the folder that the person works in is not this program's.
    return [sys.executable, "-P", "-m", _CHILDREN[kind]]


def training_is_installed() -> bool:
    """Tell whether this edition can train."""
    return importlib.util.find_spec("training") is not None


def start(station: Callable[[list[str]], int], argv: Sequence[str] | None = None) -> int:
    """Run the frozen program: the training program if the switch says so, else the station.

    Args:
        station: The station's own front door; handed in, as it stands floors above this module.
        argv: Arguments without the program's name; default those of the process.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    forget_the_wrapping()
    forget_the_hosts_plugins()
    if arguments[:1] == [TRAINING_SWITCH]:
        return _train(arguments[1:])
    if arguments[:1] == [CHILD_SWITCH]:
        return _run_module(_CHILDREN[arguments[1]], arguments[2:])
    return station(arguments)


def forget_the_wrapping() -> None:
    """Give children of the frozen program the library path that the user had.

    The frozen program's start code points ``LD_LIBRARY_PATH`` at the shipped libraries and keeps the
    user's value beside it. A browser or a PDF viewer started from here must not load ours. A child that is
    this program again would believe that this was done for it already, and not find its libraries.
    """
    if not is_frozen():
        return
    os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    for variable in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        before = os.environ.pop(f"{variable}_ORIG", None)
        if before is not None:
            os.environ[variable] = before
        else:
            os.environ.pop(variable, None)


def forget_the_hosts_plugins() -> None:
    """Keep Qt and Matplotlib from loading parts of the host's: they are of other versions than ours.

    A desktop of the KDE family sets such variables for every program it starts.
    """
    if is_frozen():
        for variable in _HOSTS_PLUGINS:
            os.environ.pop(variable, None)


def _train(arguments: list[str]) -> int:
    if not training_is_installed():
        print(  # noqa: T201 - the child has no other voice before its protocol starts
            "allstation: This edition cannot train. Install the full edition of ALL Station.", file=sys.stderr
        )
        return 2
    # A frozen program holds no sources, which TensorFlow says of each function it meets.
    logging.getLogger("tensorflow").addFilter(_is_not_about_sources)
    return _run_module("training", arguments)


def _run_module(name: str, arguments: Sequence[str]) -> int:
    sys.argv = [name, *arguments]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


def _is_not_about_sources(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("AutoGraph could not transform")


def _console_program() -> Path:
    here = Path(sys.executable)
    return here.with_name(CONSOLE_PROGRAM + here.suffix)
