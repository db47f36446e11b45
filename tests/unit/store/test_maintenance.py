"""Damaged, moved and copied cases: what can be read comes back, and nothing is hidden."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from allstation.core.errors import StationError
from allstation.core.records import FieldState, Review
from allstation.store import Case, maintenance


@pytest.fixture
def full(case, maker, folder):
    """A closed case of 300 classified fields with reviews."""
    ids = maker.fill(case, 300)
    for start in range(0, 300, 50):
        maker.classify(case, ids[start : start + 50])
    for number in ids[:40]:
        case.reviews.add(Review(field_id=number, reviewer="Ada", class_name="Pro", comment="seen"))
    case.close()
    return folder


def overwrite(path, start, length, fill=b"\xa5"):
    with path.open("r+b") as file:
        file.seek(start)
        file.write(fill * length)


def pages(path):
    """Root pages of the tables."""
    db = sqlite3.connect(path)
    found = dict(db.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
    db.close()
    return found


def test_sound_case_is_left_alone(full):
    before = (full / "case.sqlite").read_bytes()
    report = maintenance.repair_case(full)
    assert report.kept is None
    assert (full / "case.sqlite").read_bytes() == before
    assert "sound" in report.text()


@pytest.mark.parametrize("table", ["fields", "predictions", "reviews", "audit"])
def test_damage_in_a_table_loses_that_page_only(full, table):
    path = full / "case.sqlite"
    overwrite(path, (_leaf(path, table) - 1) * 4096, 4096)
    with pytest.raises(StationError) as caught, Case.open(full):
        pass
    assert caught.value.code == "damaged-case"
    assert "repair" in caught.value.sentence
    report = maintenance.repair_case(full)
    assert report.kept is not None
    assert report.kept.is_file()
    with Case.open(full) as case:
        assert case.check() == []
        states = case.queue.counts()
        # A page of 4096 bytes holds under 60 of these rows.
        assert sum(states.values()) >= 240
        assert states[FieldState.DONE] >= 200
        assert sum(field.review is not None for field in case.fields.page()) >= (
            0 if table == "reviews" else 20
        )
        assert case.name == "Müller"
    if table != "predictions":
        assert "entry" in report.text()


def _leaf(path, table):
    """Find a leaf page of a table from its root, reading the format of sqlite.org/fileformat2."""
    data = path.read_bytes()
    root = pages(path)[table]
    page = data[(root - 1) * 4096 : root * 4096]
    if page[0] == 0x0D:
        return root
    assert page[0] == 0x05, "expected a table b-tree"
    cell = int.from_bytes(page[12:14], "big")
    return int.from_bytes(page[cell : cell + 4], "big")


def test_first_page_destroyed(full):
    overwrite(full / "case.sqlite", 0, 4096)
    with pytest.raises(StationError) as caught:
        Case.open(full)
    assert caught.value.code == "damaged-case"
    report = maintenance.repair_case(full)
    assert report.salvaged["predictions"] == 300
    assert report.salvaged["reviews"] == 40
    assert report.broken is None
    with Case.open(full) as case:
        assert case.queue.counts()[FieldState.DONE] == 300
        assert case.audit.verify() is None
        assert case.audit.entries()[-1].action == "case-repaired"


def test_file_cut_in_half_is_never_read_as_sound(full):
    path = full / "case.sqlite"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    report = maintenance.repair_case(full)
    assert report.problems
    assert sum(report.salvaged.values()) > 70
    with Case.open(full) as case:
        assert case.check() == []
        assert len(case.fields.page()) == report.salvaged["fields"]


def test_not_a_database_at_all(full):
    (full / "case.sqlite").write_bytes(b"this was overwritten by a text editor" * 1000)
    with pytest.raises(StationError) as caught:
        Case.open(full)
    assert caught.value.code == "damaged-case"
    report = maintenance.repair_case(full)
    assert sum(report.salvaged.values()) == 0
    with Case.open(full) as case:
        assert case.name == "Müller"
        assert case.case_id


def test_nonsense_in_a_row_is_found_and_given_up(full):
    db = sqlite3.connect(full / "case.sqlite")
    db.execute("DROP TRIGGER predictions_no_update")
    db.execute("UPDATE predictions SET probabilities = 'xx' WHERE id = 7")
    db.commit()
    db.close()
    with Case.open(full) as case, pytest.raises(StationError) as caught:
        case.fields.page()
    assert caught.value.code == "damaged-case"
    report = maintenance.repair_case(full)
    assert report.lost["predictions"] == 1
    assert report.broken is not None
    with Case.open(full) as case:
        assert len(case.fields.page()) == 300
        assert case.queue.counts()[FieldState.QUEUED] == 1


@pytest.mark.parametrize("stage", ["before", "between", "log", "after"])
def test_interrupted_repair_is_finished(full, stage, monkeypatch):
    """The program dies at each step of the exchange; opening or repairing again finishes it."""
    overwrite(full / "case.sqlite", 0, 4096)
    from allstation.store import salvage

    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "exchange", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            maintenance.repair_case(full)
    assert (full / salvage.REPAIRED).is_file()
    if stage in ("between", "log"):
        (full / "case.sqlite").replace(full / "case.damaged-20260101000000.sqlite")
    if stage == "log":
        (full / "case.sqlite-wal").write_bytes(b"old log that must not be replayed")
    if stage == "after":
        salvage.exchange(full, "2026-01-01T00:00:00Z")
    if stage == "before":
        assert maintenance.repair_case(full).kept is not None
    with Case.open(full) as case:
        assert case.queue.counts()[FieldState.DONE] == 300
        assert case.check() == []
    assert list(full.glob("case.damaged-*.sqlite"))


def test_repair_needs_the_case_for_itself(case, folder):
    with pytest.raises(StationError) as caught:
        maintenance.repair_case(folder)
    assert caught.value.code == "case-held"


def test_repair_without_a_case(tmp_path):
    with pytest.raises(StationError) as caught:
        maintenance.repair_case(tmp_path)
    assert caught.value.code == "no-case"


def test_backup_while_in_use_opens_as_a_case(case, maker, tmp_path):
    ids = maker.fill(case, 20)
    maker.classify(case, ids)
    path = case.backup()
    assert path.parent == case.folder / "backups"
    maker.classify(case, ids)
    other = tmp_path / "copy.allcase"
    other.mkdir()
    shutil.copyfile(path, other / "case.sqlite")
    with Case.open(other) as copy:
        assert copy.queue.counts()[FieldState.DONE] == 20
        assert copy.case_id == case.case_id
        assert copy.audit.verify() is None


def test_backup_to_a_place_that_is_a_file(case, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StationError) as caught:
        case.backup(tmp_path / "file" / "b.sqlite")
    assert caught.value.code == "backup-failed"


def test_audit_of_a_case_in_use(case, folder, maker):
    maker.classify(case, maker.fill(case, 5))
    finding = maintenance.audit_case(folder)
    assert finding.intact
    assert finding.head == case.audit.head()
    assert "intact" in finding.text()
