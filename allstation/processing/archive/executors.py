"""One executor for all slides of an archive: what each borrows is given back when its slide is done."""

from __future__ import annotations

from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.known_sizes import NO_SLIDE
from allstation.processing.batch import FarExecutor, FieldExecutor

if TYPE_CHECKING:
    from allstation.inference.pipeline import Outcome
    from allstation.processing.status_types import MachineStatus


class BorrowedExecutor:
    """Executor that does not end what it works with.

    Args:
        lender: Works.
    """

    def __init__(self, lender: FieldExecutor) -> None:
        self._lender = lender
        self._flying: set[Future[Outcome[int]]] = set()

    @property
    def threads(self) -> int:
        """Fields it works on at a time."""
        return self._lender.threads

    @property
    def ahead(self) -> int:
        """Fields it should have before their outcomes come."""
        return self._lender.ahead if isinstance(self._lender, FarExecutor) else 0

    @property
    def machines(self) -> tuple[MachineStatus, ...]:
        """Other machines that work."""
        return self._lender.machines if isinstance(self._lender, FarExecutor) else ()

    def submit(self, key: int, path: Path, sha256: str, slide: int = NO_SLIDE) -> Future[Outcome[int]]:
        """Classify the bytes of a file that have this hash."""
        future = self._lender.submit(key, path, sha256, slide)
        self._flying.add(future)
        future.add_done_callback(self._flying.discard)
        return future

    def close(self) -> None:
        """Wait for what is under way here; whoever calls has taken back the rest."""
        wait([future for future in list(self._flying) if not future.cancelled()])
