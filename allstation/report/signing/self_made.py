"""Self-made certificates: a key, a certificate that signs itself, and the PKCS#12 file that holds both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name, storable
from allstation.files import create_private, replacing
from allstation.report.signing.certificates import (
    SELF_MADE,
    SHORTEST_PASSWORD,
    CertificateFacts,
    SigningKey,
    as_text,
    facts_of,
)

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

_YEARS: Final = 10
_BITS: Final = 3072
_LONGEST_NAME: Final = 64
"""Upper bound of a common name and an organisation in X.520."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCertificate:
    """A self-made certificate.

    Attributes:
        signer: Of the person.
        authority: The certificate that whoever verifies the reports must trust (PEM).
        revocations: List of revoked certificates of that authority, empty (DER).
    """

    signer: CertificateFacts
    authority: bytes
    revocations: bytes


def make_certificate(
    target: Path, *, name: str, laboratory: str, password: str, now: datetime | None = None
) -> MadeCertificate:
    """Make a certificate authority of one's own and the certificate of a signer, and write the signer's.

    The authority signs that one certificate and an empty list of revocations; then its private key is
    forgotten: there is nothing to steal, and another person gets an authority of their own.

    Args:
        target: PKCS#12 file to write, encrypted with the password, readable by its owner alone.
        name: Of the person who will sign.
        laboratory: Organisation; may be empty.
        password: At least eight characters.
        now: Beginning of the validity, UTC; ten years later it ends.

    Raises:
        StationError: ``bad-certificate`` for a missing name, a short password, or a file that is there;
            ``not-written``.
    """
    from cryptography.hazmat.primitives.asymmetric import rsa

    holder, organisation = _checked(target, name, laboratory, password)
    begin = (now or datetime.now(UTC)).replace(microsecond=0) - timedelta(minutes=1)
    end = begin.replace(year=begin.year + _YEARS, day=min(begin.day, 28))
    root_key, key = (rsa.generate_private_key(65537, _BITS) for _ in range(2))
    root_name = _name(f"{holder[:40]}: own authority", organisation)
    root = _sign(root_name, root_name, root_key.public_key(), by=root_key, dates=(begin, end), authority=True)
    signer = _sign(
        _name(holder, organisation),
        root_name,
        key.public_key(),
        by=root_key,
        dates=(begin, end),
        authority=False,
    )
    revocations = _no_revocations(root_name, root_key, (begin, end))
    _write(target, SigningKey(key=key, certificate=signer, chain=(root,)), password)
    return MadeCertificate(signer=facts_of(signer), authority=as_text(root).encode(), revocations=revocations)


def _checked(target: Path, name: str, laboratory: str, password: str) -> tuple[str, str]:
    holder, organisation = (" ".join(storable(text).split()) for text in (name, laboratory))
    if not holder or len(holder) > _LONGEST_NAME or len(organisation) > _LONGEST_NAME:
        sentence = (
            f"A certificate needs a name; it and the laboratory's have at most {_LONGEST_NAME} letters."
        )
        raise StationError("bad-certificate", sentence)
    if len(password) < SHORTEST_PASSWORD:
        sentence = f"The password of a private key needs at least {SHORTEST_PASSWORD} characters."
        raise StationError("bad-certificate", sentence)
    if not target.parent.is_dir():
        sentence = (
            f"{shown_name(target)} could not be written: there is no folder {shown_name(target.parent)}."
        )
        raise StationError("not-written", sentence)
    if target.exists():
        sentence = f"{shown_name(target)} is there already, and a key is never replaced: choose another name."
        raise StationError("bad-certificate", sentence)
    return holder, organisation


def _name(common: str, organisation: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, SELF_MADE))
    return x509.Name(parts)


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    public: object,
    *,
    by: RSAPrivateKey,
    dates: tuple[datetime, datetime],
    authority: bool,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    use = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        **use,
    )
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer)
    builder = builder.public_key(public).serial_number(x509.random_serial_number())  # type: ignore[arg-type]
    builder = builder.not_valid_before(dates[0]).not_valid_after(dates[1])
    for extension, critical in (
        (x509.BasicConstraints(ca=authority, path_length=0 if authority else None), True),
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),  # type: ignore[arg-type]
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(by, SHA256())


def _no_revocations(issuer: x509.Name, key: RSAPrivateKey, dates: tuple[datetime, datetime]) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = x509.CertificateRevocationListBuilder(issuer_name=issuer)
    builder = builder.last_update(dates[0]).next_update(dates[1])
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def _write(target: Path, signing: SigningKey, password: str) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    data = pkcs12.serialize_key_and_certificates(
        signing.facts.name.encode(),
        signing.key,
        signing.certificate,
        signing.chain,
        BestAvailableEncryption(password.encode()),
    )
    try:
        with replacing(target) as part, create_private(part) as file:
            file.write(data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sentence = (
            f"{shown_name(target)} could not be written ({reason}): choose another folder or make space."
        )
        raise StationError("not-written", sentence) from error
