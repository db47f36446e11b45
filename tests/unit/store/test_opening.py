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

import pytest

from allstation.core.errors import StationError
from allstation.core.records import FieldState
from allstation.store import Case, schema
from allstation.store.lock import LOCK_FILE, CaseLock


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


def test_died_before_the_first_entry(folder):
    """The file was made, its id was not: opening finishes it."""
    from allstation.store.database import create_file

    folder.mkdir()
    create_file(folder / "case.sqlite", schema.STEPS)
    with Case.open(folder) as case:
        assert (case.name, len(case.case_id)) == ("Müller", 36)
        assert case.verify_audit() is None


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
    refused("closed-case", case.count)


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
    ids = maker.fill(case, 3)
    case.close()
    with Case.open(folder, steps=(*schema.STEPS, step_colour)) as again:
        assert again.count() == 3
        assert schema.version_of(again._db) == 2
        assert again._db.execute("SELECT colour FROM slides").fetchall() == [("",)]
    kept = sqlite3.connect(folder / "case.before-version-2.sqlite")
    assert kept.execute("PRAGMA user_version").fetchone()[0] == 1
    assert kept.execute("SELECT count(*) FROM fields").fetchone()[0] == len(ids)
    kept.close()
    refused("newer-case", lambda: Case.open(folder))


def test_upgrade_that_dies_leaves_the_old_case(case, folder, maker):
    maker.fill(case, 3)
    case.close()
    with pytest.raises(KeyboardInterrupt):
        Case.open(folder, steps=(*schema.STEPS, step_colour, step_that_dies))
    with Case.open(folder) as again:
        assert again.count() == 3
        tables = {row[0] for row in again._db.execute("SELECT name FROM sqlite_master")}
        assert "half" not in tables


def test_older_case_opened_for_looking_is_not_touched(case, folder, maker):
    maker.fill(case, 3)
    case.close()
    before = (folder / "case.sqlite").read_bytes()
    with Case.open(folder, read_only=True, steps=(*schema.STEPS, step_colour)) as again:
        assert again.count() == 3
        assert again._db.execute("SELECT colour FROM slides").fetchall() == [("",)]
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


# Two windows


OPEN = """
    import json, sys
    from allstation.store import Case
    with Case.open(__import__("pathlib").Path(sys.argv[1])) as case:
        holder = case.held_by
        print(json.dumps([case.read_only, holder and holder.pid, case.why_read_only, case.count()]))
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
        with case._write():
            case.save_predictions([(ids[0], maker.prediction(1))])
            assert reader.queue_counts()[FieldState.DONE] == 0
        assert reader.queue_counts()[FieldState.DONE] == 1


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
        intact = case.verify_audit() is None
        print(json.dumps([case.read_only, case.why_read_only, case.count(), code, intact]))
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
