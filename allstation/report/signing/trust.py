"""Certificate store of the laboratory: whose signatures count, and which certificates were revoked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.files import write_atomically
from allstation.report.signing.certificates import CertificateFacts, as_text, facts_of, read_small

if TYPE_CHECKING:
    from cryptography import x509

_MOST: Final = 500
"""Files of the store that are read."""
_NAMED: Final = 32
"""Hexadecimal digits of a fingerprint in a file's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Certificate that the laboratory trusts, and whatever it issued."""

    certificate: x509.Certificate
    facts: CertificateFacts


class TrustStore:
    """Certificates (``.pem``) and revocation lists (``.crl``) in a folder of the profile.

    Whoever can write into that folder decides whose signatures count on this station.

    Args:
        folder: Made when the first certificate is added.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def anchors(self) -> tuple[Anchor, ...]:
        """Return the certificates that are trusted; a damaged file counts as none."""
        found = []
        for path in self._files(".pem"):
            try:
                certificate = _certificate(path)
                found.append(Anchor(certificate, facts_of(certificate)))
            except (StationError, ValueError):
                continue
        return tuple(found)

    def revocation_lists(self) -> tuple[bytes, ...]:
        """Return the revocation lists (DER)."""
        return tuple(read_small(path) for path in self._files(".crl"))

    def add(self, path: Path) -> CertificateFacts:
        """Trust the certificate in a file (PEM or DER).

        Raises:
            StationError: ``bad-certificate``, ``not-written``.
        """
        try:
            certificate = _certificate(path)
            facts = facts_of(certificate)
        except ValueError as error:
            sentence = f"{shown_name(path)} holds no certificate. Name a file with one (.pem, .cer or .crt)."
            raise StationError("bad-certificate", sentence) from error
        self._write(f"{facts.sha256[:_NAMED]}.pem", as_text(certificate).encode())
        return facts

    def add_made(self, authority: bytes, revocations: bytes) -> None:
        """Trust an authority that was made here, with its list of revocations.

        Raises:
            StationError: ``not-written``.
        """
        from cryptography.x509 import load_pem_x509_certificate

        name = facts_of(load_pem_x509_certificate(authority)).sha256[:_NAMED]
        self._write(f"{name}.crl", revocations)
        self._write(f"{name}.pem", authority)

    def add_revocations(self, path: Path) -> None:
        """Take a revocation list (DER or PEM) of an authority.

        Raises:
            StationError: ``bad-certificate``, ``not-written``.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding

        data = read_small(path)
        load = x509.load_pem_x509_crl if data.lstrip().startswith(b"-----") else x509.load_der_x509_crl
        try:
            known = load(data)
        except ValueError as error:
            sentence = f"{shown_name(path)} holds no revocation list. Name a .crl file of the authority."
            raise StationError("bad-certificate", sentence) from error
        self._write(f"{known.fingerprint(SHA256()).hex()[:_NAMED]}.crl", known.public_bytes(Encoding.DER))

    def remove(self, sha256: str) -> bool:
        """Trust a certificate no longer; tell whether it was trusted.

        Raises:
            StationError: ``not-written``.
        """
        removed = False
        for suffix in (".pem", ".crl"):
            path = self._folder / f"{sha256[:_NAMED]}{suffix}"
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or type(error).__name__
                sentence = (
                    f"The certificate store could not be changed ({reason}): {path.name} is still there."
                )
                raise StationError("not-written", sentence) from error
            removed = True
        return removed

    def _files(self, suffix: str) -> list[Path]:
        try:
            found = sorted(path for path in self._folder.iterdir() if path.suffix == suffix)
        except OSError:
            return []
        return [path for path in found[:_MOST] if path.is_file()]

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(self._folder / name, data, private=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            sentence = f"The certificate store could not be written ({reason}): make space or rights for it."
            raise StationError("not-written", sentence) from error


def _certificate(path: Path) -> x509.Certificate:
    """Read a certificate.

    Raises:
        StationError: ``bad-certificate`` if the file cannot be read.
        ValueError: If it holds none.
    """
    from cryptography import x509

    data = read_small(path)
    if data.lstrip().startswith(b"-----"):
        return x509.load_pem_x509_certificate(data)
    return x509.load_der_x509_certificate(data)
