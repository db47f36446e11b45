"""The threads behind the window: watching, thumbnails, exports, the one writer's manners."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from allstation.core.file_settling import SETTLED_SECONDS
from allstation.core.limits import DecodeLimits
from allstation.core.records import FieldState, Prediction
from allstation.imaging.formats import decode
from allstation.imaging.synthetic import write_demo
from allstation.inference import pipeline
from allstation.inference.bundle import default_bundle_path
from allstation.inference.engine import Engine
from allstation.keys.trust_store import TrustStore
from allstation.processing.status_types import ImportStatus, QueuePhase
from allstation.services.case.requests import (
    AddPaths,
    CancelQueue,
    LocateFields,
    OpenCase,
    Pause,
    RequeueCancelled,
    UseModel,
)
from allstation.services.case.session import CaseSession
from allstation.services.folder_watcher import FolderWatcher
from allstation.services.images import thumbnails
from allstation.services.images.thumbnails import ThumbnailKey, ThumbnailLoader
from allstation.services.reports.export import ExportJob, Exports
from allstation.services.reports.export_kinds import ExportKind
from allstation.store.case import Case
from tests.faults.damaged_bundle import rebuilt
from tests.faults.hostile_network import endless, shipped_network

LONG = 60_000


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields") / "Slide"
    write_demo(folder, fields=3)
    return folder


@pytest.fixture
def session(qtbot: QtBot, nothing_left_running: None):
    made = CaseSession(threads=2)
    yield made
    assert made.wait()


class Heard(QObject):
    """Collects what a worker says, on this thread: a plain function would run on the worker's."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[object] = []

    @Slot(object)
    def take(self, told: object) -> None:
        self.all.append(told)

    @Slot(list)
    def take_list(self, told: list[int]) -> None:
        self.all.append(told)


@pytest.fixture
def listen(qapp: object) -> Iterator[Callable[[object], list[object]]]:
    """Return a function that collects a signal's values."""
    listeners: list[Heard] = []

    def begin(signal: object) -> list[object]:
        listeners.append(Heard())
        signal.connect(listeners[-1].take)
        return listeners[-1].all

    yield begin
    listeners.clear()


