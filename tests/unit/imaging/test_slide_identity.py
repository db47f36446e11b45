"""Fingerprints of slides."""

from __future__ import annotations

import hashlib
import os

import pytest

from allstation.core.errors import StationError
from allstation.imaging.slide_identity import fingerprint

MIB = 1 << 20


def test_a_small_file_is_hashed_whole(tmp_path):
    path = tmp_path / "a.svs"
    path.write_bytes(b"x" * 1000)
    assert fingerprint(path) == hashlib.sha256(b"1000\n" + b"x" * 1000).hexdigest()
    before = fingerprint(path)
    path.write_bytes(b"x" * 999 + b"y")
    assert fingerprint(path) != before


def test_ends_and_pieces_of_a_large_file_count(tmp_path):
    path = tmp_path / "a.svs"
    size = 64 * MIB
    path.touch()
    os.truncate(path, size)
    before = fingerprint(path)
    changed = []
    for at in (0, MIB - 1, size - MIB, size - 1, (size - 65536) * 31 // 63):
        with path.open("r+b") as file:
            file.seek(at)
            file.write(b"\1")
            file.flush()
            changed.append(fingerprint(path))
            file.seek(at)
            file.write(b"\0")
    assert len({before, *changed}) == 6
    assert fingerprint(path) == before
    os.truncate(path, size + 1)
    assert fingerprint(path) != before


def test_a_slide_of_several_files_counts_them_all_by_name(tmp_path):
    path, data = tmp_path / "a.mrxs", tmp_path / "a"
    path.write_bytes(b"index")
    data.mkdir()
    (data / "Data0000.dat").write_bytes(b"one")
    (data / "Slidedat.ini").write_bytes(b"two")
    before = fingerprint(path)
    (data / "Data0000.dat").rename(data / "Data0001.dat")
    renamed = fingerprint(path)
    (data / "Data0001.dat").write_bytes(b"One")
    assert len({before, renamed, fingerprint(path)}) == 3


def test_a_file_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(StationError, match=r"^The slide a\.svs is not there any more\.") as refused:
        fingerprint(tmp_path / "a.svs")
    assert refused.value.code == "not-found"
