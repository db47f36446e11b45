"""Fields on two worker processes: the same bits as here, whatever dies, and this machine when all is gone."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.core.known_sizes import KnownSizes, SlideSizes
from allstation.core.site import PixelSize
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Outcome, Pipeline
from allstation.keys import cluster_certificates
from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.executor import ClusterExecutor
from allstation.processing.cluster.requests import Work
from allstation.processing.cluster.serve import Hub
from allstation.processing.cluster.shares import root_of
from tests import cluster_makers as makers

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX matter"),
    pytest.mark.xdist_group("cluster"),
]
NUMBER = 6
USUAL_SIZE, OTHER_SIZE = 0.125, 0.14
"""Micrometres a pixel, of all slides and of one."""


class Told:
    """What a person would read."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    written = write_demo(tmp_path_factory.mktemp("fields"), fields=NUMBER, seed=3)
    written[2] = written[2].rename(written[2].with_name("poison.jpg"))
    return written


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def link(
    tmp_path_factory: pytest.TempPathFactory, shared_profile: Path, told: Told
) -> Iterator[ClusterConnection]:
    place = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLSTATION_PROFILE", str(place / "profile"))
        certificates = cluster_certificates.own_certificates()
    with makers.cluster(place, site=makers.POISON, certificates=certificates, tell=told) as made:
        yield made


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def classified(link: ClusterConnection, bundle: ModelBundle, paths: list[Path]) -> list[Outcome[int]]:
    executor = ClusterExecutor(
        link,
        bundle,
        Work(bundle.sha256, cells=True),
        local=lambda: Pipeline(bundle, threads=1, cells=True),
        tell=lambda _: None,
    )
    try:
        futures = [executor.submit(key, path, hash_of(path)) for key, path in enumerate(paths)]
        return [future.result(makers.PATIENCE) for future in futures]
    finally:
        executor.close()


def without_time(outcome: Outcome[int]) -> Outcome[int]:
    assert outcome.prediction is not None
    return replace(outcome, prediction=replace(outcome.prediction, milliseconds=0.0))


def test_a_poisoned_field_costs_one_worker_and_every_other_is_equal_to_the_bit(
    link: ClusterConnection, bundle: ModelBundle, fields: list[Path]
) -> None:
    before = link.processes.restarts if link.processes else 0
    outcomes = classified(link, bundle, fields)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    assert [(one.key, one.error.code) for one in failed if one.error] == [(2, "crashed-twice")]
    with Pipeline(bundle, threads=1, cells=True) as here:
        for key in (0, 4):
            expected = here.submit(key, fields[key], hash_of(fields[key])).result()
            assert without_time(outcomes[key]) == without_time(expected)
    assert link.processes is not None
    assert link.processes.restarts - before <= 1


def test_slides_with_sizes_of_their_own_are_read_at_them_to_the_bit(
    link: ClusterConnection, bundle: ModelBundle, fields: list[Path]
) -> None:
    sizes = KnownSizes(f"{USUAL_SIZE}", slides=(SlideSizes(2, (PixelSize(size=OTHER_SIZE),)),))
    wanted = [(slide, fields[0], hash_of(fields[0]), slide) for slide in (1, 2)]
    with Pipeline(bundle, threads=1, cells=True, sizes=sizes) as here:
        expected = [without_time(here.submit(*one).result()) for one in wanted]
    assert [{cell.pixel_size for cell in one.cells or ()} for one in expected] == [{USUAL_SIZE}, {OTHER_SIZE}]
    executor = ClusterExecutor(
        link, bundle, Work(bundle.sha256, sizes=sizes, cells=True), local=lambda: Pipeline(bundle, threads=1)
    )
    try:
        by_path = [executor.submit(*one) for one in wanted]
        assert [without_time(one.result(60)) for one in by_path] == expected
        for address in link.at_work():
            link.note_lacking(root_of(fields[0]), address)
        by_bytes = [executor.submit(*one) for one in wanted]
        assert [without_time(one.result(60)) for one in by_bytes] == expected
    finally:
        link.lacking.clear()
        executor.close()


def test_a_file_that_went_away_has_its_sentence_and_a_share_that_is_missing_costs_nothing(
    link: ClusterConnection, bundle: ModelBundle, fields: list[Path], tmp_path: Path, told: Told
) -> None:
    makers.settled(link)  # a worker that joins in the middle would see the folder
    gone = tmp_path / "gone.jpg"
    gone.write_bytes(fields[0].read_bytes())
    sha256 = hash_of(gone)
    gone.unlink()
    executor = ClusterExecutor(link, bundle, Work(bundle.sha256), local=lambda: Pipeline(bundle, threads=1))
    try:
        outcome = executor.submit(1, gone, sha256).result(makers.PATIENCE)
        assert outcome.error is not None
        assert "not there any more" in outcome.error.sentence
        # As if no worker saw the folder: bytes go along, and not many more than the file has.
        for address in link.at_work():
            link.note_lacking(root_of(fields[0]), address)
        sent, got = executor.counts.bytes_sent, executor.counts.bytes_received
        assert (
            executor.submit(2, fields[0], hash_of(fields[0])).result(makers.PATIENCE).prediction is not None
        )
        shipped = executor.counts.bytes_sent - sent + executor.counts.bytes_received - got
        assert fields[0].stat().st_size < shipped <= fields[0].stat().st_size + 4096
        assert any("does not see" in sentence for sentence in told.sentences)
    finally:
        link.lacking.clear()
        executor.close()


