"""Requests to the writer of a case about its commissioning, answered with ``commissioning_changed``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allstation.services.case import case_events
from allstation.services.case.requests import CaseRequest
from allstation.store.site.commissioning_record import CommissioningRecord, CommissioningRecords, CurvePoint

if TYPE_CHECKING:
    from allstation.services.case.worker import OpenedCase


@dataclass(frozen=True, kw_only=True)
class CommissioningRequest(CaseRequest):
    """Change of the record; in another case than the one that it was made for nothing happens.

    Attributes:
        folder: The case.
    """

    folder: Path

    def change(self, target: OpenedCase) -> None:
        if self.folder == target.case.folder:
            records = CommissioningRecords(target.case.connection)
            self.keep(records)
            target.emit(case_events.CommissioningChanged(records.read()))

    def keep(self, records: CommissioningRecords) -> None:
        """Change the record.

        Raises:
            StationError: If it is not possible; nothing has changed then.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ChooseCommissioning(CommissioningRequest):
    """Keep what is to be told apart, how well, and from which slides."""

    chosen: CommissioningRecord

    def keep(self, records: CommissioningRecords) -> None:
        records.choose(self.chosen)


@dataclass(frozen=True, kw_only=True)
class FreezeTest(CommissioningRequest):
    """Set cells of slides apart for the test."""

    cells: Sequence[int]
    groups: Sequence[str]

    def keep(self, records: CommissioningRecords) -> None:
        records.freeze(self.cells, self.groups)


@dataclass(frozen=True, kw_only=True)
class OpenTest(CommissioningRequest):
    """Keep what the test showed; it is opened once."""

    accepted: bool
    reason: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def keep(self, records: CommissioningRecords) -> None:
        records.open_test(accepted=self.accepted, reason=self.reason, figures=self.figures)


@dataclass(frozen=True, kw_only=True)
class NoteBundle(CommissioningRequest):
    """Keep which site bundle was written."""

    sha256: str
    name: str

    def keep(self, records: CommissioningRecords) -> None:
        records.note_bundle(self.sha256, self.name)


@dataclass(frozen=True, kw_only=True)
class SaveCurve(CommissioningRequest):
    """Keep the learning curve."""

    points: Sequence[CurvePoint]

    def keep(self, records: CommissioningRecords) -> None:
        records.save_curve(self.points)
