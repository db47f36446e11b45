"""A look at a folder sees plain field images and survives what else may lie there."""

from __future__ import annotations

import os
import sys

import pytest

from allstation.core.file_settling import FileSettling
from allstation.imaging.scan_folder import scan_folder


def test_plain_images_only(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"12345")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.jpg").mkdir()
    found = scan_folder(tmp_path)
    assert list(found) == ["a.jpg"]
    assert found["a.jpg"].size == 5
    assert not found["a.jpg"].busy


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links of POSIX systems")
def test_links_and_pipes_are_no_fields(tmp_path):
    (tmp_path / "real.jpg").write_bytes(b"1")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert list(scan_folder(tmp_path)) == ["real.jpg"]


def test_a_folder_that_is_away(tmp_path):
    assert scan_folder(tmp_path / "nowhere") is None


def test_held_files_are_busy(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"1")
    assert scan_folder(tmp_path, held=lambda path: path.name == "a.jpg")["a.jpg"].busy


def test_a_file_written_in_pieces_is_taken_when_whole(tmp_path):
    """With real files and a made-up clock: two halves, then silence."""
    watch, path = FileSettling(settled=3), tmp_path / "a.jpg"
    path.write_bytes(b"half")
    assert watch.see(scan_folder(tmp_path), 0) == []
    with path.open("ab") as file:
        file.write(b" and half")
    os.utime(path, ns=(1, 1))
    assert watch.see(scan_folder(tmp_path), 3) == []
    assert watch.see(scan_folder(tmp_path), 6) == ["a.jpg"]
