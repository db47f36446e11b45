"""A child that does harm is ended, or kept from it by the system; who asked gets an answer or an error."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from allstation.isolation import frames
from allstation.isolation.child import (
    Budget,
    Child,
    ChildDiedError,
    ChildGoneError,
    ChildStartError,
    ChildTooSlowError,
)
from allstation.isolation.confine import EVERYTHING
from allstation.isolation.linux import has_filter

BUDGET = Budget(memory=1 << 30, cpu_seconds=60)
SCRIPT = Path(__file__).with_name("hostile_child.py")
LINUX = pytest.mark.skipif(
    sys.platform != "linux" or not has_filter(), reason="what the Linux kernel refuses on x86-64"
)


def command(kind: str = "serve") -> list[str]:
    return [sys.executable, "-P", str(SCRIPT), kind]


@pytest.fixture
def child():
    with closing(Child(command(), BUDGET)) as made:
        yield made


def test_a_request_is_answered_with_its_bytes(child):
    header, content = child.ask({}, b"abc", memoryview(b"def"), seconds=30, most=6)
    assert (header["pid"], content) == (child.pid, b"abcdef")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a POSIX matter")
def test_one_that_crashes_is_named_with_its_signal(child):
    with pytest.raises(ChildDiedError, match="SIGSEGV"):
        child.ask({"do": "crash"}, seconds=30, most=0)
    with pytest.raises(ChildGoneError, match="SIGSEGV"):
        child.ask({}, seconds=30, most=0)


@pytest.mark.parametrize("do", ["spin", "sleep"])
def test_one_that_never_ends_is_ended(child, do):
    began = time.monotonic()
    with pytest.raises(ChildTooSlowError):
        child.ask({"do": do}, seconds=0.3, most=0)
    assert time.monotonic() - began < 20
    assert not child.alive


def test_a_deadline_that_comes_with_the_answer_costs_no_other_request(child, monkeypatch):
    class Ending(threading.Timer):
        """Fires at the last moment in which it can still be cancelled."""

        def cancel(self):
            super().cancel()
            if fires:
                self.function(*self.args)
            passed.append(self)

    passed, fires = [], False
    monkeypatch.setattr(threading, "Timer", Ending)
    child.ask({}, seconds=60, most=0)
    passed[0].function(*passed[0].args)
    child.ask({}, seconds=60, most=0)
    fires = True
    child.ask({}, seconds=60, most=0)
    assert not child.alive
    with pytest.raises(ChildGoneError):
        child.ask({}, seconds=60, most=0)


def test_one_that_exits_has_died_of_the_request(child):
    with pytest.raises(ChildDiedError, match="status 7"):
        child.ask({"do": "exit"}, seconds=30, most=0)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce it")
def test_one_that_eats_memory_gets_none_and_goes_on(child):
    assert child.ask({"do": "eat", "bytes": 2 << 30}, seconds=30, most=0)[0] == {"raised": "MemoryError"}
    assert child.ask({"do": "eat", "bytes": 1 << 20}, seconds=30, most=0)[0] == {"bytes": 1 << 20}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a POSIX matter")
def test_one_that_uses_up_its_processor_time_is_ended_by_the_system():
    with (
        closing(Child(command(), Budget(memory=1 << 30, cpu_seconds=1))) as child,
        pytest.raises(ChildDiedError, match=r"SIGXCPU|SIGKILL"),
    ):
        child.ask({"do": "spin"}, seconds=60, most=0)


@LINUX
def test_this_system_enforces_all_there_is(child):
    assert child.applied == {*EVERYTHING}


@LINUX
@pytest.mark.parametrize("do", ["connect", "fork", "run", "kill"])
def test_sockets_programs_and_signals_are_refused(child, do):
    assert child.ask({"do": do}, seconds=30, most=0)[0] == {"raised": "PermissionError"}
    assert child.alive


@LINUX
@pytest.mark.parametrize("do", ["write", "remove", "rename", "mode"])
def test_no_file_is_changed(child, tmp_path, do):
    kept, absent = tmp_path / "kept", tmp_path / "absent"
    kept.write_text("kept")
    mode = kept.stat().st_mode
    for path in (kept, absent) if do == "write" else (kept,):
        answer, _ = child.ask({"do": do, "path": str(path)}, seconds=30, most=0)
        assert answer == {"raised": "PermissionError"}
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (kept.read_text(), kept.stat().st_mode) == ("kept", mode)


@LINUX
def test_files_of_the_user_are_not_read_and_those_of_the_system_are(child, tmp_path):
    (tmp_path / "letter").write_text("private")
    for path, answer in (("/etc/passwd", True), (str(tmp_path / "letter"), True), ("/proc/cpuinfo", False)):
        refused = child.ask({"do": "read", "path": path}, seconds=30, most=0)[0] == {
            "raised": "PermissionError"
        }
        assert refused is answer, path


@LINUX
def test_no_thread_is_left_out_as_there_is_one_when_limits_are_set(child):
    """The one that looks for the parent begins afterwards."""
    child.ask({}, seconds=30, most=0)
    assert len(list(Path(f"/proc/{child.pid}/task").iterdir())) == 2
    for task in Path(f"/proc/{child.pid}/task").iterdir():
        status = (task / "status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status


@LINUX
def test_threads_are_allowed(child):
    assert child.ask({"do": "thread"}, seconds=30, most=0)[0] == {"pid": child.pid}


@pytest.mark.parametrize("kind", ["garbage", "claim", "no object"])
def test_one_that_answers_nonsense_does_not_begin(kind):
    with pytest.raises(ChildStartError):
        Child(command(kind), BUDGET)


def test_one_that_never_begins_is_given_up():
    before = {process.pid for process in psutil.Process().children()}
    with pytest.raises(ChildStartError):
        Child(command("silent"), Budget(memory=1 << 30, start_seconds=0.5))
    assert {process.pid for process in psutil.Process().children()} <= before


def test_a_program_that_is_not_there_does_not_begin():
    with pytest.raises(ChildStartError, match="No such file"):
        Child(["/no/such/program"], BUDGET)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no wait for pipes")
def test_one_that_waited_long_ends_and_says_so_to_who_asks():
    with closing(Child(command("idle"), BUDGET)) as child:
        until = time.monotonic() + 30
        while child.alive and time.monotonic() < until:
            time.sleep(0.05)
        with pytest.raises(ChildGoneError, match="status 0"):
            child.ask({}, seconds=30, most=0)


@pytest.mark.parametrize("do", ["nothing", "spin"])
def test_a_child_ends_with_the_station(do):
    """A station that is killed leaves none behind: the child's input ends, and it looks for its parent."""
    code = (
        "import os, signal, threading\n"
        "from allstation.isolation.child import Budget, Child\n"
        f"child = Child({command()!r}, Budget(memory=1 << 30))\n"
        f"asked = threading.Thread(target=child.ask, args=({{'do': {do!r}}},), "
        "kwargs={'seconds': 60, 'most': 0}, daemon=True)\n"
        "asked.start()\n"
        "asked.join(0.3)\n"
        "print(child.pid, flush=True)\n"
        "os._exit(0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    until = time.monotonic() + 30
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(done.stdout))


