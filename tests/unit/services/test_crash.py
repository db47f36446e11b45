"""A fault of the program is noted down without anything that belongs to a patient."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from allstation.services.crash import CrashHandler


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def care(tmp_path: Path, told: list[str]):
    hooks = sys.excepthook, threading.excepthook
    made = CrashHandler(tmp_path / "logs", told.append)
    yield made
    made.close()
    assert (sys.excepthook, threading.excepthook) == hooks


def fail(path: str) -> None:
    message = f"cannot open {path}"
    raise RuntimeError(message)


def test_a_report_names_code_but_no_data(care: CrashHandler, told: list[str], tmp_path: Path) -> None:
    secret = "/home/dr/patients/Jane Doe 1980/field1.jpg"
    try:
        fail(secret)
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    (report,) = (tmp_path / "logs").glob("crash-*.txt")
    text = report.read_text()
    assert told == [text.rstrip("\n")]
    assert "RuntimeError" in text
    assert "in fail" in text
    for part in ("Jane", "patients", "/home", str(tmp_path)):
        assert part not in text


def test_a_fault_on_a_thread_is_noted_too(care: CrashHandler, told: list[str]) -> None:
    thread = threading.Thread(target=fail, args=("x",))
    thread.start()
    thread.join()
    assert len(told) == 1


def test_a_fault_that_repeats_does_not_fill_the_disk(
    care: CrashHandler, told: list[str], tmp_path: Path
) -> None:
    for _ in range(50):
        care.handle(RuntimeError, RuntimeError("x"), None)
    assert len(list((tmp_path / "logs").glob("crash-*.txt"))) <= 5
    assert len(told) == 50


def test_an_unwritable_folder_still_tells(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    care = CrashHandler(tmp_path / "file", told.append)
    care.handle(ValueError, ValueError("x"), None)
    care.close()
    assert len(told) == 1
