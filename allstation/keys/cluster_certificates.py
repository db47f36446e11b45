"""Certificates of a laboratory's machines: an authority of its own, one certificate a machine, join files.

Whoever holds a join file may run programs on every machine of the cluster: it is a key, and is carried on a
stick, not sent by mail.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.files import write_atomically
from allstation.keys.cluster_revocation import (
    REVOKED,
    IssuedCertificate,
    note_issued,
    revoke,
    write_list,
)
from allstation.keys.station import station_name

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

SUFFIX: Final = ".alljoin"
_KIND: Final = "allstation-join"
_PRIVATE: Final = 0o700
_AUTHORITY_DAYS: Final = 3650
_MACHINE_DAYS: Final = 730
_RENEW_DAYS: Final = 30
_LARGEST: Final = 64 << 10
_PARTS: Final = ("authority", "certificate", "key")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files that one machine of a cluster shows itself with.

    Attributes:
        folder: Holds ``authority.pem``, ``certificate.pem`` and ``key.pem``, for its owner alone.
    """

    folder: Path

    @property
    def authority(self) -> Path:
        """Certificate of the authority that all machines of the cluster trust."""
        return self.folder / "authority.pem"

    @property
    def certificate(self) -> Path:
        """Certificate of this machine."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """Private key of this machine."""
        return self.folder / "key.pem"


@dataclass(frozen=True, slots=True)
class JoinFile:
    """Content of a join file.

    Attributes:
        address: Of the scheduler, such as ``tls://192.168.1.20:8786``.
        machine: Name in the certificate.
        texts: The three PEM texts by their names.
    """

    address: str
    machine: str
    texts: dict[str, str]


def cluster_folder() -> Path:
    """Return where authority, certificates and joined clusters of this station are kept (not made here)."""
    return paths.data_folder() / "cluster"


def own_certificates() -> Certificates:
    """Return this machine's certificates, signed by its own authority; both are made at the first need.

    Raises:
        StationError: ``cannot-write-certificates``.
    """
    try:
        return _own(cluster_folder())
    except OSError as error:
        raise _not_written(error) from error


def _not_written(error: OSError) -> StationError:
    sentence = (
        f"The certificates of the laboratory machines cannot be written ({error.strerror or error}). "
        "Free some room, or start with a profile that can be written (ALLSTATION_PROFILE)."
    )
    return StationError("cannot-write-certificates", sentence)


def _own(folder: Path) -> Certificates:
    authority = folder / "authority"
    authority.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    own = Certificates(folder / "own")
    if not (authority / "key.pem").is_file():
        certificate, key = _made("ALL Station laboratory", days=_AUTHORITY_DAYS)
        _keep(authority / "key.pem", key)
        _keep(authority / "certificate.pem", certificate)
    if not own.key.is_file() or _ends(own.certificate.read_bytes()) < _soon():
        _keep_all(own, _issued(authority, station_name()))
    if not (own.folder / REVOKED).is_file():
        write_list(authority, own.folder, ())
    return own


def revoke_machine(name: str) -> list[IssuedCertificate]:
    """Revoke every certificate that was made here for a machine; a running cluster takes it out at once.

    Raises:
        StationError: ``no-certificate``, ``cannot-write-certificates``.
    """
    own = own_certificates()
    try:
        return revoke(cluster_folder() / "authority", own.folder, name)
    except OSError as error:
        raise _not_written(error) from error


def renew_authority() -> None:
    """Begin a new authority: every certificate of the one before ends, also of machines unknown here.

    Raises:
        StationError: ``cannot-write-certificates``.
    """
    try:
        for name in ("authority", "own"):
            if (cluster_folder() / name).exists():
                shutil.rmtree(cluster_folder() / name)
    except OSError as error:
        raise _not_written(error) from error
    own_certificates()


def write_join_file(target: Path, *, address: str, machine: str) -> None:
    """Write a join file with a new certificate for one machine; only its owner can read it on POSIX.

    Args:
        target: The file, on a stick; must not be there.
        address: Of the scheduler.
        machine: Name of the machine, for people.

    Raises:
        StationError: ``exists``, ``cannot-write-certificates``.
    """
    if target.exists():
        sentence = f"{shown_name(target.name)} is there already. Name a new file for the join code."
        raise StationError("exists", sentence)
    own_certificates()
    authority = cluster_folder() / "authority"
    texts = _issued(authority, machine)
    try:
        note_issued(authority, machine, texts["certificate"])
        content = {"kind": _KIND, "version": 1, "address": address, "machine": machine, **texts}
        write_atomically(target, canonical(content).encode(), private=True)
    except OSError as error:
        sentence = f"The join file cannot be written ({error.strerror or error}). Name another place."
        raise StationError("cannot-write-certificates", sentence) from error


def read_join_file(path: Path) -> JoinFile:
    """Read a join file.

    Raises:
        StationError: ``bad-join-file``.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _bad(path, "is too large for one")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise _bad(path, "is none") from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise _bad(path, "is none")
    texts = {name: str(content.get(name, "")) for name in _PARTS}
    try:
        ends = _ends(texts["certificate"].encode())
    except ValueError as error:
        raise _bad(path, "is damaged") from error
    if ends < datetime.now(UTC):
        raise _bad(path, f"ended on {ends:%Y-%m-%d}")
    return JoinFile(str(content.get("address", "")), str(content.get("machine", "")), texts)


def joined_certificates(joined: JoinFile) -> Certificates:
    """Keep the certificates of a join file in the profile and return them.

    Raises:
        StationError: ``cannot-write-certificates``.
    """
    # Of all three: a file with this certificate and another key or authority is another one.
    digest = hashlib.sha256(canonical(joined.texts).encode()).hexdigest()[:16]
    kept = Certificates(cluster_folder() / "joined" / digest)
    try:
        if not kept.key.is_file():
            _keep_all(kept, joined.texts)
    except OSError as error:
        sentence = f"The join code cannot be kept ({error.strerror or error}). Free some room, and try again."
        raise StationError("cannot-write-certificates", sentence) from error
    return kept


def _bad(path: Path, problem: str) -> StationError:
    advice = "Write a new one where the cluster runs: allstation cluster join FILE."
    return StationError("bad-join-file", f"The join file {shown_name(path.name)} {problem}. {advice}")


def _keep_all(target: Certificates, texts: dict[str, str]) -> None:
    target.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    for name in _PARTS:
        _keep(target.folder / f"{name}.pem", texts[name])


def _keep(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    write_atomically(path, text.encode(), private=True)


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=_RENEW_DAYS)


def _ends(pem: bytes) -> datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def _issued(authority: Path, machine: str) -> dict[str, str]:
    """Return the PEM texts of a new machine."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    by = x509.load_pem_x509_certificate((authority / "certificate.pem").read_bytes())
    secret = serialization.load_pem_private_key((authority / "key.pem").read_bytes(), None)
    if not isinstance(secret, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key of this program")
    certificate, key = _made(machine or "a machine", days=_MACHINE_DAYS, by=by, secret=secret)
    return {"authority": _pem(by), "certificate": certificate, "key": key}


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _made(
    name: str,
    *,
    days: int,
    by: x509.Certificate | None = None,
    secret: ec.EllipticCurvePrivateKey | None = None,
) -> tuple[str, str]:
    """Return certificate and private key as PEM; of an authority unless another signs it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:60])])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(16), "big") >> 1)
        .not_valid_before(now - timedelta(days=1))  # clocks of laboratory computers differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=0 if by is None else None), True)
    )
    if by is not None:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
    signed = builder.sign(secret or key, hashes.SHA256())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _pem(signed), text.decode()
