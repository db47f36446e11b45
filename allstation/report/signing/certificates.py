"""Certificates for digital signatures of reports: PKCS#12 files, self-made ones, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.report.content.report_types import SignatureBlock

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

SELF_MADE: Final = "Self-made with ALL Station"
"""Organisational unit of every certificate made here: no authority has looked at the holder's identity."""
SHORTEST_PASSWORD: Final = 8
_LARGEST: Final = 1 << 20
"""Bytes of the largest certificate file that is read."""
_SMALLEST_RSA: Final = 2048
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """Facts of a certificate: holder, issuer, validity.

    Attributes:
        name: Common name of the holder.
        organisation: The holder's, or empty.
        issuer: Common name of who issued it.
        sha256: Fingerprint: SHA-256 of the certificate (DER), 64 hexadecimal digits.
        not_before: Beginning of its validity, UTC.
        not_after: End of its validity, UTC.
        self_made: Made in this program, as it says itself.
    """

    name: str
    organisation: str
    issuer: str
    sha256: str
    not_before: datetime
    not_after: datetime
    self_made: bool

    def block(self, *, time_stamp: str = "") -> SignatureBlock:
        """Return what a report announces that is to be signed with this certificate.

        Args:
            time_stamp: Server that will be asked for a time stamp, or empty.
        """
        return SignatureBlock(
            signed=True,
            name=self.name,
            organisation=self.organisation,
            issuer=self.issuer,
            certificate_sha256=self.sha256,
            valid_until=self.not_after.date().isoformat(),
            self_made=self.self_made,
            time_stamp=time_stamp,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SigningKey:
    """Private key of a signer with its certificate; only in memory, and only while a report is signed.

    Attributes:
        key: The private key.
        certificate: Of the signer.
        chain: Certificates of the issuers that came with it.
    """

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def facts(self) -> CertificateFacts:
        """Facts of the signer's certificate."""
        return facts_of(self.certificate)


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Return what a certificate says.

    Raises:
        ValueError: If its names cannot be read.
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    def first(name: x509.Name, kind: x509.ObjectIdentifier) -> str:
        found = name.get_attributes_for_oid(kind)
        return shown_name(str(found[0].value))[:_SHOWN] if found else ""

    subject, issuer = certificate.subject, certificate.issuer
    unit = first(subject, NameOID.ORGANIZATIONAL_UNIT_NAME)
    return CertificateFacts(
        name=first(subject, NameOID.COMMON_NAME) or shown_name(subject.rfc4514_string())[:_SHOWN],
        organisation=first(subject, NameOID.ORGANIZATION_NAME),
        issuer=first(issuer, NameOID.COMMON_NAME) or shown_name(issuer.rfc4514_string())[:_SHOWN],
        sha256=certificate.fingerprint(SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        self_made=unit == SELF_MADE,
    )


def as_text(certificate: x509.Certificate) -> str:
    """Return a certificate in text form (PEM)."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def read_small(path: Path) -> bytes:
    """Read a certificate file.

    Raises:
        StationError: ``bad-certificate`` if it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _bad(path, f"cannot be read ({reason})") from error
    if len(data) > _LARGEST:
        raise _bad(path, "is larger than any certificate file")
    return data


def read_signing_file(path: Path, password: str) -> SigningKey:
    """Read a PKCS#12 file (``.p12``, ``.pfx``).

    Args:
        path: The file.
        password: That opens it; kept nowhere.

    Raises:
        StationError: ``wrong-password``, or ``bad-certificate`` if it is no such file, holds no key that
            can sign, or its certificate may not be used for signatures.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    data = read_small(path)
    if not data.startswith(b"0"):
        raise _bad(path, "is no PKCS#12 file")
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode())
    except UnsupportedAlgorithm as error:
        raise _bad(path, "is encrypted or made in a way that is not known") from error
    except ValueError as error:
        sentence = f"The password does not open {shown_name(path)}, or the file is damaged. Try again."
        raise StationError("wrong-password", sentence) from error
    if certificate is None:
        raise _bad(path, "holds no certificate of its key")
    return SigningKey(key=_usable(path, key, certificate), certificate=certificate, chain=tuple(others))


def _usable(path: Path, key: object, certificate: x509.Certificate) -> PrivateKey:
    """Return the key if it and its certificate may sign a report."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _bad(path, "holds no RSA or elliptic-curve key")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _SMALLEST_RSA:
        raise _bad(path, f"holds a key of {key.key_size} bits, and {_SMALLEST_RSA} are the least")
    if serves_machines(certificate):
        raise _bad(path, "holds a certificate for servers, programs or time stamps, not for a person")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return key
    except ValueError as error:
        raise _bad(path, "holds a damaged certificate") from error
    if not (usage.digital_signature or usage.content_commitment):
        raise _bad(path, "holds a certificate that is not for signatures")
    return key


def serves_machines(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is for servers, programs or time stamps only, and no person's.

    Authorities that issue these are widely trusted; that somebody runs a server does not make them a signer.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

    machines = {Purpose.SERVER_AUTH, Purpose.CODE_SIGNING, Purpose.TIME_STAMPING, Purpose.OCSP_SIGNING}
    try:
        purposes = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return False
    return purposes <= machines


def require_valid(facts: CertificateFacts, moment: datetime) -> None:
    """Refuse a certificate that is not valid at a time.

    Raises:
        StationError: ``certificate-expired``.
    """
    if facts.not_before <= moment <= facts.not_after:
        return
    word = "expired on" if moment > facts.not_after else "is not valid before"
    day = (facts.not_after if moment > facts.not_after else facts.not_before).date()
    sentence = f"The certificate of {facts.name} {word} {day}: sign with one that is valid now."
    raise StationError("certificate-expired", sentence)


def _bad(path: Path, problem: str) -> StationError:
    sentence = f"{shown_name(path)} {problem}. Name a PKCS#12 file (.p12 or .pfx) with a signer's key."
    return StationError("bad-certificate", sentence)


def issued_by(
    certificate: x509.Certificate, issuers: Sequence[x509.Certificate], *, itself: bool = False
) -> bool:
    """Tell whether a certificate was signed by one of some issuers, or by itself if that counts."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    for issuer in (*([certificate] if itself else ()), *issuers):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            continue
        return True
    return False
