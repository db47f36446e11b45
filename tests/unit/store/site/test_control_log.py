"""The control log of a station, and the releases that cases keep of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from allstation.core.control_metrics import Sums
from allstation.core.control_release import ControlRelease
from allstation.core.errors import StationError
from allstation.store import Case
from allstation.store.site.control_log import BAD_LOG, FILE_NAME, ControlLog

RELEASE = ControlRelease(
    site="lab",
    day="2026-01-22",
    broken="Light (1-3s)",
    by="Dr. A",
    at="2026-01-22T09:00:00Z",
    reason="new lamp",
)


def filled(tmp_path, last=260.0):
    log = ControlLog(tmp_path)
    for day in range(1, 22):
        value = 200.0 + day % 3 if day < 21 else last
        sums = Sums.of([value - 1, value + 1] * 20)
        log.write("lab", f"2026-01-{day:02d}", "case", {"light": sums}, model="m")
    return log


def test_measuring_a_case_again_replaces_what_it_said(tmp_path):
    log = ControlLog(tmp_path)
    assert (log.sites(), log.days("lab"), log.releases("lab")) == ([], [], [])
    log.write("lab", "2026-01-01", "one", {"light": Sums(2, 10.0, 60.0)}, model="m")
    log.write("lab", "2026-01-01", "one", {"light": Sums(2, 20.0, 210.0)}, model="m")
    log.write("lab", "2026-01-01", "two", {"light": Sums(1, 5.0, 25.0)}, model="m")
    log.write("other", "2026-01-01", "two", {"light": Sums(1, 5.0, 25.0)}, model="m")
    (day,) = ControlLog(tmp_path).days("lab")
    assert day.metrics["light"] == Sums(3, 25.0, 235.0)
    assert log.sites() == ["lab", "other"]


def test_a_named_person_releases_a_day_with_a_reason(tmp_path):
    log = filled(tmp_path)
    assert log.standing("lab").open_days() == ("2026-01-21",)
    for given, why in (({"by": " ", "reason": "x"}, "name"), ({"by": "A", "reason": ""}, "reason")):
        with pytest.raises(StationError, match=why):
            log.release("lab", "2026-01-21", **given)
    with pytest.raises(StationError, match="nothing to release"):
        log.release("lab", "2026-01-20", by="A", reason="x")
    made = log.release("lab", "2026-01-21", by="Dr. A", reason="lamp changed")
    assert made.broken.startswith("Brightness of the background")
    assert log.standing("lab").open_days() == ()
    assert log.releases("lab") == [made]
    with pytest.raises(StationError, match="was released"):
        log.release("lab", "2026-01-21", by="Dr. A", reason="again")


def test_a_reference_begins_anew(tmp_path):
    log = filled(tmp_path)
    log.begin_reference("lab", "2026-01-21", by="Dr. A", reason="another camera")
    assert (log.begins("lab"), log.standing("lab").open_days()) == ("2026-01-21", ())


def test_another_file_is_not_taken_for_a_log(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("CREATE TABLE sums (a)")
        db.execute("PRAGMA user_version = 3")
    for call in (lambda log: log.sites(), lambda log: log.write("a", "d", "c", {}, model="")):
        with pytest.raises(StationError, match="control log"):
            call(ControlLog(tmp_path))


def test_a_case_keeps_releases_in_its_trail(case, folder):
    assert case.control.add(RELEASE)
    assert not case.control.add(RELEASE)
    assert case.snapshot().control == (RELEASE,)
    entry = next(iter(case.audit.entries(last=1)))
    assert (entry.action, entry.who, entry.object) == ("control-released", "Dr. A", "site lab")
    assert case.audit.verify() is None
    case.close()
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute(
            "UPDATE info SET value = replace(value, 'new lamp', 'old lamp') WHERE key = 'control_releases'"
        )
    with Case.open(folder) as again:
        assert "releases of control days" in again.audit.verify().sentence


def test_fields_stand_under_the_day_they_came(case, maker):
    ids = maker.fill(case, 3)
    assert case.control.days() == {}
    maker.classify(case, ids[:2])
    (found,) = case.control.days().values()
    assert found == ids[:2]


@pytest.mark.parametrize("day", ["nix", "2026-1-1", "20260101", "2999-01-01"])
def test_a_reference_does_not_begin_on_no_day_or_on_one_to_come(tmp_path, day):
    log = ControlLog(tmp_path)
    with pytest.raises(StationError, match="expected one up to today"):
        log.begin_reference("lab", day, by="Dr. A", reason="another camera")
    assert log.begins("lab") == ""


def test_a_damaged_log_is_not_called_a_damaged_case(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no database " * 500)
    for call in (lambda log: log.sites(), lambda log: log.write("a", "d", "c", {}, model="")):
        with pytest.raises(StationError, match=r"^The control log .*not a database") as raised:
            call(ControlLog(tmp_path))
        assert raised.value.code == BAD_LOG
