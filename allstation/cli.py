"""The command line: parses, runs one command, ends it cleanly. Commands stand in ``allstation.commands``.

Only the standard library is loaded here, so that ``allstation --help`` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from allstation import __version__
from allstation.commands import SOME_FAILED, WRONG_USAGE
from allstation.commands.arguments import COMMANDS
from allstation.commands.printing import OUTPUT_LOST, flush
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.core.text import shown_name

_WINDOW_OPTIONS = """\
Without a command the window opens, and the files and folders named are added to the case:
  allstation [PATHS...] [--case CASE] [--profile DIR] [--demo]
"""


_TOO_LITTLE = (
    "There is too little memory to go on (about 1 GB of address space is needed); what was finished is kept. "
    "Close other programs, raise the limit (ulimit -v), or use fewer --threads."
)
_WITHOUT_MEMORY = ("can't start new thread", "failed to map segment", "cannot allocate memory")
"""How Python and the loader of libraries say it."""


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands.

    Args:
        only: The one command that was asked for: the others' options take longer to declare than it runs.
    """
    parser = argparse.ArgumentParser(
        prog="allstation",
        description=f"Looks at blood smear fields for acute lymphoblastic leukemia. {RESEARCH_USE}",
        epilog=_WINDOW_OPTIONS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ALL Station {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS if only is None else (only,):
        _, declare, text = COMMANDS[name]
        declare(commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + "."))
    return parser


def is_command(arguments: Sequence[str]) -> bool:
    """Tell whether the arguments are for the command line rather than for the window."""
    return bool(arguments) and (arguments[0] in COMMANDS or arguments[0] in {"-h", "--help", "--version"})


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Returns:
        ``DONE``, ``SOME_FAILED`` or ``WRONG_USAGE`` of ``allstation.commands``.
    """
    arguments = list(argv)
    if arguments and COMMANDS.get(arguments[0], ("",))[0] == "training":
        # Options after the command belong to the training program, --help included.
        options = argparse.Namespace(command=arguments[0], rest=arguments[1:])
    else:
        try:
            known = arguments[0] if arguments and arguments[0] in COMMANDS else None
            options = build_parser(known).parse_args(arguments)
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else WRONG_USAGE
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    """Run a command; a stop that the system asked for ends it as Ctrl+C does."""
    module = importlib.import_module(f"allstation.commands.{COMMANDS[options.command][0]}")
    try:
        with _stopped_cleanly(training=COMMANDS[options.command][0] == "training"):
            status: int = module.run(options)
            flush()
    except StationError as error:
        print(f"allstation: {shown_name(error.sentence)}", file=sys.stderr)
        return SOME_FAILED if error.code == OUTPUT_LOST else WRONG_USAGE
    except KeyboardInterrupt:
        print("allstation: stopped; what was finished is kept.", file=sys.stderr)
        return SOME_FAILED
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if not _lacks_memory(error):
            raise
        print(f"allstation: {_TOO_LITTLE}", file=sys.stderr)
        return SOME_FAILED
    return status


def _lacks_memory(error: Exception) -> bool:
    """Tell whether the system had no memory left for a thread, a library or an array."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(text in str(error) for text in _WITHOUT_MEMORY)


@contextmanager
def _stopped_cleanly(*, training: bool) -> Iterator[None]:
    """Let a SIGTERM end the command as Ctrl+C does, so that temporary folders are removed.

    The training program is a child that must not be killed for it: it ends by itself, with its run kept.
    """
    if training or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
