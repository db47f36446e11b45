"""Keys: made once, kept private, opened by a password, trusted by name."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from allstation.__main__ import main
from allstation.core.errors import StationError
from allstation.keys import laboratory
from allstation.keys.laboratory import make_laboratory_key, open_laboratory_key
from allstation.keys.release import release_keys
from allstation.keys.signing import PublicKey, Signature, SignatureError, SigningKey, new_secret
from allstation.keys.station import station_key, station_key_path
from allstation.keys.trust_store import TrustStore, trust_path

PASSWORD = "correct horse battery"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that opens fast."""
    monkeypatch.setattr(laboratory, "_COST", 2**15)


def key(name: str = "Ada") -> SigningKey:
    return SigningKey(new_secret(), name=name, role="station")


def test_a_signature_is_one_that_openssl_verifies(tmp_path: Path) -> None:
    """An independent reader: the raw key and signature of RFC 8032, nothing of this project."""
    signer, value = key(), {"b": 1, "a": "ä"}
    signature = signer.sign("bundle", value)
    der = bytes.fromhex("302a300506032b6570032100") + signer.public.raw
    files = {
        "key.der": der,
        "message": b'ALL Station bundle 1\n{"a":"\\u00e4","b":1}',
        "signature": signature,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin",
               "-in", "message", "-sigfile", "signature"]  # fmt: skip
    try:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("OpenSSL is not here")
    assert done.stdout.strip() == "Signature Verified Successfully", done.stderr


def test_a_signature_is_for_one_value_one_purpose_and_one_name() -> None:
    signer, digest = key(), hashlib.sha256(b"x").hexdigest()
    made = Signature.made(signer, "bundle", digest)
    assert made.holds("bundle", digest)
    assert not made.holds("anchor", digest)
    assert not made.holds("bundle", hashlib.sha256(b"y").hexdigest())
    assert not replace(made, name="Eve").holds("bundle", digest)
    assert not replace(made, role="release").holds("bundle", digest)
    assert not replace(made, key=key().public).holds("bundle", digest)
    assert Signature.read(made.text()) == made


@pytest.mark.parametrize("changes", [{"kind": "x"}, {"schema": 2}, {"key": "AA=="}, {"signature": "%"},
                                     {"name": 7}, {"name": "x" * 500}, {"algorithm": "none"}])  # fmt: skip
def test_what_is_no_signature_is_refused(changes: dict[str, object]) -> None:
    stored = json.loads(Signature.made(key(), "bundle", "00").text())
    with pytest.raises(SignatureError):
        Signature.read(json.dumps(stored | changes).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"[" * 100_000, b"\xff", b"{}" + b" " * 20_000])
def test_other_bytes_are_no_signature(data: bytes) -> None:
    with pytest.raises(SignatureError):
        Signature.read(data)


def test_the_stations_key_is_made_once_and_is_its_owners_alone() -> None:
    first = station_key()
    assert station_key().public == first.public
    stored = json.loads(station_key_path().read_bytes())
    assert SigningKey(base64.b64decode(stored["private"]), name="", role="").public == first.public
    if os.name == "posix":
        assert stat.S_IMODE(station_key_path().stat().st_mode) == 0o600
        assert stat.S_IMODE(station_key_path().parent.stat().st_mode) == 0o700
    assert list(station_key_path().parent.iterdir()) == [station_key_path()]


_WHOSE = "from allstation.keys.station import station_key; print(station_key().public.text)"


def test_processes_that_start_at_once_have_the_same_key() -> None:
    children = [subprocess.Popen([sys.executable, "-c", _WHOSE], stdout=subprocess.PIPE) for _ in range(6)]
    told = {child.communicate()[0] for child in children}
    assert len(told) == 1
    assert subprocess.run([sys.executable, "-c", _WHOSE], capture_output=True, check=True).stdout in told


@pytest.mark.skipif(os.name != "posix", reason="a matter of POSIX")
def test_a_key_that_others_could_read_is_closed_again() -> None:
    first = subprocess.run([sys.executable, "-c", _WHOSE], capture_output=True, check=True).stdout
    station_key_path().chmod(0o644)
    assert subprocess.run([sys.executable, "-c", _WHOSE], capture_output=True, check=True).stdout == first
    assert stat.S_IMODE(station_key_path().stat().st_mode) == 0o600


def test_a_damaged_key_is_kept_and_another_made() -> None:
    station_key_path().parent.mkdir(parents=True)
    station_key_path().write_bytes(b"{torn")
    made = subprocess.run([sys.executable, "-c", _WHOSE], capture_output=True, check=True, text=True)
    assert made.stdout.strip() == station_key().public.text
    (kept,) = station_key_path().parent.glob("*.damaged-*")
    assert kept.read_bytes() == b"{torn"


