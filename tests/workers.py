"""How pytest-xdist shares the tests out, and what a worker process leaves that dies."""

from __future__ import annotations

import faulthandler
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

_DUMPS = pytest.StashKey[Path]()
_KEY = "dump"
_SECONDS = 5
"""Within which a worker whose connection broke is gone."""


class FileScheduling(LoadGroupScheduling):
    """Gives a file's tests, or those of a group, to one worker: what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        grouped = nodeid.rfind("@") > nodeid.rfind("]")  # a parameter may hold the sign, too
        return nodeid.rpartition("@")[2] if grouped else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling | None:
    """Replace the scheduler of ``--dist loadgroup``."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Name the file that a worker process writes its stacks to when it dies."""
    if _DUMPS not in node.config.stash:
        node.config.stash[_DUMPS] = Path(tempfile.mkdtemp(prefix="allstation-dumps-"))
    node.workerinput[_KEY] = str(node.config.stash[_DUMPS] / f"{node.gateway.id}.txt")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let a worker process write its stacks to that file, after pytest chose the standard error."""
    given = getattr(config, "workerinput", {}).get(_KEY)
    if given is not None:
        file = Path(given).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the process lives
        config.add_cleanup(file.close)
        faulthandler.enable(file)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController, error: object) -> None:
    """Note how a worker process ended whose connection broke."""
    if error is None or _DUMPS not in node.config.stash:
        return
    process = node.gateway._io.popen
    try:
        ending = process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        ending = None
    how = signal.Signals(-ending).name if ending is not None and ending < 0 else f"status {ending}"
    with (node.config.stash[_DUMPS] / f"{node.gateway.id}.txt").open("a", encoding="utf-8") as file:
        file.write(f"{node.gateway.id} ended by {how}\n")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what workers left that died."""
    folder = config.stash.get(_DUMPS, None)
    if folder is None:
        return
    for dump in sorted(folder.iterdir()):
        text = dump.read_text("utf-8", "replace")
        if text:
            terminalreporter.section(f"last words of worker {dump.stem}")
            terminalreporter.write(text)
    shutil.rmtree(folder)
