"""The queue against a plain model of it, on a real case file, over crashes, removals and further models."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from allstation.core.filters import FieldFilter
from allstation.core.records import FieldState, ModelRecord, NewField, Prediction
from allstation.store import Case
from allstation.store.queue import CRASHED_TWICE
from tests import makers

IN_USE = "a" * 64
FURTHER = ("b" * 64, "c" * 64)
BUSY = (FieldState.QUEUED, FieldState.RUNNING)
models = st.sampled_from(["", "", "", *FURTHER])
further = st.sampled_from(FURTHER)
places = st.lists(st.integers(0, 7), min_size=1, max_size=4)


@dataclass
class Expected:
    """What the case should say of one field."""

    state: FieldState = FieldState.QUEUED
    for_model: str = ""
    removed: bool = False
    predictions: int = 0
    crashes: int = 0
    left_out: bool = False

    @property
    def queued(self) -> bool:
        return self.state is FieldState.QUEUED and not self.removed

    def becomes(self, state: FieldState, for_model: str | None = None) -> None:
        """Change its place in the queue by a decision, after which earlier crashes count no more."""
        self.state, self.crashes = state, 0
        self.left_out = False
        self.for_model = self.for_model if for_model is None else for_model


def prediction(model: str) -> Prediction:
    return makers.prediction({"Benign": 0.9, "Pro": 0.1}, model_sha256=model)


class Queueing(RuleBasedStateMachine):
    """Rules are what the window, the command line and a dying process do to a queue."""

    @initialize()
    def create(self):
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name) / "q.allcase"
        self.case = Case.create(self.folder, user="Ada")
        self._trust_the_disk()
        for sha256 in (*FURTHER, IN_USE):
            self.case.models.add(
                ModelRecord(sha256=sha256, name=sha256[0], version="1", classes=("Benign", "Pro"), info={})
            )
        self.fields: dict[int, Expected] = {}
        self.plans: set[tuple[str, int]] = set()
        self.add(4, "one")

    def _open(self):
        self.case = Case.open(self.folder, user="Ada")
        self._trust_the_disk()

    def _trust_the_disk(self):
        """No power cut happens here, and waiting for the disk would be most of the test's time."""
        self.case.connection.db.execute("PRAGMA synchronous = OFF")

    # What is chosen

    def ids(self, chosen: list[int]) -> list[int]:
        known = sorted(self.fields)
        return list(dict.fromkeys(known[place % len(known)] for place in chosen))

    def running(self) -> list[int]:
        return [number for number, field in self.fields.items() if field.state is FieldState.RUNNING]

    def some_running(self, chosen: list[int]) -> list[int]:
        running = self.running()
        return list(dict.fromkeys(running[place % len(running)] for place in chosen))

    # Adding, working

    @precondition(lambda self: len(self.fields) < 8)
    @rule(number=st.integers(1, 2), slide=st.sampled_from(["one", "two"]))
    def add(self, number, slide):
        first = len(self.fields)
        new = [
            NewField(path=Path(f"/f{n}.jpg"), sha256=f"{n:064x}", bytes=1, width=1, height=1)
            for n in range(first, first + number)
        ]
        report = self.case.fields.add(self.case.slides.add(slide).id, new)
        assert len(report.added) == number
        self.fields.update((added, Expected()) for added in report.added)

    @rule(number=st.integers(1, 5), model=models)
    def claim(self, number, model):
        before = self.running()
        claimed = [field.id for field in self.case.queue.claim(number, model)]
        assert len(claimed) == len(set(claimed)) <= number
        assert not set(claimed) & set(before), "a field is twice at work"
        waiting = [field for field in self.fields.values() if field.queued and field.for_model == model]
        assert claimed or before or not waiting, "nothing runs, something waits, and nothing is handed out"
        suspects = [number for number in before if self.fields[number].crashes]
        assert not (claimed and suspects), "a suspect does not run alone"
        for field in (self.fields[one] for one in claimed):
            assert field.queued
            assert field.for_model == model
            assert not field.left_out, "it crashed twice and was handed out again by itself"
            assert not field.crashes or (len(claimed) == 1 and not before), "a suspect does not run alone"
            field.state = FieldState.RUNNING

    @rule(model=models)
    def claim_all(self, model):
        self.claim(8, model)

    @precondition(lambda self: self.running())
    @rule(chosen=places)
    def save(self, chosen):
        done = self.some_running(chosen)
        of = {number: self.fields[number].for_model or IN_USE for number in done}
        self.case.queue.save_predictions([(number, prediction(of[number])) for number in done])
        for number in done:
            self.fields[number].becomes(FieldState.DONE, "")
            self.fields[number].predictions += 1

    @precondition(lambda self: self.running())
    @rule(chosen=places)
    def fail(self, chosen):
        for number in self.some_running(chosen):
            self.case.queue.fail(number, "broken-field", "It broke.")
            self.fields[number].becomes(FieldState.FAILED)

    @precondition(lambda self: self.running())
    @rule(chosen=places, everything=st.booleans())
    def release(self, chosen, everything):
        back = self.running() if everything else self.some_running(chosen)
        self.case.queue.release(None if everything else back)
        for number in back:
            self.fields[number].state = FieldState.QUEUED

    # Ends of the program

    def _crash_and_open(self):
        """End as a killed process does; the system frees the lock."""
        makers.end_as_killed(self.case)
        self._open()
        twice = [number for number in self.running() if self.fields[number].crashes]
        again = [number for number in self.running() if not self.fields[number].crashes]
        assert sorted(self.case.recovered.failed) == sorted(twice)
        assert sorted(self.case.recovered.queued_again) == sorted(again)
        for number in again:
            self.fields[number].state = FieldState.QUEUED
            self.fields[number].crashes = 1
        for number in twice:
            assert self.case.fields.get(number).error_code == CRASHED_TWICE
            self.fields[number].becomes(FieldState.FAILED)
            self.fields[number].left_out = True

    @rule(number=st.integers(1, 8), model=models, times=st.integers(1, 2))
    def crash_at_work(self, number, model, times):
        """The second time the suspects of the first may be claimed, one by one."""
        for _ in range(times):
            self.claim(number, model)
            self._crash_and_open()

    @rule()
    def close_and_open(self):
        self.case.close()
        self._open()
        assert self.case.recovered.failed == self.case.recovered.queued_again == []
        for number in self.running():
            self.fields[number].state = FieldState.QUEUED

    # What a person does to the queue

    @rule(chosen=st.none() | places)
    def requeue(self, chosen):
        """Retry all that failed, or classify these again with the model in use."""
        ids = None if chosen is None else self.ids(chosen)
        in_case = [f for n, f in self.fields.items() if not f.removed and (ids is None or n in ids)]
        again = [f for f in in_case if (f.state is FieldState.FAILED if ids is None else f.state not in BUSY)]
        assert self.case.queue.requeue(ids) == len(again)
        for field in again:
            field.becomes(FieldState.QUEUED, None if ids is None else "")

    @rule(model=st.none() | models)
    def cancel(self, model):
        self._cancelled(model, self.case.queue.cancel(model=model))

    def _cancelled(self, model, number):
        queued = [f for f in self.fields.values() if f.queued and model in (None, f.for_model)]
        assert number in (None, len(queued))
        for field in queued:
            back = FieldState.DONE if field.for_model and field.predictions else FieldState.CANCELLED
            field.becomes(back, "")

    @rule(chosen=places, removed=st.booleans())
    def remove_or_bring_back(self, chosen, removed):
        ids = self.ids(chosen)
        change = self.case.fields.remove if removed else self.case.fields.restore
        assert change(ids) == sorted(number for number in ids if self.fields[number].removed != removed)
        for number in ids:
            self.fields[number].removed = removed

    @rule(chosen=places)
    def prioritise(self, chosen):
        self.case.queue.prioritise(self.ids(chosen))

    # Further models

    @rule(model=further, chosen=places, start=st.booleans())
    def queue_for_a_further_model(self, model, chosen, start):
        new = {(model, number) for number in self.ids(chosen)} - self.plans
        assert self.case.model_queue.add(model, self.ids(chosen)) == len(new)
        self.plans |= new
        if not start:
            return
        ids = [number for sha256, number in self.plans if sha256 == model]
        idle = [n for n in ids if not self.fields[n].removed and self.fields[n].state not in BUSY]
        assert self.case.model_queue.start(model) == len(idle)
        self.plans -= {(model, number) for number in idle}
        for number in idle:
            self.fields[number].becomes(FieldState.QUEUED, model)

    @rule(model=further)
    def drop_a_further_model(self, model):
        self.case.model_queue.drop(model)
        self.plans = {plan for plan in self.plans if plan[0] != model}
        self._cancelled(model, None)

    # What always holds

    @invariant()
    def nothing_is_lost(self):
        if not hasattr(self, "case"):
            return
        stored = [*self.case.fields.page(), *self.case.fields.page(FieldFilter(removed=True))]
        rows = {field.id: (field.state, field.removed) for field in stored}
        assert rows == {number: (field.state, field.removed) for number, field in self.fields.items()}
        kept = {number: field.predictions for number, field in self.fields.items() if field.predictions}
        query = "SELECT field_id, count(*) FROM predictions GROUP BY field_id"
        assert dict(self.case.connection.db.execute(query).fetchall()) == kept
        assert {field.id for field in stored if field.prediction is not None} == set(kept)

    @invariant()
    def counts_equal_the_rows(self):
        if not hasattr(self, "case"):
            return
        in_case = [field for field in self.fields.values() if not field.removed]
        states = Counter(field.state for field in in_case)
        assert self.case.queue.counts() == {state: states[state] for state in FieldState}
        queued = Counter(field.for_model for field in in_case if field.queued)
        listed: Counter[str] = Counter()
        for slide in self.case.queue.slides():
            listed[slide.model_sha256] += slide.fields
        assert listed == queued
        planned = Counter(model for model, number in self.plans if not self.fields[number].removed)
        assert {model.model_sha256: model.fields for model in self.case.model_queue.all()} == planned
        assert (self.case.model_queue.next_model() is None) == (not queued and not planned)

    def teardown(self):
        if hasattr(self, "case"):
            assert self.case.audit.verify() is None
            self.case.close()
            self.place.cleanup()


Queueing.TestCase.settings = settings(
    max_examples=45, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestQueueing = Queueing.TestCase
