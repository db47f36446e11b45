"""``allstation cluster`` and ``allstation worker``: the laboratory's machines."""

from __future__ import annotations

import argparse
import ipaddress
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import flush, note, say
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.files import write_atomically
from allstation.keys.cluster_certificates import (
    SUFFIX,
    Certificates,
    cluster_folder,
    joined_certificates,
    own_certificates,
    read_join_file,
    renew_authority,
    revoke_machine,
    write_join_file,
)
from allstation.processing.cluster.address import parse_address, require_cluster

if TYPE_CHECKING:
    from allstation.processing.cluster.connection import ClusterConnection

_LOOK: Final = 0.5
_WAIT_SECONDS: Final = 60.0
_LAST: Final = "last-address.txt"


def run(options: argparse.Namespace) -> int:
    """Run ``cluster`` or ``worker``.

    Raises:
        StationError: ``no-cluster`` in an edition without it, and what a person typed wrongly.
    """
    require_cluster()
    if options.command == "worker":
        return _worker(options)
    actions = {"up": _up, "join": _join, "status": _status, "revoke": _revoke, "renew": _renew}
    return actions[options.action](options)


def _up(options: argparse.Namespace) -> int:
    from allstation.processing.cluster.serve import Hub, WorkerOptions, WorkerProcesses, default_workers

    hub = Hub(options.host or own_address(), port=options.port)
    processes = None
    try:
        _remember(hub.url)
        count = 0 if options.no_workers else options.workers or default_workers()
        if count:
            processes = WorkerProcesses(WorkerOptions(options.threads or 2).command(hub.url), count).start()
        say(f"cluster  {hub.url}")
        say(f"another PC joins with a join file from a stick: allstation cluster join F{SUFFIX}")
        say(f"and there: allstation worker {hub.url} --join F{SUFFIX}")
        say(f"work is sent with: allstation classify FOLDER --cluster {hub.url}   (Ctrl+C ends the cluster)")
        flush()
        _name_changes(lambda: hub.workers)
    finally:
        if processes is not None:
            processes.close()
        hub.close()
    return DONE


def _name_changes(workers: Callable[[], dict[str, str]]) -> None:
    """Print who comes and goes, until Ctrl+C."""
    known: dict[str, str] = {}
    while True:
        now = workers()
        for address in sorted(set(now) - set(known)):
            say(f"joined   {now[address]}")
        for address in sorted(set(known) - set(now)):
            say(f"left     {known[address]}")
        known = now
        flush()
        time.sleep(_LOOK)


def _remember(url: str) -> None:
    with suppress(OSError):
        write_atomically(cluster_folder() / _LAST, url.encode(), sync=False)


def _last_url() -> str:
    try:
        return (cluster_folder() / _LAST).read_text("utf-8").strip()
    except OSError as error:
        sentence = (
            "No cluster was started here yet. Start one (allstation cluster up), or name its --address."
        )
        raise StationError("no-scheduler", sentence) from error


def _join(options: argparse.Namespace) -> int:
    if not options.what:
        sentence = f"Name the file to write, on a stick: allstation cluster join E:\\pc7{SUFFIX}"
        raise StationError("no-file", sentence)
    target = Path(options.what)
    url = parse_address(options.address).url if options.address else _last_url()
    write_join_file(target, address=url, machine=options.name or target.stem)
    say(f"written: {shown_name(str(target))}")
    say("Whoever has this file can run programs on every machine of the cluster: keep it as you keep a key.")
    return DONE


def _revoke(options: argparse.Namespace) -> int:
    if not options.what:
        sentence = "Name the machine, as in its join file: allstation cluster revoke pc7"
        raise StationError("no-machine", sentence)
    for one in revoke_machine(options.what):
        say(f"revoked  {shown_name(one.machine)}, made {one.made}, until {one.ends}")
    say(
        "A cluster that runs here puts it out now, and its workers do within seconds. What the machine "
        "could read until now it may have kept: if it was stolen, begin anew (allstation cluster renew)."
    )
    return DONE


def _renew(_options: argparse.Namespace) -> int:
    renew_authority()
    say("Every join file written before has ended. Start the cluster again, and write new join files.")
    return DONE


def _status(options: argparse.Namespace) -> int:
    with linked(options.what or _last_url(), options.join) as link:
        link.wait_for_workers(_LOOK * 10)
        for machine in link.status():
            say(f"{machine.name}: {machine.memory / 2**20:,.0f} MB")
        number = len(link.at_work())
        say("1 worker" if number == 1 else f"{number} workers")
    return DONE if number else SOME_FAILED


def _worker(options: argparse.Namespace) -> int:
    from allstation.processing.cluster.serve import WorkerOptions, WorkerProcesses, run_worker
    from allstation.processing.cluster.shares import Shares

    url, certificates = _url_and_certificates(options.address, options.join)
    if not url:
        sentence = "A worker works for a cluster: name its address, as 'allstation cluster up' prints it."
        raise StationError("bad-cluster-address", sentence)
    Shares.parse(options.share)
    normal = options.normal_priority
    worker = WorkerOptions(options.threads, tuple(options.share), options.join, normal_priority=normal)
    if options.one:
        return run_worker(url, worker, certificates)
    processes = WorkerProcesses(worker.command(url), options.workers).start()
    say(f"working for {url}   (Ctrl+C ends it)")
    flush()
    try:
        while not processes.all_refused:
            time.sleep(_LOOK)
    finally:
        processes.close()
    return SOME_FAILED


def _url_and_certificates(text: str, join: Path | None) -> tuple[str, Certificates]:
    """Return address and certificates of what was typed; a join file has both."""
    if text.lower().endswith(SUFFIX):
        join = join or Path(text)
        text = read_join_file(join).address
    certificates = joined_certificates(read_join_file(join)) if join is not None else own_certificates()
    return parse_address(text).url, certificates


def linked(
    text: str,
    join: Path | None,
    *,
    tell: Callable[[str], None] | None = None,
    threads: int | None = None,
) -> ClusterConnection:
    """Connect to the cluster that was named on the command line.

    Raises:
        StationError: ``no-cluster``, ``bad-cluster-address``, ``no-scheduler``, ``wrong-certificate``.
    """
    require_cluster()
    from allstation.processing.cluster.connection import ClusterConnection

    if text.lower().endswith(SUFFIX):
        join = join or Path(text)
        text = read_join_file(join).address
    address = parse_address(text)
    certificates = joined_certificates(read_join_file(join)) if join is not None else None

    return ClusterConnection(address, certificates=certificates, tell=tell or note, threads=threads)


def linked_and_manned(text: str, join: Path | None, *, threads: int | None = None) -> ClusterConnection:
    """Connect, and wait until a worker is there.

    Raises:
        StationError: ``no-workers``, and as :func:`linked`.
    """
    link = linked(text, join, threads=threads)
    if not link.wait_for_workers(_WAIT_SECONDS):
        link.close()
        sentence = (
            f"No worker joined the cluster {shown_name(text)} within {_WAIT_SECONDS:.0f} seconds. Start one: "
            "allstation worker ADDRESS."
        )
        raise StationError("no-workers", sentence)
    return link


def own_address() -> str:
    """Return the address of the network interface to use: the first private one, else the loopback."""
    import psutil

    found = [
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and not ipaddress.ip_address(entry.address).is_loopback
    ]
    private = [address for address in found if ipaddress.ip_address(address).is_private]
    return next(iter([*private, *found]), "127.0.0.1")
