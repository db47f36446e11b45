"""Address of a cluster, as it is typed: ``local:4``, ``tls://host:port`` or a scheduler file."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name

DEFAULT_PORT: Final = 8786
_LOCAL: Final = "local"
_MOST_LOCAL: Final = 256
_LOOPBACK_NAMES: Final = frozenset({"localhost", ""})


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Address of the scheduler, or the number of workers on this machine alone.

    Attributes:
        url: Such as ``tls://192.168.1.20:8786``; empty for workers on this machine.
        workers: Workers to start on this machine; 0 for one a two processors.
    """

    url: str = ""
    workers: int = 0

    @property
    def is_local(self) -> bool:
        """Whether the workers are started here for this one job."""
        return not self.url


def parse_address(text: str) -> ClusterAddress:
    """Read what a person typed.

    Raises:
        StationError: ``bad-cluster-address``; ``cluster-not-encrypted`` for plain TCP to another machine.
    """
    text = text.strip()
    if text == _LOCAL or text.startswith(f"{_LOCAL}:"):
        count = text.partition(":")[2]
        if count and not (count.isdigit() and 1 <= int(count) <= _MOST_LOCAL):
            raise _bad(text)
        return ClusterAddress(workers=int(count or 0))
    if text.lower().endswith(".json"):
        text = _from_scheduler_file(Path(text))
    return ClusterAddress(_checked(text))


def is_loopback(url: str) -> bool:
    """Tell whether an address is of this machine alone."""
    host = split_url(url)[1]
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_url(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    scheme, _, rest = url.partition("://") if "://" in url else ("tls", "", url)
    host, colon, port = rest.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = rest, str(DEFAULT_PORT)
    return scheme, host.strip("[]"), int(port) if port.isdigit() else 0


def _checked(text: str) -> str:
    scheme, host, port = split_url(text)
    if scheme not in {"tls", "tcp"} or not host or not 0 < port < 1 << 16 or set(host) & set("/@ \\"):
        raise _bad(text)
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if scheme == "tcp" and not is_loopback(url):
        sentence = (
            f"The cluster at {shown_name(text)} is not encrypted, and anybody in the network could run "
            "programs there. Start it with certificates (allstation cluster up) and name its tls:// address."
        )
        raise StationError("cluster-not-encrypted", sentence)
    return url


def _from_scheduler_file(path: Path) -> str:
    try:
        return str.strip(json.loads(path.read_text("utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        sentence = (
            f"{shown_name(path.name)} is no scheduler file of Dask, or cannot be read. "
            "Name the file that the scheduler was started with (--scheduler-file)."
        )
        raise StationError("bad-cluster-address", sentence) from error


def _bad(text: str) -> StationError:
    sentence = (
        f"{shown_name(text)!r} is no cluster. Write local, local:4, tls://ADDRESS:PORT as "
        "'allstation cluster up' prints it, or the name of a scheduler file that ends in .json."
    )
    return StationError("bad-cluster-address", sentence)


def require_cluster() -> None:
    """Refuse in the edition that knows no other machines.

    Raises:
        StationError: ``no-cluster``.
    """
    if any(importlib.util.find_spec(name) is None for name in ("distributed", "msgpack")):
        sentence = (
            "This edition works on one machine. Install the full edition of ALL Station, or the extra "
            "'cluster', to use several."
        )
        raise StationError("no-cluster", sentence)
