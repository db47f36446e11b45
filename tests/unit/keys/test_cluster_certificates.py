"""Certificates of a laboratory's machines: made once, for their owner alone, carried in a join file."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from allstation.core.errors import StationError
from allstation.keys import cluster_certificates as module


def test_authority_and_certificate_are_made_once_and_signed() -> None:
    own = module.own_certificates()
    before = own.certificate.read_bytes()
    assert module.own_certificates() == own
    assert own.certificate.read_bytes() == before
    authority = x509.load_pem_x509_certificate(own.authority.read_bytes())
    machine = x509.load_pem_x509_certificate(before)
    machine.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not machine.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(machine.public_key(), ec.EllipticCurvePublicKey)
    if os.name == "posix":
        assert stat.S_IMODE(own.key.stat().st_mode) == 0o600
        assert stat.S_IMODE(module.cluster_folder().joinpath("authority").stat().st_mode) == 0o700


def test_a_join_file_gives_another_machine_a_certificate_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / f"pc7{module.SUFFIX}"
    module.write_join_file(target, address="tls://10.0.0.1:8786", machine="pc7")
    joined = module.read_join_file(target)
    assert (joined.address, joined.machine) == ("tls://10.0.0.1:8786", "pc7")
    kept = module.joined_certificates(joined)
    assert module.joined_certificates(joined) == kept
    machine = x509.load_pem_x509_certificate(kept.certificate.read_bytes())
    machine.verify_directly_issued_by(x509.load_pem_x509_certificate(kept.authority.read_bytes()))
    assert kept.key.read_bytes() != module.own_certificates().key.read_bytes()
    with pytest.raises(StationError, match="is there already"):
        module.write_join_file(target, address="", machine="pc7")


def test_a_join_file_with_another_key_does_not_take_the_place_of_one(tmp_path: Path) -> None:
    target = tmp_path / f"pc7{module.SUFFIX}"
    module.write_join_file(target, address="tls://10.0.0.1:8786", machine="pc7")
    joined = module.read_join_file(target)
    module.joined_certificates(replace(joined, texts={**joined.texts, "key": "another", "authority": "x"}))
    kept = module.joined_certificates(joined)
    assert kept.key.read_text("utf-8") == joined.texts["key"]
    assert kept.authority.read_text("utf-8") == joined.texts["authority"]


def test_a_machine_certificate_near_its_end_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = module.own_certificates().certificate.read_bytes()
    monkeypatch.setattr(module, "_soon", lambda: datetime(2100, 1, 1, tzinfo=UTC))
    assert module.own_certificates().certificate.read_bytes() != before


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"kind": "allstation-join", "certificate": "x"}', b"\xff", b"[" * 60_000]
)
def test_what_is_no_join_file_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.alljoin"
    file.write_bytes(content)
    with pytest.raises(StationError, match="allstation cluster join"):
        module.read_join_file(file)


def test_a_join_file_that_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.alljoin"
    monkeypatch.setattr(module, "_MACHINE_DAYS", -1)
    module.write_join_file(file, address="tls://a:1", machine="old")
    assert json.loads(file.read_bytes())["machine"] == "old"
    with pytest.raises(StationError, match="ended on"):
        module.read_join_file(file)
