"""Fingerprints of slides."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
import tifffile

from allstation.core.errors import StationError
from allstation.core.slide_part import Region, part_path
from allstation.imaging.fields.file import read_field
from allstation.imaging.readers import SlideReader
from allstation.imaging.slides.identity import fingerprint

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


@pytest.mark.skipif(os.name == "nt", reason="a matter of POSIX")
@pytest.mark.parametrize("name", ["a.svs", "a.vms", "a.mrxs", "a.dcm"])
def test_a_pipe_with_the_name_of_a_slide_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(StationError, match="cannot be read"):
        fingerprint(tmp_path / name)


PART = Region(level=0, x=0, y=0, width=64, height=64)


def write_flat(path, grey: int) -> None:
    tiles = {"tile": (64, 64), "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as out:
        for side, kind in ((256, 0), (128, 1)):
            out.write(np.full((side, side, 3), grey, np.uint8), subfiletype=kind, **tiles)


def test_a_slide_that_was_exchanged_and_given_its_old_time_is_noticed(tmp_path):
    path = tmp_path / "a.tif"
    write_flat(path, 200)
    added = read_field(part_path(path, PART)).sha256
    times = path.stat()
    write_flat(path, 90)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    with pytest.raises(StationError, match="is not the one that was added"):
        read_field(part_path(path, PART), sha256=added)


def test_a_slide_that_is_exchanged_while_a_part_is_read_is_noticed(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    write_flat(path, 200)
    added = read_field(part_path(path, PART)).sha256

    def read_another(reader, part):
        write_flat(path, 90)
        return read(reader, part)

    read = SlideReader.read
    monkeypatch.setattr(SlideReader, "read", read_another)
    with pytest.raises(StationError, match="is not the one that was added"):
        read_field(part_path(path, PART), sha256=added)
