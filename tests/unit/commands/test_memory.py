"""A command for which the system has no memory left says so in a sentence."""

from __future__ import annotations

import errno

import pytest

from allstation.cli import main
from allstation.commands import doctor


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("libpywrap_litert_common.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_too_little_memory_is_one_sentence(monkeypatch, capsys, error: Exception) -> None:
    def fails(_options: object) -> int:
        raise error

    monkeypatch.setattr(doctor, "run", fails)
    assert main(["doctor"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "too little memory" in line


@pytest.mark.parametrize("error", [RuntimeError("a fault"), OSError(errno.EIO, "Input/output error")])
def test_another_fault_is_not_taken_for_it(monkeypatch, error: Exception) -> None:
    def fails(_options: object) -> int:
        raise error

    monkeypatch.setattr(doctor, "run", fails)
    with pytest.raises(type(error)):
        main(["doctor"])
