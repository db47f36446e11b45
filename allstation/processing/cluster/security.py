"""Configuration of Dask: TLS between ends that know each other, no web server, no dashboard."""

from __future__ import annotations

import logging
import ssl
from typing import Any, Final

import dask
from distributed import Scheduler, Worker
from distributed.security import Security

from allstation.keys.cluster_certificates import Certificates

_SETTINGS: Final = {
    "distributed.comm.timeouts.connect": "15s",
    "distributed.comm.timeouts.tcp": "20s",
    "distributed.comm.retry.count": 0,
    # A worker that died ends a task at once: which of its fields did it is found out carefully.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-ttl": "60s",
    # Work is handed out by what is finished, not by Dask's estimates of memory that decoders need.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.low-level-log-length": 100,
    # Each node looks at its own loop 50 times a second otherwise.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",
    "distributed.admin.system-monitor.interval": "2s",
}


def configure() -> None:
    """Set what this program needs of Dask in this process, and keep its log to itself."""
    dask.config.set(_SETTINGS)
    known = [name for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    for name in ("distributed", "tornado", "asyncio", *known):  # Dask gave each a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)


def security_of(certificates: Certificates | None, url: str) -> Security | None:
    """Return the certificates as Dask takes them; None for plain TCP on this machine."""
    if url.startswith("tcp://"):
        return None
    if certificates is None:
        return Security(require_encryption=True)
    files: dict[str, Any] = {"tls_ca_file": str(certificates.authority)}
    for role in ("client", "scheduler", "worker"):
        files[f"tls_{role}_cert"] = str(certificates.certificate)
        files[f"tls_{role}_key"] = str(certificates.key)
    return Security(require_encryption=True, tls_min_version=ssl.TLSVersion.TLSv1_3, **files)


class QuietScheduler(Scheduler):  # type: ignore[misc]
    """Scheduler without the web server that Dask opens on every node."""

    def start_http_server(self, *_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - Dask's own
        """Open nothing."""


class QuietWorker(Worker):  # type: ignore[misc]
    """Worker without the web server that Dask opens on every node."""

    def start_http_server(self, *_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - Dask's own
        """Open nothing."""
