"""A machine whose certificate is revoked: put out of a running cluster, and refused by every part of it."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.keys import cluster_certificates as certificates
from allstation.keys.cluster_certificates import Certificates
from allstation.keys.cluster_revocation import REVOKED, revoked_serials, take_list
from allstation.processing.cluster.address import ClusterAddress, split_url
from allstation.processing.cluster.connection import ClusterConnection
from allstation.processing.cluster.serve import Hub, WorkerOptions, WorkerProcesses
from tests import cluster_makers


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALLSTATION_PROFILE", str(tmp_path / "profile"))
    return tmp_path / "profile"


@pytest.fixture
def pc7(profile: Path, tmp_path: Path) -> Path:
    """The join file of another machine."""
    certificates.write_join_file(tmp_path / "pc7.alljoin", address="tls://127.0.0.1:1", machine="pc7")
    return tmp_path / "pc7.alljoin"


@pytest.fixture
def hub(profile: Path) -> Iterator[Hub]:
    made = Hub()
    yield made
    made.close()


def answers(url: str, shown: Certificates) -> bool:
    """Tell whether a node talks to somebody who shows these certificates."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(shown.authority))
    context.load_cert_chain(shown.certificate, shown.key)
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    _, host, port = split_url(url)
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as secure:
        try:
            return bool(secure.recv(1))
        except (ssl.SSLError, ConnectionError):
            return False


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes as POSIX does")
def test_a_revoked_machine_is_put_out_and_nobody_talks_to_it_any_more(
    hub: Hub, pc7: Path, tmp_path: Path
) -> None:
    theirs = certificates.joined_certificates(certificates.read_join_file(pc7))
    elsewhere = cluster_makers.environment(tmp_path / "pc7")
    there = WorkerProcesses(WorkerOptions(1, join=pc7).command(hub.url), 1, elsewhere, quiet=True).start()
    here = WorkerProcesses(WorkerOptions(1).command(hub.url), 1, quiet=True).start()
    try:
        cluster_makers.until(lambda: len(hub.workers) == 2)
        ((honest, _),) = [one for one in hub.workers.items() if one[1].endswith(f"-{here.pids[0]}")]
        assert answers(hub.url, theirs)
        assert answers(honest, theirs), "whoever has a certificate may talk to every worker"
        assert [one.machine for one in certificates.revoke_machine("pc7")] == ["pc7"]
        cluster_makers.until(lambda: list(hub.workers) == [honest])
        cluster_makers.until(lambda: there.all_refused)
        assert not answers(hub.url, theirs)
        cluster_makers.until(lambda: not answers(honest, theirs))
        assert list(hub.workers) == [honest], "the others work on"
    finally:
        there.close()
        here.close()
    hub.close()
    again = Hub()
    try:
        with pytest.raises(StationError) as caught:
            ClusterConnection(ClusterAddress(again.url), certificates=theirs)
        # Of the alert that says why, only the end of the connection may arrive, however often one asks.
        assert caught.value.code in {"revoked-certificate", "wrong-certificate"}
        with ClusterConnection(ClusterAddress(again.url)) as own:
            assert not own.lost
    finally:
        again.close()


def test_a_name_that_has_no_certificate_is_told_with_those_that_have(pc7: Path) -> None:
    with pytest.raises(StationError, match="Made here: pc7"):
        certificates.revoke_machine("pc8")


def test_a_new_authority_ends_every_join_file(hub: Hub, pc7: Path) -> None:
    theirs = certificates.joined_certificates(certificates.read_join_file(pc7))
    assert answers(hub.url, theirs)
    certificates.renew_authority()
    again = Hub()
    try:
        with pytest.raises(StationError) as caught:
            ClusterConnection(ClusterAddress(again.url), certificates=theirs)
        assert caught.value.code == "wrong-certificate"
    finally:
        again.close()


def test_only_a_newer_list_of_the_authority_is_taken(
    pc7: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificates.own_certificates()
    theirs = certificates.joined_certificates(certificates.read_join_file(pc7)).folder
    empty = (own.folder / REVOKED).read_bytes()
    certificates.revoke_machine("pc7")
    full = (own.folder / REVOKED).read_bytes()
    assert take_list(theirs, full)
    assert len(revoked_serials(theirs / REVOKED)) == 1
    assert not take_list(theirs, full)
    assert not take_list(theirs, empty), "an earlier list takes nobody back"
    assert not take_list(theirs, b"nothing")
    monkeypatch.setenv("ALLSTATION_PROFILE", str(tmp_path / "stranger"))
    stranger = certificates.own_certificates()
    assert not take_list(theirs, (stranger.folder / REVOKED).read_bytes())
    assert (theirs / REVOKED).read_bytes() == full
    if os.name == "posix":
        assert (theirs / REVOKED).stat().st_mode & 0o077 == 0
