"""What a case remembers of a commissioning: a test part is frozen once and opened once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.store import Case
from allstation.store.site.commissioning_record import (
    FROZEN,
    OPENED,
    CommissioningRecord,
    CommissioningRecords,
    CurvePoint,
)

CHOSEN = CommissioningRecord(types=("blast", "lymphocyte"), learning=("slide 1",), apart=("slide 2",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "C.allcase"


def frozen(folder: Path) -> Case:
    case = Case.create(folder)
    records = CommissioningRecords(case.connection)
    records.choose(CHOSEN)
    records.freeze([4, 7], ["slide 2"])
    return case


def test_a_test_part_is_frozen_and_opened_once_and_audited(folder: Path) -> None:
    with frozen(folder) as case:
        records = CommissioningRecords(case.connection)
        with pytest.raises(StationError, match="frozen already"):
            records.freeze([9], ["slide 3"])
        with pytest.raises(StationError, match="frozen already"):
            records.choose(CommissioningRecord(types=("blast", "monocyte")))
        records.open_test(accepted=False, reason="Lower limit 0.83 below your 0.90")
        with pytest.raises(StationError, match="opened already"):
            records.open_test(accepted=True)
        with pytest.raises(StationError, match="part of an opened one"):
            records.freeze([4], ["slide 2"])
        records.freeze([11], ["slide 3"])
        entries = {entry.action: json.loads(entry.details) for entry in case.audit.entries()}
        assert entries[FROZEN] == {"cells": [11], "groups": ["slide 3"]}
        assert entries[OPENED]["reason"] == "Lower limit 0.83 below your 0.90"
        assert case.audit.verify() is None
    with Case.open(folder, read_only=True) as case:
        read = CommissioningRecords(case.connection).read()
        assert read.types == CHOSEN.types
        assert [part.accepted for part in read.tests] == [False, None]
        assert read.used_groups == {"slide 2"}
        assert read.frozen is not None


def test_a_record_that_was_altered_past_the_program_is_refused(folder: Path) -> None:
    frozen(folder).close()
    with sqlite3.connect(folder / "case.sqlite") as db:
        (text,) = db.execute("SELECT value FROM info WHERE key = 'commissioning'").fetchone()
        data = json.loads(text)
        data["tests"] = []
        db.execute("UPDATE info SET value = ? WHERE key = 'commissioning'", (json.dumps(data),))
    db.close()
    with (
        Case.open(folder, read_only=True) as case,
        pytest.raises(StationError, match="not what its audit trail holds"),
    ):
        CommissioningRecords(case.connection).read()


def test_the_curve_is_kept_and_a_damaged_one_is_empty(folder: Path) -> None:
    with Case.create(folder) as case:
        records = CommissioningRecords(case.connection)
        assert records.curve() == []
        points = [CurvePoint(30, 0.8, 0.7, 0.9), CurvePoint(40, 0.9)]
        records.save_curve(points)
        assert records.curve() == points
        case.connection.set_info("commissioning_curve", "[[1]]")
        assert records.curve() == []
