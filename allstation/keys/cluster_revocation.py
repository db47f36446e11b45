"""Certificates of laboratory machines that no longer count: written down when made, revoked by name.

The list is an X.509 revocation list that the authority signs, so it may travel over any way; both ends of a
connection hold the other's certificate against it (:mod:`allstation.processing.cluster.security`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.files import write_atomically

if TYPE_CHECKING:
    from cryptography import x509

REVOKED: Final = "revoked.pem"
_ISSUED: Final = "issued.jsonl"
_DAYS: Final = 3650


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that the authority made for another machine.

    Attributes:
        machine: Name that it was made for.
        serial: Serial number, hexadecimal.
        made: Day, ISO 8601.
        ends: Day, ISO 8601.
    """

    machine: str
    serial: str
    made: str
    ends: str


def note_issued(authority: Path, machine: str, pem: str) -> None:
    """Write a certificate down, so that it can be revoked by the name of its machine.

    Raises:
        OSError: If that cannot be written.
    """
    from cryptography import x509

    made = x509.load_pem_x509_certificate(pem.encode())
    days = [f"{day:%Y-%m-%d}" for day in (datetime.now(UTC), made.not_valid_after_utc)]
    line = canonical(asdict(IssuedCertificate(machine, f"{made.serial_number:x}", *days)))
    with (authority / _ISSUED).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def issued(authority: Path) -> list[IssuedCertificate]:
    """Return what was made for other machines, the earliest first; a damaged line is left out."""
    try:
        lines = (authority / _ISSUED).read_text("utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError, TypeError):
            found.append(IssuedCertificate(**json.loads(line)))
    return found


def revoke(authority: Path, own: Path, name: str) -> list[IssuedCertificate]:
    """Revoke every certificate that was made for a machine.

    Args:
        authority: Folder of the authority.
        own: Folder of this machine's certificates: the list is put there.
        name: Of the machine.

    Returns:
        What was revoked.

    Raises:
        StationError: ``no-certificate``.
        OSError: If the list cannot be written.
    """
    chosen = [one for one in issued(authority) if one.machine == name]
    if not chosen:
        known = ", ".join(dict.fromkeys(shown_name(one.machine) for one in issued(authority)))
        sentence = (
            f"No certificate was made here for a machine called {shown_name(name)}. "
            f"Made here: {known or 'none'}. Certificates that stand in no list end with a new authority: "
            "allstation cluster renew."
        )
        raise StationError("no-certificate", sentence)
    before = revoked_serials(own / REVOKED)
    write_list(authority, own, before | {int(one.serial, 16) for one in chosen})
    return chosen


def write_list(authority: Path, own: Path, serials: Iterable[int]) -> None:
    """Write the list of revoked certificates, newer than the one before.

    Raises:
        OSError: If it cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    by = x509.load_pem_x509_certificate((authority / "certificate.pem").read_bytes())
    secret = serialization.load_pem_private_key((authority / "key.pem").read_bytes(), None)
    if not isinstance(secret, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key of this program")
    now = datetime.now(UTC).replace(microsecond=0)
    since, before = now - timedelta(days=1), read_list(own / REVOKED)  # clocks of laboratory computers differ
    if before is not None:  # of two lists the later one counts
        since = max(since, before.last_update_utc + timedelta(seconds=1))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.subject)
        .last_update(since)
        .next_update(now + timedelta(days=_DAYS))
    )
    for serial in sorted(serials):
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(one)
    made = builder.sign(secret, hashes.SHA256())
    write_atomically(own / REVOKED, made.public_bytes(serialization.Encoding.PEM), private=True)


def read_list(path: Path) -> x509.CertificateRevocationList | None:
    """Read a list of revoked certificates; None where there is none, or it is damaged."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return None


def revoked_serials(path: Path) -> frozenset[int]:
    """Return the serial numbers in a list; none where there is no list."""
    found = read_list(path)
    return frozenset() if found is None else frozenset(one.serial_number for one in found)


def take_list(folder: Path, pem: bytes) -> bool:
    """Keep a list that came from the scheduler, if the authority signed it and it is newer.

    Args:
        folder: Of the certificates of this machine.
        pem: The list.

    Returns:
        Whether it is another one than before.

    Raises:
        OSError: If it cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        authority = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
        found = x509.load_pem_x509_crl(pem)
    except ValueError:
        return False
    key, before = authority.public_key(), read_list(folder / REVOKED)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not found.is_signature_valid(key):
        return False
    if before is not None and before.last_update_utc >= found.last_update_utc:
        return False
    write_atomically(folder / REVOKED, pem, private=True)
    return True