def test_a_child_that_has_worked_long_is_worn():
    with closing(Child(command(), Budget(memory=1 << 30, cpu_seconds=1))) as child:
        assert not child.worn
        child._busy = 0.6
        assert child.worn


class Pipe(io.BytesIO):
    """A stream that takes and gives three bytes at a time, as a pipe may."""

    def write(self, data):
        return super().write(data[:3])

    def readinto(self, buffer):
        return super().readinto(buffer[:3])


def test_frames_survive_a_pipe_that_takes_a_little_at_a_time():
    pipe = Pipe()
    frames.send(pipe, {"a": "ü", "b": [1, 2.5]}, b"12345", b"", bytearray(b"678"))
    pipe.seek(0)
    assert frames.receive(pipe, most=8) == ({"a": "ü", "b": [1, 2.5]}, b"12345678")
    with pytest.raises(EOFError):
        frames.receive(pipe, most=8)


@pytest.mark.parametrize(
    "data",
    [
        (2).to_bytes(4, "little") + (9).to_bytes(8, "little") + b"{}" + bytes(9),
        (1 << 30).to_bytes(4, "little") + bytes(8),
        (2).to_bytes(4, "little") + bytes(8) + b"{!",
        (2).to_bytes(4, "little") + bytes(8) + b"[]",
        (100_000).to_bytes(4, "little") + bytes(8) + b"[" * 100_000,
    ],
    ids=["more bytes than may follow", "endless header", "no JSON", "no object", "nested"],
)
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(frames.FrameError):
        frames.receive(io.BytesIO(data), most=8)