def test_a_profile_that_cannot_be_written_has_a_key_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    environment = {**os.environ, "ALLSTATION_PROFILE": str(tmp_path / "file")}
    done = subprocess.run([sys.executable, "-c", _WHOSE], capture_output=True, check=True, env=environment)
    assert PublicKey.from_text(done.stdout.decode().strip())


@pytest.mark.usefixtures("cheap")
def test_a_laboratory_key_opens_with_its_password_only(tmp_path: Path) -> None:
    path = tmp_path / "lab.key"
    public = make_laboratory_key(path, name="Haematology", password=PASSWORD)
    opened = open_laboratory_key(path, PASSWORD)
    assert (opened.public, opened.name, opened.role) == (public, "Haematology", "laboratory")
    with pytest.raises(StationError, match="does not open"):
        open_laboratory_key(path, PASSWORD + "!")
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"name": "Other"}))
    with pytest.raises(StationError, match="does not open"):
        open_laboratory_key(path, PASSWORD)
    path.write_text(json.dumps(stored | {"scrypt": {"n": 2**30, "r": 8, "p": 1}}))
    with pytest.raises(StationError, match="not the key"):
        open_laboratory_key(path, PASSWORD)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("cheap")
def test_a_laboratory_key_is_never_replaced_and_needs_name_and_password(tmp_path: Path) -> None:
    path = tmp_path / "lab.key"
    for name, password in (("", PASSWORD), ("x" * 99, PASSWORD), ("Lab", "short")):
        with pytest.raises(StationError):
            make_laboratory_key(path, name=name, password=password)
    make_laboratory_key(path, name="Lab", password=PASSWORD)
    before = path.read_bytes()
    with pytest.raises(StationError, match="never replaced"):
        make_laboratory_key(path, name="Lab", password=PASSWORD)
    assert path.read_bytes() == before


def test_the_trust_store_keeps_names_and_loses_nothing_it_does_not_know() -> None:
    other = key("calls itself Lab 9").public
    TrustStore.load().trusting(other, name="Lab 2", role="laboratory").accepting("ab" * 32, name="M 1").save()
    store = TrustStore.load()
    assert (store.find(other).name, store.find(other).role) == ("Lab 2", "laboratory")
    assert store.accepts("ab" * 32)
    assert not store.accepts("cd" * 32)
    store.without(other).save()
    assert TrustStore.load().find(other) is None
    stored = json.loads(trust_path().read_text())
    stored["keys"] = [{"key": "none"}, 7, {"key": other.text, "name": "n", "role": "release", "added": "",
                                           "by": ""}]  # fmt: skip
    trust_path().write_text(json.dumps(stored))
    assert TrustStore.load().keys == ()
    trust_path().write_text("[1]")
    assert TrustStore.load() == TrustStore()


@pytest.mark.parametrize("name", ["ALL Station cells", "all  station CELLS", "ALL-Station-cells",
                                  "ALL Stati\u043en cells", "AII Stati0n ce11s", "\u0410LL Station cells",
                                  "ALL\u00a0Station cells", "ALL\u200bStation cells"])  # fmt: skip
def test_a_name_that_reads_as_the_shipped_ones_is_found_out(name: str) -> None:
    assert release_keys().bears_shipped_name(name)


def test_other_names_are_free() -> None:
    release = release_keys()
    assert not release.bears_shipped_name("Our cells")
    assert not release.bears_shipped_name("ALL Station cells 3")
    assert release.bears_shipped_name("ALL Station cells 3", or_longer=True)
    assert not release.bears_shipped_name("ALL Station", or_longer=True)


@pytest.mark.usefixtures("cheap")
def test_the_commands_make_export_trust_and_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.key"
    with subprocess.Popen([sys.executable, "-c", f"print('{PASSWORD}'); print('{PASSWORD}')"],
                          stdout=subprocess.PIPE, text=True) as words:  # fmt: skip
        monkeypatch.setattr("sys.stdin", words.stdout)
        assert main(["keys", "make", str(path), "--name", "Haematology"]) == 0
    public = tmp_path / "lab.public.json"
    assert main(["keys", "trust", str(public), "--laboratory"]) == 0
    assert main(["keys", "export", str(tmp_path / "me.json")]) == 0
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    said = capsys.readouterr().out
    assert "laboratory" in said
    assert "Haematology" in said
    assert station_key().public.fingerprint in said
    assert "not a release" in said
    assert main(["keys", "distrust", str(public)]) == 0
    assert TrustStore.load().keys == ()
    (tmp_path / "x.json").write_text("[]")
    assert main(["keys", "trust", str(tmp_path / "x.json")]) == 2
    assert "holds no public key" in capsys.readouterr().err
