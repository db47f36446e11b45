"""Rounds of a case classified on a cluster while workers or schedulers are killed, or the network is cut."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allstation.core.records import FieldState
from allstation.inference.bundle import ModelBundle
from allstation.inference.pipeline import Pipeline
from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.executor import ClusterExecutor
from allstation.processing.cluster.requests import Work
from allstation.processing.processor import CaseProcessor
from allstation.store.case import Case
from tests import cluster_makers

FIELDS: Final = 48
_PAUSES: Final = (0.2, 2.5)
"""Seconds between two kills."""
_STUCK: Final = 300.0
"""Seconds after which a round counts as one that does not end."""
_POISON_EVERY: Final = 4


@dataclass
class Tally:
    """Counts over all rounds."""

    kills: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    fields: int = 0
    tasks_lost: int = 0
    restarts: int = 0
    fell_back: int = 0
    seconds_to_fall_back: list[float] = field(default_factory=list)
    poisoned: int = 0
    workers_per_poison: list[int] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)


class Round:
    """One case classified on a cluster while something dies.

    Args:
        place: Empty folder.
        source: Fields.
        poison: One of them kills whoever decodes it.
    """

    def __init__(self, place: Path, source: list[Path], bundle: ModelBundle, *, poison: bool) -> None:
        self.poison = poison
        self._bundle = bundle
        self._folder = place / "Slide"
        self._folder.mkdir(parents=True)
        for number in range(FIELDS):
            # A comment after the end makes other bytes of the same picture: no two fields are the same.
            data = source[number % len(source)].read_bytes() + os.urandom(8)
            name = "poison.jpg" if poison and number == FIELDS // 3 else f"{number:03d}.jpg"
            (self._folder / name).write_bytes(data)
        self._case = place / "one.allcase"
        self.done = threading.Event()
        self.executors: list[ClusterExecutor] = []

    def run(self, link: ClusterConnection, tally: Tally) -> None:
        """Classify the case to its end."""
        woken = threading.Event()

        def executor(bundle: ModelBundle) -> ClusterExecutor:
            # No poison on this machine: what goes on here must be able to.
            made = ClusterExecutor(
                link,
                bundle,
                Work(bundle.sha256),
                local=lambda: Pipeline(bundle, threads=1),
                tell=lambda sentence: tally.told.update([sentence]),
            )
            self.executors.append(made)
            return made

        with Case.create(self._case, remembered=False) as case, ThreadPoolExecutor(1) as background:
            processor = CaseProcessor(
                case, lambda _: None, wake=woken.set, executor=executor, background=background
            )
            try:
                processor.add_paths([self._folder])
                processor.use_model(self._bundle)
                until = time.monotonic() + _STUCK
                while processor.busy and time.monotonic() < until:
                    woken.wait(min(1.0, processor.seconds_to_next() or 1.0))
                    woken.clear()
                    processor.process()
                if processor.busy:
                    tally.problems.append("a round did not end")
            finally:
                self.done.set()
                processor.stop()
        tally.tasks_lost += sum(one.counts.deaths for one in self.executors)

    def look(self, tally: Tally, what: str) -> None:
        """Count what is lost, double, or failed although it is innocent."""
        with Case.open(self._case) as case:
            found = list(self._problems(case))
        tally.fields += FIELDS
        tally.rounds[what] += 1
        tally.loads.append(round(os.getloadavg()[0], 1))
        tally.poisoned += self.poison
        tally.problems += [f"{what}: {problem}" for problem in found]

    def _problems(self, case: Case) -> Iterator[str]:
        yield from (f"check: {problem}" for problem in case.check())
        broken = case.audit.verify()
        if broken is not None:
            yield f"trail: {broken}"
        records = case.fields.page()
        if len(records) != FIELDS:
            yield f"{len(records)} fields instead of {FIELDS}"
        for record in records:
            made = len(case.fields.predictions(record.id))
            guilty = record.path.name == "poison.jpg"
            if guilty and (record.state, record.error_code, made) != (FieldState.FAILED, "crashed-twice", 0):
                yield f"the poisoned field is {record.state} {record.error_code}"
            elif not guilty and record.state is not FieldState.DONE:
                yield f"field {record.path.name} is {record.state}: {record.error_code}"
            elif not guilty and made != 1:
                yield f"field {record.path.name} has {made} predictions"


def kill_workers(link: ClusterConnection, one: Round, dice: random.Random, tally: Tally, most: int) -> None:
    """Kill random workers until a round is over; between two kills some answer comes, else none would."""
    assert link.processes is not None
    answered = -1
    while not one.done.wait(dice.uniform(*_PAUSES)) and tally.kills["worker"] < most:
        now = sum(each.counts.bytes_received for each in one.executors)
        if now == answered:
            continue
        answered = now
        # One that is only starting is spared: faster than they start, nobody would ever work.
        at_work = {machine.name.rpartition("-")[2] for machine in link.status()}
        pids = [pid for pid in link.processes.pids if str(pid) in at_work]
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(pids), signal.SIGKILL)
                tally.kills["worker"] += 1


def rounds_of_worker_kills(
    place: Path,
    source: list[Path],
    bundle: ModelBundle,
    dice: random.Random,
    tally: Tally,
    *,
    kills: int,
    until: float,
    keep: Callable[[], None],
) -> None:
    """Kill workers at random until there were enough kills."""
    # After a third loss fields are looked at in a child of this process: the field must be poison there too.
    os.environ["PYTHONPATH"] = cluster_makers.environment(place / "cluster", cluster_makers.POISON)[
        "PYTHONPATH"
    ]
    with cluster_makers.cluster(place / "cluster", site=cluster_makers.POISON) as link:
        number = 0
        while tally.kills["worker"] < kills and time.monotonic() < until and len(tally.problems) < 20:
            number += 1
            one = Round(place / f"round-{number}", source, bundle, poison=number % _POISON_EVERY == 0)
            killer = threading.Thread(target=kill_workers, args=(link, one, dice, tally, kills))
            killer.start()
            one.run(link, tally)
            killer.join()
            one.look(tally, "workers killed")
            tally.restarts = link.processes.restarts if link.processes else 0
            keep()
            if link.lost:
                tally.problems.append(f"the cluster was given up: {link.lost}")
                return


def rounds_of_poison(
    place: Path, source: list[Path], bundle: ModelBundle, tally: Tally, *, rounds: int
) -> None:
    """Give poisoned fields to workers that nobody kills: how many does each cost?"""
    with cluster_makers.cluster(place / "cluster", site=cluster_makers.POISON) as link:
        assert link.processes is not None
        for number in range(rounds):
            before = link.processes.restarts
            one = Round(place / f"round-{number}", source, bundle, poison=True)
            one.run(link, tally)
            one.look(tally, "poisoned field alone")
            time.sleep(3)
            tally.workers_per_poison.append(link.processes.restarts - before)


@contextmanager
def scheduler_process(place: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield ``allstation cluster up`` as a process of its own, and its address."""
    environment = {**os.environ, **cluster_makers.environment(place)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        "cluster",
        "up",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "2",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "allstation", *command],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Proxy:
    """Forwards bytes to an address until the network is cut: then they vanish, and no connection closes."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.cut = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._server.accept()
                other = socket.create_connection(self._target)
                self._sockets += [one, other]
                for pair in ((one, other), (other, one)):
                    threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self.cut.is_set():
                    other.sendall(data)
        if not self.cut.is_set():
            with contextlib.suppress(OSError):
                other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End everything."""
        for one in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                one.close()


