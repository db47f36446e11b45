"""Check of the digital signature in a PDF: is it whole, whose is it, is that certificate trusted, and when.

A report of this program is signed once, at its end: whatever was added later is a finding, also where the
rules for signed PDFs would allow it. pyHanko validates the signature; the byte range, the padding and the
certificates that travel in it are looked at here, so that no byte of the file can change unnoticed.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from allstation.report.signing.certificates import CertificateFacts, facts_of, issued_by, serves_machines
from allstation.report.signing.check_types import SignatureCheck, TimeStampCheck, Trust
from allstation.report.signing.trust import TrustStore

if TYPE_CHECKING:
    from asn1crypto import cms
    from cryptography import x509
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import EmbeddedPdfSignature
    from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureStatus
    from pyhanko_certvalidator import ValidationContext

_MARK: Final = b"/ByteRange"
_HEX: Final = re.compile(rb"<[0-9A-F]+>")
_LENIENT: Final = "soft-fail"
_STRICT: Final = "require"
_RANGES: Final = 4
_NO_PARAMETERS: Final = (b"", b"\x05\x00")
_BY_NUMBER: Final = "issuer_and_serial_number"
_KNOWN_ATTRIBUTES: Final = frozenset({"signature_time_stamp_token"})
"""Unsigned attributes of a signature that a report has."""


def quieten() -> None:
    """Let the libraries say nothing on stderr: what is wrong is said once, in a sentence."""
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def is_signed(data: bytes) -> bool:
    """Tell whether a file holds something that a digital signature has."""
    return _MARK in data


def check_signature(data: bytes, trust: TrustStore | None = None) -> SignatureCheck | None:
    """Check the digital signature of a file.

    Args:
        data: The PDF.
        trust: The laboratory's certificates; without them every certificate is unknown.

    Returns:
        What was found, or None if there is no signature.
    """
    if not is_signed(data):
        return None
    from pyhanko.pdf_utils.reader import PdfFileReader

    quieten()
    try:
        found = _Embedded(data, PdfFileReader(io.BytesIO(data)), trust)
    except Exception as error:  # noqa: BLE001 - hostile files reach every corner of the reader
        return _unreadable(error)
    if not found.signatures:
        return _lost()
    try:
        return found.check()
    except Exception as error:  # noqa: BLE001 - and of the validator
        return _unreadable(error)


def _unreadable(error: Exception) -> SignatureCheck:
    logging.getLogger(__name__).info("a signature could not be read: %s", type(error).__name__)
    return SignatureCheck(damage=("The digital signature is damaged and cannot be read.",))


def _lost() -> SignatureCheck:
    return SignatureCheck(damage=("The file has parts of a digital signature, but no signature.",))


class _Embedded:
    """Signature of one file while it is being checked."""

    def __init__(self, data: bytes, reader: PdfFileReader, trust: TrustStore | None) -> None:
        from asn1crypto.x509 import Certificate
        from cryptography.hazmat.primitives.serialization import Encoding

        self._data, self._reader = data, reader
        self.signatures: list[EmbeddedPdfSignature] = list(reader.embedded_signatures)
        self._anchors = trust.anchors() if trust is not None else ()
        self._roots = [Certificate.load(one.certificate.public_bytes(Encoding.DER)) for one in self._anchors]
        self._lists = [*(trust.revocation_lists() if trust is not None else ()), *_embedded_lists(reader)]

    def check(self) -> SignatureCheck:
        """Check the first signature: a report has no other."""
        signature = self.signatures[0]
        certificate = _as_x509(signature.signer_cert)
        signer = facts_of(certificate)
        status = self._validate(signature, None)
        stamp = self._time_stamp(signature, status)
        trust, anchor = self._signer_trust(signature, status, signer, stamp)
        if trust is Trust.TRUSTED and serves_machines(certificate):
            trust, anchor = Trust.UNFIT, ""
        damage = [
            *self._file_damage(signature, status),
            *self._inner_damage(signature, trusted=trust is Trust.TRUSTED),
        ]
        if stamp is not None and not stamp.intact:
            damage.append("The time stamp is not of this signature, or was changed.")
        claimed = signature.self_reported_timestamp
        return SignatureCheck(
            damage=tuple(dict.fromkeys(damage)),
            signer=signer,
            trust=trust,
            anchor=anchor,
            claimed_at=claimed.astimezone(UTC) if claimed else None,
            time_stamp=stamp,
            level=self._level(stamp),
        )

    def _level(self, stamp: TimeStampCheck | None) -> str:
        if stamp is None:
            return "B-B"
        return "B-LT" if _embedded_lists(self._reader) else "B-T"

    def _validate(self, signature: EmbeddedPdfSignature, moment: datetime | None) -> PdfSignatureStatus:
        """Validate with the revocation lists; where these do not speak of a certificate, without.

        The validator's lenient mode looks only at lists that a certificate names itself.
        """
        if not self._lists:
            return self._run(signature, moment, _LENIENT, _LENIENT)
        status = self._run(signature, moment, _STRICT, _STRICT)
        stamp = status.timestamp_validity
        modes = [
            _STRICT if one is None or one.trusted or one.revoked else _LENIENT for one in (status, stamp)
        ]
        return status if _LENIENT not in modes else self._run(signature, moment, *modes)

    def _run(
        self, signature: EmbeddedPdfSignature, moment: datetime | None, signer: str, stamp: str
    ) -> PdfSignatureStatus:
        from pyhanko.sign.validation import async_validate_pdf_signature
        from pyhanko.sign.validation.settings import KeyUsageConstraints

        usage = KeyUsageConstraints(
            key_usage={"non_repudiation", "digital_signature"}, match_all_key_usages=False
        )
        return asyncio.run(
            async_validate_pdf_signature(
                signature,
                self._context(moment, signer),
                ts_validation_context=self._context(moment, stamp),
                key_usage_settings=usage,
            )
        )

    def _context(self, moment: datetime | None, mode: str) -> ValidationContext:
        from pyhanko_certvalidator import ValidationContext

        return ValidationContext(
            trust_roots=self._roots,
            crls=self._lists,
            moment=moment,
            retroactive_revinfo=True,
            revocation_mode=mode,
        )

    # Is it whole?

    def _file_damage(self, signature: EmbeddedPdfSignature, status: PdfSignatureStatus) -> Iterator[str]:
        if not status.intact or not status.valid:
            yield "The file was changed after it was signed: the digital signature does not hold."
        if len(self.signatures) > 1:
            count = len(self.signatures)
            yield f"The file was signed again: it holds {count} digital signatures, a report has one."
        size = len(self._data)
        ranges = [int(one) for one in signature.byte_range]
        if len(ranges) != _RANGES or ranges[0] != 0 or ranges[1] + 2 > ranges[2] or min(ranges) < 0:
            yield "The digital signature does not cover the file as a report's does."
        elif ranges[2] + ranges[3] < size:
            more = size - ranges[2] - ranges[3]
            yield f"{more:,} bytes were added after the file was signed ({_what_changed(status)})."
        elif ranges[2] + ranges[3] > size or not self._is_plain(signature, ranges):
            yield "The digital signature does not cover the whole file."

    def _is_plain(self, signature: EmbeddedPdfSignature, ranges: Sequence[int]) -> bool:
        """Tell whether what the signature does not cover is the signature itself, in its one spelling."""
        left_out = self._data[ranges[1] : ranges[2]]
        if not _HEX.fullmatch(left_out):
            return False
        content = bytes.fromhex(left_out[1:-1].decode())
        from asn1crypto import cms

        whole = cms.ContentInfo.load(content)
        rest = content[len(whole.dump()) :]
        return content == signature.pkcs7_content and not rest.strip(b"\0") and _is_tight(whole)

    def _inner_damage(self, signature: EmbeddedPdfSignature, *, trusted: bool) -> Iterator[str]:
        """Look at what a signature carries and does not sign.

        A certificate that nobody in sight vouches for may be an authority's that is not known here. In a
        signature that is trusted it has no place, or was another one before.
        """
        anchors = [anchor.certificate for anchor in self._anchors]
        for one in (signature.signed_data, *_tokens(signature)):
            if not _is_as_made(one) or not _names_signer(one):
                yield "The digital signature was changed after it was made."
            certificates = [_as_x509(part.chosen) for part in one["certificates"]]
            issuers = [*certificates, *anchors]
            names = {issuer.subject for issuer in issuers}
            for certificate in certificates:
                known = certificate in anchors or issued_by(certificate, issuers, itself=True)
                if not known and (trusted or certificate.issuer in names):
                    yield "A certificate in the digital signature was changed."

    # Whose is it?

    def _signer_trust(
        self,
        signature: EmbeddedPdfSignature,
        status: PdfSignatureStatus,
        signer: CertificateFacts,
        stamp: TimeStampCheck | None,
    ) -> tuple[Trust, str]:
        """Judge the signer's certificate at the time of a trusted time stamp, else now."""
        proven = stamp.at if stamp is not None and stamp.intact and stamp.trust is Trust.TRUSTED else None
        now = proven or datetime.now(UTC)
        if proven is not None:
            status = self._validate(signature, proven)
        return self._judged(status, signer, now)

    def _judged(self, status: SignatureStatus, facts: CertificateFacts, now: datetime) -> tuple[Trust, str]:
        path = status.validation_path
        if path is not None and status.trust_problem_indic is None:
            first = path.first
            return Trust.TRUSTED, facts_of(_as_x509(first)).name
        if status.revoked:
            return Trust.REVOKED, ""
        if now > facts.not_after:
            return Trust.EXPIRED, ""
        if now < facts.not_before:
            return Trust.NOT_YET, ""
        from pyhanko.sign.ades.report import AdESIndeterminate as Reason

        unfit = (Reason.SIG_CONSTRAINTS_FAILURE, Reason.CHAIN_CONSTRAINTS_FAILURE)
        if status.trust_problem_indic in unfit:
            return Trust.UNFIT, ""
        late = (Reason.EXPIRED, Reason.OUT_OF_BOUNDS_NO_POE, Reason.OUT_OF_BOUNDS_NOT_REVOKED)
        return (Trust.EXPIRED if status.trust_problem_indic in late else Trust.UNKNOWN), ""

    # When?

    def _time_stamp(
        self, signature: EmbeddedPdfSignature, status: PdfSignatureStatus
    ) -> TimeStampCheck | None:
        found = status.timestamp_validity
        if found is None:
            return None
        authority = facts_of(_as_x509(found.signing_cert))
        at = found.timestamp.astimezone(UTC)
        trust, _ = self._judged(found, authority, datetime.now(UTC))
        if trust is Trust.EXPIRED and self._lists:
            # With revocation data that was kept beside it, it counts for the time it was made at.
            then = self._validate(signature, at).timestamp_validity
            trust = self._judged(then, authority, at)[0] if then is not None else trust
        return TimeStampCheck(at=at, intact=found.intact and found.valid, authority=authority, trust=trust)


