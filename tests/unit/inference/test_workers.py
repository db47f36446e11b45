"""One field that never ends costs its own thread, never the others."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from allstation.core.limits import DecodeLimits
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Pipeline
from allstation.inference.workers import Workers, in_order


def test_jobs_run_and_errors_reach_who_waits():
    workers = Workers(2, limit=30.0, name="t")
    answers = [workers.submit(lambda n=n: n * n, lambda: -1) for n in range(20)]
    broken = workers.submit(lambda: 1 // 0, lambda: -1)
    assert [answer.result() for answer in answers] == [n * n for n in range(20)]
    with pytest.raises(ZeroDivisionError):
        broken.result()
    workers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("t_")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this for single threads")
@pytest.mark.parametrize("low_priority", [False, True])
def test_beside_a_window_only_the_working_threads_have_low_priority(low_priority: bool):
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = niceness()
    workers: Workers[int] = Workers(1, limit=10, name="work", low_priority=low_priority)
    found = workers.submit(niceness, lambda: -1).result(timeout=10)
    workers.close()
    assert found == (max(own, 10) if low_priority else own)
    assert niceness() == own


def test_a_job_that_never_ends_is_given_up_and_the_rest_goes_on():
    release = threading.Event()
    workers = Workers(1, limit=0.2, name="t")
    stuck = workers.submit(lambda: release.wait(30) or "late", lambda: "given up")
    rest = [workers.submit(lambda n=n: n, lambda: -1) for n in range(5)]
    assert stuck.result(timeout=20) == "given up"
    assert [answer.result(timeout=20) for answer in rest] == list(range(5))
    assert workers.given_up == 1
    workers.close()
    release.set()


def test_closing_drops_what_waits_and_bounds_what_runs():
    release = threading.Event()
    workers = Workers(1, limit=0.3, name="t")
    stuck = workers.submit(lambda: release.wait(30), lambda: "given up")
    waiting = workers.submit(lambda: 1, lambda: -1)
    while not stuck.running():
        time.sleep(0.01)
    workers.close()
    assert waiting.cancelled()
    assert stuck.result(timeout=0) == "given up"
    release.set()


def test_a_slow_field_is_named_with_a_code(tmp_path, monkeypatch):
    """The decoder itself is held up; its file is named, the next field is classified."""
    from allstation.imaging import synthetic
    from allstation.imaging.formats import decode

    paths = synthetic.write_demo(tmp_path, fields=2)
    slow, release = tmp_path / "slow\u202egpj.jpg", threading.Event()
    slow.write_bytes(paths[0].read_bytes())
    usual = decode.decode_shrunk

    def held_up(path, *rest, **options):
        if path == slow:
            release.wait(60)
        return usual(path, *rest, **options)

    monkeypatch.setattr(decode, "decode_shrunk", held_up)
    bundle, limits = ModelBundle.open(default_bundle_path()), DecodeLimits(max_seconds=2.0)
    with Pipeline(bundle, threads=1, limits=limits) as pipeline:
        outcomes = list(pipeline.run([("slow", slow), ("next", paths[1])]))
    release.set()
    assert outcomes[0].error.code == "too-slow"
    assert "2 seconds" in outcomes[0].error.sentence
    assert "\u202e" not in outcomes[0].error.sentence
    assert outcomes[1].prediction is not None


@pytest.mark.skipif(sys.platform == "win32", reason="the endless job is a shell")
def test_a_job_that_never_ends_does_not_keep_the_program():
    script = """
        import time
        from allstation.inference.workers import Workers
        workers = Workers(1, limit=0.2, name="t")
        print(workers.submit(lambda: time.sleep(600), lambda: "given up").result())
        workers.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parent
    )
    assert (done.returncode, done.stdout.strip()) == (0, "given up")


def test_results_come_in_order_a_bounded_number_ahead_and_the_rest_is_cancelled():
    made = []

    def submitted():
        for number in range(10):
            future = Future()
            if number < 3:
                future.set_result(number)
            made.append(future)
            yield future

    results = in_order(submitted(), ahead=3)
    assert [next(results), len(made)] == [0, 3]
    assert [next(results), next(results), len(made)] == [1, 2, 5]
    results.close()
    assert len(made) == 5
    assert [future.cancelled() for future in made] == [False, False, False, True, True]
