"""Scheduler and workers on this machine: for one job, or for the other machines of the laboratory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from distributed import rpc
from distributed.utils import LoopRunner, get_ip, sync

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.frozen import station_command
from allstation.inference.pipeline import default_threads
from allstation.keys.cluster_certificates import Certificates, own_certificates
from allstation.processing.cluster import tasks
from allstation.processing.cluster.address import is_loopback, split_url
from allstation.processing.cluster.node import Node
from allstation.processing.cluster.programs_child import end_programs
from allstation.processing.cluster.requests import IDENTITY
from allstation.processing.cluster.revocation import LIST_KEY, take, take_from_scheduler, watch_own_list
from allstation.processing.cluster.security import (
    LaboratorySecurity,
    QuietScheduler,
    QuietWorker,
    configure,
    security_of,
)
from allstation.processing.cluster.shares import Shares

LOOPBACK: Final = "127.0.0.1"
TRIES: Final = 5
"""Attempts to hear why a connection is refused."""
REFUSED: Final = 2
"""Exit status of a worker that must not be started again: wrong version, wrong certificates."""
_IDENTITY_KEY: Final = "allstation"
_SLOTS: Final = 2
"""Tasks a worker works on at a time: the threads of one are busy with the next while it ends."""
_PATIENCE: Final = 20.0
_LOOK: Final = 0.25
_FIRST_PAUSE, _LONGEST_PAUSE, _HEALTHY = 0.5, 30.0, 20.0


def default_workers() -> int:
    """Return how many workers this machine gets: one for two processors."""
    return max(1, default_threads() // 2)


class Hub:
    """Scheduler in this process, on one network interface.

    Args:
        host: Address of the interface.
        port: 0 for any that is free.
        certificates: This station's own if None.

    Raises:
        StationError: ``cannot-listen``.
    """

    def __init__(
        self, host: str = LOOPBACK, *, port: int = 0, certificates: Certificates | None = None
    ) -> None:
        configure()
        self._certificates = certificates or own_certificates()
        self._runner = LoopRunner(loop=None, asynchronous=False)
        self._runner.start()
        try:
            _require_free(host, port)
            self._scheduler = sync(self._runner.loop, self._start, host, port)
        except (OSError, ValueError, RuntimeError) as error:
            self._runner.stop()
            sentence = (
                f"No cluster can be started at {shown_name(host)}:{port} ({error}). Name another --host or "
                "--port, or end what uses it."
            )
            raise StationError("cannot-listen", sentence) from error

    async def _start(self, host: str, port: int) -> QuietScheduler:
        url, security = f"tls://{host}:{port}", LaboratorySecurity(self._certificates)
        scheduler = QuietScheduler(host=url, security=security, dashboard=False, dashboard_address=None)
        await scheduler
        scheduler.set_metadata(keys=[_IDENTITY_KEY], value=IDENTITY)
        self._revoked = asyncio.create_task(watch_own_list(scheduler, security))
        return scheduler

    async def _end(self) -> None:
        self._revoked.cancel()
        await self._scheduler.close()

    @property
    def url(self) -> str:
        """Address that workers and clients connect to."""
        return str(self._scheduler.address)

    @property
    def workers(self) -> dict[str, str]:
        """Names of the workers by their addresses."""
        return {address: str(state.name) for address, state in list(self._scheduler.workers.items())}

    def close(self) -> None:
        """End the scheduler."""
        with contextlib.suppress(Exception):  # what cannot be ended well is ended with the process
            sync(self._runner.loop, self._end, callback_timeout=_PATIENCE)
        self._runner.stop()


def _require_free(host: str, port: int) -> None:
    """Try the address first: Dask leaves a socket behind where it cannot listen.

    Raises:
        OSError: What the system answered.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()


@dataclass(slots=True)
class _Place:
    """Place of one worker process.

    Attributes:
        process: The process that runs now.
        began: When it was started.
        pause: Seconds until it is started again when it ends.
        again_at: When that is; 0 while it runs.
        refused: It must not be started again.
    """

    process: subprocess.Popen[bytes]
    began: float
    pause: float = _FIRST_PAUSE
    again_at: float = 0.0
    refused: bool = False


