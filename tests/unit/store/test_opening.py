"""Creating and opening: locks, older and newer files, read-only places, things that are no case."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from allstation.core.decision import Decision, Reason
from allstation.core.errors import StationError
from allstation.core.filters import FieldFilter, FieldSort
from allstation.core.patients import PatientSource
from allstation.core.records import FieldState
from allstation.core.slide_file import SlideIdentity
from allstation.core.slide_info import Level, SlideInfo
from allstation.store import Case, maintenance, schema
from allstation.store.audit.contents import predictions_digest
from allstation.store.lock import LOCK_FILE, CaseLock
from allstation.store.prediction_saving import shown_copy
from allstation.store.rows import prediction_row
from tests.makers import new_cell


def refused(code, action):
    with pytest.raises(StationError) as caught:
        action()
    assert caught.value.code == code
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


def child(script, *arguments, **options):
    """Run a Python script in a process of its own and return what it printed."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Creating


def test_creating_twice_is_refused(case, folder):
    assert "open" in refused("case-unwritable", lambda: Case.create(folder))
    case.close()
    refused("case-exists", lambda: Case.create(folder))


def test_creating_leaves_no_half_case(tmp_path, monkeypatch):
    """The file appears complete or not at all."""
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, lambda db: db.execute("nonsense")))
    with pytest.raises(sqlite3.OperationalError):
        Case.create(tmp_path / "a.allcase")
    assert not (tmp_path / "a.allcase" / "case.sqlite").exists()
    monkeypatch.undo()
    Case.create(tmp_path / "a.allcase").close()


def test_a_case_that_cannot_be_begun_is_left_to_others(tmp_path):
    folder = tmp_path / "a.allcase"
    moments = iter([datetime(2026, 11, 22, 8, tzinfo=UTC)])

    def clock() -> datetime:
        try:
            return next(moments)
        except StopIteration:
            raise StationError("disk-full", "The disk is full.") from None

    with pytest.raises(StationError, match="disk is full") as caught:
        Case.create(folder, clock=clock)
    assert caught.value.code == "disk-full"
    with Case.open(folder) as case:
        assert not case.read_only
        assert case.case_id


def test_died_before_the_first_entry(folder):
    """The file was made, its id was not: opening finishes it."""
    from allstation.store.database import create_file

    folder.mkdir()
    create_file(folder / "case.sqlite", schema.STEPS)
    with Case.open(folder) as case:
        assert (case.name, len(case.case_id)) == ("Müller", 36)
        assert case.audit.verify() is None


def test_creating_where_a_file_is(tmp_path):
    (tmp_path / "x").write_text("")
    refused("case-unwritable", lambda: Case.create(tmp_path / "x" / "a.allcase"))


def test_a_name_is_needed(case):
    refused("empty-name", lambda: case.rename(" \n"))


# Opening what is not a case


def test_no_case_here(tmp_path):
    assert "case.sqlite" in refused("no-case", lambda: Case.open(tmp_path))


def test_some_other_database(tmp_path):
    db = sqlite3.connect(tmp_path / "case.sqlite")
    db.execute("CREATE TABLE t (x)")
    db.close()
    refused("not-a-case", lambda: Case.open(tmp_path))
    refused("not-a-case", lambda: Case.open(tmp_path, read_only=True))


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0", b"\0" * 8192])
def test_no_database_at_all(tmp_path, content):
    (tmp_path / "case.sqlite").write_bytes(content)
    with pytest.raises(StationError) as caught:
        Case.open(tmp_path)
    assert caught.value.code in ("not-a-case", "damaged-case")


def test_the_file_itself_may_be_named(case, folder):
    case.close()
    with Case.open(folder / "case.sqlite") as again:
        assert again.folder == folder


def test_closed_case_says_so(case):
    case.close()
    case.close()
    refused("closed-case", case.fields.count)


# Older and newer files


def step_colour(db):
    """A made-up second step."""
    db.execute("ALTER TABLE slides ADD COLUMN colour TEXT NOT NULL DEFAULT ''")


def step_that_dies(db):
    db.execute("CREATE TABLE half (x)")
    raise KeyboardInterrupt


