"""The laboratory's machines for the window: connected in the background, used by the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from PySide6.QtCore import QObject, Signal, Slot

from allstation.core.errors import StationError
from allstation.keys.cluster_certificates import (
    Certificates,
    JoinFile,
    joined_certificates,
    own_certificates,
    read_join_file,
)
from allstation.processing.cluster.address import parse_address, require_cluster
from allstation.services.tasks import Serial

if TYPE_CHECKING:
    from allstation.core.known_sizes import KnownSizes
    from allstation.core.limits import DecodeLimits
    from allstation.inference.bundle import ModelBundle
    from allstation.processing.batch import FieldExecutor
    from allstation.processing.cluster.connection import ClusterConnection

_WAIT_SECONDS: Final = 8.0


@dataclass(frozen=True, slots=True)
class MachinesState:
    """State of the connection to the laboratory's machines.

    Attributes:
        address: Of the cluster; empty while none is wanted.
        workers: Workers there; 0 while none is connected.
        sentence: What a person should know.
        connected: Whether the queue works there.
    """

    address: str = ""
    workers: int = 0
    sentence: str = ""
    connected: bool = False


class Machines(QObject):
    """Makes the executors of the queue, on the laboratory's machines or here. Lives on the writer's thread.

    Signals:
        ready: Executors are made elsewhere from now on.
        state_changed: :class:`MachinesState`.
        connection_changed: The connection to the cluster, or None: it was left, or is gone.
        noted: A sentence for a person, such as that this machine goes on alone.
    """

    ready = Signal()
    state_changed = Signal(object)
    connection_changed = Signal(object)
    noted = Signal(str)
    _gone = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._serial = Serial(self)
        self.connection: ClusterConnection | None = None
        self._wanted = ""
        self._gone.connect(self._connection_ended)

    def use(self, address: str, certificates: Path | None) -> None:
        """Connect to a cluster in the background and use it; an empty address is this machine alone."""
        self._leave()
        self._wanted = address
        if not address:
            self.state_changed.emit(MachinesState())
            self.ready.emit()
            return
        self.state_changed.emit(MachinesState(address, sentence="Connecting…"))
        shown = Certificates(certificates) if certificates is not None else None
        task = self._serial.run(lambda: connected(address, shown, tell=self.noted.emit))
        task.done.connect(self._linked)
        task.failed.connect(self._not_linked)

    @Slot(object)
    def _linked(self, link: ClusterConnection) -> None:
        self._leave()
        self.connection = link
        link.when_lost(self._gone.emit)
        self.connection_changed.emit(link)
        self.state_changed.emit(MachinesState(self._wanted, len(link.at_work()), connected=True))
        self.ready.emit()

    @Slot(object)
    def _not_linked(self, error: Exception) -> None:
        if not isinstance(error, StationError):
            raise error
        self.state_changed.emit(MachinesState(self._wanted, sentence=error.sentence))
        self.noted.emit(f"{error.sentence} This machine works alone.")

    @Slot(str)
    def _connection_ended(self, reason: str) -> None:
        self._leave()
        self.state_changed.emit(MachinesState(self._wanted, sentence=reason))

    def executor(
        self, bundle: ModelBundle, *, threads: int | None, limits: DecodeLimits, sizes: KnownSizes
    ) -> FieldExecutor:
        """Make what classifies the fields of a model."""
        from allstation.inference.pipeline import Pipeline

        link = self.connection

        def here(*, cells: bool) -> Pipeline:
            return Pipeline(
                bundle, threads=threads, limits=limits, low_priority=True, sizes=sizes, cells=cells
            )

        if link is None or link.lost:
            return here(cells=False)
        from allstation.processing.cluster.executor import ClusterExecutor
        from allstation.processing.cluster.requests import Work

        # Cells come with the predictions: a worker has the field in hand already.
        work = Work(bundle.sha256, limits, sizes, cells=True)
        return ClusterExecutor(link, bundle, work, local=partial(here, cells=True), tell=self.noted.emit)

    def _leave(self) -> None:
        """Leave the cluster; its executors were closed, or go on with this machine."""
        link, self.connection = self.connection, None
        if link is not None:
            self.connection_changed.emit(None)
            self._serial.run(link.close)

    def close(self) -> None:
        """Leave the cluster and wait until that is done."""
        self._leave()
        self._serial.finish()


def connected(
    address: str, certificates: Certificates | None, *, tell: Callable[[str], None] | None = None
) -> ClusterConnection:
    """Connect to a cluster with workers.

    Args:
        address: As a person typed it.
        certificates: This station's own if None.
        tell: Takes sentences for a person; called on other threads.

    Raises:
        StationError: ``no-cluster``, ``bad-cluster-address``, ``no-scheduler``, ``wrong-certificate``,
            ``no-workers``.
    """
    require_cluster()
    from allstation.processing.cluster.connection import ClusterConnection

    known = certificates or own_certificates()
    link = ClusterConnection(parse_address(address), certificates=known, tell=tell or _nobody)
    if not link.wait_for_workers(_WAIT_SECONDS):
        link.close()
        sentence = "The cluster answers, but no worker is there. Start one: allstation worker ADDRESS."
        raise StationError("no-workers", sentence)
    return link


def _nobody(_sentence: str) -> None:
    """Tell nobody."""


def tested(address: str, certificates: Certificates | None) -> MachinesState:
    """Connect, count the workers, and leave again.

    Raises:
        StationError: As :func:`connected`.
    """
    link = connected(address, certificates)
    try:
        return MachinesState(address, len(link.at_work()), connected=True)
    finally:
        link.close()


def memory_in_use() -> int:
    """Return the bytes that this program holds in this machine's memory."""
    return int(psutil.Process().memory_info().rss)


def joined(path: Path) -> tuple[JoinFile, Certificates]:
    """Read a join file and keep its certificates in the profile, so that the stick can go.

    Raises:
        StationError: ``bad-join-file``, ``cannot-write-certificates``.
    """
    content = read_join_file(path)
    return content, joined_certificates(content)
