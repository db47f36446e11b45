"""Request to the writer of a case: which machines the queue works on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.services.case.requests import Request

if TYPE_CHECKING:
    from allstation.services.case.worker import CaseWorker


@dataclass(frozen=True)
class UseMachines(Request):
    """Work on a cluster from now on.

    Attributes:
        address: Empty for this machine alone.
        certificates: Folder of certificates; None for this station's own.
    """

    address: str
    certificates: Path | None = None

    def apply(self, worker: CaseWorker) -> None:
        worker.machines.use(self.address, self.certificates)
