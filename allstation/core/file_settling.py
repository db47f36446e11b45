"""Settling rule: the time from which a file of a watched folder counts as complete.

A camera or a network copy writes a file over seconds. The rule: a file is taken once it was seen
with the same size and time of change for long enough, is not empty, is not held open by another
program, and does not carry the name of something unfinished. The folder itself is looked at by
``imaging.scan_folder``; nothing here touches a disk, so every case can be tested with made-up times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SETTLED_SECONDS: Final = 3.0
"""How long a file must not have changed. Camera programs write a field in well under a second."""

_UNFINISHED_ENDS: Final = (
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".download",
    ".opdownload",
    ".!ut",
    ".swp",
    ".lock",
    "~",
)
_UNFINISHED_STARTS: Final = (".", "~$", "~")


@dataclass(frozen=True, slots=True)
class Sighting:
    """Size and time of a file at one look.

    Attributes:
        size: Bytes.
        changed: Time of the last change as the file system tells it, in nanoseconds. Only ever
            compared with itself: the clock of a network drive need not be right.
        busy: Another program has it open for writing, as far as can be known.
    """

    size: int
    changed: int
    busy: bool = False


@dataclass(slots=True)
class _Waiting:
    sighting: Sighting
    since: float


def is_unfinished(name: str) -> bool:
    """Return whether a name is one that programs give to what they have not finished writing."""
    folded = name.casefold()
    return folded.endswith(_UNFINISHED_ENDS) or folded.startswith(_UNFINISHED_STARTS)


class FileSettling:
    """Files of one watched folder as they were at the last looks.

    Args:
        known: Names and sizes of files that were taken before, for example from the case after a restart.
        settled: Seconds without a change after which a file is complete.
    """

    def __init__(self, known: Mapping[str, int] | None = None, *, settled: float = SETTLED_SECONDS) -> None:
        self._settled = settled
        self._known = dict(known or {})
        self._taken: dict[str, Sighting] = {}
        self._waiting: dict[str, _Waiting] = {}

    @property
    def waiting(self) -> int:
        """Files that were seen and are not complete yet."""
        return len(self._waiting)

    def see(self, found: Mapping[str, Sighting] | None, now: float) -> list[str]:
        """Take in one look at the folder and return the names that are complete now, each once.

        A file that is changed after it was taken is returned again: its bytes are another field.

        Args:
            found: Every file in the folder, or None if the folder could not be read (a network drive
                that is away). Nothing is forgotten then, and the waiting starts anew.
            now: Seconds of a clock that never goes back.
        """
        if found is None:
            self._waiting.clear()
            return []
        for name in self._waiting.keys() - found.keys():
            del self._waiting[name]
        for name in self._taken.keys() - found.keys():
            del self._taken[name]
        ready = [name for name, sighting in found.items() if self._is_ready(name, sighting, now)]
        for name in ready:
            self._taken[name] = found[name]
            del self._waiting[name]
        return ready

    def _is_ready(self, name: str, sighting: Sighting, now: float) -> bool:
        if is_unfinished(name):
            return False
        if self._is_taken(name, sighting):
            self._waiting.pop(name, None)
            return False
        waiting = self._waiting.get(name)
        if waiting is None or waiting.sighting != sighting:
            self._waiting[name] = _Waiting(sighting, now)
            return False
        return not sighting.busy and sighting.size > 0 and now - waiting.since >= self._settled

    def _is_taken(self, name: str, sighting: Sighting) -> bool:
        if self._known.pop(name, None) == sighting.size:
            self._taken[name] = sighting
        return self._taken.get(name) == sighting
