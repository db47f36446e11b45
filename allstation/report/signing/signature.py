"""Digital signature of a report: PAdES, applied to the finished bytes as an incremental update.

The report draws its signature block itself and leaves an empty signature field over it; the signature
fills that field and changes nothing that is seen.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from allstation.core.errors import StationError
from allstation.report.content.report_types import SIGNATURE_FIELD
from allstation.report.signing.certificates import SigningKey
from allstation.report.signing.check import quieten
from allstation.report.signing.time_stamps import TimeStampServer
from allstation.report.signing.trust import TrustStore

if TYPE_CHECKING:
    from asn1crypto import cms, tsp
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko.sign.timestamps import TimeStamper
    from pyhanko_certvalidator import ValidationContext

_DIGEST: Final = "sha256"


def sign_pdf(
    data: bytes, key: SigningKey, *, server: TimeStampServer | None = None, trust: TrustStore | None = None
) -> bytes:
    """Sign a report that has an empty signature field.

    Args:
        data: The report.
        key: Of the signer.
        server: Asked for a time stamp (PAdES B-T), if any.
        trust: Where revocation lists are; with a time stamp they are embedded (PAdES B-LT) if they speak
            of every certificate.

    Returns:
        The report's bytes followed by the signature.

    Raises:
        StationError: ``no-time-stamp``, or ``not-signed`` if the report or the certificate does not allow it.
    """
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.timestamps import TimestampRequestError

    quieten()
    try:
        if server is not None and trust is not None and (context := _revocations(trust)) is not None:
            signed = _signed(data, key, stamper=_stamper(server), context=context)
            if signed is not None:
                return signed
        signed = _signed(data, key, stamper=_stamper(server) if server else None)
    except TimestampRequestError as error:
        assert server is not None  # noqa: S101 - else no time stamp was asked for
        raise server.refused(str(error)) from error
    except (SigningError, PdfError, ValueError) as error:
        sentence = f"The report could not be signed with the certificate of {key.facts.name}: {error}."
        raise StationError("not-signed", sentence) from error
    if signed is None:
        raise StationError("not-signed", "The report could not be signed.")
    return signed


def _revocations(trust: TrustStore) -> ValidationContext | None:
    """Return the context in which every certificate must be known not to be revoked; None without lists."""
    from asn1crypto.x509 import Certificate
    from cryptography.hazmat.primitives.serialization import Encoding
    from pyhanko_certvalidator import ValidationContext

    lists = trust.revocation_lists()
    if not lists:
        return None
    roots = [Certificate.load(one.certificate.public_bytes(Encoding.DER)) for one in trust.anchors()]
    return ValidationContext(trust_roots=roots, crls=lists, revocation_mode="require")


def _signed(
    data: bytes, key: SigningKey, *, stamper: TimeStamper | None, context: ValidationContext | None = None
) -> bytes | None:
    """Sign; with a context also embed revocation data, or return None where these are not complete."""
    from pyhanko.sign import fields, signers
    from pyhanko.sign.signers.pdf_signer import DSSContentSettings, SigDSSPlacementPreference
    from pyhanko.stamp import StaticStampStyle
    from pyhanko_certvalidator.errors import PathError, ValidationError

    metadata = signers.PdfSignatureMetadata(
        field_name=SIGNATURE_FIELD,
        md_algorithm=_DIGEST,
        subfilter=fields.SigSeedSubFilter.PADES,
        name=key.facts.name,
        # Other readers call whatever is added later a breach of the signature, as the verification here does.
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        embed_validation_info=context is not None,
        validation_context=context,
        # In the same revision as the signature, which so covers them.
        dss_settings=DSSContentSettings(
            include_vri=False, placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE
        ),
    )
    # The block is drawn on the page: the field's own appearance stays empty.
    blank = StaticStampStyle(border_width=0, background=None)
    signer = signers.PdfSigner(metadata, _signer(key), timestamper=stamper, stamp_style=blank)
    try:
        return bytes(signer.sign_pdf(_writer(data), existing_fields_only=True).getvalue())
    except (PathError, ValidationError):
        if context is None:
            raise
        return None


def _writer(data: bytes) -> IncrementalPdfFileWriter:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    class SigningWriter(IncrementalPdfFileWriter):
        """Writer that leaves the document's properties as they are."""

        def _update_meta(self) -> None:
            pass

    return SigningWriter(io.BytesIO(data))


def _signer(key: SigningKey) -> SimpleSigner:
    from asn1crypto.keys import PrivateKeyInfo
    from asn1crypto.x509 import Certificate
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    chain = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    chain.register_multiple(Certificate.load(one.public_bytes(Encoding.DER)) for one in key.chain)
    return SimpleSigner(
        signing_cert=Certificate.load(key.certificate.public_bytes(Encoding.DER)),
        signing_key=PrivateKeyInfo.load(
            key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        ),
        cert_registry=chain,
    )


def _stamper(server: TimeStampServer) -> TimeStamper:
    from pyhanko.sign.timestamps import TimeStamper

    class ServerStamper(TimeStamper):
        """Asks the one configured server, and no other."""

        async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
            from asn1crypto import tsp as types

            return types.TimeStampResp.load(server.ask(req.dump()))

        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
            try:
                return await super().async_timestamp(message_digest, md_algorithm)
            except (ValueError, TypeError, KeyError) as error:
                raise server.refused("its answer cannot be read") from error

    return ServerStamper()  # type: ignore[no-untyped-call]
