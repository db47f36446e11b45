"""Atomic writing and free names, on a real disk."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap

import pytest

from allstation.files import free_path, part_path, replacing, write_atomically


def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "a.json"
    write_atomically(target, b"one")
    write_atomically(target, iter([b"t", b"wo"]))
    assert target.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [target]


def test_what_fails_leaves_the_old_file_and_no_part(tmp_path):
    target = tmp_path / "a.json"
    target.write_bytes(b"old")

    def half():
        yield b"ne"
        assert target.read_bytes() == b"old", "the target changed before the new file was whole"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(target, half())
    with pytest.raises(KeyboardInterrupt):
        _interrupted(target)
    with pytest.raises(FileNotFoundError), replacing(target):
        pass  # nothing was written
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def _interrupted(target):
    with replacing(target) as part:
        part.write_bytes(b"new")
        raise KeyboardInterrupt


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_a_replaced_file_passes_its_mode_on(tmp_path):
    target = tmp_path / "a.json"
    target.write_bytes(b"old")
    target.chmod(0o600)
    write_atomically(target, b"new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    other = tmp_path / "b.json"
    write_atomically(other, b"new")
    plain = tmp_path / "c.json"
    plain.write_bytes(b"new")
    assert other.stat().st_mode == plain.stat().st_mode


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    sync, rename = os.fsync, type(tmp_path).replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("sync"), sync(handle)))
    monkeypatch.setattr(type(tmp_path), "replace", lambda path, to: (steps.append("name"), rename(path, to)))
    write_atomically(tmp_path / "a", b"1")
    write_atomically(tmp_path / "b", b"1", sync=False)
    assert steps == ["sync", "name", "name"]


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits of a process are a POSIX matter")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    script = """
        import resource, signal, sys
        from pathlib import Path
        from allstation.files import write_atomically
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        try:
            write_atomically(Path(sys.argv[1]), bytes(100_000))
        except OSError as error:
            print(error.errno)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(target)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip(), "the write did not fail"
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_part_of_the_longest_name_can_be_made(tmp_path):
    target = tmp_path / ("x" * 250 + ".json")
    write_atomically(target, b"1")
    assert part_path(target).name.startswith(".")
    assert part_path(target) != part_path(target)
    assert target.read_bytes() == b"1"


def test_a_free_name_is_neither_there_nor_taken(tmp_path):
    assert free_path(tmp_path, "Case", ".allcase") == tmp_path / "Case.allcase"
    (tmp_path / "Case.allcase").mkdir()
    (tmp_path / "Case 2.allcase").touch()
    assert free_path(tmp_path, "Case", ".allcase") == tmp_path / "Case 3.allcase"
    soon = {tmp_path / "run", tmp_path / "run-2"}
    assert free_path(tmp_path, "run", separator="-", taken=soon) == tmp_path / "run-3"