def test_newer_case_is_refused_with_one_sentence(case, folder):
    case.close()
    db = sqlite3.connect(folder / "case.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    for read_only in (False, True):
        sentence = refused("newer-case", lambda mode=read_only: Case.open(folder, read_only=mode))
        assert "99" in sentence
        assert "update" in sentence


def test_older_case_is_upgraded_and_a_copy_kept(case, folder, maker):
    ids, newer = maker.fill(case, 3), len(schema.STEPS) + 1
    case.close()
    with Case.open(folder, steps=(*schema.STEPS, step_colour)) as again:
        assert again.fields.count() == 3
        assert schema.version_of(again.connection.db) == newer
        assert again.connection.db.execute("SELECT colour FROM slides").fetchall() == [("",)]
    kept = sqlite3.connect(folder / f"case.before-version-{newer}.sqlite")
    assert kept.execute("PRAGMA user_version").fetchone()[0] == newer - 1
    assert kept.execute("SELECT count(*) FROM fields").fetchone()[0] == len(ids)
    kept.close()
    refused("newer-case", lambda: Case.open(folder))


def test_upgrade_that_dies_leaves_the_old_case(case, folder, maker):
    maker.fill(case, 3)
    case.close()
    with pytest.raises(KeyboardInterrupt):
        Case.open(folder, steps=(*schema.STEPS, step_colour, step_that_dies))
    with Case.open(folder) as again:
        assert again.fields.count() == 3
        tables = {row[0] for row in again.connection.db.execute("SELECT name FROM sqlite_master")}
        assert "half" not in tables


def test_older_case_opened_for_looking_is_not_touched(case, folder, maker):
    maker.fill(case, 3)
    case.close()
    before = (folder / "case.sqlite").read_bytes()
    with Case.open(folder, read_only=True, steps=(*schema.STEPS, step_colour)) as again:
        assert again.fields.count() == 3
        assert again.connection.db.execute("SELECT colour FROM slides").fetchall() == [("",)]
    assert (folder / "case.sqlite").read_bytes() == before


def test_every_step_has_its_test():
    here = set(globals())
    for step in schema.STEPS:
        assert f"test_{step.__name__}" in here, f"{step.__name__} needs a test of its name"


def test_step_first_tables():
    db = sqlite3.connect(":memory:", isolation_level=None)
    schema.upgrade(db, schema.STEPS[:1])
    strict = dict(
        db.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    )
    tables = {name for name in strict if not name.startswith("sqlite_")}
    names = "info folders slides models fields predictions reviews plans reports audit"
    assert tables == set(names.split())
    assert all(strict[name] for name in tables)
    assert db.execute("PRAGMA application_id").fetchone()[0] == 0x414C4C53
    db.close()


_OLD_PREDICTION = (
    "INSERT INTO predictions (field_id, model_id, at, probabilities, class_name, reasons, novelty, cells, "
    "sharpness, brightness, clipped, cell_area, evidence_shape, evidence, milliseconds) "
    "VALUES (?, 1, 'then', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OLD_FIELD = (
    "UPDATE fields SET state = 'done', prediction_id = ?, model_id = 1, decision = ?, reasons = ?, "
    "probability = ?, margin = ?, novelty = ?, sharpness = ?, cells = ? WHERE id = ?"
)


@pytest.fixture
def first_version(folder, maker, monkeypatch):
    """A case as version 1 of the tables wrote it: two fields with predictions, one in the queue."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:1])
    with Case.create(folder) as case:
        case.models.add(maker.record())
        ids = maker.fill(case, 3)
        # What saving a prediction did then; the present program writes a column that came later.
        with case.connection.write() as db:
            for number in ids[:2]:
                made = maker.prediction(number)
                db.execute(_OLD_PREDICTION, (number, *prediction_row(made)))
                db.execute(_OLD_FIELD, (number, *shown_copy(made), number))
            details = {"fields": 2, "first": 1, "last": 2}
            case.connection.audit("fields-classified", "x", details, input_hash=predictions_digest(db, 1, 2))
    monkeypatch.undo()
    return folder


def test_step_many_models(first_version, maker):
    """What was there stays; the queue goes on, now knowing for which model."""
    with Case.open(first_version) as case:
        assert case.fields.get(1).prediction == maker.prediction(1)
        assert [field.id for field in case.queue.claim(5)] == [3]
        case.models.add(maker.record("second"))
        second = case.models.all()[1].sha256
        case.model_queue.add(second, [1])
        case.model_queue.start(second)
        case.queue.claim(5, second)
        case.queue.save_prediction(1, maker.prediction(7, second))
        assert case.fields.get(1).prediction == maker.prediction(1)
        assert (case.check(), case.audit.verify()) == ([], None)


def test_step_removed_fields(first_version, maker):
    """All fields of an older case are in it; from then on they can be taken out and brought back."""
    with Case.open(first_version) as case:
        assert [field.id for field in case.fields.page()] == [1, 2, 3]
        assert case.fields.remove([2]) == [2]
        assert [field.id for field in case.fields.page()] == [1, 3]
        assert case.fields.restore([2]) == [2]
        assert case.fields.get(2).prediction == maker.prediction(2)
        assert (case.check(), case.audit.verify()) == ([], None)
    assert (first_version / f"case.before-version-{len(schema.STEPS)}.sqlite").is_file()


@pytest.mark.parametrize("reason", [Reason.UNLIKE_TRAINING, Reason.NO_WHITE_CELLS])
def test_step_valid_certainty(folder, maker, clock, monkeypatch, reason):
    """A field that an earlier version sorted by a percentage that means nothing has none afterwards."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:3])
    monkeypatch.setattr("allstation.store.queue.save_cells", lambda _db, _saved: {})  # of a later version
    plain = maker.prediction(1)
    strange = replace(plain, decision=Decision(None, (Reason.LOW_CONFIDENCE, reason)))
    with Case.create(folder, clock=clock) as case:
        case.models.add(maker.record())
        ids = maker.fill(case, 3)
        case.queue.save_predictions([(ids[0], plain), (ids[1], strange)])
        with case.connection.write() as db:
            db.execute("UPDATE fields SET probability = 0.99, margin = 0.9 WHERE id = ?", (ids[1],))
    monkeypatch.undo()
    for read_only in (True, False):
        with Case.open(folder, read_only=read_only) as case:
            assert case.fields.count(FieldFilter(max_probability=1.0)) == 1
            assert list(case.fields.ids(sort=FieldSort.PROBABILITY)) == ids
            assert case.fields.get(ids[1]).prediction == strange
            assert (case.check(), case.audit.verify()) == ([], None)


def test_step_seal_table(folder, clock, monkeypatch):
    """Entries of an earlier version stay valid without a key; the next one begins with this station's."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:4])
    with Case.create(folder, clock=clock) as case:
        case.rename("before")
    monkeypatch.undo()
    with Case.open(folder) as case:
        assert (case.audit.verify(), case.provenance.sealed_by()) == (None, ())
        case.rename("after")
        (run,) = case.provenance.sealed_by()
        assert (run.first, run.last, run.known) == (3, 4, "this station")
        assert [entry.action for entry in case.audit.entries(last=2)] == ["station-changed", "case-renamed"]
        assert (case.check(), case.audit.verify()) == ([], None)


def test_step_cells(first_version, maker):
    """An older case opens with no cells, and gets them when its fields are classified again."""
    with Case.open(first_version) as case:
        assert case.cells.count() == 0
        assert [field.id for field in case.fields.page()] == [1, 2, 3]
        cells = {2: [new_cell(1), new_cell(2)]}
        case.queue.save_predictions([(2, maker.prediction(2))], cells)
        assert [cell.field_id for cell in case.cells.page()] == [2, 2]
        assert case.cells.of_field(1) == []
        assert (case.check(), case.audit.verify()) == ([], None)
    with Case.open(first_version) as case:
        assert case.cells.count() == 2


def test_step_patients(folder, maker, clock, monkeypatch):
    """A case of version 6 opens with slides of unknown patients, which can be given then."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:6])
    with Case.create(folder, clock=clock) as case, case.connection.write() as db:
        db.execute("INSERT INTO slides (name, name_key, search) VALUES ('s', 's', 's')")
        case.connection.audit("slide-added", "slide 1", {"name": "s"})
    monkeypatch.undo()
    with Case.open(folder, read_only=True) as case:
        assert [one.patient for one in case.slides.all()] == [""]
    with Case.open(folder) as case:
        case.slides.set_patients({1: "P-1"}, source=PatientSource.TYPED)
        assert (case.check(), case.audit.verify()) == ([], None)
    with Case.open(folder) as case:
        assert [one.patient for one in case.slides.all()] == ["P-1"]


def test_step_slide_files(folder, maker, clock, monkeypatch):
    """A case of version 7 opens without whole slides, and takes one then."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:7])
    with Case.create(folder, clock=clock) as case:
        maker.fill(case, 3)
    monkeypatch.undo()
    for read_only in (True, False):
        with Case.open(folder, read_only=read_only) as case:
            assert case.slide_files.all() == []
            assert [slide.fingerprint for slide in case.slides.all()] == [""]
            assert len(case.fields.page()) == 3
    levels = (Level(10, 10, 1.0),)
    info = SlideInfo(format="TIFF", vendor="generic", width=10, height=10, levels=levels)
    with Case.open(folder) as case:
        identity = SlideIdentity(fingerprint="ab" * 32, bytes=1, mtime_ns=1)
        file = case.slide_files.add("p", folder.parent / "p.svs", identity, info)
        assert case.slide_files.all() == [file]
        assert (case.check(), case.audit.verify()) == ([], None)


def test_a_case_brought_up_to_date_is_repaired_like_any_other(first_version, maker):
    """Its tables did not all start on the pages where those of a new case do."""
    Case.open(first_version).close()
    with (first_version / "case.sqlite").open("r+b") as file:
        file.write(b"\xa5" * 4096)
    report = maintenance.repair_case(first_version)
    assert (report.salvaged["fields"], report.salvaged["predictions"], report.broken) == (3, 2, None)


def test_a_damaged_case_of_an_earlier_version_is_repaired(first_version, maker):
    with (first_version / "case.sqlite").open("r+b") as file:
        file.write(b"\xa5" * 4096)
    report = maintenance.repair_case(first_version)
    assert (report.salvaged["fields"], report.salvaged["predictions"], report.broken) == (3, 2, None)
    with Case.open(first_version) as case:
        assert case.fields.get(1).prediction == maker.prediction(1)


# Two windows


OPEN = """
    import json, sys
    from allstation.store import Case
    with Case.open(__import__("pathlib").Path(sys.argv[1])) as case:
        holder = case.held_by
        print(json.dumps([case.read_only, holder and holder.pid, case.why_read_only, case.fields.count()]))
"""


def test_another_process_is_told_who_holds_the_case(case, folder, maker):
    maker.fill(case, 3)
    read_only, pid, sentence, count = json.loads(child(OPEN, folder))
    assert (read_only, pid, count) == (True, os.getpid(), 3)
    assert str(os.getpid()) in sentence
    case.close()
    assert json.loads(child(OPEN, folder))[0] is False


def test_lock_of_a_killed_process_is_free(folder, case):
    case.close()
    script = """
        import os, signal, sys
        from pathlib import Path
        from allstation.store import Case
        case = Case.open(Path(sys.argv[1]))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)], check=False, timeout=60
    )
    assert done.returncode == -9
    assert (folder / LOCK_FILE).read_text(encoding="utf-8")
    with Case.open(folder) as again:
        assert not again.read_only


