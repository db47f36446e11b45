"""The cache of appearances: kept by field and model, bounded, and never in the way when it is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from allstation.store.appearance import FILE_NAME, AppearanceCache

FIRST, SECOND, THIRD = ("a" * 64, "b" * 64, "c" * 64)


def test_appearances_come_back_by_field_and_model(tmp_path: Path):
    cache = AppearanceCache(tmp_path / "data")
    assert cache.read("m1", [FIRST]) == {}
    cache.write("m1", {FIRST: np.array([0.5, 1.0]), SECOND: np.array([2.0, 0.25])})
    cache.write("m2", {FIRST: np.array([7.0])})
    found = AppearanceCache(tmp_path / "data").read("m1", [FIRST, THIRD])
    assert {name: row.tolist() for name, row in found.items()} == {FIRST: [0.5, 1.0]}
    assert cache.read("m2", [FIRST])[FIRST].tolist() == [7.0]
    assert (tmp_path / "data" / FILE_NAME).stat().st_mode & 0o077 == 0


def test_the_oldest_go_first(tmp_path: Path):
    cache = AppearanceCache(tmp_path, most=2)
    for name in (FIRST, SECOND, THIRD):
        cache.write("m", {name: np.array([1.0])})
    assert set(cache.read("m", [FIRST, SECOND, THIRD])) == {SECOND, THIRD}


@pytest.mark.parametrize("damage", [b"no database at all, " * 100, b""])
def test_a_damaged_file_is_put_aside_and_made_anew(tmp_path: Path, damage: bytes):
    path = tmp_path / FILE_NAME
    path.write_bytes(damage)
    cache = AppearanceCache(tmp_path)
    assert cache.read("m", [FIRST]) == {}
    cache.write("m", {FIRST: np.array([1.0])})
    assert list(cache.read("m", [FIRST])) == [FIRST]
    assert (tmp_path / "appearance.damaged").exists() == bool(damage)
