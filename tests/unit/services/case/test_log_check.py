"""An opened case is verified in a thread; what is broken is told and never signed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from allstation.__main__ import main
from allstation.imaging.synthetic import write_demo
from allstation.services.case.log_check import log_problem
from allstation.store.case import Case


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("log-check")
    write_demo(place / "fields", fields=2)
    case = place / "a.allcase"
    assert main(["classify", str(place / "fields"), "--case", str(case), "--threads", "1"]) == 0
    return case


def tamper(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute("UPDATE fields SET decision = 'Benign', reasons = ''")


def test_a_sound_case_has_no_problem_and_a_tampered_one_is_told(made: Path) -> None:
    assert log_problem(made, Event()) is None
    tamper(made)
    problem = log_problem(made, Event())
    assert problem is not None
    assert problem.code == "broken-log"
    assert problem.name == "a.allcase"
    assert "Field 1 is listed with another result" in problem.sentence


def test_a_stopped_check_tells_nothing(made: Path) -> None:
    tamper(made)
    stopped = Event()
    stopped.set()
    with Case.open(made, read_only=True) as case:
        case.connection.db.set_progress_handler(stopped.is_set, 1)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            case.audit.verify()


def test_the_command_line_signs_no_broken_log(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(made)
    command = ["report", str(made), "--out", str(tmp_path), "--status", "final", "--signed-by", "Dr. B"]
    assert main(command) == 1
    assert "audit trail of this case is broken" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.pdf"))
    assert not (made / "reports").exists()
    with Case.open(made, read_only=True) as case:
        assert case.reports.all() == []