def round_of_loss(
    place: Path, source: list[Path], bundle: ModelBundle, dice: random.Random, tally: Tally, *, cut: bool
) -> None:
    """Kill the scheduler, or cut the network to it, in the middle of a case."""
    os.environ["ALLSTATION_PROFILE"] = str(place / "cluster" / "profile")
    with scheduler_process(place / "cluster") as (process, url):
        proxy = Proxy(("127.0.0.1", int(url.rsplit(":", 1)[1]))) if cut else None
        address = ClusterAddress(f"tls://127.0.0.1:{proxy.port}" if proxy else url)
        with ClusterConnection(address) as link:
            if not link.wait_for_workers(60):
                tally.problems.append("no worker joined the scheduler")
                return
            one = Round(place / "round", source, bundle, poison=False)
            fell: list[float] = []
            link.when_lost(lambda _: fell.append(time.monotonic()))
            at: list[float] = []

            def end() -> None:
                time.sleep(dice.uniform(0.2, 1.5))
                at.append(time.monotonic())
                if proxy is not None:
                    proxy.cut.set()
                else:
                    process.kill()

            ending = threading.Thread(target=end)
            ending.start()
            one.run(link, tally)
            ending.join()
            what = "network cut" if cut else "scheduler killed"
            one.look(tally, what)
            tally.kills[what] += 1
            if fell:
                tally.fell_back += 1
                tally.seconds_to_fall_back.append(round(fell[0] - at[0], 1))
        if proxy is not None:
            proxy.close()
