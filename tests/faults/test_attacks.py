"""Every attack of the table is held off; ``make faults`` repeats them, each command a process of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from allstation.__main__ import main
from tests.faults import attacks

POSIX_ONLY = {
    "SIGTERM of classify without a case",
    "archive whose manifest is a link to a file of the user",
    "modes of settings, report and tables",
    "pipe with the name of a slide",
    "stdout is full",
}


_IN_A_CHILD = attacks.run


def run_here(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process; what asks for an environment or a time limit of its own is a child."""
    if options:
        return _IN_A_CHILD(*arguments, **options)
    words = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(words)
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def commands_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred starts of the interpreter take longer than what is started."""
    monkeypatch.setattr(attacks, "run", run_here)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked")
    attacks.prepare(folder)
    return folder


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_an_attack_is_held_off(base: Path, tmp_path: Path, name: str) -> None:
    if sys.platform == "win32" and name in POSIX_ONLY:
        pytest.skip("a matter of POSIX")
    _, attack = attacks.ATTACKS[name]
    seen = attack(attacks.Ground(base, tmp_path))
    assert seen.held, seen.text
