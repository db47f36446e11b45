"""Every attack of the table is held off."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults import attacks

POSIX_ONLY = {
    "SIGTERM of classify without a case",
    "archive whose manifest is a link to a file of the user",
    "modes of settings, report and tables",
    "pipe with the name of a slide",
    "stdout is full",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked")
    attacks.prepare(folder)
    return folder


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_an_attack_is_held_off(base: Path, tmp_path: Path, name: str) -> None:
    if sys.platform == "win32" and name in POSIX_ONLY:
        pytest.skip("a matter of POSIX")
    _, attack = attacks.ATTACKS[name]
    seen = attack(attacks.Ground(base, tmp_path))
    assert seen.held, seen.text
