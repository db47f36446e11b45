"""Results of tasks as they come: each task that was added comes back once, whatever became of its worker."""

from __future__ import annotations

import asyncio
import logging
import queue
from typing import Any, Final

from distributed import Client, Future

_log = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 0.2


class TaskResults:
    """Brings the results of tasks from the client's loop to a thread.

    Dask's own ``as_completed(with_results=True)`` drops a task for good whose worker died after it had
    finished and before its result was fetched, if the next worker dies of it too: nobody would end waiting.

    Args:
        client: Of the scheduler; stays its owner's to close.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ready: queue.SimpleQueue[tuple[Future, object]] = queue.SimpleQueue()
        self._closed = False

    def add(self, future: Future) -> None:
        """Wait for a task; any thread may call this."""
        self._client.loop.add_callback(self._fetch, future)

    def take(self) -> list[tuple[Future, object]]:
        """Return the tasks that ended since, with their results; None for one that has none."""
        ready = []
        while True:
            try:
                ready.append(self._ready.get_nowait())
            except queue.Empty:
                return ready

    def close(self) -> None:
        """Ask for no result again."""
        self._closed = True

    async def _fetch(self, future: Future) -> None:
        result: Any = None
        try:
            while not self._closed:
                try:
                    found = await self._client.gather([future], errors="skip", asynchronous=True)
                except Exception as error:  # noqa: BLE001 - the network: the task itself may be well
                    _log.info("a result was not fetched: %s", type(error).__name__)
                    await asyncio.sleep(_AGAIN_SECONDS)
                    continue
                result = found[0] if found else None
                break
        finally:  # also when the loop ends: who waits for this task must hear of it
            self._ready.put((future, result))
