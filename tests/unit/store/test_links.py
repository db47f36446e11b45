"""A case from elsewhere may hold links: nothing that is not its own is ever written through them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from allstation.__main__ import main
from allstation.core.errors import StationError
from allstation.store import Case
from allstation.store.lock import LOCK_FILE, CaseLock
from allstation.store.maintenance import repair_case

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
TEXT = "a letter of the user\n" * 100
FILES = (LOCK_FILE, "case.sqlite", "case.sqlite-wal", "case.sqlite-shm", "case.sqlite-journal",
         "case.sqlite.creating", "case.sqlite.repaired")  # fmt: skip


@pytest.fixture
def victim(tmp_path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def foreign(case, maker, folder) -> Path:
    """A closed case with three fields, as it came on a stick."""
    maker.classify(case, maker.fill(case, 3))
    case.close()
    return folder


def replaced(path: Path, victim: Path, *, hard: bool = False) -> None:
    path.unlink(missing_ok=True)
    (os.link if hard else os.symlink)(victim, path)


def refusal(action) -> str:
    with pytest.raises(StationError) as caught:
        action()
    assert caught.value.code == "unsafe-case"
    return caught.value.sentence


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("hard", [False, True], ids=["symbolic", "hard"])
def test_a_file_of_the_case_that_is_a_link_is_refused_and_its_target_untouched(foreign, victim, name, hard):
    replaced(foreign / name, victim, hard=hard)
    assert repr(name) in refusal(lambda: Case.open(foreign))
    assert repr(name) in refusal(lambda: repair_case(foreign))
    assert victim.read_text("utf-8") == TEXT


@pytest.mark.parametrize("name", ["backups", "reports", "unpacked"])
def test_a_folder_of_the_case_that_is_a_link_is_refused(foreign, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (foreign / name).symlink_to(tmp_path / "elsewhere")
    assert repr(name) in refusal(lambda: Case.open(foreign))
    assert not any((tmp_path / "elsewhere").iterdir())


def test_looking_alone_refuses_a_symbolic_link_and_allows_a_backup_of_hard_links(foreign, tmp_path):
    os.link(foreign / "case.sqlite", tmp_path / "backup.sqlite")
    with Case.open(foreign, read_only=True) as case:
        assert case.fields.count() == 3
    replaced(foreign / "case.sqlite", tmp_path / "backup.sqlite")
    refusal(lambda: Case.open(foreign, read_only=True))


def test_a_link_to_nothing_makes_nothing(foreign, tmp_path):
    replaced(foreign / LOCK_FILE, tmp_path / "new.txt")
    refusal(lambda: Case.open(foreign))
    assert not (tmp_path / "new.txt").exists()


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_the_lock_is_refused_at_once(foreign):
    (foreign / LOCK_FILE).unlink()
    os.mkfifo(foreign / LOCK_FILE)
    assert "not a plain file" in refusal(lambda: Case.open(foreign))


def test_a_new_case_is_not_made_over_a_link(tmp_path, victim):
    folder = tmp_path / "new.allcase"
    folder.mkdir()
    (folder / LOCK_FILE).symlink_to(victim)
    refusal(lambda: Case.create(folder))
    assert victim.read_text("utf-8") == TEXT


def test_a_case_behind_a_link_to_its_folder_opens(foreign, tmp_path):
    """That link is the user's own."""
    (tmp_path / "short.allcase").symlink_to(foreign)
    with Case.open(tmp_path / "short.allcase") as case:
        assert not case.read_only


@pytest.mark.parametrize("command", [["classify", "FIELDS", "--case", "CASE"], ["repair", "CASE"]], ids=str)
def test_the_command_line_refuses_in_a_sentence(foreign, victim, tmp_path, command, capsys):
    (tmp_path / "none").mkdir()
    replaced(foreign / LOCK_FILE, victim)
    places = {"FIELDS": str(tmp_path / "none"), "CASE": str(foreign)}
    assert main([places.get(word, word) for word in command]) == 2
    assert "is a link to another place" in capsys.readouterr().err
    assert victim.read_text("utf-8") == TEXT


# A file system without locks -----------------------------------------------------------------------


def without_locks(monkeypatch):
    import fcntl

    def unsupported(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)


def test_a_case_closes_where_there_are_no_locks(foreign, monkeypatch):
    without_locks(monkeypatch)
    for _ in range(2):
        with Case.open(foreign) as case:
            assert not case.read_only
    assert not list(foreign.glob("*.deciding"))


RACE = """
    import fcntl, sys, time
    from pathlib import Path
    from allstation.store.lock import CaseLock

    def unsupported(*_):
        raise OSError(37, "No locks available")

    fcntl.flock = unsupported
    sys.stdin.readline()
    for number in range(15):
        folder = Path(sys.argv[1]) / str(number)
        print(int(isinstance(CaseLock.take(folder, since="now"), CaseLock)), flush=True)
"""


def test_without_locks_two_processes_never_both_become_the_writer(tmp_path):
    for number in range(15):
        (tmp_path / str(number)).mkdir()
    command = [sys.executable, "-c", textwrap.dedent(RACE), str(tmp_path)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.stdout.read().split() for racer in racers]
    for racer in racers:
        racer.wait(timeout=60)
        racer.stdin.close()
        racer.stdout.close()
    assert [sorted(pair) for pair in zip(*told, strict=True)] == [["0", "1"]] * 15


def test_a_mark_left_by_a_process_that_died_does_not_close_the_case_for_ever(foreign, monkeypatch):
    without_locks(monkeypatch)
    mark = foreign / f"{LOCK_FILE}.deciding"
    mark.mkdir()
    os.utime(mark, (1, 1))
    lock = CaseLock.take(foreign, since="now")
    assert isinstance(lock, CaseLock)
    assert json.loads((foreign / LOCK_FILE).read_text("utf-8"))["pid"] == os.getpid()
    lock.release()