@pytest.mark.parametrize("text", ["", "not json", '{"pid": 1}', "[1, 2]", "\ufffd" * 100])
def test_strange_lock_files_do_not_matter(case, folder, text):
    case.close()
    (folder / LOCK_FILE).write_text(text, encoding="utf-8")
    with Case.open(folder) as again:
        assert not again.read_only


def test_without_file_locks_the_process_decides(folder, case, monkeypatch):
    """Some network shares know no locks."""
    import fcntl

    case.close()

    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    me = {"host": os.uname().nodename, "user": "u", "since": "then"}
    lock = folder / LOCK_FILE
    for holder, free in (
        ({**me, "pid": dead.pid}, True),
        ({**me, "pid": os.getpid()}, False),
        ({**me, "host": "elsewhere", "pid": dead.pid}, False),
    ):
        lock.write_text(json.dumps(holder), encoding="utf-8")
        taken = CaseLock.take(folder, since="now")
        assert isinstance(taken, CaseLock) is free
        if isinstance(taken, CaseLock):
            taken._file.close()


def test_reader_sees_no_half_saved_batch(case, maker):
    ids = maker.fill(case, 10)
    with case.reader() as reader:
        with case.connection.write():
            case.queue.save_predictions([(ids[0], maker.prediction(1))])
            assert reader.queue.counts()[FieldState.DONE] == 0
        assert reader.queue.counts()[FieldState.DONE] == 1


