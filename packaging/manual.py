"""Write the manual page from the command line's own parser, so that it is never out of date."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterator

import parts
import sbom


def page() -> str:
    """Return ``allstation(1)`` in the language of man pages."""
    if str(parts.ROOT) not in sys.path:
        sys.path.insert(0, str(parts.ROOT))
    cli = importlib.import_module("allstation.cli")
    parser: argparse.ArgumentParser = cli.build_parser()
    date = sbom.build_time().date().isoformat()
    lines = [
        f'.TH ALLSTATION 1 "{date}" "ALL Station {parts.version()}" "User Commands"',
        ".SH NAME",
        r"allstation \- look at, classify, review and report blood smear fields",
        ".SH SYNOPSIS",
        r"\fBallstation\fR [\fIPATH\fR ...]",
        ".br",
        r"\fBallstation\fR \fICOMMAND\fR [\fIOPTION\fR ...]",
        ".SH DESCRIPTION",
        _escaped(parser.description or ""),
        "Without a command the window opens, and the files and folders named are added to the case.",
        ".SH COMMANDS",
        *_commands(parser),
        ".SH EXIT STATUS",
        "0 all done; 1 some fields failed, they are named and the rest is kept; 2 wrong usage or input; "
        "3 a site's model was measured and refused.",
        ".SH FILES",
        r".TP",
        r"\fINAME.allcase/\fR",
        "A case: one folder with everything in it. Copy or move it as a whole.",
        r".TP",
        r"\fINAME.allmodel\fR",
        "A model bundle.",
        ".SH ENVIRONMENT",
        ".TP",
        r"\fBALLSTATION_PROFILE\fR",
        "A folder that holds all settings, models and cases instead of the usual places.",
    ]
    return "\n".join(lines) + "\n"


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name, command in groups[0].choices.items():
        yield f".SS {_escaped(name)}"
        yield _escaped(command.description or "")
        yield from _arguments(command)


def _arguments(command: argparse.ArgumentParser) -> Iterator[str]:
    """Yield what a command takes; of its actions, such as ``site add``, each with its own."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {one.dest: one.help for one in action._choices_actions}
            for name, inner in action.choices.items():
                yield from (".TP", rf"\fB{_escaped(name)}\fR", _escaped(told.get(name) or ""))
                yield from _arguments(inner)
        elif action.help != argparse.SUPPRESS and "-h" not in action.option_strings:
            yield from (".TP", _head(action), _escaped(action.help or ""))


def _head(action: argparse.Action) -> str:
    value = (
        action.metavar
        if isinstance(action.metavar, str)
        else (action.dest.upper() if action.nargs != 0 else "")
    )
    if action.choices and not action.metavar:
        value = "|".join(map(str, action.choices))
    names = ", ".join(rf"\fB{_escaped(option)}\fR" for option in action.option_strings)
    return f"{names} \\fI{_escaped(value)}\\fR".strip() if value else names


def _escaped(text: str) -> str:
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("%%", "%")
    # A line that begins with a dot would be read as a command.
    return re.sub(r"^([.'])", r"\\&\1", plain, flags=re.MULTILINE)
