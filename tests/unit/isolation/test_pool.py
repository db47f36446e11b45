"""Threads share the children of a pool; the dead and the closed are told from those that answer."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from allstation.isolation.child import Budget, ChildDiedError, ChildStartError
from allstation.isolation.pool import ChildPool, PoolClosedError
from tests.makers import child_processes, end_from_outside

COMMAND = [sys.executable, "-P", str(Path(__file__).with_name("hostile_child.py")), "serve"]
BUDGET = Budget(memory=1 << 30)


def pid_of(pool: ChildPool, **request: object) -> int:
    """Number of the child that answered."""
    return pool.ask(request, b"", seconds=60, most=0)[0]["pid"]


def test_children_are_started_when_needed_shared_and_replaced():
    before = child_processes()
    with closing(ChildPool(COMMAND, BUDGET)) as pool:
        assert child_processes() == before
        first = pid_of(pool)
        assert pid_of(pool) == first
        end_from_outside(*(child_processes() - before))
        second = pid_of(pool)
        assert second != first
        with pytest.raises(ChildDiedError, match="status 7"):
            pid_of(pool, do="exit")
        with pytest.raises(TypeError):
            pid_of(pool, do=object())
        assert child_processes() == before
    with pytest.raises(PoolClosedError):
        pid_of(pool)
    assert child_processes() == before


def test_no_more_children_work_at_once_than_are_allowed():
    with closing(ChildPool(COMMAND, BUDGET, most_children=2)) as pool, ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(lambda _: pid_of(pool), range(24)))) <= 2


def test_a_pool_whose_program_is_not_there_says_so():
    with pytest.raises(ChildStartError, match="No such file"):
        ChildPool(["/no/such/program"], BUDGET).applied()
