"""Functions on other threads: results come back to the asking thread, in order, and never to who is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

from allstation.services.tasks import LatestOnly, Serial, Workers

LONG = 20_000


class Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.results: list[object] = []
        self.errors: list[Exception] = []
        self.threads: set[QThread] = set()

    @Slot(object)
    def take(self, result: object) -> None:
        self.results.append(result)
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def take_error(self, error: Exception) -> None:
        self.errors.append(error)


@pytest.fixture
def serial(qapp: object) -> Iterator[Serial]:
    made = Serial()
    yield made
    assert made.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def raises(error: Exception) -> Callable[[], object]:
    def function() -> object:
        raise error

    return function


def test_results_come_in_order_and_on_the_thread_that_asked(serial: Serial, qtbot: QtBot) -> None:
    receiver, worked_on = Receiver(), set()
    for number in range(20):

        def function(number: int = number) -> int:
            worked_on.add(threading.get_ident())
            return number

        serial.run(function).done.connect(receiver.take)
    qtbot.waitUntil(lambda: len(receiver.results) == 20, timeout=LONG)
    assert receiver.results == list(range(20))
    assert receiver.threads == {QThread.currentThread()}
    assert threading.get_ident() not in worked_on


def test_an_error_comes_back_as_what_it_was_and_the_next_function_runs(serial: Serial, qtbot: QtBot) -> None:
    receiver, error = Receiver(), OSError("no such drive")
    serial.run(raises(error)).failed.connect(receiver.take_error)
    serial.run(lambda: 7).done.connect(receiver.take)
    qtbot.waitUntil(lambda: receiver.results == [7], timeout=LONG)
    assert receiver.errors == [error]


def test_an_error_that_nobody_takes_is_not_swallowed(serial: Serial, qtbot: QtBot) -> None:
    with qtbot.captureExceptions() as caught:
        serial.run(raises(KeyError("nobody foresaw this")))
        qtbot.waitUntil(lambda: bool(caught), timeout=LONG)
    assert caught[0][0] is KeyError


def test_a_receiver_that_is_gone_gets_nothing(serial: Serial, qtbot: QtBot, gate: threading.Event) -> None:
    gone, other = Receiver(), Receiver()
    results = gone.results
    task = serial.run(gate.wait)
    task.done.connect(gone.take)
    task.done.connect(other.take)
    gone.deleteLater()
    qtbot.waitSignal(gone.destroyed, timeout=LONG).wait()
    gate.set()
    qtbot.waitUntil(lambda: other.results == [True], timeout=LONG)
    assert results == []


def test_the_owner_may_go_while_a_function_runs(qtbot: QtBot, gate: threading.Event) -> None:
    owner, receiver = Workers(threads=2), Receiver()
    owner.run(gate.wait).done.connect(receiver.take)
    threading.Timer(0.05, gate.set).start()
    assert owner.close()
    owner.deleteLater()
    with qtbot.waitSignal(owner.destroyed, timeout=LONG):
        pass
    assert receiver.results in ([], [True])


def test_closing_drops_what_has_not_begun_and_finishing_does_it(qapp: object, gate: threading.Event) -> None:
    done: list[int] = []
    for close, expected in ((Serial.close, []), (Serial.finish, [1])):
        serial, begun = Serial(), threading.Event()

        def first(begun: threading.Event = begun) -> bool:
            begun.set()
            return gate.wait(10)

        serial.run(first)
        serial.run(lambda: done.append(1))
        assert begun.wait(10)
        threading.Timer(0.05, gate.set).start()
        assert close(serial)
        assert done == expected
        gate.clear()


def test_of_many_requests_only_the_newest_is_answered(qtbot: QtBot, gate: threading.Event) -> None:
    latest, receiver, run = LatestOnly(), Receiver(), []
    latest.done.connect(receiver.take)
    latest.failed.connect(receiver.take_error)
    latest.run(gate.wait)
    for number in range(5):
        latest.run(lambda number=number: run.append(number) or number)
    gate.set()
    qtbot.waitUntil(lambda: receiver.results == [4], timeout=LONG)
    assert run == [4]
    assert not latest.running
    latest.run(raises(OSError("gone")))
    qtbot.waitUntil(lambda: len(receiver.errors) == 1, timeout=LONG)
    latest.run(lambda: 9)
    latest.drop()
    qtbot.waitUntil(lambda: not latest.running, timeout=LONG)
    assert receiver.results == [4]
    assert latest.close()
