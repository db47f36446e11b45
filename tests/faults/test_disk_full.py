"""A disk that fills up during a whole run: one sentence, nothing lost, and it goes on once there is space."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.records import FieldState
from allstation.imaging.synthetic import write_demo
from allstation.store import Case, schema

resource = pytest.importorskip("resource", reason="file size limits of a process are a POSIX matter")
FIXTURE = Path(__file__).parent.parent / "contracts" / "fixtures" / "0.1.0" / "case.allcase"


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse every byte of a file beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(place: Path, kib: int) -> Iterator[None]:
    """Mount a file system of a given size, or skip where that needs rights this user does not have."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def classify(fields: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Run the whole job as a person does: case, tables and report on the same disk."""
    outputs = ["--case", "c.allcase", "--csv", "t.csv", "--json", "t.json", "--xlsx", "t.xlsx"]
    command = [sys.executable, "-m", "allstation", "classify", str(fields), *outputs, "--report", "r.pdf"]
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(place)}
    return subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=280, check=False, env=environment
    )


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields")
    write_demo(folder, fields=2)
    return folder


@pytest.mark.parametrize("kib", [100, 400])
def test_a_whole_run_on_a_disk_that_fills_up(fields: Path, tmp_path: Path, kib: int) -> None:
    place = tmp_path / "disk"
    with small_disk(place, kib):
        first = classify(fields, place)
        assert first.returncode != 0
        assert "Traceback" not in first.stderr
        said = [line for line in first.stderr.splitlines() if line.startswith("allstation:")]
        assert len(said) == 1, first.stderr
        assert "space" in said[0]
        kept = 0
        if (place / "c.allcase" / "case.sqlite").is_file():
            with Case.open(place / "c.allcase", read_only=True) as case:
                assert (case.check(), case.audit.verify()) == ([], None)
                kept = case.queue.counts()[FieldState.DONE]
        for name in ("t.csv", "t.json", "t.xlsx", "r.pdf"):
            assert not (place / name).exists() or (place / name).stat().st_size > 0
        subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
        second = classify(fields, place)
        assert second.returncode == 0, second.stderr
        with Case.open(place / "c.allcase", read_only=True) as case:
            assert case.queue.counts()[FieldState.DONE] == 2 >= kept
            assert case.audit.verify() is None
        assert all((place / name).stat().st_size > 0 for name in ("t.csv", "t.json", "t.xlsx", "r.pdf"))


def test_a_case_is_brought_up_to_date_whole_or_not_at_all(tmp_path: Path) -> None:
    """No room for the copy that is kept before the step to newer tables."""
    folder = Path(shutil.copytree(FIXTURE, tmp_path / "case.allcase"))
    size = (folder / "case.sqlite").stat().st_size
    with no_file_larger_than(size // 2), pytest.raises(StationError) as caught:
        Case.open(folder)
    # SQLite calls a file that may not grow an error of the disk; a disk without space, as above, is full.
    assert caught.value.code in ("disk-full", "case-unreachable")
    assert not list(folder.glob("case.before-version-*.sqlite"))
    with Case.open(folder) as case:
        assert schema.version_of(case.connection.db) == len(schema.STEPS)
        assert case.audit.verify() is None
    assert list(folder.glob("case.before-version-*.sqlite"))


@pytest.mark.parametrize("writer", ["write_csv", "write_json", "write_xlsx"])
def test_a_table_that_does_not_fit_leaves_the_earlier_one(tmp_path: Path, writer: str) -> None:
    from allstation.report.tables import case_tables

    write = getattr(case_tables, writer)
    with Case.open(Path(shutil.copytree(FIXTURE, tmp_path / "case.allcase"))) as case:
        snapshot = case.snapshot()
    target = write(snapshot, tmp_path / f"t.{writer.removeprefix('write_')}")
    before = target.read_bytes()
    with no_file_larger_than(len(before) // 2), pytest.raises(StationError) as caught:
        write(snapshot, target)
    assert caught.value.sentence
    assert target.read_bytes() == before


@pytest.mark.parametrize("kib", [4, 8])
def test_a_workbook_whose_temporary_files_do_not_fit(
    tmp_path: Path, kib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library writes each sheet to a temporary file and loses the system's error on its way out."""
    from allstation.report.tables.case_tables import write_xlsx

    with Case.open(Path(shutil.copytree(FIXTURE, tmp_path / "case.allcase"))) as case:
        snapshot = case.snapshot()
    disk, target = tmp_path / "disk", tmp_path / "t.xlsx"
    with small_disk(disk, kib):
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(StationError, match="space"):
            write_xlsx(snapshot, target)
        assert list(disk.iterdir()) == []
        assert not target.exists()
        subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
        assert write_xlsx(snapshot, target).stat().st_size > 0


def test_an_archive_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, fields: Path) -> None:
    from allstation.imaging.archives.unpack import unpack

    archive = Path(shutil.make_archive(str(tmp_path / "fields"), "zip", fields))
    with no_file_larger_than(1000), pytest.raises(StationError):
        unpack(archive, tmp_path / "out")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    assert len(unpack(archive, tmp_path / "again").fields) == 2
