"""Configuration of Dask: TLS between ends that know each other, no web server, no dashboard."""

from __future__ import annotations

import logging
import ssl
import weakref
from typing import Any, Final

import dask
from distributed import Scheduler, Worker
from distributed.security import Security

from allstation.keys.cluster_certificates import Certificates
from allstation.keys.cluster_revocation import REVOKED

_log = logging.getLogger(__name__)
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
    return LaboratorySecurity(certificates)


class LaboratorySecurity(Security):  # type: ignore[misc]
    """Certificates as Dask takes them; the other end's must not be one that the authority has revoked.

    Args:
        certificates: Of this machine; the list lies beside them. Without one nothing is held against it.
    """

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        files: dict[str, Any] = {"tls_ca_file": str(certificates.authority)}
        for role in ("client", "scheduler", "worker"):
            files[f"tls_{role}_cert"] = str(certificates.certificate)
            files[f"tls_{role}_key"] = str(certificates.key)
        super().__init__(require_encryption=True, tls_min_version=ssl.TLSVersion.TLSv1_3, **files)

    def _get_tls_context(self, tls: dict[str, Any], purpose: ssl.Purpose) -> ssl.SSLContext | None:
        context: ssl.SSLContext | None = super()._get_tls_context(tls, purpose)
        if context is not None:
            if purpose is ssl.Purpose.CLIENT_AUTH:
                context.num_tickets = 0  # a session that is taken up again shows no certificate
            self._contexts.add(context)
            self._load(context)
        return context

    def reload(self) -> None:
        """Hold new connections against the list as it is now; of several the latest counts."""
        for context in list(self._contexts):
            self._load(context)

    def _load(self, context: ssl.SSLContext) -> None:
        path = self.certificates.folder / REVOKED
        try:
            context.load_verify_locations(path)
        except OSError as error:  # also ssl.SSLError
            if path.exists():
                _log.warning("the list of revoked certificates cannot be read: %s", error)
            return
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


class QuietScheduler(Scheduler):  # type: ignore[misc]
    """Scheduler without the web server that Dask opens on every node."""

    def start_http_server(self, *_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - Dask's own
        """Open nothing."""


class QuietWorker(Worker):  # type: ignore[misc]
    """Worker without the web server that Dask opens on every node."""

    def start_http_server(self, *_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - Dask's own
        """Open nothing."""