def _embedded_lists(reader: PdfFileReader) -> list[bytes]:
    """Return the revocation lists that were kept in the file."""
    root = reader.root
    lists = root["/DSS"].get("/CRLs", ()) if "/DSS" in root else ()
    return [one.get_object().data for one in lists]


def _as_x509(certificate: Any) -> x509.Certificate:  # noqa: ANN401 - of asn1crypto
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(certificate.dump())


def _is_tight(value: Any) -> bool:  # noqa: ANN401 - a sequence of asn1crypto
    """Tell whether a sequence holds its known parts and nothing else."""
    return bytes(value.contents) == b"".join(value[name].dump() for name, *_ in value._fields)


def _tokens(signature: EmbeddedPdfSignature) -> list[cms.SignedData]:
    from pyhanko.sign.validation.generic_cms import extract_tst_data_iter

    return list(extract_tst_data_iter(signature.signer_info, signed=False))


def _is_as_made(signed_data: cms.SignedData) -> bool:
    """Tell whether the parts of a signature that nothing signs are those that a report's signature has."""
    infos = signed_data["signer_infos"]
    if len(infos) != 1:
        return False
    info = infos[0]
    digests = signed_data["digest_algorithms"]
    used = info["digest_algorithm"]["algorithm"].native
    plain_digests = all(
        one["algorithm"].native == used and one["parameters"].dump() in _NO_PARAMETERS
        for one in (*digests, info["digest_algorithm"])
    )
    attributes = info["unsigned_attrs"]
    names = [one["type"].native for one in attributes] if attributes else []
    plain = signed_data["encap_content_info"]["content_type"].native == "data"
    simple = plain and info["sid"].name == _BY_NUMBER
    versions = (signed_data["version"].native, info["version"].native)
    return (
        versions == (("v1" if simple else "v3"), "v1" if info["sid"].name == _BY_NUMBER else "v3")
        and plain_digests
        and _is_tight(signed_data)
        and _is_tight(info)
        and len(names) <= 1
        and set(names) <= _KNOWN_ATTRIBUTES
    )


def _names_signer(signed_data: cms.SignedData) -> bool:
    """Tell whether a signature names its signer's certificate to the letter: readers ignore case."""
    sid = signed_data["signer_infos"][0]["sid"]
    if sid.name != _BY_NUMBER:
        return True
    return any(
        part.chosen.issuer.dump() == sid.chosen["issuer"].dump()
        and part.chosen.serial_number == sid.chosen["serial_number"].native
        for part in signed_data["certificates"]
    )


def _what_changed(status: PdfSignatureStatus) -> str:
    from pyhanko.sign.diff_analysis import ModificationLevel as Level

    words = {
        Level.NONE: "nothing that is shown",
        Level.LTA_UPDATES: "data for later checks of the signature, which a report does not have",
        Level.FORM_FILLING: "a form field or another signature",
        Level.ANNOTATIONS: "annotations, such as a picture or a note over a page",
    }
    level = status.modification_level
    return words.get(level, "pages, or what they are made of") if level is not None else "unknown"
