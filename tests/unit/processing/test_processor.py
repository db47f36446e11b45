"""The loop over a case without any Qt and without a network: import, queue, retries, halting, stopping."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from allstation.core.decision import Decision
from allstation.core.errors import StationError
from allstation.core.records import EvidenceMap, FieldState, ModelRecord, Prediction, Quality
from allstation.imaging.synthetic import write_demo
from allstation.inference.pipeline import CellsOutcome, Outcome
from allstation.processing import events, retries
from allstation.processing.processor import CaseProcessor
from allstation.store.case import Case
from allstation.store.queue import CRASHED_TWICE, UNEXPECTED_TWICE
from tests.makers import new_cell

CLASSES = ("Benign", "Early", "Pre", "Pro")
LONG = 20.0


class Bundle:
    """What the loop knows of a model."""

    def __init__(self, path: Path, sha256: str = "ab" * 32) -> None:
        self.path = path
        self.sha256 = sha256

    def record(self) -> ModelRecord:
        return ModelRecord(sha256=self.sha256, name="m", version="1", classes=CLASSES, info={})


class Elsewhere:
    """An executor on its own thread: gets ids, paths and hashes, gives outcomes."""

    threads = 2

    def __init__(self, bundle: Bundle, fails: Callable[[Path], StationError | None]) -> None:
        self._bundle = bundle
        self._fails = fails
        self._executor = ThreadPoolExecutor(2)

    def submit(self, key: int, path: Path, sha256: str, _slide: int = 0) -> Future[Outcome[int]]:
        assert len(sha256) == 64
        return self._executor.submit(self._classify, key, path)

    def _classify(self, key: int, path: Path) -> Outcome[int]:
        error = self._fails(path)
        return Outcome(key, None if error else prediction(self._bundle.sha256), error)

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


def prediction(model: str) -> Prediction:
    return Prediction(
        model_sha256=model,
        probabilities={name: 0.97 if name == "Pre" else 0.01 for name in CLASSES},
        decision=Decision("Pre"),
        novelty=0.5,
        cell_count=3,
        quality=Quality(sharpness=100.0, brightness=150.0, clipped=0.0, cell_area=0.1),
        evidence=EvidenceMap(rows=100, columns=100, classes=CLASSES, values=bytes(40_000)),
        milliseconds=5.0,
    )


class FindsCells(Elsewhere):
    """The same, and it finds the cells of fields that were classified before, but for one that is gone."""

    gone = ""
    begin: threading.Event | None = None

    def submit_cells(
        self, key: int, path: Path, sha256: str, made: Prediction, _slide: int = 0
    ) -> Future[CellsOutcome[int]]:
        return self._executor.submit(self._find, key, path, made)

    def _find(self, key: int, path: Path, made: Prediction) -> CellsOutcome[int]:
        if self.begin is not None:
            assert self.begin.wait(20)
        if path.name == self.gone:
            return CellsOutcome(key, error=StationError("no-file", "It is gone."))
        return CellsOutcome(key, (new_cell(made.cell_count),))


class Owner:
    """Drives a processor as the command line does."""

    def __init__(
        self, case: Case, executor: type[Elsewhere] = Elsewhere, *, cells_later: bool = False
    ) -> None:
        self.events: list[events.Event] = []
        self.fails: Callable[[Path], StationError | None] = lambda _path: None
        self._woken = threading.Event()
        self._background = ThreadPoolExecutor(1)
        self.processor = CaseProcessor(
            case,
            self.events.append,
            wake=self._woken.set,
            executor=lambda bundle: executor(bundle, self.fails),
            background=self._background,
            cells_later=cells_later,
        )

    def run(self) -> None:
        while self.processor.busy:
            self._woken.wait(self.processor.seconds_to_next())
            self._woken.clear()
            self.processor.process()

    def wait(self, done: Callable[[], bool]) -> None:
        """Go on until something is so, for at most 20 s."""
        end = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end
            self._woken.wait(0.02)
            self._woken.clear()
            self.processor.process()

    def of(self, kind: type) -> list[events.Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def close(self) -> None:
        self.processor.stop()
        self._background.shutdown(wait=True)


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields") / "Slide"
    write_demo(folder, fields=5)
    return folder


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "a.allcase") as made:
        yield made


@pytest.fixture
def owner(case: Case) -> Iterator[Owner]:
    made = Owner(case)
    yield made
    made.close()


@pytest.fixture
def model(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path / "m.allmodel")


def test_fields_are_imported_and_classified_and_written_before_the_event(
    owner: Owner, case: Case, fields: Path, model: Bundle
) -> None:
    written: list[int] = []

    def check(event: events.Event) -> None:
        if isinstance(event, events.FieldsWritten):
            with Case.open(case.folder, read_only=True) as reader:
                written.extend(reader.fields.get(number).prediction is not None for number in event.ids)

    owner.processor.emit = check
    owner.processor.add_paths([fields])
    owner.processor.use_model(model)
    owner.run()
    assert written == [True] * 5
    assert case.queue.counts()[FieldState.DONE] == 5
    assert case.audit.verify() is None


def test_failures_are_named_with_their_files(owner: Owner, case: Case, fields: Path, model: Bundle) -> None:
    bad = sorted(fields.rglob("*.jpg"))[1]
    owner.fails = lambda path: StationError("broken", "It broke.") if path == bad else None
    owner.processor.add_paths([fields])
    owner.processor.use_model(model)
    owner.run()
    (failure,) = [one for event in owner.of(events.FieldsWritten) for one in event.failed]
    assert (failure.path, failure.error.sentence) == (bad, "It broke.")
    assert case.queue.counts()[FieldState.FAILED] == 1


def left_out(case: Case, fields: Path, owner: Owner, model: Bundle) -> list[int]:
    """Classify all fields; the second one has crashed twice, the third failed unexpectedly twice."""
    owner.processor.add_paths([fields])
    owner.processor.use_model(model)
    owner.run()
    ids = sorted(case.fields.ids())
    case.queue.fail(ids[1], CRASHED_TWICE, "It crashed.")
    case.queue.fail(ids[2], UNEXPECTED_TWICE, "It failed.")
    case.queue.fail(ids[3], "broken", "It broke.")
    return ids


def test_what_failed_twice_is_never_queued_by_itself(
    owner: Owner, case: Case, fields: Path, model: Bundle, tmp_path: Path
) -> None:
    """Neither by a command line that tries failures again, nor with all fields, nor for another model."""
    ids = left_out(case, fields, owner, model)
    owner.processor.pause(True)
    retries.requeue_failed(case)
    assert [case.fields.get(number).state for number in ids[1:4]] == [
        FieldState.FAILED,
        FieldState.FAILED,
        FieldState.QUEUED,
    ]
    assert retries.all_but_left_out(case) == [ids[0], *ids[3:]]
    owner.processor.queue_model(Bundle(tmp_path / "other.allmodel", "cd" * 32))
    assert [queued.fields for queued in case.model_queue.all()] == [3]


def test_a_person_who_asks_has_everything_tried_again(
    owner: Owner, case: Case, fields: Path, model: Bundle
) -> None:
    left_out(case, fields, owner, model)
    owner.processor.edit_queue(lambda opened: opened.queue.requeue())
    owner.run()
    assert case.queue.counts()[FieldState.DONE] == 5


def test_a_full_disk_halts_the_queue_and_nothing_is_lost(
    owner: Owner, case: Case, fields: Path, model: Bundle
) -> None:
    owner.processor.pause(True)
    owner.processor.add_paths([fields])
    owner.run()
    pages = case.connection.db.execute("PRAGMA page_count").fetchone()[0]
    owner.processor.use_model(model)
    case.connection.db.execute(f"PRAGMA max_page_count = {pages}")
    owner.processor.pause(False)
    until = time.monotonic() + LONG
    while not owner.of(events.QueueHalted) and time.monotonic() < until:
        owner.processor.process()
    assert owner.of(events.QueueHalted)[0].error.code == "disk-full"
    case.connection.db.execute("PRAGMA max_page_count = 1000000")
    owner.processor.pause(False)
    owner.run()
    assert case.queue.counts()[FieldState.DONE] == 5


def test_stopping_in_the_middle_writes_what_is_finished_and_releases_the_rest(
    owner: Owner, case: Case, fields: Path, model: Bundle
) -> None:
    go_on = threading.Event()
    owner.fails = lambda _path: None if go_on.wait(LONG) else StationError("late", "Late.")
    owner.processor.add_paths([fields])
    owner.run()
    owner.processor.use_model(model)
    assert case.queue.counts()[FieldState.RUNNING] > 0
    threading.Timer(0.05, go_on.set).start()
    owner.processor.stop()
    counts = case.queue.counts()
    assert counts[FieldState.RUNNING] == 0
    assert counts[FieldState.DONE] + counts[FieldState.QUEUED] == 5
    attempts = [row[0] for row in case.connection.db.execute("SELECT attempts FROM fields")]
    assert attempts == [0] * 5


def test_a_fault_of_the_program_makes_suspects_of_what_was_running(
    owner: Owner, case: Case, fields: Path, model: Bundle
) -> None:
    go_on = threading.Event()
    owner.fails = lambda _path: None if go_on.wait(LONG) else StationError("late", "Late.")
    owner.processor.add_paths([fields])
    owner.run()
    owner.processor.use_model(model)
    running = case.queue.counts()[FieldState.RUNNING]
    go_on.set()
    owner.processor.stop(RuntimeError("nobody foresaw this"))
    attempts = [row[0] for row in case.connection.db.execute("SELECT attempts FROM fields")]
    assert sum(attempts) == running > 0
    assert case.queue.counts()[FieldState.QUEUED] == 5


def test_the_loop_loads_no_qt() -> None:
    code = "import sys, allstation.processing.processor; print([m for m in sys.modules if 'PySide6' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_cells_follow_the_decisions(case: Case, fields: Path, model: Bundle) -> None:
    """They are found when no field waits; a field whose file is gone by then has none and stops nobody."""
    first = min(path.name for path in fields.rglob("*.jpg"))
    begin = threading.Event()
    owner = Owner(case, type("Gone", (FindsCells,), {"gone": first, "begin": begin}), cells_later=True)
    owner.processor.use_model(model)
    owner.processor.add_paths([fields])
    told = lambda: [0, *(one.status.cells for one in owner.of(events.QueueChanged))][-1]  # noqa: E731
    owner.wait(lambda: told() > 0)
    begin.set()
    owner.wait(lambda: case.cells.count() == 4 and told() == 0)
    owner.close()
    found = {record.path.name: record.cells for record in case.fields.records(case.fields.ids())}
    assert found.pop(first) is None
    assert set(found.values()) == {1}
    assert case.queue.counts()[FieldState.DONE] == 5
    entries = [entry.action for entry in case.audit.entries()]
    assert entries.index("cells-found") > len(entries) - 1 - entries[::-1].index("fields-classified")
    assert case.audit.verify() is None
