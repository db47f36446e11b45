"""Revoked certificates on a running node: the list is read again, and who is on it is put out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

from allstation.keys.cluster_revocation import REVOKED, revoked_serials, take_list
from allstation.processing.cluster.security import LaboratorySecurity

_log = logging.getLogger(__name__)
LIST_KEY: Final = "allstation-revoked"
"""Metadata of the scheduler, and message to the workers: the list, as text."""
_SECONDS: Final = 1.0
"""Between two looks at the list on the disk."""


def current_list(security: LaboratorySecurity) -> str:
    """Return the list of this machine as text; empty where there is none."""
    try:
        return (security.certificates.folder / REVOKED).read_text("utf-8")
    except (OSError, ValueError):
        return ""


def take(security: LaboratorySecurity, text: object) -> None:
    """Keep the scheduler's list, if it is newer than that of this machine, and use what is kept."""
    if isinstance(text, str) and text:
        try:
            take_list(security.certificates.folder, text.encode())
        except OSError as error:
            _log.warning("the list of revoked certificates cannot be kept: %s", error)
    security.reload()


async def watch_own_list(scheduler: Any, security: LaboratorySecurity) -> None:  # noqa: ANN401 - Dask has no types
    """Follow the list on this machine's disk: put out who is on it, and let the workers do so."""
    known = None
    while True:
        text = await asyncio.to_thread(current_list, security)
        if text != known:
            known = text
            security.reload()
            scheduler.set_metadata(keys=[LIST_KEY], value=text)
            put_out_revoked(scheduler, security)
            # One that ends meanwhile is told at its next start.
            await scheduler.broadcast(msg={"op": LIST_KEY, "text": text}, on_error="ignore")
        await asyncio.sleep(_SECONDS)


async def take_from_scheduler(worker: Any, security: LaboratorySecurity) -> None:  # noqa: ANN401
    """Let a worker take each list that the scheduler sends, and the one that it has now."""

    def receive(text: object = None) -> str:
        take(security, text)
        put_out_revoked(worker, security)
        return "taken"

    worker.handlers[LIST_KEY] = receive
    receive(await worker.scheduler.get_metadata(keys=[LIST_KEY], default=None))


def put_out_revoked(node: Any, security: LaboratorySecurity) -> None:  # noqa: ANN401
    """Break the connections that others made to a node with certificates that are revoked."""
    serials = revoked_serials(security.certificates.folder / REVOKED)
    for comm in list(node._comms):  # Dask has no other list of them
        with contextlib.suppress(AttributeError, OSError, KeyError, TypeError, ValueError):
            if int(comm.stream.socket.getpeercert()["serialNumber"], 16) in serials:
                comm.abort()
