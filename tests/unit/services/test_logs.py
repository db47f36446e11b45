"""The log keeps its last lines, finds them, and leaves no handler behind."""

from __future__ import annotations

import logging
from pathlib import Path

from allstation.services.logs import LINES, ProgramLog


def test_lines_can_be_found_by_level_and_text(tmp_path: Path) -> None:
    care = ProgramLog(tmp_path)
    log = logging.getLogger("allstation.test")
    log.info("queue started")
    log.error("disk is full")
    assert len(care.ring.lines()) == 2
    assert [line for line in care.ring.lines(logging.ERROR) if "disk" in line]
    assert care.ring.lines(text="QUEUE")[0].endswith("queue started")
    care.close()
    assert "disk is full" in (tmp_path / "allstation.log").read_text()


def test_only_the_last_lines_are_kept(tmp_path: Path) -> None:
    care = ProgramLog(tmp_path)
    for number in range(LINES + 10):
        logging.getLogger("allstation.test").info("line %s", number)
    assert len(care.ring.lines()) == LINES
    assert care.ring.total == LINES + 10
    care.close()


def test_closing_takes_the_handlers_off(tmp_path: Path) -> None:
    before = list(logging.getLogger("allstation").handlers)
    ProgramLog(tmp_path).close()
    assert logging.getLogger("allstation").handlers == before