def test_a_case_whose_log_is_broken_is_told_once(
    session: CaseSession, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    folder = tmp_path / "a.allcase"
    with Case.create(folder) as case:
        case.slides.add("Slide 1")
    with closing(sqlite3.connect(folder / "case.sqlite")) as db, db:
        db.execute("UPDATE slides SET name = 'Slide 2'")
    problems = listen(session.worker.problem)
    session.submit(OpenCase(folder))
    qtbot.waitUntil(lambda: bool(problems), timeout=LONG)
    (problem,) = problems
    assert problem.code == "broken-log"
    assert "slide 1" in problem.sentence


def settled(statuses: list[ImportStatus]) -> bool:
    return bool(statuses) and not statuses[-1].running


def test_fields_are_on_disk_before_the_window_hears_of_them(
    session: CaseSession, fields: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "a.allcase"
    seen: list[int] = []

    def check(ids: list[int]) -> None:
        # On the worker's thread, within the emit: nothing can have been written in between.
        with Case.open(folder, read_only=True) as case:
            seen.extend(field.id for field in case.fields.records(ids))

    session.worker.fields_added.connect(check)
    session.submit(OpenCase(folder, create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: len(seen) == 3, timeout=LONG)


def test_the_same_folder_twice_adds_nothing_twice(
    session: CaseSession, fields: Path, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    statuses = listen(session.worker.import_changed)
    session.submit(OpenCase(tmp_path / "a.allcase", create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: settled(statuses), timeout=LONG)
    assert statuses[-1].added == 3
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: settled(statuses) and statuses[-1].duplicates == 3, timeout=LONG)
    assert statuses[-1].added == 0


def test_cancelled_fields_can_be_put_back(
    session: CaseSession, fields: Path, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    told = listen(session.worker.queue_changed)
    session.submit(OpenCase(tmp_path / "a.allcase", create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: bool(told) and told[-1].counts.get(FieldState.QUEUED) == 3, timeout=LONG)
    session.submit(CancelQueue())
    qtbot.waitUntil(lambda: told[-1].counts.get(FieldState.CANCELLED) == 3, timeout=LONG)
    session.submit(RequeueCancelled())
    qtbot.waitUntil(lambda: told[-1].counts.get(FieldState.QUEUED) == 3, timeout=LONG)


def test_a_result_is_not_held_back_by_slow_fields_beside_it(
    session: CaseSession, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is woken by few of the results; it has to look for the others by itself."""
    write_demo(tmp_path / "Slide", fields=5)
    go_on, first, real = threading.Event(), threading.Lock(), Engine.classify

    def classify(engine: Engine, path: Path, limits: DecodeLimits, *, sha256: str, slide: int) -> Prediction:
        if not first.acquire(blocking=False):
            assert go_on.wait(LONG / 1000)
        return real(engine, path, limits, sha256=sha256, slide=slide)

    monkeypatch.setattr(Engine, "classify", classify)
    changed = Heard()
    session.worker.fields_changed.connect(changed.take_list)
    session.submit(OpenCase(tmp_path / "a.allcase", create=True))
    session.submit(AddPaths([tmp_path / "Slide"]))
    try:
        session.submit(UseModel(default_bundle_path()))
        qtbot.waitUntil(lambda: bool(changed.all), timeout=LONG)
        with Case.open(tmp_path / "a.allcase", read_only=True) as case:
            assert case.queue.counts()[FieldState.DONE] == 1
    finally:
        go_on.set()
    qtbot.waitUntil(lambda: sum(map(len, changed.all)) == 5, timeout=LONG)


def test_a_field_that_raises_what_nobody_foresaw_fails_and_the_others_are_classified(
    session: CaseSession,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    expected_log: list[str],
) -> None:
    """A picture library's own exception once stopped the queue at 11 of 12 without a word."""
    expected_log.append("allstation.inference.pipeline: field")
    write_demo(tmp_path / "Slide", fields=5)
    bad = sorted(path for path in (tmp_path / "Slide").rglob("*") if path.is_file())[2]
    real = decode.decode_shrunk

    def raises(path: Path, *given: object, **more: object) -> object:
        if path.name == bad.name:
            raise cv2.error("Assertion failed")
        return real(path, *given, **more)

    monkeypatch.setattr(decode, "decode_shrunk", raises)
    folder, changed = tmp_path / "a.allcase", Heard()
    session.worker.fields_changed.connect(changed.take_list)
    session.submit(OpenCase(folder, create=True))
    session.submit(UseModel(default_bundle_path()))
    session.submit(AddPaths([tmp_path / "Slide"]))
    qtbot.waitUntil(lambda: len({number for ids in changed.all for number in ids}) == 5, timeout=LONG)
    with Case.open(folder, read_only=True) as case:
        counts = case.queue.counts()
        (failed,) = [field for field in case.fields.page() if field.state is FieldState.FAILED]
    assert (counts[FieldState.DONE], counts[FieldState.RUNNING]) == (4, 0)
    assert (failed.path.name, failed.error_code) == (bad.name, "unexpected")


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (lambda: b"no network at all" * 100, "cannot be loaded"),
        (lambda: endless(shipped_network()), "took more"),
    ],
    ids=["damaged", "endless"],
)
def test_a_network_that_cannot_be_used_is_the_models_fault_told_once_and_its_fields_wait(
    session: CaseSession,
    fields: Path,
    qtbot: QtBot,
    tmp_path: Path,
    *,
    listen: Callable[[object], list[object]],
    expected_log: list[str],
    monkeypatch: pytest.MonkeyPatch,
    network: Callable[[], bytes],
    why: str,
) -> None:
    expected_log.append("an isolated network ended")
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 1.0)
    monkeypatch.setattr(Engine.__init__, "__kwdefaults__", {"seconds": 1.0, "network": None})
    bundle = rebuilt(tmp_path / "m.allmodel", network=network())
    TrustStore().accepting(bundle.sha256, name=bundle.name).save()
    folder = tmp_path / "a.allcase"
    problems, told = listen(session.worker.problem), listen(session.worker.queue_changed)
    session.submit(OpenCase(folder, create=True))
    session.submit(UseModel(bundle.path))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(
        lambda: (
            bool(problems)
            and told[-1].phase is QueuePhase.NO_MODEL
            and told[-1].counts.get(FieldState.QUEUED) == 3
        ),
        timeout=LONG,
    )
    assert [problem.code for problem in problems] == ["bad-bundle"]
    assert "m.allmodel cannot be used" in problems[0].sentence
    assert why in problems[0].sentence
    with Case.open(folder, read_only=True) as case:
        assert {field.error_code for field in case.fields.page()} == {""}
    session.submit(UseModel(default_bundle_path()))
    qtbot.waitUntil(lambda: told[-1].counts.get(FieldState.DONE) == 3, timeout=LONG)


def test_a_case_that_cannot_be_written_or_read_pauses_the_queue_with_a_sentence(
    session: CaseSession, fields: Path, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    problems, told = listen(session.worker.problem), listen(session.worker.queue_changed)
    session.submit(OpenCase(tmp_path / "a.allcase", create=True))
    session.submit(AddPaths([fields]))
    qtbot.waitUntil(lambda: bool(told) and told[-1].counts.get(FieldState.QUEUED) == 3, timeout=LONG)
    case = session.worker.open_case.case
    assert case is not None
    pages = case.connection.db.execute("PRAGMA page_count").fetchone()[0]
    case.connection.db.execute(f"PRAGMA max_page_count = {pages}")
    session.submit(UseModel(default_bundle_path()))
    qtbot.waitUntil(lambda: bool(problems), timeout=LONG)
    assert problems[-1].code == "disk-full"
    case.close()
    session.submit(Pause(False))
    qtbot.waitUntil(lambda: problems[-1].code == "closed-case", timeout=LONG)


def test_a_folder_that_is_no_case_is_a_sentence_not_a_crash(
    session: CaseSession, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    problems = listen(session.worker.problem)
    session.submit(OpenCase(tmp_path))
    qtbot.waitUntil(lambda: bool(problems), timeout=LONG)
    assert problems[0].code == "no-case"
    qtbot.waitUntil(lambda: not session.has_case, timeout=LONG)


def test_a_missing_case_does_not_close_the_open_one(
    session: CaseSession, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    problems = listen(session.worker.problem)
    with qtbot.waitSignal(session.opened, timeout=LONG):
        session.submit(OpenCase(tmp_path / "a.allcase", create=True))
    session.submit(OpenCase(tmp_path / "gone.allcase"))
    qtbot.waitUntil(lambda: bool(problems), timeout=LONG)
    assert "any more" in problems[0].sentence
    assert session.info is not None
    assert session.info.name == "a"


def test_moved_fields_are_found_by_their_bytes(
    session: CaseSession, fields: Path, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    before = Path(shutil.copytree(fields, tmp_path / "before"))
    added, reports = listen(session.worker.fields_added), listen(session.worker.located)
    session.submit(OpenCase(tmp_path / "a.allcase", create=True))
    session.submit(AddPaths([before]))
    qtbot.waitUntil(lambda: sum(len(ids) for ids in added) == 3, timeout=LONG)
    before.rename(tmp_path / "after")
    session.submit(LocateFields(tmp_path / "after"))
    qtbot.waitUntil(lambda: bool(reports), timeout=LONG)
    assert len(reports[0].found) == 3
    assert reports[0].missing == []
    with Case.open(tmp_path / "a.allcase", read_only=True) as case:
        assert all(field.path.is_file() for field in case.fields.page())


def test_a_second_window_on_a_case_may_only_look(session: CaseSession, qtbot: QtBot, tmp_path: Path) -> None:
    with Case.create(tmp_path / "a.allcase"), qtbot.waitSignal(session.opened, timeout=LONG) as opened:
        session.submit(OpenCase(tmp_path / "a.allcase"))
    assert opened.args[0].read_only
    assert "looked at" in opened.args[0].why_read_only


def test_a_model_that_is_none_is_refused_with_a_sentence(
    session: CaseSession, qtbot: QtBot, tmp_path: Path, listen: Callable[[object], list[object]]
) -> None:
    bad = tmp_path / "m.allmodel"
    bad.write_bytes(b"nothing")
    problems = listen(session.worker.problem)
    session.submit(UseModel(bad))
    qtbot.waitUntil(lambda: bool(problems), timeout=LONG)
    assert problems[0].code == "bad-bundle"


EVERY = 20
"""Milliseconds between two looks at a watched folder; for its clock they are a second apart."""


def test_a_watched_folder_takes_only_what_is_complete(
    qtbot: QtBot, fields: Path, tmp_path: Path, nothing_left_running: None
) -> None:
    growing = tmp_path / "growing.jpg"
    looks = count()

    def grow() -> float:
        if not taken:
            with growing.open("ab") as file:
                file.write(b"x")
        return next(looks)

    watch = FolderWatcher(clock=grow, every=EVERY)
    taken: list[Path] = []
    watch.ready.connect(taken.extend)
    source = next(fields.rglob("*.jpg"))
    shutil.copy(source, tmp_path / "old.jpg")
    watch.watch(tmp_path, {"old.jpg": source.stat().st_size})
    growing.write_bytes(source.read_bytes()[:100])
    shutil.copy(source, tmp_path / "new.jpg")
    os.utime(tmp_path / "new.jpg", (1, 1))
    qtbot.waitUntil(lambda: bool(taken), timeout=LONG)
    assert [path.name for path in taken] == ["new.jpg"]
    assert next(looks) > SETTLED_SECONDS
    qtbot.waitUntil(lambda: len(taken) == 2, timeout=LONG)
    assert taken[1] == growing
    assert watch.wait()


def test_a_watched_folder_that_goes_away_is_reported_and_taken_up_again(
    qtbot: QtBot, tmp_path: Path, nothing_left_running: None
) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    watch = FolderWatcher(clock=count().__next__, every=EVERY)
    reachable: list[bool] = []
    watch.status_changed.connect(lambda status: reachable.append(status.reachable))
    watch.watch(folder)
    qtbot.waitUntil(lambda: bool(reachable), timeout=LONG)
    folder.rmdir()
    qtbot.waitUntil(lambda: reachable[-1] is False, timeout=LONG)
    folder.mkdir()
    qtbot.waitUntil(lambda: reachable[-1] is True, timeout=LONG)
    assert watch.wait()


def test_renamed_files_and_a_drive_that_comes_back_with_new_ones_are_taken(
    qtbot: QtBot, fields: Path, tmp_path: Path, nothing_left_running: None
) -> None:
    folder, away = tmp_path / "drive", tmp_path / "away"
    folder.mkdir()
    watch = FolderWatcher(clock=count().__next__, every=EVERY)
    taken: list[str] = []
    reachable: list[bool] = []
    watch.ready.connect(lambda paths: taken.extend(path.name for path in paths))
    watch.status_changed.connect(lambda status: reachable.append(status.reachable))
    source = next(fields.rglob("*.jpg"))

    def arrive(name: str) -> None:
        shutil.copy(source, folder / f"{name}.part")
        os.utime(folder / f"{name}.part", (1, 1))
        (folder / f"{name}.part").rename(folder / name)

    arrive("first.jpg")
    watch.watch(folder)
    qtbot.waitUntil(lambda: taken == ["first.jpg"], timeout=LONG)
    (folder / "first.jpg").rename(folder / "renamed.jpg")
    qtbot.waitUntil(lambda: taken == ["first.jpg", "renamed.jpg"], timeout=LONG)
    folder.rename(away)
    qtbot.waitUntil(lambda: reachable[-1] is False, timeout=LONG)
    away.rename(folder)
    arrive("later.jpg")
    qtbot.waitUntil(lambda: "later.jpg" in taken, timeout=LONG)
    assert reachable[-1] is True
    assert taken == ["first.jpg", "renamed.jpg", "later.jpg"]
    assert watch.wait()


def test_thumbnails_arrive_in_the_size_asked_for(qtbot: QtBot, fields: Path) -> None:
    loader = ThumbnailLoader()
    key = ThumbnailKey(1, 120, 90)
    with qtbot.waitSignal(loader.loaded, timeout=LONG) as arrived:
        loader.request(key, next(fields.rglob("*.jpg")), "")
    assert arrived.args[0] == key
    assert arrived.args[1].shape == (90, 120, 3)
    assert arrived.args[1].dtype == np.uint8
    with qtbot.waitSignal(loader.loaded, timeout=LONG) as arrived:
        loader.request(ThumbnailKey(1, 100, 100, keeps_shape=True), next(fields.rglob("*.jpg")), "")
    assert arrived.args[1].shape == (75, 100, 3)
    loader.stop()


def test_what_was_asked_for_last_comes_first(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, begun, order = threading.Event(), threading.Event(), []

    def decode(key: ThumbnailKey, *_: object) -> None:
        order.append(key.field_id)
        begun.set()
        assert go_on.wait(LONG / 1000)

    monkeypatch.setattr(thumbnails, "_decode", decode)
    loader = ThumbnailLoader(threads=1)
    loader.request(ThumbnailKey(0, 4, 3), Path("0.jpg"), "")
    assert begun.wait(LONG / 1000)
    for number in range(1, 6):
        loader.request(ThumbnailKey(number, 4, 3), Path(f"{number}.jpg"), "")
    loader.request(ThumbnailKey(2, 4, 3), Path("2.jpg"), "")
    go_on.set()
    qtbot.waitUntil(lambda: len(order) == 6, timeout=LONG)
    assert order == [0, 2, 5, 4, 3, 1]
    loader.stop()


def test_a_stopped_loader_begins_nothing(qtbot: QtBot, fields: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    monkeypatch.setattr(thumbnails, "_decode", lambda *given: begun.append(given))
    loader = ThumbnailLoader()
    loader.stop()
    with qtbot.assertNotEmitted(loader.loaded, wait=100):
        loader.request(ThumbnailKey(1, 120, 90), next(fields.rglob("*.jpg")), "")
    assert begun == []


def test_a_file_that_is_gone_gives_no_picture_and_no_error(qtbot: QtBot, tmp_path: Path) -> None:
    loader = ThumbnailLoader()
    with qtbot.waitSignal(loader.loaded, timeout=LONG) as arrived:
        loader.request(ThumbnailKey(1, 4, 3), tmp_path / "gone.jpg", "")
    assert arrived.args[1] is None
    loader.stop()


@pytest.mark.parametrize("kind", sorted({*ExportKind} - {ExportKind.LABELLED, ExportKind.SLIDE_PICTURES}))
def test_every_export_is_written(
    kind: ExportKind, qtbot: QtBot, tmp_path: Path, nothing_left_running: None
) -> None:
    folder = tmp_path / "a.allcase"
    Case.create(folder).close()
    exports = Exports()
    target = tmp_path / f"out{kind.suffix}"
    with qtbot.waitSignal(exports.done, timeout=LONG):
        exports.write(ExportJob(kind, folder, target))
    assert target.is_dir() if kind.is_folder else target.stat().st_size > 0
    assert exports.wait()


def test_an_export_that_cannot_be_written_says_so(
    qtbot: QtBot, tmp_path: Path, nothing_left_running: None
) -> None:
    folder = tmp_path / "a.allcase"
    Case.create(folder).close()
    exports = Exports()
    with qtbot.waitSignal(exports.failed, timeout=LONG) as failed:
        exports.write(ExportJob(ExportKind.CSV, folder, tmp_path / "no" / "such" / "place.csv"))
    assert failed.args[1].sentence
    assert exports.wait()