# Places that cannot be written


AS_NOBODY = """
    import json, os, shutil, sys, tempfile
    from pathlib import Path
    from allstation.core.errors import StationError
    from allstation.store import Case
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    with Case.open(Path(sys.argv[1])) as case:
        try:
            case.rename("x")
            code = ""
        except StationError as error:
            code = error.code
        intact = case.audit.verify() is None
        print(json.dumps([case.read_only, case.why_read_only, case.fields.count(), code, intact]))
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become somebody else"
)
@pytest.mark.parametrize("state", ["closed", "log", "open"])
def test_read_only_folder(case, folder, maker, tmp_path, state):
    """Opened as a user who may not write: after a clean closing, with a log left over, while in use."""
    maker.fill(case, 3)
    if state == "log":
        left = tmp_path / "left.allcase"
        left.mkdir()
        for name in ("case.sqlite", "case.sqlite-wal"):
            shutil.copyfile(folder / name, left / name)
        assert (left / "case.sqlite-wal").stat().st_size > 0
        folder = left
    if state == "closed":
        case.close()
    for place in [folder, *folder.parents[: len(folder.parents) - 2]]:
        place.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    before = sorted(path.name for path in folder.iterdir())
    read_only, why, count, code, intact = json.loads(child(AS_NOBODY, folder, cwd="/"))
    assert (read_only, count, code, intact) == (True, 3, "read-only-case", True)
    assert why
    assert sorted(path.name for path in folder.iterdir()) == before
