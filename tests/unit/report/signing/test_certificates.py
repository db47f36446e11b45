"""Certificates of signers: made, read, refused; and the laboratory's store of those it trusts."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from allstation.core.errors import StationError
from allstation.report.signing.certificates import SELF_MADE, facts_of, read_signing_file, require_valid
from allstation.report.signing.self_made import make_certificate
from allstation.report.signing.trust import TrustStore
from tests.signers import PASSWORD, Authority, Signer, make_signer


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(tmp_path_factory.mktemp("signer"))


def test_a_made_certificate_says_that_it_is_self_made_and_is_its_owners_alone(signer: Signer) -> None:
    facts = signer.key.facts
    assert (facts.name, facts.organisation, facts.self_made) == (
        "Dr. Berta Beispiel", "Example Laboratory", True,
    )  # fmt: skip
    assert 3600 < (facts.not_after - facts.not_before).days < 3660
    if sys.platform != "win32":
        assert stat.S_IMODE(signer.file.stat().st_mode) == 0o600
    authority = x509.load_pem_x509_certificate(signer.authority)
    assert SELF_MADE in authority.subject.rfc4514_string()
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_the_private_key_is_encrypted(signer: Signer) -> None:
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    plain = signer.key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert plain[60:120] not in signer.file.read_bytes()
    with pytest.raises(StationError) as refused:
        read_signing_file(signer.file, "")
    assert refused.value.code == "wrong-password"


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed (apt-get install openssl)"
)
def test_openssl_opens_the_file_and_the_chain_holds(signer: Signer, tmp_path: Path) -> None:
    words = [
        "openssl",
        "pkcs12",
        "-in",
        str(signer.file),
        "-passin",
        f"pass:{PASSWORD}",
        "-nokeys",
        "-clcerts",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    (tmp_path / "signer.pem").write_text(done.stdout)
    (tmp_path / "root.pem").write_bytes(signer.authority)
    (tmp_path / "list.der").write_bytes(signer.revocations)
    words = ["openssl", "crl", "-inform", "DER", "-in", "list.der", "-out", "list.pem"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    words = ["openssl", "verify", "-CAfile", "root.pem", "-crl_check", "-CRLfile", "list.pem", "signer.pem"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [("", PASSWORD, "needs a name"), ("x" * 65, PASSWORD, "at most 64"), ("Dr. B", "seven77", "at least 8")],
)
def test_what_cannot_be_a_certificate_is_refused(tmp_path: Path, name: str, password: str, said: str) -> None:
    with pytest.raises(StationError, match=said):
        make_certificate(tmp_path / "a.p12", name=name, laboratory="", password=password)
    assert list(tmp_path.iterdir()) == []


def test_a_key_never_replaces_a_file(signer: Signer) -> None:
    before = signer.file.read_bytes()
    with pytest.raises(StationError, match="never replaced"):
        make_certificate(signer.file, name="Dr. B", laboratory="", password=PASSWORD)
    assert signer.file.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StationError) as refused:
        make_certificate(tmp_path / "no" / "a.p12", name="Dr. B", laboratory="", password=PASSWORD)
    assert refused.value.code == "not-written"


def packed(key: object, certificate: x509.Certificate | None) -> bytes:
    encryption = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, encryption)  # type: ignore[arg-type]


def strange_files() -> dict[str, bytes]:
    authority = Authority.make()
    machine = authority.issue("Clock", stamps=True)
    agreement = authority.issue("Other", usage=False)
    return {
        "is no PKCS#12 file": b"hello",
        "is larger than": b"0" * ((1 << 20) + 1),
        "does not open": b"0\x82\x01\x00" + bytes(256),
        "holds no certificate of its key": packed(rsa.generate_private_key(65537, 2048), None),
        "holds no RSA or elliptic-curve key": packed(*_edwards()),
        "not for a person": packed(machine.key, machine.certificate),
        "is not for signatures": packed(agreement.key, agreement.certificate),
    }


def _edwards() -> tuple[ed25519.Ed25519PrivateKey, x509.Certificate]:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now.replace(year=now.year + 1))
    return key, builder.sign(key, None)


def test_strange_files_are_refused_with_a_sentence(tmp_path: Path) -> None:
    for said, data in strange_files().items():
        (tmp_path / "a.p12").write_bytes(data)
        with pytest.raises(StationError) as refused:
            read_signing_file(tmp_path / "a.p12", PASSWORD)
        assert said in refused.value.sentence
    with pytest.raises(StationError, match="No such file"):
        read_signing_file(tmp_path / "missing.p12", PASSWORD)


def test_a_certificate_counts_only_while_it_is_valid(signer: Signer) -> None:
    facts = signer.key.facts
    require_valid(facts, datetime.now(UTC))
    for year, said in ((2000, "is not valid before"), (2100, "expired on")):
        with pytest.raises(StationError, match=said) as refused:
            require_valid(facts, datetime(year, 1, 1, tzinfo=UTC))
        assert refused.value.code == "certificate-expired"


# The store


def test_the_store_keeps_what_is_trusted_until_it_is_not(signer: Signer, tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "deep" / "store")
    assert store.anchors() == ()
    assert store.revocation_lists() == ()
    (tmp_path / "root.pem").write_bytes(signer.authority)
    facts = store.add(tmp_path / "root.pem")
    der = x509.load_pem_x509_certificate(signer.authority).public_bytes(Encoding.DER)
    (tmp_path / "root.cer").write_bytes(der)
    assert store.add(tmp_path / "root.cer") == facts
    assert [one.facts for one in store.anchors()] == [facts]
    store.add_made(signer.authority, signer.revocations)
    assert len(store.revocation_lists()) == 1
    if sys.platform != "win32":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep" / "store").iterdir()}
        assert modes == {0o600}
    assert store.remove(facts.sha256)
    assert not store.remove(facts.sha256)
    assert store.anchors() == ()
    assert store.revocation_lists() == ()


def test_a_damaged_file_in_the_store_counts_as_none(signer: Signer, tmp_path: Path) -> None:
    store = signer.trusted_in(tmp_path / "store")
    (tmp_path / "store" / "0.pem").write_bytes(
        b"-----BEGIN CERTIFICATE-----\nzzz\n-----END CERTIFICATE-----\n"
    )
    (tmp_path / "store" / "1.pem").mkdir()
    assert len(store.anchors()) == 1


@pytest.mark.parametrize("data", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\n", b"0\x80", b"\xff" * 40])
def test_what_is_no_certificate_is_not_trusted(tmp_path: Path, data: bytes) -> None:
    store = TrustStore(tmp_path / "store")
    (tmp_path / "a.pem").write_bytes(data)
    with pytest.raises(StationError, match="holds no certificate"):
        store.add(tmp_path / "a.pem")
    with pytest.raises(StationError, match="holds no revocation list"):
        store.add_revocations(tmp_path / "a.pem")
    assert not (tmp_path / "store").exists()


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    key = Authority.make().issue("Dr.\u202eX\x1b[2J")
    assert facts_of(key.certificate).name == "Dr.\ufffdX\ufffd[2J"
