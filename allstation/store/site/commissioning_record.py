"""Record of a commissioning in its case: what was chosen, which test parts were frozen, which were opened.

The typed cells are the case's reviews of cells. What must not be forgotten is kept here: a test part is
frozen once and opened once, and its slides are never part of another one. Each change is an audit entry
that holds the digest of the whole record, so that a record that was altered past the program is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.store.connection import Repository

CHOSEN: Final = "commissioning-chosen"
FROZEN: Final = "commissioning-test-frozen"
OPENED: Final = "commissioning-test-opened"
SAVED: Final = "commissioning-bundle-saved"
_ACTIONS: Final = (CHOSEN, FROZEN, OPENED, SAVED)
_RECORD, _CURVE = "commissioning", "commissioning_curve"
"""Keys of the table ``info``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPart:
    """Cells that were set apart to test a commissioning.

    Attributes:
        cells: Their ids.
        groups: Slides or patients that they come from; never part of another test.
        accepted: Whether the test was passed; None while it was not opened.
        reason: Why it was refused.
        bundle_sha256: The site bundle that was written; empty for none.
    """

    __test__ = False

    cells: tuple[int, ...]
    groups: tuple[str, ...]
    accepted: bool | None = None
    reason: str = ""
    bundle_sha256: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it was opened, so that it proves nothing any more."""
        return self.accepted is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissioningRecord:
    """Choices and test parts of a commissioning.

    Attributes:
        types: Keys of the types that are told apart; empty before anything was chosen.
        lowest_balanced: Balanced accuracy that the lower limit must reach, 0 to 1.
        error_rate: Wanted share of wrong names among those that are given, 0 to 1.
        learning: Slides or patients that are learned from.
        apart: Those kept for the next test: no cell of them is proposed or learned from.
        tests: In the order of freezing.
    """

    types: tuple[str, ...] = ()
    lowest_balanced: float = 0.90
    error_rate: float = 0.05
    learning: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    tests: tuple[TestPart, ...] = ()

    @property
    def frozen(self) -> TestPart | None:
        """The test part that is frozen and was not opened."""
        return self.tests[-1] if self.tests and not self.tests[-1].is_open else None

    @property
    def used_groups(self) -> frozenset[str]:
        """Slides or patients of test parts that were opened."""
        return frozenset(group for one in self.tests if one.is_open for group in one.groups)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Point of a learning curve.

    Attributes:
        cells: Typed cells.
        value: Balanced accuracy by cross-validation, 0 to 1.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
    """

    cells: int
    value: float
    low: float | None = None
    high: float | None = None


class CommissioningRecords(Repository):
    """Repository of the commissioning of a case."""

    def read(self) -> CommissioningRecord:
        """Return the record; an empty one where nothing was begun.

        Raises:
            StationError: ``altered-commissioning`` if it is not what the audit log holds.
        """
        marks = ", ".join("?" for _ in _ACTIONS)
        latest = f"SELECT input FROM audit WHERE action IN ({marks}) ORDER BY id DESC LIMIT 1"  # noqa: S608
        with self._connection.consistent_read() as db:
            text = self._connection.info(_RECORD)
            row = db.execute(latest, _ACTIONS).fetchone()
        held = str(row[0]) if row else ""
        if held != (_digest(text) if text else ""):
            raise _altered()
        try:
            return _from_json(json.loads(text)) if text else CommissioningRecord()
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _altered() from error

    def choose(self, chosen: CommissioningRecord) -> None:
        """Keep what is to be told apart, how well, and from which slides; its tests are left out.

        Nothing is entered if that is chosen already.

        Raises:
            StationError: ``test-frozen`` while a test part is frozen: nothing is chosen in its sight.
        """
        with self._connection.write():
            before = self.read()
            after = replace(chosen, tests=before.tests)
            if after == before:
                return
            if before.frozen is not None:
                raise _frozen()
            details = asdict(after)
            del details["tests"]
            self._save(after, CHOSEN, details)

    def freeze(self, cells: Sequence[int], groups: Sequence[str]) -> None:
        """Keep a test part.

        Raises:
            StationError: ``test-frozen`` if one is frozen and not opened, or one of the groups was part of
                an opened one.
        """
        with self._connection.write():
            before = self.read()
            if before.frozen is not None or before.used_groups & set(groups):
                raise _frozen()
            part = TestPart(cells=tuple(cells), groups=tuple(groups))
            details = {"cells": list(cells), "groups": list(groups)}
            self._save(replace(before, tests=(*before.tests, part)), FROZEN, details)

    def open_test(self, *, accepted: bool, reason: str = "", figures: dict[str, Any] | None = None) -> None:
        """Keep what the frozen test part showed; it cannot be opened again.

        Raises:
            StationError: ``test-opened`` if none is frozen.
        """
        with self._connection.write():
            before = self.read()
            if before.frozen is None:
                sentence = (
                    "The test was opened already, and a second look would prove nothing. Go on typing, and "
                    "freeze another test part from slides that no test has used."
                )
                raise StationError("test-opened", sentence)
            part = replace(before.frozen, accepted=accepted, reason=reason)
            details = {"accepted": accepted, "reason": reason, "figures": figures or {}}
            self._save(replace(before, tests=(*before.tests[:-1], part)), OPENED, details)

    def note_bundle(self, sha256: str, name: str) -> None:
        """Keep which site bundle was written of the latest accepted test."""
        with self._connection.write():
            before = self.read()
            if before.tests and before.tests[-1].accepted:
                part = replace(before.tests[-1], bundle_sha256=sha256)
                after = replace(before, tests=(*before.tests[:-1], part))
                self._save(after, SAVED, {"bundle": sha256, "name": name})

    def curve(self) -> list[CurvePoint]:
        """Return the learning curve as it was measured on the way."""
        try:
            return [CurvePoint(*point) for point in json.loads(self._connection.info(_CURVE, "[]"))]
        except (ValueError, TypeError, RecursionError):
            return []

    def save_curve(self, points: Sequence[CurvePoint]) -> None:
        """Keep the learning curve; nothing is proved by it, so that it is no audit entry."""
        rows = [(point.cells, point.value, point.low, point.high) for point in points]
        self._connection.set_info(_CURVE, canonical(rows))

    def _save(self, record: CommissioningRecord, action: str, details: dict[str, Any]) -> None:
        text = canonical(asdict(record))
        self._connection.set_info(_RECORD, text)
        self._connection.audit(action, "commissioning", details, input_hash=_digest(text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _frozen() -> StationError:
    sentence = (
        "A test part is frozen already, or its slides were part of an opened one. Finish the test that was "
        "begun, or add slides that no test has used."
    )
    return StationError("test-frozen", sentence)


def _altered() -> StationError:
    sentence = (
        "What this case holds about its commissioning is not what its audit trail holds. Nothing that was "
        "tested in it counts; begin a commissioning in a new case."
    )
    return StationError("altered-commissioning", sentence)


def _from_json(data: dict[str, Any]) -> CommissioningRecord:
    tests = tuple(
        TestPart(
            cells=tuple(int(cell) for cell in one["cells"]),
            groups=tuple(str(group) for group in one["groups"]),
            accepted=one["accepted"],
            reason=str(one["reason"]),
            bundle_sha256=str(one["bundle_sha256"]),
        )
        for one in data["tests"]
    )
    return CommissioningRecord(
        types=tuple(str(name) for name in data["types"]),
        lowest_balanced=float(data["lowest_balanced"]),
        error_rate=float(data["error_rate"]),
        learning=tuple(str(group) for group in data["learning"]),
        apart=tuple(str(group) for group in data["apart"]),
        tests=tests,
    )
