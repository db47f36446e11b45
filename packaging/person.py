"""Someone who uses the installed program in the smoke test, and what counts as expected output."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ALWAYS_EXPECTED = r"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."
"""What LiteRT says at its first network, below Python's reach."""


@dataclass(frozen=True)
class Ran:
    """Result of a command.

    Attributes:
        status: Exit status.
        out: Standard output.
        err: Standard error.
        seconds: Wall time.
    """

    status: int
    out: str
    err: str
    seconds: float


def run(command: Sequence[str], *, expect: str = "", status: int = 0, timeout: float = 600) -> Ran:
    """Run a command whose every line of output must be expected.

    Args:
        command: Program and arguments.
        expect: Regular expression that each line of its output, standard error too, must match whole.
        status: Exit status that it must end with.
        timeout: Seconds.

    Raises:
        SystemExit: Another status, or a line that nobody expected.
    """
    begun = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
    )
    ran = Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)
    surprises = unexpected(ran.out + "\n" + ran.err, expect)
    if ran.status != status or surprises:
        raise SystemExit(
            f"FAILED ({ran.status}, expected {status}): {shlex.join(command)}\n"
            + "\n".join(surprises or [ran.err])
        )
    return ran


def unexpected(output: str, expect: str) -> list[str]:
    """Return the lines of an output that do not match what is expected of each."""
    lines = (line.rstrip() for line in output.splitlines())
    return [line for line in lines if line and not re.fullmatch(f"{expect}|{ALWAYS_EXPECTED}", line)]


class Person:
    """Someone who uses the installed program.

    Args:
        prefix: Turns an environment and a command into a command line run as this person.
        see: Turns a path as this person names it into a path of this machine.
        home: The home folder, as this person names it.
        program: The console program's command.
    """

    def __init__(
        self,
        prefix: Callable[[Mapping[str, str], Sequence[str]], list[str]],
        see: Callable[[str], Path],
        *,
        home: str,
        program: str,
    ) -> None:
        self._prefix = prefix
        self.see = see
        self.home = home
        self.program = program

    def using(self, program: str) -> Person:
        """Return the same person with another console program."""
        return Person(self._prefix, self.see, home=self.home, program=program)

    def cli(
        self, *words: str, environment: Mapping[str, str] | None = None, expect: str = "", status: int = 0
    ) -> Ran:
        """Run a command of the command line."""
        return run(self.line(environment or {}, self.program, *words), expect=expect, status=status)

    def line(self, environment: Mapping[str, str], *words: str) -> list[str]:
        """Return the command line of any command run as this person."""
        return self._prefix(environment, words)
