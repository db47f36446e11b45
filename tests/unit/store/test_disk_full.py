"""A disk that fills up at any write: a clear sentence, nothing lost, and it goes on after space is made."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.records import FieldState, Review
from allstation.store import Case
from allstation.store.lock import LOCK_FILE, CaseLock


def test_every_kind_of_write_on_a_full_disk(case, maker):
    """SQLite itself is told that no page is left."""
    ids = maker.fill(case, 20)
    maker.classify(case, ids[:5])
    review = case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro"))
    pages = case.connection.db.execute("PRAGMA page_count").fetchone()[0]
    case.connection.db.execute(f"PRAGMA max_page_count = {pages}")
    before, length = case.snapshot().fields, case.audit.length()
    long = "x" * 100_000
    for write in (
        lambda: maker.fill(case, 2000, first=100),
        lambda: maker.classify(case, ids * 50),
        lambda: case.reviews.add(Review(field_id=ids[0], reviewer="Ada", class_name="Pro", comment=long)),
        lambda: case.set_details({"question": long}),
        lambda: case.queue.fail(ids[3], "x", long),
        lambda: case.rename(long),
    ):
        with pytest.raises(StationError) as caught:
            write()
        assert caught.value.code == "disk-full"
        assert "space" in caught.value.sentence
        assert case.snapshot().fields == before
        assert case.audit.length() == length
    case.connection.db.execute("PRAGMA max_page_count = 1000000")
    maker.classify(case, ids)
    case.reviews.withdraw(review.id)
    assert case.queue.counts()[FieldState.DONE] == 20
    assert case.audit.verify() is None
    assert case.check() == []


LIMITED = """
    import resource, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    import importlib.util
    spec = importlib.util.spec_from_file_location("made", sys.argv[2] + "/conftest.py")
    made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)
    from allstation.core.errors import StationError
    from allstation.core.records import FieldState
    from allstation.store import Case, maintenance

    folder = Path(sys.argv[1])
    maker = made.Maker(folder / "fields")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    refused = 0
    # Every file of this process may grow to the limit: the log fills, then the case file itself.
    for limit in range(40_000, 1_200_000, 60_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        place = folder / f"{limit}.allcase"
        done = []
        try:
            case = Case.create(place)
        except StationError as error:
            assert error.code in ("disk-full", "case-unreachable", "case-unwritable"), error.code
            refused += 1
            continue
        try:
            case.models.add(maker.record())
            ids = maker.fill(case, 200)
            for start in range(0, 200, 10):
                maker.classify(case, ids[start:start + 10])
                done += ids[start:start + 10]
            case.backup()
        except StationError as error:
            assert error.code in ("disk-full", "case-unreachable"), (error.code, error.sentence)
            refused += 1
        case.close()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with Case.open(place) as again:
            assert again.check() == [], again.check()
            assert again.audit.verify() is None
            assert again.queue.counts()[FieldState.DONE] == len(done)
            rest = [field.id for field in again.fields.page() if field.id not in done]
            again.models.add(maker.record())
            maker.classify(again, rest)
            assert again.audit.verify() is None
    print(refused)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits of a process are a POSIX matter")
def test_no_room_at_any_size(tmp_path):
    """The system refuses every byte past a limit; the limit moves through the whole life of a case."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        textwrap.dedent(LIMITED),
        str(tmp_path),
        str(Path(__file__).parent),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= 5


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are a POSIX matter")
def test_no_room_for_the_name_in_the_lock(case, folder):
    """The lock itself needs no room."""
    import resource

    case.close()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        lock = CaseLock.take(folder, since="now")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(lock, CaseLock)
    assert (folder / LOCK_FILE).read_bytes() == b""
    lock.release()
    with Case.open(folder) as again:
        assert not again.read_only
        again.rename("still works")


def test_a_backup_on_a_full_disk(case, maker, tmp_path, monkeypatch):
    maker.fill(case, 5)
    target = case.backup(tmp_path / "b.sqlite")
    before = target.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StationError) as caught:
        case.backup(target)
    assert caught.value.code == "disk-full"
    assert target.read_bytes() == before
