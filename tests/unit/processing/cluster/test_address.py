"""Addresses, names of shared folders, and which field goes into which task."""

from __future__ import annotations

import importlib.util
from concurrent.futures import Future
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.processing.cluster.address import (
    ClusterAddress,
    is_loopback,
    parse_address,
    require_cluster,
)
from allstation.processing.cluster.planning import LARGEST, WINDOW, Task, TaskPlan, WaitingField
from allstation.processing.cluster.shares import Shares, is_there


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("local", ClusterAddress()),
        ("local:4", ClusterAddress(workers=4)),
        ("tls://192.168.1.20:8786", ClusterAddress("tls://192.168.1.20:8786")),
        ("lab-pc", ClusterAddress("tls://lab-pc:8786")),
        ("tcp://127.0.0.1:9", ClusterAddress("tcp://127.0.0.1:9")),
        ("tls://[::1]:5", ClusterAddress("tls://[::1]:5")),
    ],
)
def test_addresses_as_people_write_them(text: str, address: ClusterAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "local:0", "local:x", "ftp://a:1", "tls://a:99999", "tls://u@h:1"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(StationError) as told:
        parse_address(text)
    assert told.value.code == "bad-cluster-address"


def test_plain_tcp_to_another_machine_is_refused() -> None:
    with pytest.raises(StationError) as told:
        parse_address("tcp://192.168.1.20:8786")
    assert told.value.code == "cluster-not-encrypted"
    assert is_loopback("tcp://localhost:1")


def test_a_scheduler_file_names_its_address(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"type": "Scheduler", "address": "tls://10.0.0.5:40123"}')
    assert parse_address(str(file)).url == "tls://10.0.0.5:40123"
    file.write_text('{"address": "tcp://10.0.0.5:40123"}')
    with pytest.raises(StationError, match="not encrypted"):
        parse_address(str(file))
    for text in ("{", "[" * 200_000, '{"address": 5}'):
        file.write_text(text)
        with pytest.raises(StationError, match=r"scheduler file|is no cluster"):
            parse_address(str(file))


def test_the_edition_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StationError, match="full edition"):
        require_cluster()


def test_a_share_has_another_name_on_another_machine(tmp_path: Path) -> None:
    shares = Shares.parse(
        [f"Z:\\smears={tmp_path}", f"/data={tmp_path / 'd'}", f"/data/old={tmp_path / 'o'}"]
    )
    assert shares.local("Z:\\smears\\P7\\a.jpg") == tmp_path / "P7" / "a.jpg"
    assert shares.local("/data/old/a.jpg") == tmp_path / "o" / "a.jpg"
    assert shares.local("/data/new/a.jpg") == tmp_path / "d" / "new" / "a.jpg"
    assert shares.local("/database/a.jpg") == Path("/database/a.jpg")
    region = shares.local("/data/a.svs/x1-y2-300x300-level0.region")
    assert region == tmp_path / "d" / "a.svs" / "x1-y2-300x300-level0.region"
    assert not is_there(region)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.svs").write_bytes(b"slide")
    assert is_there(region)
    with pytest.raises(StationError, match="/data=Z:"):
        Shares.parse(["/data"])


def plan_of(number: int, root: str = "/data/a") -> TaskPlan:
    plan = TaskPlan()
    for key in range(number):
        plan.add(WaitingField(key, key, Path(f"{root}/{key}.jpg"), "", Future()))
    return plan


def take(
    plan: TaskPlan, workers: list[str], lacking: set[str] | None = None, by_path: int = 0
) -> Task | None:
    return plan.take(workers, lacking or set(), open_to_all=True, by_path=by_path)


def test_the_end_of_the_queue_is_shared_among_the_workers() -> None:
    plan = plan_of(8)
    sizes = [len(task.fields) for _ in range(9) if (task := take(plan, ["a", "b"])) is not None]
    assert sizes[0] == 4
    assert sum(sizes) == 8


def test_tasks_grow_and_shrink_to_about_a_second_and_a_half() -> None:
    plan = TaskPlan()
    for _ in range(20):
        plan.learn(plan.size, plan.size * 0.02)
    assert 0.5 <= plan.size * 0.02 <= 5
    for _ in range(20):
        plan.learn(plan.size, plan.size * 1.0)
    assert plan.size in (1, 2)
    for _ in range(40):
        plan.learn(plan.size, 0.0)
    assert plan.size == LARGEST
    plan.learn(3, 0.001)
    assert plan.size == LARGEST


def test_no_more_than_a_few_tasks_fly() -> None:
    plan = plan_of(100)
    assert plan.is_due(workers=2, flying=2 * WINDOW - 1)
    assert not plan.is_due(workers=2, flying=2 * WINDOW)
    assert not plan.is_due(workers=0, flying=0)


def test_workers_without_the_share_get_bytes_when_the_others_are_busy() -> None:
    plan = plan_of(40)
    first = take(plan, ["a", "b"], {"b"})
    assert first is not None
    assert (first.by_bytes, first.workers) == (False, ("a",))
    second = take(plan, ["a", "b"], {"b"}, by_path=WINDOW)
    assert second is not None
    assert (second.by_bytes, second.workers) == (True, ("b",))
    nobody = take(plan, ["b"], {"b"})
    assert nobody is not None
    assert nobody.by_bytes


def test_a_lost_task_is_looked_at_carefully_and_then_in_halves() -> None:
    plan = plan_of(16)
    lost = take(plan, ["a"])
    assert lost is not None
    assert not lost.careful
    plan.suspect(lost)
    again = take(plan, ["a"])
    assert again is not None
    assert (again.careful, again.fields) == (True, lost.fields)
    plan.suspect(again)
    halves = [take(plan, ["a"]), take(plan, ["a"])]
    assert [len(half.fields) for half in halves if half] == [4, 4]
    assert all(half is not None and half.careful for half in halves)


def test_a_field_that_was_taken_back_is_not_sent() -> None:
    plan = plan_of(3)
    assert plan.waiting[1].future.cancel()
    task = take(plan, ["a"])
    assert task is not None
    assert [one.key for one in task.fields] == [0, 2]
    assert task.fields[0].future.running()
