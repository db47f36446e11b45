"""Executor of fields on a cluster: fields in tasks, few in flight; this machine when the cluster is gone."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.known_sizes import NO_SLIDE
from allstation.inference.bundle import ModelBundle
from allstation.inference.pipeline import Outcome
from allstation.processing.batch import FieldExecutor
from allstation.processing.cluster import requests, tasks
from allstation.processing.cluster.careful import CarefulClassifier
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.planning import SETTLED, WINDOW, Task, TaskPlan, WaitingField
from allstation.processing.cluster.requests import Answer, Request, WantedField, Work, answer_of
from allstation.processing.cluster.results import TaskResults
from allstation.processing.cluster.shares import is_there, root_of
from allstation.processing.status_types import MachineStatus

_log = logging.getLogger(__name__)
_LOOK: Final = 0.2
_CLOSE_SECONDS: Final = 6.0
_AGAIN_CAREFULLY: Final = 2
"""Workers that a suspected task may lose before its fields are looked at on this machine."""


@dataclass(slots=True)
class Counts:
    """Counts of fields and bytes that went over the network.

    Attributes:
        tasks: Tasks sent.
        fields: Fields in them.
        bytes_sent: Of their requests.
        bytes_received: Of their answers.
        deaths: Tasks whose worker died.
    """

    tasks: int = 0
    fields: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    deaths: int = 0


class ClusterExecutor:
    """Classifies fields on the machines of a link. Every outcome comes back once, whatever happens there.

    Args:
        link: The cluster; stays its owner's to close.
        bundle: The model.
        work: What all fields have in common.
        local: Makes this machine's own executor, which goes on when the cluster is gone.
        tell: Takes sentences for a person; called on threads of the executor.

    Attributes:
        counts: What went over the network.
    """

    def __init__(
        self,
        link: ClusterConnection,
        bundle: ModelBundle,
        work: Work,
        *,
        local: Callable[[], FieldExecutor],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._link = link
        self._bundle = bundle
        self._work = work
        self._make_local = local
        self._tell = tell
        self._changed = threading.Condition()
        self._plan = TaskPlan()
        self._number = 0
        self._flying: dict[Any, Task] = {}
        self._own: FieldExecutor | None = None
        self._alone = False
        self._closed = False
        self._chores = 0
        self._careful = ThreadPoolExecutor(1, thread_name_prefix="careful")
        self.counts = Counts()
        self._tasks = TaskResults(link.client)
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._send_all, "cluster-send"), (self._receive_all, "cluster-receive"))
        ]
        for thread in self._threads:
            thread.start()
        link.when_lost(self._lost)

    # What the batch sees

    @property
    def threads(self) -> int:
        """Fields that are worked on at a time, about."""
        own = self._own if self._alone else None
        return own.threads if own is not None else max(1, len(self._link.at_work()))

    @property
    def ahead(self) -> int:
        """Fields that should be handed over before their outcomes come; 0 for as many as threads need."""
        return 0 if self._alone else max(1, len(self._link.at_work())) * (WINDOW + 1) * self._plan.size

    @property
    def machines(self) -> tuple[MachineStatus, ...]:
        """The machines, for people to see."""
        return () if self._alone else self._link.status()

    def submit(self, key: int, path: Path, sha256: str, slide: int = NO_SLIDE) -> Future[Outcome[int]]:
        """Classify the bytes of a file that have this hash; the key comes back with the outcome."""
        future: Future[Outcome[int]] = Future()
        with self._changed:
            self._number += 1
            self._plan.add(WaitingField(self._number, key, path, sha256, future, slide))
            if len(self._plan.waiting) >= self._plan.size or self._alone:
                self._changed.notify_all()
        return future

    def close(self) -> None:
        """Drop what has not begun and wait a little for the rest; what is not back then is done again."""
        until = time.monotonic() + _CLOSE_SECONDS
        with self._changed:
            self._plan.waiting.clear()
            while (self._flying or self._chores) and time.monotonic() < until and not self._alone:
                self._changed.wait(_LOOK)
            self._closed = True
            self._changed.notify_all()
            left = list(self._flying)
            self._flying.clear()
        self._link.forget(self._lost)
        self._tasks.close()
        if left and not self._link.lost:
            with contextlib.suppress(Exception):  # a cluster that is gone has nothing to cancel
                self._link.client.cancel(left, force=True)
        self._careful.shutdown(wait=True, cancel_futures=True)
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)
        if self._own is not None:
            self._own.close()

    # Sending

    def _send_all(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._is_due():
                    waits = self._plan.waiting or self._plan.suspects
                    self._changed.wait(SETTLED if waits else _LOOK)
                if self._closed:
                    return
            try:
                if self._alone:
                    self._send_here()
                else:
                    self._send_one()
            except Exception as error:  # noqa: BLE001 - a client that is gone; the link will say so
                _log.info("not sent: %s", error)
                time.sleep(_LOOK)

    def _is_due(self) -> bool:
        if self._alone:
            return bool(self._plan.waiting)
        return self._plan.is_due(workers=len(self._link.at_work()), flying=len(self._flying))

    def _send_one(self) -> None:
        at_work = self._link.at_work()
        with self._changed:
            lacking = self._link.lacks(self._plan.root()) & set(at_work)
            by_path = sum(not task.by_bytes for task in self._flying.values())
            open_to_all = not self._link.refused
            task = self._plan.take(at_work, lacking, open_to_all=open_to_all, by_path=by_path)
        if task is None:
            return
        task, wanted = self._wanted(task)
        if not wanted:
            return
        request = Request(self._work, wanted, careful=task.careful).to_bytes()
        try:
            self._submit(task, request)
        except Exception:
            self._put_back(task.fields, careful=task.careful)
            raise

    def _submit(self, task: Task, request: bytes) -> None:
        future = self._link.client.submit(
            tasks.classify_fields,
            request,
            key=f"fields-{uuid.uuid4().hex}",
            pure=False,
            workers=list(task.workers) or None,
            # Only if none of these is left: a worker that ends meanwhile must not hold up its fields.
            allow_other_workers=bool(task.workers),
        )
        with self._changed:
            self.counts.tasks += 1
            self.counts.fields += len(task.fields)
            self.counts.bytes_sent += len(request)
            if self._alone:  # the cluster went while the task was sent
                self._plan.put_back(task.fields)
            else:
                self._flying[future] = task
            self._changed.notify_all()
        self._tasks.add(future)

    def _wanted(self, task: Task) -> tuple[Task, list[WantedField]]:
        """Return the fields as they are sent; what cannot be read is done here, for its sentence."""
        if not task.by_bytes:
            return task, [
                WantedField(one.number, str(one.path), one.sha256, slide=one.slide) for one in task.fields
            ]
        wanted, kept = [], []
        for one in task.fields:
            data = _bytes_of(one.path, self._work.limits.max_bytes)
            if data is None:
                self._do_here([one])
                continue
            wanted.append(WantedField(one.number, str(one.path), one.sha256, data, one.slide))
            kept.append(one)
        return Task(tuple(kept), task.careful, task.by_bytes, task.workers), wanted

    # Receiving

    def _receive_all(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._flying:
                    self._changed.wait(_LOOK)
                if self._closed:
                    return
            # Not waited for in Dask: tasks of a cluster that is gone would never come.
            ready = self._tasks.take()
            for future, result in ready:
                self._receive(future, result)
            if not ready:
                time.sleep(SETTLED)

    def _receive(self, future: Any, result: object) -> None:  # noqa: ANN401 - Dask has no types
        status = future.status
        with self._changed:
            task = self._flying.pop(future, None)
            self._changed.notify_all()
        future.release()
        if task is None:
            return
        answer = answer_of(result, self._work.model, self._bundle.classes)
        if answer is None:
            self._task_lost(task, status)
            return
        self.counts.bytes_received += len(result) if isinstance(result, bytes) else 0
        if answer.kind == requests.OTHER_VERSION:
            self._link.refuse(answer.worker, answer.identity)
            self._put_back(task.fields, careful=task.careful)
        elif answer.kind == requests.NEEDS_MODEL:
            self._hold(1)
            self._link.give_model(self._bundle, answer.worker, lambda: self._model_given(task))
        else:
            self._finished(task, answer)

    def _hold(self, change: int) -> None:
        with self._changed:
            self._chores += change
            self._changed.notify_all()

    def _put_back(self, fields: Sequence[WaitingField], *, careful: bool = False) -> None:
        with self._changed:
            self._plan.put_back(fields, careful=careful and not self._alone)
            self._changed.notify_all()

    def _model_given(self, task: Task) -> None:
        self._put_back(task.fields, careful=task.careful)
        self._hold(-1)

    def _finished(self, task: Task, answer: Answer) -> None:
        by_number = {one.number: one for one in task.fields}
        absent = [by_number.pop(number) for number in answer.absent if number in by_number]
        for outcome in answer.outcomes:
            one = by_number.pop(outcome.key, None)
            if one is not None:
                one.answer(outcome)
        self._put_back([*by_number.values()])
        if absent:
            self._take_absent(absent, answer.worker)
        self._link.finished(answer.worker, len(answer.outcomes))
        self._link.compare(self._bundle, answer.worker)
        if not task.careful:
            with self._changed:
                self._plan.learn(len(answer.outcomes), answer.seconds)

    def _take_absent(self, absent: list[WaitingField], worker: str) -> None:
        """Let others do what a worker cannot read, or send its bytes; what is not here either fails here."""
        there = [one for one in absent if is_there(one.path)]
        for root in {root_of(one.path) for one in there}:
            self._link.note_lacking(root, worker)
        self._put_back(there)
        self._do_here([one for one in absent if one not in there])

    # What goes wrong

    def _task_lost(self, task: Task, why: str) -> None:
        """Look at the fields of a lost task carefully: one, none or a neighbour ended the worker."""
        if self._closed or self._alone or self._link.lost:
            self._put_back(task.fields)
            return
        _log.info("a task of %d fields was lost: %s", len(task.fields), why)
        self.counts.deaths += 1
        for one in task.fields:
            one.deaths += 1
        if max(one.deaths for one in task.fields) > _AGAIN_CAREFULLY:
            self._careful_here(task.fields)
            return
        with self._changed:
            self._plan.suspect(task)
            if self._alone:  # meanwhile
                self._plan.suspects_as_waiting()
            self._changed.notify_all()

    def _careful_here(self, fields: Sequence[WaitingField]) -> None:
        self._hold(1)

        def work() -> None:
            careful = CarefulClassifier(self._bundle.path)
            try:
                for one in fields:
                    if not self._closed:
                        one.answer(careful.classify(self._work, one.key, one.path, one.sha256, one.slide))
            finally:
                careful.close()
                self._hold(-1)

        with contextlib.suppress(RuntimeError):  # closed meanwhile: its fields go back into the queue
            self._careful.submit(work)

    def _do_here(self, fields: Sequence[WaitingField]) -> None:
        """Classify fields on this machine that no other can be given."""
        if fields:
            own = self._own_executor()
            for one in fields:
                self._submit_here(own, one)

    def _own_executor(self) -> FieldExecutor:
        with self._changed:
            if self._own is None:
                self._own = self._make_local()
            return self._own

    def _submit_here(self, own: FieldExecutor, one: WaitingField) -> None:
        self._hold(1)

        def done(future: Future[Outcome[int]]) -> None:
            if not future.cancelled():
                one.answer(future.result())
            self._hold(-1)

        own.submit(one.key, one.path, one.sha256, one.slide).add_done_callback(done)

    # This machine instead

    def _lost(self, reason: str) -> None:
        if self._closed:
            return
        self._own_executor()
        with self._changed:
            self._alone = True
            self._plan.suspects_as_waiting()
            for task in self._flying.values():
                self._plan.put_back(task.fields)
            self._flying.clear()
            self._changed.notify_all()
        self._tell(f"{reason} This machine goes on alone; nothing that was finished is lost.")

    def _send_here(self) -> None:
        own = self._own_executor()
        with self._changed:
            one = self._plan.waiting.popleft() if self._plan.waiting else None
        if one is not None and one.begin():
            self._submit_here(own, one)


def _bytes_of(path: Path, most: int) -> bytes | None:
    """Return the bytes of a file; None if it cannot be read, or is larger than a field may be."""
    try:
        return path.read_bytes() if path.stat().st_size <= most else None
    except OSError:
        return None