def test_workers_killed_at_random_lose_and_double_nothing(
    link: ClusterConnection, bundle: ModelBundle, fields: list[Path]
) -> None:
    victim = min(makers.settled(link))
    paths = [path for path in fields if path.name != "poison.jpg"] * 3
    executor = ClusterExecutor(link, bundle, Work(bundle.sha256), local=lambda: Pipeline(bundle, threads=1))
    answers: list[int] = []
    try:
        futures = [executor.submit(key, path, hash_of(path)) for key, path in enumerate(paths)]
        for future in futures:
            future.add_done_callback(lambda done: answers.append(done.result().key))
        futures[3].result(makers.PATIENCE)
        os.kill(victim, signal.SIGKILL)
        outcomes = [future.result(makers.PATIENCE) for future in futures]
    finally:
        executor.close()
    assert all(outcome.prediction is not None for outcome in outcomes)
    assert sorted(answers) == list(range(len(paths)))


def test_a_machine_without_the_right_certificate_is_told_so(link: ClusterConnection, tmp_path: Path) -> None:
    assert link.hub is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLSTATION_PROFILE", str(tmp_path / "stranger"))
        stranger = cluster_certificates.own_certificates()
    with pytest.raises(StationError) as caught:
        ClusterConnection(ClusterAddress(link.hub.url), certificates=stranger)
    assert caught.value.code == "wrong-certificate"
    assert "allstation cluster join" in caught.value.sentence


def test_a_worker_of_another_version_gets_no_work(link: ClusterConnection, told: Told) -> None:
    makers.settled(link)
    address = link.at_work()[0]
    try:
        link.refuse(address, "9.9 protocol 9")
        assert address not in link.at_work()
        assert any("version 9.9 protocol 9" in sentence for sentence in told.sentences)
        assert any(not machine.used for machine in link.status())
    finally:
        link.refused.clear()


def test_nothing_listens_but_the_scheduler_itself(link: ClusterConnection) -> None:
    import psutil

    assert link.hub is not None
    port = int(link.hub.url.rsplit(":", 1)[1])
    mine = [one for one in psutil.Process().net_connections() if one.status == psutil.CONN_LISTEN]
    assert {one.laddr.ip for one in mine if one.laddr.port == port} == {"127.0.0.1"}
    # One that is listed listens already.
    for pid in makers.settled(link):
        assert addresses_listened_on(pid) == ["127.0.0.1"]


def addresses_listened_on(pid: int) -> list[str]:
    import psutil

    connections = psutil.Process(pid).net_connections()
    return [one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN]


def test_when_the_cluster_is_gone_this_machine_goes_on_and_says_so(
    link: ClusterConnection, bundle: ModelBundle, fields: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    sent: list[object] = []
    submit = link.client.submit

    def submit_and_lose(*arguments: object, **named: object) -> object:
        sent.append(arguments)
        if len(sent) != 2:
            return submit(*arguments, **named)
        # At the worst moment: the task is sent, not yet written down, and no answer will ever come.
        link.lose("The laboratory machines do not answer any more.")
        return submit(time.sleep, 600, pure=False)

    monkeypatch.setattr(link.client, "submit", submit_and_lose)
    executor = ClusterExecutor(
        link, bundle, Work(bundle.sha256), local=lambda: Pipeline(bundle, threads=1), tell=told
    )
    paths = [path for path in fields if path.name != "poison.jpg"] * 3
    try:
        futures = [executor.submit(key, path, hash_of(path)) for key, path in enumerate(paths)]
        assert all(future.result(makers.PATIENCE).prediction is not None for future in futures)
        assert executor.machines == ()
        assert (executor.threads, executor.ahead) == (1, 0)
        assert told.sentences
        assert "goes on alone" in told.sentences[0]
    finally:
        executor.close()


def test_a_place_that_is_taken_is_told() -> None:
    first = Hub()
    try:
        with pytest.raises(StationError) as caught:
            Hub(port=int(first.url.rsplit(":", 1)[1]))
        assert caught.value.code == "cannot-listen"
    finally:
        first.close()


def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from allstation.processing.cluster import connection as module

    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.5)
    threads = threading.active_count()
    with pytest.raises(StationError) as caught:
        ClusterConnection(ClusterAddress("tls://127.0.0.1:9"))
    assert caught.value.code == "no-scheduler"
    assert threading.active_count() <= threads + 3
