"""Signers, a server of time stamps and hostile changes for the tests of digital signatures."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from allstation.report.signing.certificates import SigningKey, read_signing_file
from allstation.report.signing.self_made import make_certificate
from allstation.report.signing.trust import TrustStore

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Signer:
    """A self-made certificate: its file, its key, and the authority that others must trust (PEM)."""

    file: Path
    key: SigningKey
    authority: bytes
    revocations: bytes

    def trusted_in(self, folder: Path) -> TrustStore:
        """Return a store that trusts this signer alone."""
        store = TrustStore(folder)
        store.add_made(self.authority, self.revocations)
        return store


def make_signer(folder: Path, name: str = "Dr. Berta Beispiel", *, now: datetime | None = None) -> Signer:
    """Make a certificate as the program does."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "signer.p12"
    made = make_certificate(file, name=name, laboratory="Example Laboratory", password=PASSWORD, now=now)
    return Signer(file, read_signing_file(file, PASSWORD), made.authority, made.revocations)


@dataclass(frozen=True)
class Authority:
    """An authority of the outside world with elliptic-curve keys, which issues what a test asks for."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str = "Example Authority") -> Authority:
        """Make a self-signed authority, valid for a day on either side of now."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(_certificate(name, key, None, None), key)

    @property
    def pem(self) -> bytes:
        """Its certificate in text form."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, name: str, *, stamps: bool = False, usage: bool = True) -> SigningKey:
        """Issue a certificate for signatures, or for time stamps."""
        key = rsa.generate_private_key(65537, 2048) if stamps else ec.generate_private_key(ec.SECP256R1())
        made = _certificate(
            name, key, self, ExtendedKeyUsageOID.TIME_STAMPING if stamps else None, usage=usage
        )
        return SigningKey(key=key, certificate=made, chain=(self.certificate,))

    def revoke(self, *keys: SigningKey) -> bytes:
        """Return a revocation list (DER) with the certificates of these keys, none for an empty list."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(issuer_name=self.certificate.subject)
        builder = builder.last_update(now - timedelta(hours=2)).next_update(now + timedelta(days=1))
        for key in keys:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(
                    key.certificate.serial_number, now - timedelta(hours=1)
                ).build()
            )
        return builder.sign(self.key, SHA256()).public_bytes(Encoding.DER)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    issuer: Authority | None,
    purpose: x509.ObjectIdentifier | None,
    *,
    usage: bool = True,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signs = issuer is not None and usage
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(signs, signs, not signs and issuer is not None, False, False, issuer is None,
                          issuer is None, False, False),
            critical=True,
        )
    )  # fmt: skip
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return builder.sign(issuer.key if issuer else key, SHA256())


@contextmanager
def time_stamp_server(
    key: SigningKey, *, answer: bytes | None = None, at: datetime | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """Answer RFC 3161 queries on this machine; yields the address and the queries that came.

    Args:
        key: Of the server.
        answer: Sent instead of a time stamp.
        at: Time that it states; now by default.
    """
    from asn1crypto import keys, tsp
    from asn1crypto import x509 as types
    from pyhanko.sign.timestamps import DummyTimeStamper

    stamper = DummyTimeStamper(
        types.Certificate.load(key.certificate.public_bytes(Encoding.DER)),
        keys.PrivateKeyInfo.load(key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        fixed_dt=at,
        certs_to_embed=[types.Certificate.load(one.public_bytes(Encoding.DER)) for one in key.chain],
    )
    queries: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            queries.append(query)
            made = answer or stamper.request_tsa_response(tsp.TimeStampReq.load(query)).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(made)

        def log_message(self, *_parts: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", queries
        finally:
            server.shutdown()
            thread.join()


# Changes that somebody might make who has the file and not the key


def picture_over_page(data: bytes) -> bytes:
    """Lay a white picture over the first page, as an incremental update of its contents."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.find_page_for_modification(0)[0].get_object()
    picture = writer.add_object(_picture())
    page["/Resources"][generic.pdf_name("/XObject")] = generic.DictionaryObject(
        {generic.pdf_name("/Over"): picture}
    )
    drawn = writer.add_object(generic.StreamObject(stream_data=b"q 400 0 0 500 60 200 cm /Over Do Q\n"))
    page[generic.pdf_name("/Contents")] = generic.ArrayObject([page.raw_get("/Contents"), drawn])
    writer.update_container(page)
    return _written(writer)


def stamp_over_page(data: bytes) -> bytes:
    """Lay a picture over the first page as an annotation: a rubber stamp."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.find_page_for_modification(0)[0].get_object()
    name = generic.pdf_name
    look = generic.StreamObject(stream_data=b"1 g 0 0 400 500 re f\n")
    look.update({name("/Type"): name("/XObject"), name("/Subtype"): name("/Form")})
    look[name("/BBox")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 500)))
    stamp = generic.DictionaryObject(
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/Stamp"),
            name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (60, 200, 460, 700))),
            name("/AP"): generic.DictionaryObject({name("/N"): writer.add_object(look)}),
        }
    )
    there = list(page["/Annots"]) if "/Annots" in page else []
    page[name("/Annots")] = generic.ArrayObject([*there, writer.add_object(stamp)])
    writer.update_container(page)
    return _written(writer)


def other_picture_of_signature(data: bytes) -> bytes:
    """Give the signature field another appearance, which covers what the report drew there."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    field = writer.root["/AcroForm"]["/Fields"][0]
    name = generic.pdf_name
    look = generic.StreamObject(stream_data=b"1 g 0 0 400 500 re f\n")
    look.update({name("/Type"): name("/XObject"), name("/Subtype"): name("/Form")})
    look[name("/BBox")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 500)))
    field[name("/AP")] = generic.DictionaryObject({name("/N"): writer.add_object(look)})
    writer.update_container(field)
    return _written(writer)


def other_page_tree(data: bytes) -> bytes:
    """Show another page instead of the first one: the whole page is replaced in an update."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.find_page_for_modification(0)[0].get_object()
    page[generic.pdf_name("/Contents")] = writer.add_object(
        generic.StreamObject(stream_data=b"1 g 0 0 9 9 re f\n")
    )
    writer.update_container(page)
    return _written(writer)


def other_attachment(data: bytes) -> bytes:
    """Replace the embedded data in an update."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    stream = names[1]["/EF"]["/F"]
    stream._data = stream.data.replace(b"final", b"draft")
    stream._encoded_data = None
    writer.update_container(stream)
    return _written(writer)


def hidden_layer(data: bytes) -> bytes:
    """Add a layer that can be switched off and on."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    writer.root[generic.pdf_name("/OCProperties")] = generic.DictionaryObject()
    writer.update_root()
    return _written(writer)


def _picture() -> object:
    from pyhanko.pdf_utils import generic

    name = generic.pdf_name
    picture = generic.StreamObject(stream_data=b"\xff" * 12)
    picture.update(
        {
            name("/Type"): name("/XObject"),
            name("/Subtype"): name("/Image"),
            name("/Width"): generic.NumberObject(2),
            name("/Height"): generic.NumberObject(2),
            name("/ColorSpace"): name("/DeviceRGB"),
            name("/BitsPerComponent"): generic.NumberObject(8),
        }
    )
    return picture


def _written(writer: object) -> bytes:
    target = io.BytesIO()
    writer.write(target)  # type: ignore[attr-defined]
    return target.getvalue()
