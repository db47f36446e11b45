"""Connection to a cluster: who works there, what each machine lacks, and whether it is still there."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from distributed import Client

from allstation.core.closing import Closing
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.inference.bundle import ModelBundle
from allstation.keys.cluster_certificates import Certificates, own_certificates
from allstation.processing.cluster import tasks
from allstation.processing.cluster.address import ClusterAddress, require_cluster
from allstation.processing.cluster.node import processor_name, reference_probabilities
from allstation.processing.cluster.requests import MachineFacts
from allstation.processing.cluster.security import configure, security_of
from allstation.processing.cluster.serve import (
    TRIES,
    Hub,
    WorkerOptions,
    WorkerProcesses,
    default_workers,
    no_scheduler,
    only_ended,
)
from allstation.processing.cluster.wire import WireError
from allstation.processing.status_types import MachineStatus

_log = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 6.0
_BROKEN, _SILENT = 12.0, 30.0
"""Seconds after which a cluster counts as gone: its connection is broken, or it answers nothing."""
_WITHOUT_WORKERS: Final = 30.0
_CLOSE_SECONDS: Final = 5.0
_RATE_SECONDS: Final = 10.0


@dataclass(slots=True)
class Machine:
    """One worker, as this machine knows it.

    Attributes:
        name: For people.
        memory: Bytes that it holds.
        finished: Fields it finished lately, with the moments.
        known: Its facts were asked for.
    """

    name: str
    memory: int = 0
    finished: tuple[tuple[float, int], ...] = ()
    known: bool = False

    def rate(self, now: float) -> float:
        """Return its fields a second over the last seconds."""
        recent = [(at, count) for at, count in self.finished if now - at < _RATE_SECONDS]
        if not recent:
            return 0.0
        return sum(count for _, count in recent) / max(now - recent[0][0], 1.0)


class ClusterConnection(Closing):
    """Client of one cluster, shared by everything that is done there; any thread may call it.

    Args:
        address: Where the machines are.
        certificates: This station's own if None.
        tell: Takes sentences for a person; called on threads of the link.
        threads: Of each worker that is started here.
        worker_command: Starts such a worker, given the address; the program's own if None.
        environment: Of such workers.

    Raises:
        StationError: ``no-cluster``, ``no-scheduler``, ``wrong-certificate``, ``cannot-listen``.
    """

    def __init__(
        self,
        address: ClusterAddress,
        *,
        certificates: Certificates | None = None,
        tell: Callable[[str], None] = lambda _: None,
        threads: int | None = None,
        worker_command: Callable[[str], list[str]] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        require_cluster()
        configure()
        self._tell = tell
        self._lock = threading.Lock()
        self._lost = ""
        self._listeners: list[Callable[[str], None]] = []
        self._closing = threading.Event()
        self.machines: dict[str, Machine] = {}
        self.refused: set[str] = set()
        self.lacking: dict[str, set[str]] = {}
        self._sent: set[tuple[str, str]] = set()
        self._chores = ThreadPoolExecutor(2, thread_name_prefix="cluster-chores")
        self.hub: Hub | None = None
        self.processes: WorkerProcesses | None = None
        url = address.url
        if not url.startswith("tcp://"):
            certificates = certificates or own_certificates()
        if address.is_local:
            self.hub = Hub(certificates=certificates)
            url = self.hub.url
            command = (worker_command or WorkerOptions(threads, normal_priority=True).command)(url)
            count = address.workers or default_workers()
            self.processes = WorkerProcesses(command, count, environment or {}, quiet=True).start()
        try:
            self.client = _connected(url, certificates)
        except StationError:
            self._end_local()
            raise
        self._seen = self._worked = time.monotonic()
        self._watch = threading.Thread(target=self._look, name="cluster-watch", daemon=True)
        self._watch.start()

    # Who is there

    @property
    def lost(self) -> str:
        """Why the cluster is gone; empty while it is there."""
        return self._lost

    @property
    def gone(self) -> str:
        """Why nothing can be done there any more: it is lost, or was left; empty while it is there."""
        return self._lost or (
            "The laboratory machines are not used any more." if self._closing.is_set() else ""
        )

    def when_lost(self, listener: Callable[[str], None]) -> None:
        """Call this, once, when the cluster is gone; at once if it is already."""
        with self._lock:
            if not self._lost:
                self._listeners.append(listener)
                return
        listener(self._lost)

    def forget(self, listener: Callable[[str], None]) -> None:
        """Call this no more."""
        with self._lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def at_work(self) -> list[str]:
        """Return the addresses of the workers that may be used."""
        with self._lock:
            return [address for address in self.machines if address not in self.refused]

    def name_of(self, address: str) -> str:
        """Return the name of a worker for people; its address if it is not known."""
        with self._lock:
            machine = self.machines.get(address)
        return machine.name if machine is not None else address

    def status(self) -> tuple[MachineStatus, ...]:
        """Return the machines for people to see."""
        now = time.monotonic()
        with self._lock:
            return tuple(
                MachineStatus(one.name, one.rate(now), one.memory, address not in self.refused)
                for address, one in self.machines.items()
            )

    def wait_for_workers(self, seconds: float) -> int:
        """Wait until a worker is there, at most this long; return how many are."""
        until = time.monotonic() + seconds
        while not self.at_work() and not self._lost and time.monotonic() < until:
            if self.processes is not None and self.processes.all_refused:
                break
            time.sleep(0.05)
        return len(self.at_work())

    def _look(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS if self.machines else 0.1):
            try:
                about = self.client.sync(self._identity, callback_timeout=_ANSWER_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever Dask raises: it does not answer
                patience = _SILENT if self.client.status == "running" else _BROKEN
                if time.monotonic() - self._seen > patience or self.client.status == "closed":
                    self.lose(f"The laboratory machines do not answer any more ({type(error).__name__}).")
                    return
                continue
            self._seen = time.monotonic()
            self._take(about["workers"])
            if not self.at_work() and self._seen - self._worked > _WITHOUT_WORKERS:
                self.lose("None of the laboratory machines can work.")
                return

    async def _identity(self) -> Any:  # noqa: ANN401 - Dask has no types
        if self.client.status != "running":
            raise OSError("the connection is broken")
        return await self.client.scheduler.identity(n_workers=-1)

    def _take(self, workers: dict[str, Any]) -> None:
        new = []
        with self._lock:
            for address in set(self.machines) - set(workers):
                del self.machines[address]
            for address, about in workers.items():
                if address not in self.machines:
                    new.append(address)
                    self.machines[address] = Machine(shown_name(str(about.get("name", address))))
                self.machines[address].memory = _memory_in(about)
        if self.at_work():
            self._worked = self._seen
        if new:
            _log.info("workers joined: %s", ", ".join(new))

    def lose(self, reason: str) -> None:
        """Give the machines up; every listener is told the reason once."""
        with self._lock:
            if self._lost or self._closing.is_set():
                return
            self._lost, listeners = reason, self._listeners
            self._listeners = []
            self.machines = {}
        for listener in listeners:
            listener(reason)

    # What they lack

    def finished(self, address: str, fields: int) -> None:
        """Count fields that a worker finished."""
        now = time.monotonic()
        with self._lock:
            machine = self.machines.get(address)
            if machine is not None:
                kept = tuple(one for one in machine.finished if now - one[0] < _RATE_SECONDS)
                machine.finished = (*kept, (now, fields))

    def refuse(self, address: str, identity: str) -> None:
        """Give a worker of another version no more work, and say so."""
        with self._lock:
            if address in self.refused:
                return
            self.refused.add(address)
        name = self.name_of(address)
        self._tell(
            f"The machine {name} runs version {shown_name(identity)} of ALL Station and gets no work. "
            "Install the version of this machine on it."
        )

    def note_lacking(self, root: str, address: str) -> None:
        """Remember that a worker does not see the files below a folder."""
        with self._lock:
            lacking = self.lacking.setdefault(root, set())
            if address in lacking:
                return
            lacking.add(address)
        name = self.name_of(address)
        self._tell(
            f"The machine {name} does not see {shown_name(root)}; the bytes of each field are sent to it. "
            "That is slower. Tell its worker where the folder is: --share THERE=HERE."
        )

    def lacks(self, root: str) -> set[str]:
        """Return the workers that do not see the files below a folder."""
        with self._lock:
            return self.lacking.get(root, set()) & set(self.machines)

    def give_model(self, bundle: ModelBundle, address: str, then: Callable[[], None]) -> None:
        """Send a worker the bundle it lacks, once; the file is read again, so nobody holds it in memory."""
        self._chores.submit(self._give_model, bundle, address, then)

    def _give_model(self, bundle: ModelBundle, address: str, then: Callable[[], None]) -> None:
        key = (address, bundle.sha256)
        try:
            if key not in self._sent:
                data = bundle.path.read_bytes()
                got = self.client.run(tasks.receive_model, bundle.sha256, data, workers=[address])
                _require_arrived(got.get(address))
                self._sent.add(key)
        except Exception as error:  # noqa: BLE001 - a worker that cannot be given the model gets no work
            _log.warning("model not sent: %s", error)
            with self._lock:
                self.refused.add(address)
            self._tell(f"A machine could not be given the model ({type(error).__name__}) and gets no work.")
        finally:
            then()

    def compare(self, bundle: ModelBundle, address: str) -> None:
        """Measure, once a worker, whether another kind of processor computes other probabilities."""
        with self._lock:
            machine = self.machines.get(address)
            if machine is None or machine.known:
                return
            machine.known = True
        self._chores.submit(self._compare, bundle, address, machine.name)

    def _compare(self, bundle: ModelBundle, address: str, name: str) -> None:
        try:
            said = MachineFacts.read(self.client.run(tasks.facts, "", workers=[address])[address])
            if said.processor == processor_name():
                return
            said = MachineFacts.read(self.client.run(tasks.facts, bundle.sha256, workers=[address])[address])
            here = reference_probabilities(bundle)
        except Exception as error:  # noqa: BLE001 - a comparison costs no field
            _log.info("machine %s not compared: %s", name, error)
            return
        if here and len(here) == len(said.probabilities):
            largest = max(abs(a - b) for a, b in zip(here, said.probabilities, strict=True))
            found = f"differs by at most {largest:.1e}" if largest else "is the same to the last bit"
            self._tell(
                f"The machine {name} has another processor ({shown_name(said.processor)}): on the model's "
                f"reference field its probability {found}."
            )

    def close(self) -> None:
        """Leave the cluster; workers that were started for it end."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._chores.shutdown(wait=False, cancel_futures=True)
        leaving = threading.Thread(target=self._leave, name="cluster-leave", daemon=True)
        leaving.start()
        leaving.join(_CLOSE_SECONDS)
        self._end_local()
        self._watch.join(_CLOSE_SECONDS)

    def _leave(self) -> None:
        with contextlib.suppress(Exception):  # a cluster that is gone cannot be left well
            self.client.close(timeout=_CLOSE_SECONDS / 2)

    def _end_local(self) -> None:
        if self.processes is not None:
            self.processes.close()
        if self.hub is not None:
            self.hub.close()


def _memory_in(about: dict[str, Any]) -> int:
    """Return the bytes that a worker says it holds; 0 if it says nothing that makes sense."""
    metrics = about.get("metrics")
    said = metrics.get("memory") if isinstance(metrics, dict) else None
    return said if isinstance(said, int) and said > 0 else 0


def _require_arrived(answer: bytes | None) -> None:
    if not answer:
        raise WireError("the model did not arrive as it is")


def _connected(url: str, certificates: Certificates | None) -> Client:
    for left in reversed(range(TRIES)):
        try:
            return Client(
                url,
                security=security_of(certificates, url),
                timeout=_CONNECT_SECONDS,
                set_as_default=False,
                serializers=["dask", "msgpack", "pickle"],
                # Answers are bytes; nothing that a worker sends is unpickled here but Dask's own errors.
                deserializers=["dask", "msgpack", "error"],
            )
        except (OSError, TimeoutError, ValueError) as error:
            if not (left and only_ended(error)):
                raise no_scheduler(url, error) from error
    raise AssertionError("the last attempt returns or raises")
