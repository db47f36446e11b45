"""Cases that another program altered: nothing planted runs, and what is shown is what was recorded."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest

from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.store import Case, maintenance, schema
from allstation.store.audit.contents import kept_report
from allstation.store.database import connect, create_file, open_writable

SWAP = (
    "CREATE TRIGGER planted AFTER UPDATE OF prediction_id ON fields BEGIN "
    "UPDATE fields SET decision = 'Early' WHERE id = NEW.id; END"
)
PLANTED = {
    "a trigger": [SWAP],
    "a view": ["CREATE VIEW shown AS SELECT 1"],
    "an index": ["CREATE INDEX planted ON fields (error)"],
    "a table": ["CREATE TABLE planted (id INTEGER)"],
    "a column": ["ALTER TABLE fields ADD COLUMN planted TEXT"],
    "an empty trigger under a known name": [
        "DROP TRIGGER audit_no_update",
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT 1; END",
    ],
    "a missing trigger": ["DROP TRIGGER reviews_no_update"],
    "a missing index": ["DROP INDEX fields_by_name"],
}


def run_sql(folder, statements):
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        for statement in statements:
            db.execute(statement)


@pytest.fixture
def used(case, maker, folder):
    """A closed case with fields on two slides, a failure, reviews, case data and a kept report."""
    ids = maker.fill(case, 8) + maker.fill(case, 4, slide="slide 2", first=8)
    case.set_details({"patient_name": "Erika Mustermann"})
    maker.classify(case, ids[:-2])
    case.queue.fail(ids[-1], "unreadable-field", "It could not be read.")
    first = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro", comment="sure"))
    case.reviews.add(Review(field_id=ids[1], reviewer="Bob", class_name="Early"))
    case.reviews.withdraw(first.id, "Ada")
    case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pre"))
    sha256 = "6a2f2df1c59bc84ec1d7b4c6bb8a8c6a4a5d7be8d47f8a1bd94a9e1e1d8e2d61"
    case.reports.add("final", sha256, file="r.pdf", by="Ada")
    assert case.audit.verify() is None
    case.close()
    return folder


@pytest.mark.parametrize("kind", PLANTED)
def test_a_case_with_another_schema_opens_for_looking_only_and_says_so(used, kind):
    run_sql(used, PLANTED[kind])
    with Case.open(used) as case:
        assert case.read_only
        assert "altered by another program" in case.why_read_only
        assert "repair" in case.why_read_only
        with pytest.raises(StationError, match="altered by another program"):
            case.queue.requeue()
    assert not maintenance.audit_case(used).intact


@pytest.mark.parametrize("kind", PLANTED)
def test_repair_builds_a_file_without_what_was_planted(used, kind):
    run_sql(used, PLANTED[kind])
    report = maintenance.repair_case(used)
    assert report.kept is not None
    assert report.broken is None, report.broken
    with Case.open(used) as case:
        assert not case.read_only
        assert case.audit.verify() is None


def test_a_planted_trigger_does_not_run_when_an_older_case_is_upgraded(tmp_path):
    create_file(tmp_path / "case.sqlite", schema.STEPS[:3])
    run_sql(tmp_path, ["CREATE TRIGGER planted AFTER UPDATE ON info BEGIN DELETE FROM audit; END"])
    before = (tmp_path / "case.sqlite").read_bytes()
    with pytest.raises(StationError) as refused:
        open_writable(tmp_path / "case.sqlite", schema.STEPS)
    assert refused.value.code == "altered-case"
    assert (tmp_path / "case.sqlite").read_bytes() == before
    with Case.open(tmp_path) as case:
        assert case.read_only
        names = case.connection.db.execute("SELECT name FROM sqlite_master").fetchall()
        assert ("planted",) not in names


@pytest.mark.parametrize("version", range(1, len(schema.STEPS) + 1))
def test_a_file_of_every_version_is_a_case_of_this_program(tmp_path, version):
    create_file(tmp_path / "case.sqlite", schema.STEPS[:version])
    with Case.open(tmp_path) as case:
        assert not case.read_only
        assert case.audit.verify() is None


def test_the_schema_of_a_file_can_call_nothing(used):
    with closing(connect(used / "case.sqlite", mode="rw")) as db:
        assert db.execute("PRAGMA trusted_schema").fetchone() == (0,)
        assert db.execute("PRAGMA cell_size_check").fetchone() == (1,)
        if hasattr(db, "getconfig"):
            assert db.getconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)


CHANGES = {
    "decision": "UPDATE fields SET decision = 'Benign' WHERE id = 3",
    "probability": "UPDATE fields SET probability = probability / 2 WHERE id = 3",
    "margin": "UPDATE fields SET margin = 0.9 WHERE id = 3",
    "reasons": "UPDATE fields SET reasons = '|blurred|' WHERE id = 3",
    "no probability": "UPDATE fields SET probability = NULL, margin = NULL WHERE id = 3",
    "review class": "UPDATE fields SET review_class = 'Benign' WHERE id = 2",
    "invented review class": "UPDATE fields SET review_class = 'Benign' WHERE id = 4",
    "review link": "UPDATE fields SET review_id = NULL, review_class = NULL WHERE id = 2",
    "earlier review": "UPDATE fields SET review_id = 1, review_class = 'Pro' WHERE id = 1",
    "prediction link": "UPDATE fields SET prediction_id = 1 WHERE id = 3",
    "no prediction": "UPDATE fields SET prediction_id = NULL, state = 'queued' WHERE id = 3",
    "model": "UPDATE fields SET model_id = 7 WHERE id = 3",
    "sharpness": "UPDATE fields SET sharpness = 99 WHERE id = 3",
    "cells": "UPDATE fields SET cells = 99 WHERE id = 3",
    "novelty": "UPDATE fields SET novelty = 9.0 WHERE id = 3",
    "slide of a field": "UPDATE fields SET slide_id = 2, slide_key = (SELECT name_key FROM slides "
    "WHERE id = 2) WHERE id = 3",
    "order": "UPDATE fields SET slide_key = 'z' WHERE id = 3",
    "file name": "UPDATE fields SET name = 'other.jpg' WHERE id = 3",
    "folder": "UPDATE fields SET folder_id = 2 WHERE id = 3",
    "folder path": "UPDATE folders SET absolute = '/elsewhere' WHERE id = 1",
    "size": "UPDATE fields SET width = 2 WHERE id = 3",
    "slide name": "UPDATE slides SET name = 'slide 9' WHERE id = 1",
    "patient": "UPDATE info SET value = '{\"patient_name\":\"Max\"}' WHERE key = 'details'",
    "no patient": "DELETE FROM info WHERE key = 'details'",
    "case name": "UPDATE info SET value = 'other' WHERE key = 'name'",
    "case id": "UPDATE info SET value = 'other' WHERE key = 'case_id'",
    "model classes": 'UPDATE models SET classes = \'["Pro","Early","Pre","Benign"]\'',
    "model description": "UPDATE models SET info = '{}'",
    "error": "UPDATE fields SET error = 'All is well.' WHERE id = 12",
    "error code": "UPDATE fields SET error_code = 'other' WHERE id = 12",
    "invented failure": "UPDATE fields SET state = 'failed' WHERE id = 3",
    "done without a prediction": "UPDATE fields SET state = 'done' WHERE id = 12",
    "locked result": "UPDATE fields SET locked_name = 'Benign' WHERE id = 3",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_shown_is_what_was_recorded(used, change):
    run_sql(used, [CHANGES[change]])
    assert maintenance.audit_case(used).broken is not None


SEALED = {
    "evidence": "UPDATE predictions SET evidence = zeroblob(16) WHERE id = 3",
    "quality": "UPDATE predictions SET brightness = 1.0 WHERE id = 3",
    "field of a prediction": "UPDATE predictions SET field_id = 4 WHERE id = 3",
    "rank of a prediction": "UPDATE predictions SET beside = 1 WHERE id = 3",
}


@pytest.mark.parametrize("change", SEALED)
def test_figures_and_evidence_of_a_prediction_are_in_its_digest(used, change):
    with closing(sqlite3.connect(used / "case.sqlite")) as db, db:
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'predictions_no_update'").fetchone()
        db.execute("DROP TRIGGER predictions_no_update")
        db.execute(SEALED[change])
        db.execute(sql)
    finding = maintenance.audit_case(used)
    assert finding.broken is not None
    assert "Predictions that entry" in finding.broken.sentence


@pytest.mark.parametrize("change", ["decision", "prediction link", "review link", "order"])
def test_repair_rebuilds_what_fields_repeat(used, change):
    run_sql(used, [CHANGES[change]])
    report = maintenance.repair_case(used)
    assert report.kept is not None
    with Case.open(used) as case:
        assert case.audit.verify() is None


def test_repair_does_not_call_a_broken_log_sound(used):
    run_sql(used, [CHANGES["patient"]])
    before = (used / "case.sqlite").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "allstation", "repair", str(used)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "sound" not in done.stdout
    assert "trail is broken" in done.stdout
    assert (used / "case.sqlite").read_bytes() == before


@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_a_kept_report_that_is_changed_or_gone_is_named(case, folder, harm):
    import hashlib

    data = b"%PDF-1.7 made up"
    sha256 = hashlib.sha256(data).hexdigest()
    path = kept_report(folder, "final", sha256)
    path.parent.mkdir()
    path.write_bytes(data)
    case.reports.add("final", sha256, file="r.pdf", kept=True)
    assert case.audit.verify() is None
    path.write_bytes(b"%PDF-1.7 other") if harm == "changed" else path.unlink()
    broken = case.audit.verify()
    assert broken is not None
    assert path.name in broken.sentence


def test_fields_that_moved_and_came_back_are_still_what_was_added(case, maker, tmp_path):
    slide = case.slides.add("s")
    one, two = maker.file(1), maker.file(2)
    case.fields.add(slide.id, [one, two])
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "renamed.jpg"
    shutil.move(one.path, moved)
    assert case.files.locate_in(tmp_path / "elsewhere").found == [1]
    shutil.move(moved, tmp_path / "again.jpg")
    case.files.locate(1, tmp_path / "again.jpg")
    case.fields.remove([2])
    copy = tmp_path / "copy.jpg"
    shutil.copy(two.path, copy)
    case.fields.add(slide.id, [maker.file(2, "../copy.jpg")])
    case.slides.rename(slide.id, "other")
    case.rename("another name")
    assert case.audit.verify() is None
    with case.connection.write() as db:
        db.execute("UPDATE fields SET name = 'other.jpg' WHERE id = 1")
    broken = case.audit.verify()
    assert broken is not None
    assert "field 1" in broken.sentence


def test_a_clock_that_was_set_back_is_a_remark_not_a_broken_log(folder, maker):
    with Case.create(folder, clock=lambda: datetime(2026, 5, 1, tzinfo=UTC)) as case:
        case.models.add(maker.record())
    with Case.open(folder, clock=lambda: datetime(2019, 1, 2, tzinfo=UTC)) as case:
        case.rename("other")
    finding = maintenance.audit_case(folder)
    assert finding.intact
    assert "Entry 3 is dated 2019-01-02" in finding.remark
    assert "set back" in finding.text()
    with Case.open(folder, clock=lambda: datetime(2026, 6, 1, tzinfo=UTC)) as case:
        case.rename("third")
        assert "Entry 3" in case.audit.set_back()


def test_a_case_whose_clock_only_goes_on_has_no_remark(used):
    assert maintenance.audit_case(used).remark == ""


def test_a_case_whose_tables_have_other_columns_is_one_sentence(case, folder, maker):
    maker.classify(case, maker.fill(case, 2))
    case.close()
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute("ALTER TABLE predictions RENAME COLUMN evidence_shape TO evidence_shapf")
    with Case.open(folder, read_only=True) as opened, pytest.raises(StationError) as refused:
        opened.snapshot()
    assert refused.value.code == "damaged-case"
    assert "its tables are not those of a case" in refused.value.sentence


def test_an_entry_without_a_time_breaks_the_log_and_not_the_program(case, folder, maker):
    maker.fill(case, 2)
    case.close()
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'at TEXT NOT NULL', 'at TEXT') WHERE name = 'audit'"
        )
        (trigger,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_no_update'").fetchone()
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET at = NULL WHERE id = 2")
        db.execute(trigger)
    finding = maintenance.audit_case(folder)
    assert not finding.intact
