"""Verification of an opened case's audit log in a thread of its own, on its own connection."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.processing.status_types import Problem
from allstation.store.case import Case
from allstation.store.provenance import OLDER_TRAIL

_log = logging.getLogger(__name__)
_OFTEN: Final = 10_000
"""Steps of SQLite between two looks whether the check was stopped: well under a millisecond."""


_AFTER: Final = 1.0
"""Seconds the check waits: reading the first page of 100,000 fields beside it took 0.3 s longer."""


class LogCheck:
    """Verifies the audit log of one case at a time.

    Args:
        post: Takes the finished check: a :class:`Problem`, or None where the log holds.
    """

    def __init__(self, post: Callable[[Future[Problem | None]], None]) -> None:
        self._post = post
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="log-check")
        self._stopped = Event()

    def start(self, folder: Path) -> None:
        """Verify the log of a case; a check of another case is given up."""
        self.cancel()
        self._stopped = Event()
        self._threads.submit(partial(_later_problem, folder, self._stopped)).add_done_callback(self._post)

    def cancel(self) -> None:
        """Give up the check that runs."""
        self._stopped.set()

    def shutdown(self) -> None:
        """Give up the check and end the thread."""
        self.cancel()
        self._threads.shutdown(wait=True, cancel_futures=False)


def _later_problem(folder: Path, stopped: Event) -> Problem | None:
    return None if stopped.wait(_AFTER) else log_problem(folder, stopped)


def log_problem(folder: Path, stopped: Event) -> Problem | None:
    """Return what is wrong with a case's audit log; None if nothing is, or the check was stopped."""
    try:
        with Case.open(folder, read_only=True) as case:
            case.connection.db.set_progress_handler(stopped.is_set, _OFTEN)
            broken = case.audit.verify()
            # What the profile has seen was told at opening; a shared folder may take its time.
            older = "" if broken or case.provenance.remark else case.provenance.conflict(shared=True)
    except (StationError, sqlite3.Error) as error:
        if not stopped.is_set():
            _log.info("the audit log could not be verified: %s", type(error).__name__)
        return None
    if older:
        return older_copy_problem(older, shown_name(folder))
    if broken is None:
        return None
    _log.info("the audit log is broken at entry %s", broken.entry_id)
    sentence = (
        f"The audit trail of this case is broken: {broken.sentence} Do not rely on what is shown; nothing "
        "can be signed from it. Compare it with a backup."
    )
    return Problem("broken-log", sentence, shown_name(folder))


def older_copy_problem(remark: str, name: str) -> Problem:
    """Return the problem with a case of which a later trail was seen.

    Args:
        remark: What was seen.
        name: Of the case folder.
    """
    sentence = f"{remark} Nothing can be signed from it until “Case, Audit Trail…” says why it is used."
    return Problem(OLDER_TRAIL, sentence, name)