@dataclass(slots=True)
class WorkerProcesses:
    """Worker processes of this machine; one that dies is started again.

    Attributes:
        command: Starts one.
        count: How many.
        environment: Of the processes, beside this one's.
        quiet: Whether what they print goes nowhere.
    """

    command: Sequence[str]
    count: int
    environment: dict[str, str] = field(default_factory=dict)
    quiet: bool = False
    restarts: int = 0
    _places: list[_Place] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _watch: threading.Thread | None = None
    _scratch: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> Self:
        """Start them, and a thread that looks after them."""
        # One folder for what they leave when they are killed; removed with them.
        self._scratch = tempfile.TemporaryDirectory(prefix="allstation-workers-", ignore_cleanup_errors=True)
        self.environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._scratch.name)
        self._places = [_Place(self._started(), time.monotonic()) for _ in range(self.count)]
        self._watch = threading.Thread(target=self._look, name="cluster-workers", daemon=True)
        self._watch.start()
        return self

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that run."""
        return [place.process.pid for place in self._places if place.process.poll() is None]

    @property
    def all_refused(self) -> bool:
        """Whether none may be started again."""
        return all(place.refused for place in self._places)

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,  # its end tells a worker that this process is gone
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if self.quiet else None,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1", **self.environment},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def _look(self) -> None:
        while not self._ended.wait(_LOOK):
            for place in self._places:
                self._look_after(place)

    def _look_after(self, place: _Place) -> None:
        now = time.monotonic()
        if place.refused or (status := place.process.poll()) is None:
            return
        if status == REFUSED:
            place.refused = True
        elif not place.again_at:
            healthy = now - place.began > _HEALTHY
            place.pause = _FIRST_PAUSE if healthy else min(2 * place.pause, _LONGEST_PAUSE)
            place.again_at = now + place.pause
        elif now >= place.again_at:
            _close_input(place.process)
            place.process, place.began, place.again_at = self._started(), now, 0.0
            self.restarts += 1

    def close(self) -> None:
        """End all of them."""
        self._ended.set()
        if self._watch is not None:
            self._watch.join()
        for place in self._places:
            _close_input(place.process)
        until = time.monotonic() + _PATIENCE / 4
        for place in self._places:
            try:
                place.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                place.process.kill()
                place.process.wait()
        if self._scratch is not None:
            self._scratch.cleanup()


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Options of a worker.

    Attributes:
        threads: Of its pipelines; None for one a processor.
        shares: What this machine calls the folders of others.
        join: Join file; None for this station's own certificates.
        normal_priority: Programs of a person at this machine do not go first.
    """

    threads: int | None = None
    shares: tuple[str, ...] = ()
    join: Path | None = None
    normal_priority: bool = False

    def command(self, url: str) -> list[str]:
        """Return the command line of one worker process."""
        words = [*station_command(), "worker", url, "--one"]
        words += ["--threads", str(self.threads)] if self.threads else []
        words += ["--normal-priority"] if self.normal_priority else []
        words += [word for share in self.shares for word in ("--share", share)]
        return words + (["--join", str(self.join)] if self.join else [])


def run_worker(url: str, options: WorkerOptions, certificates: Certificates) -> int:
    """Work for a scheduler until it, or the parent of this process, is gone.

    Returns:
        0, or :data:`REFUSED`.

    Raises:
        StationError: ``other-version``, ``no-scheduler``.
    """
    configure()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    shares, low = Shares.parse(options.shares), not options.normal_priority
    node = Node(threads=options.threads, shares=shares, low_priority=low)
    asyncio.run(_work(url, node, certificates))
    return 0


def _end_with_parent() -> None:
    """End this process at once when the one that started it is gone: what it had in hand others do."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(0)


async def _work(url: str, node: Node, certificates: Certificates) -> None:
    security = security_of(certificates, url)
    await _check_version(url, security)
    host = LOOPBACK if is_loopback(url) else get_ip(split_url(url)[1])
    with tempfile.TemporaryDirectory(prefix="allstation-worker-", ignore_cleanup_errors=True) as scratch:
        worker = QuietWorker(
            url,
            nthreads=_SLOTS,
            security=security,
            host=host,
            name=f"{socket.gethostname()}-{os.getpid()}",
            memory_limit=0,
            local_directory=scratch,
            dashboard=False,
        )
        tasks.attach(worker, node)
        try:
            async with worker:
                if isinstance(security, LaboratorySecurity):
                    await take_from_scheduler(worker, security)
                await worker.finished()
        finally:
            end_programs(worker)
            node.close()


async def _metadata(url: str, security: Any) -> tuple[Any, Any]:  # noqa: ANN401 - Dask has no types
    """Return what a scheduler says of its program, and its list of revoked certificates."""
    arguments = {} if security is None else security.get_connection_args("worker")
    async with rpc(url, connection_args=arguments, timeout=_PATIENCE) as scheduler:
        identity = await scheduler.get_metadata(keys=[_IDENTITY_KEY], default=None)
        return identity, await scheduler.get_metadata(keys=[LIST_KEY], default=None)


def only_ended(error: BaseException) -> bool:
    """Tell whether a connection ended without a reason: an alert that gives it may be lost on its way."""
    return "eof" in str(error).lower()


async def _check_version(url: str, security: Any) -> None:  # noqa: ANN401 - Dask has no types
    """Refuse to work for another version of the program, and take the list of revoked certificates.

    Raises:
        StationError: ``other-version``, ``no-scheduler``.
    """
    said = None
    for left in reversed(range(TRIES)):
        try:
            said, revoked = await asyncio.wait_for(_metadata(url, security), _PATIENCE)
            break
        except (OSError, TimeoutError, ValueError) as error:
            if not (left and only_ended(error)):
                raise no_scheduler(url, error) from error
    if isinstance(security, LaboratorySecurity):
        take(security, revoked)
    if said is not None and said != IDENTITY:
        sentence = (
            f"The cluster at {shown_name(url)} runs version {shown_name(str(said))} of ALL Station, this "
            f"machine version {IDENTITY}. Install the same version on both."
        )
        raise StationError("other-version", sentence)


def no_scheduler(url: str, error: BaseException) -> StationError:
    """Return the problem of a cluster that does not answer, or not to these certificates."""
    text = f"{error} {error.__cause__ or ''}".lower().replace(url.lower(), "")
    if "revoked" in text:
        sentence = (
            f"The cluster at {shown_name(url)} does not take this machine any more: its certificate was "
            "revoked. If that was a mistake, write a new join file where the cluster runs "
            "(allstation cluster join FILE)."
        )
        return StationError("revoked-certificate", sentence)
    if any(word in text for word in ("certificate", "ssl", "alert", "handshake")):
        sentence = (
            f"The cluster at {shown_name(url)} does not know this machine's certificate. Write a join file "
            "where it runs (allstation cluster join FILE), bring it here, and name it with --join."
        )
        return StationError("wrong-certificate", sentence)
    sentence = (
        f"No cluster answers at {shown_name(url)}. Look whether it runs (allstation cluster up), whether the "
        "address is right, and whether the network lets this machine through."
    )
    return StationError("no-scheduler", sentence)
