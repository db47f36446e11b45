"""Garbage is swept on the window's thread, whoever made it, and everything only when there is calm."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from allstation.services.gc_scheduler import GcScheduler


class _Knot:
    """Garbage that only a sweep finds; notes on which thread it goes."""

    def __init__(self, gone: list[str]) -> None:
        self.itself = self
        self._gone = gone

    def __del__(self) -> None:
        self._gone.append(threading.current_thread().name)


@pytest.fixture(autouse=True)
def garbage_at_rest() -> None:
    """The collector is as Python starts it: it is what these tests are about."""


@pytest.fixture
def scheduler(qtbot: QtBot) -> Iterator[GcScheduler]:
    """A scheduler at work; the collector is as usual before and after."""
    assert gc.isenabled()
    made = GcScheduler()
    made.start()
    yield made
    made.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def _on_a_worker(gone: list[str], count: int) -> None:
    worker = threading.Thread(target=lambda: [_Knot(gone) for _ in range(count)], name="worker")
    worker.start()
    worker.join()


@pytest.mark.usefixtures("scheduler")
def test_what_a_worker_leaves_behind_goes_on_the_windows_thread(qtbot: QtBot) -> None:
    gone: list[str] = []
    _on_a_worker(gone, 20_000)
    assert not gone, "swept on the worker"
    qtbot.waitUntil(lambda: len(gone) == 20_000, timeout=2000)
    assert set(gone) == {threading.current_thread().name}


@pytest.mark.usefixtures("scheduler")
def test_what_grew_old_is_swept_when_there_is_calm(qtbot: QtBot) -> None:
    gone: list[str] = []
    kept = [_Knot(gone)]
    gc.collect(0)
    gc.collect(1)
    kept.clear()
    qtbot.waitUntil(lambda: len(gone) == 1, timeout=6000)


@pytest.mark.usefixtures("scheduler")
def test_what_was_there_before_is_not_looked_through_again() -> None:
    assert gc.get_freeze_count() > 1000
    assert len(gc.get_objects(generation=2)) < 1000


def test_a_scheduler_that_never_began_leaves_no_trace(qtbot: QtBot) -> None:
    made = GcScheduler()
    assert not gc.isenabled()
    made.stop()
    assert gc.isenabled()
