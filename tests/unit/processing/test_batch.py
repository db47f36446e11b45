"""The batch between case and pipeline: how much is under way, who is woken when, what one write holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from allstation.core.records import FieldState, ModelRecord, NewField, Prediction
from allstation.inference.pipeline import Outcome
from allstation.processing import batch as module
from allstation.processing.batch import Batch, Rate
from allstation.store.case import Case
from tests import makers

MODEL = "ab" * 32
CLASSES = ("Benign", "Early", "Pre", "Pro")
THREADS = 2


class ByHand:
    """A pipeline whose results come when the test says so."""

    threads = THREADS

    def __init__(self) -> None:
        self.waiting: dict[int, Future[Outcome[int]]] = {}

    def submit(self, key: int, _path: Path, _sha256: str, _slide: int = 0) -> Future[Outcome[int]]:
        self.waiting[key] = Future()
        return self.waiting[key]

    def finish(self, number: int) -> None:
        """Finish this many fields, the first ones first."""
        for key in list(self.waiting)[:number]:
            self.waiting.pop(key).set_result(Outcome(key, prediction(key)))


class Post:
    """What the worker would be brought, and how often it would be woken for it."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self.woken = 0

    def __call__(self, item: object, *, wake: bool) -> None:
        self.items.append(item)
        self.woken += wake

    def take(self) -> list[object]:
        taken, self.items = self.items, []
        return taken


def prediction(number: int) -> Prediction:
    return makers.prediction(CLASSES[number % 4], model_sha256=MODEL)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Case.create(tmp_path / "a.allcase") as case:
        case.models.add(ModelRecord(sha256=MODEL, name="m", version="1", classes=CLASSES, info={}))
        names = [tmp_path / f"field {number}.jpg" for number in range(60)]
        new = [
            NewField(
                path=path, sha256=hashlib.sha256(path.name.encode()).hexdigest(), bytes=1, width=4, height=3
            )
            for path in names
        ]
        case.fields.add(case.slides.add("S", tmp_path).id, new)
        yield case


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass only where the test says so."""
    now = [100.0]
    monkeypatch.setattr(module, "Rate", lambda: Rate(lambda: now[0]))

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def pipeline() -> ByHand:
    return ByHand()


@pytest.fixture
def batch(case: Case, pipeline: ByHand, post: Post, clock: Callable[[float], None]) -> Batch:
    return Batch(case, pipeline, post)


def written(case: Case) -> int:
    return sum(entry.action == "fields-classified" for entry in case.audit.entries())


def test_the_worker_is_woken_only_when_its_threads_are_about_to_run_out_of_work(
    batch: Batch, pipeline: ByHand, post: Post
) -> None:
    assert batch.fill() == 2 * THREADS
    pipeline.finish(1)
    assert (len(post.items), post.woken) == (1, 0)
    pipeline.finish(1)
    assert (len(post.items), post.woken) == (2, 1)


@pytest.mark.parametrize("pace", [(4.0, 2 * THREADS), (0.1, 8 * THREADS)])
def test_quick_fields_go_further_ahead_and_slow_ones_do_not(
    pace: tuple[float, int], batch: Batch, pipeline: ByHand, post: Post, clock: Callable[[float], None]
) -> None:
    seconds, ahead = pace
    for _ in range(3):
        batch.fill()
        pipeline.finish(2 * THREADS)
        clock(seconds)
        batch.write(post.take())
    batch.fill()
    assert batch.flying == ahead
    batch.rate.reset()
    assert batch.fill() == 0


def test_results_that_came_meanwhile_are_one_entry_of_the_trail(
    case: Case, batch: Batch, pipeline: ByHand, post: Post
) -> None:
    batch.fill()
    pipeline.finish(3)
    assert case.queue.counts()[FieldState.DONE] == 0
    assert len(batch.write(post.take()).ids) == 3
    assert written(case) == 1
    assert case.queue.counts()[FieldState.DONE] == 3
    assert case.audit.verify() is None


def test_what_is_taken_back_wakes_nobody_and_is_not_counted_as_under_way(
    batch: Batch, pipeline: ByHand, post: Post
) -> None:
    batch.fill()
    taken_back = [key for key, future in pipeline.waiting.items() if future.cancel()]
    assert len(taken_back) == 2 * THREADS
    assert (post.items, post.woken) == ([], 0)


def test_a_pipeline_that_breaks_its_promise_costs_one_field_and_not_the_queue(
    case: Case, batch: Batch, pipeline: ByHand, post: Post
) -> None:
    batch.fill()
    broken = next(iter(pipeline.waiting))
    pipeline.waiting.pop(broken).set_exception(KeyError("nobody foresaw this"))
    pipeline.finish(len(pipeline.waiting))
    batch.write(post.take())
    assert batch.flying == 0
    counts = case.queue.counts()
    assert (counts[FieldState.FAILED], counts[FieldState.RUNNING]) == (1, 0)
    assert case.fields.get(broken).error_code == "unexpected"


def test_a_prediction_that_cannot_be_written_down_does_not_hold_back_the_others(
    case: Case, batch: Batch, pipeline: ByHand, post: Post
) -> None:
    batch.fill()
    odd = next(iter(pipeline.waiting))
    made = replace(prediction(odd), cell_count="many")  # type: ignore[arg-type]
    pipeline.waiting.pop(odd).set_result(Outcome(odd, made))
    pipeline.finish(len(pipeline.waiting))
    batch.write(post.take())
    counts = case.queue.counts()
    assert (counts[FieldState.FAILED], counts[FieldState.DONE]) == (1, 2 * THREADS - 1)
    assert case.audit.verify() is None


def test_cells_are_stored_with_their_prediction(case, batch, pipeline):
    batch.fill()
    ids = list(pipeline.waiting)
    assert len(ids) >= 2
    cells = {key: (makers.new_cell(key), makers.new_cell(key + 50)) for key in ids}
    outcomes = [Outcome(key, prediction(key), cells=cells[key]) for key in ids]
    batch.write(outcomes)
    for key in ids:
        stored = case.cells.of_field(key)
        assert [cell.outline for cell in stored] == [cell.outline for cell in cells[key]]
    assert case.audit.verify() is None
