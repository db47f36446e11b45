"""Digital signatures of reports: made, read by others, and broken by every change."""

from __future__ import annotations

import asyncio
import io
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from allstation.core.errors import StationError
from allstation.report.content.options import ReportOptions
from allstation.report.content.report_types import SignatureBlock
from allstation.report.pdf import write_pdf
from allstation.report.preview import PagePictures
from allstation.report.signing.check import check_signature
from allstation.report.signing.check_types import Trust
from allstation.report.signing.signature import sign_pdf
from allstation.report.signing.time_stamps import TimeStampServer
from allstation.report.signing.trust import TrustStore
from allstation.report.verification.parts import Part, Verdict, Verification, examine
from tests import signers
from tests.signers import Authority, Signer
from tests.unit.report.factory import CLOCK, Factory

FLIPS = 150
MUTANTS = 60
SEED = 20261130


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signers.make_signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def store(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> TrustStore:
    return signer.trusted_in(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def unsigned(factory: Factory, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return what makes a report that announces a signature, without it."""
    folder = tmp_path_factory.mktemp("reports")
    snapshot = factory.snapshot(6, reviewed=3)

    def make(block: SignatureBlock, template: str = "summary", **choices: object) -> bytes:
        options = ReportOptions(
            clock=CLOCK, template=template, status="final", reviewer="Dr. B", signature=block, **choices
        )
        return write_pdf(snapshot, folder / "r.pdf", options).read_bytes()

    return make


@pytest.fixture(scope="module")
def plain(unsigned: Callable[..., bytes]) -> bytes:
    """A final report that is not digitally signed, as it says."""
    return unsigned(SignatureBlock())


@pytest.fixture(scope="module")
def prepared(unsigned: Callable[..., bytes], signer: Signer) -> bytes:
    return unsigned(signer.key.facts.block())


@pytest.fixture(scope="module")
def signed(prepared: bytes, signer: Signer) -> bytes:
    return sign_pdf(prepared, signer.key)


def looked_at(data: bytes, store: TrustStore | None = None) -> Verification:
    return examine(Path("r.pdf"), data, store)


def verdicts(found: Verification) -> dict[str, str]:
    return {str(one.part): str(one.verdict) for one in found.parts}


# Made


def test_a_signed_report_holds_in_every_part(signed: bytes, store: TrustStore) -> None:
    found = looked_at(signed, store)
    assert found.holds
    assert verdicts(found) == {
        "Content": "holds", "Digital signature": "holds", "Signer": "holds", "Time stamp": "note",
    }  # fmt: skip
    assert "PAdES B-B" in found.part(Part.SIGNATURE).sentences[0]
    signer = " ".join(found.part(Part.SIGNER).sentences)
    assert "Dr. Berta Beispiel, Example Laboratory" in signer
    assert "Self-made" in signer
    assert "The report names Dr. B as who signed it" in signer


def test_what_was_seen_is_what_is_signed(prepared: bytes, signed: bytes) -> None:
    assert signed.startswith(prepared)
    with PagePictures(prepared) as before, PagePictures(signed) as after:
        assert before.sizes == after.sizes
        assert (before.picture(0, width=900) == after.picture(0, width=900)).all()


@pytest.mark.parametrize("template", ["full", "contact"])
def test_every_template_can_be_signed(
    unsigned: Callable[..., bytes], signer: Signer, store: TrustStore, template: str
) -> None:
    made = sign_pdf(unsigned(signer.key.facts.block(), template), signer.key)
    assert looked_at(made, store).holds


def test_another_validator_agrees(signed: bytes, signer: Signer) -> None:
    from asn1crypto.pem import unarmor
    from asn1crypto.x509 import Certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    (embedded,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    context = ValidationContext(
        trust_roots=[Certificate.load(unarmor(signer.authority)[2])], crls=[signer.revocations]
    )
    status = asyncio.run(async_validate_pdf_signature(embedded, context))
    assert status.bottom_line
    assert status.summary() == "INTACT:TRUSTED,UNTOUCHED"
    assert embedded.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    (stamped,) = PdfFileReader(io.BytesIO(signers.stamp_over_page(signed))).embedded_signatures
    status = asyncio.run(async_validate_pdf_signature(stamped, context))
    assert not status.bottom_line
    assert "ILLEGAL_MODIFICATIONS" in status.summary()


def cut_out(signed: bytes) -> tuple[bytes, bytes]:
    """Return the CMS and the bytes that it signs, by the byte range alone."""
    numbers = re.findall(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)", signed)
    (_, first, second, rest) = map(int, numbers[-1])
    hexed = signed[first + 1 : second - 1]
    return bytes.fromhex(hexed.decode()), signed[:first] + signed[second : second + rest]


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed (apt-get install openssl)"
)
@pytest.mark.parametrize("changed", [False, True])
def test_openssl_agrees(signed: bytes, signer: Signer, tmp_path: Path, *, changed: bool) -> None:
    cms, content = cut_out(signed)
    (tmp_path / "cms.der").write_bytes(cms)
    (tmp_path / "content").write_bytes(content.replace(b"Dr", b"Dx", 1) if changed else content)
    (tmp_path / "root.pem").write_bytes(signer.authority)
    words = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms.der", "-content",
             "content", "-CAfile", "root.pem", "-purpose", "any", "-out", "out"]  # fmt: skip
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is not changed, done.stderr
    if not changed:
        assert (tmp_path / "out").read_bytes() == content


def test_pypdf_still_reads_pages_and_attachment(signed: bytes) -> None:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(signed))
    text = reader.pages[0].extract_text()
    assert "Digital signature" in text
    assert "Dr. Berta Beispiel" in text
    assert list(reader.attachments) == ["report.json"]
    assert reader.metadata.creator.startswith("ALL Station")


def test_without_a_certificate_the_report_says_so(plain: bytes, store: TrustStore) -> None:
    from pypdf import PdfReader

    found = looked_at(plain, store)
    assert found.holds
    assert found.part(Part.SIGNATURE).verdict is Verdict.NOTE
    assert found.part(Part.SIGNATURE).sentences[0].startswith("Not digitally signed")
    assert "Not digitally signed" in PdfReader(io.BytesIO(plain)).pages[0].extract_text()


# Broken


def test_one_changed_byte_anywhere_is_noticed(signed: bytes, prepared: bytes, store: TrustStore) -> None:
    """Half of the bytes are of the signature itself, most of which signs nothing else."""
    dice = random.Random(SEED)
    end = len(prepared)
    places = [dice.randrange(end) for _ in range(FLIPS // 2)]
    places += [dice.randrange(end, len(signed)) for _ in range(FLIPS - len(places))]
    for place in places:
        mutant = bytearray(signed)
        mutant[place] ^= 1 << dice.randrange(8)
        found = check_signature(bytes(mutant), store)
        assert found is None or not found.holds or found.trust is not Trust.TRUSTED, place


def test_every_part_of_the_signature_that_signs_nothing_is_looked_at(
    signed: bytes, store: TrustStore
) -> None:
    """The bytes of the CMS that a validator does not look at: they were found by changing each one."""
    cms, _ = cut_out(signed)
    at = signed.index(cms.hex().upper().encode())
    dice = random.Random(SEED)
    length = len(cms.rstrip(b"\0"))
    places = [25, length + 3, len(cms) - 1, *(dice.randrange(1300, 1500) for _ in range(20)),
              *(dice.randrange(2515, 2660) for _ in range(20))]  # fmt: skip
    for place in places:
        changed = bytearray(cms)
        changed[place] ^= 1 << dice.choice((0, 3, 5))
        mutant = signed[:at] + changed.hex().upper().encode() + signed[at + 2 * len(cms) :]
        found = check_signature(mutant, store)
        assert found is not None
        assert not found.holds or found.trust is not Trust.TRUSTED, place
    lower = signed[:at] + cms.hex().encode() + signed[at + 2 * len(cms) :]
    assert not check_signature(lower, store).holds


CHANGES = [
    signers.picture_over_page,
    signers.stamp_over_page,
    signers.other_picture_of_signature,
    signers.other_page_tree,
    signers.other_attachment,
    signers.hidden_layer,
    lambda data: data + b"\n",
    lambda data: data + b"\n% more\n",
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_added_after_signing_is_noticed(
    signed: bytes, store: TrustStore, change: Callable[[bytes], bytes]
) -> None:
    found = looked_at(change(signed), store)
    assert found.part(Part.SIGNATURE).verdict is Verdict.FAILS
    assert "added after the file was signed" in found.part(Part.SIGNATURE).sentences[0]
    assert found.part(Part.SIGNER).verdict is Verdict.FAILS


@pytest.mark.parametrize("change", [one for one in CHANGES if one is not signers.other_picture_of_signature])
def test_most_of_it_is_noticed_without_a_signature_too(
    plain: bytes, change: Callable[[bytes], bytes]
) -> None:
    changed = change(plain)
    if changed.strip() == plain.strip():
        return
    assert looked_at(changed).part(Part.CONTENT).verdict is Verdict.FAILS


def overlaid(data: bytes, drawing: bytes) -> bytes:
    """Draw over the first page and write the file anew, in one version."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, NameObject, StreamObject

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    page = writer.pages[0]
    drawn = StreamObject()
    drawn.set_data(drawing)
    page[NameObject("/Contents")] = ArrayObject([page.raw_get("/Contents"), writer._add_object(drawn)])
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        (b"q 1 g 60 200 400 400 re f Q", "drawn over its text"),
        (
            b"q 30 0 0 30 555 400 cm BI /W 1 /H 1 /CS /RGB /BPC 8 ID \xff\xff\xff EI Q",
            "a picture that a report",
        ),
        (b"BT 3 Tr /F1+0 9 Tf 60 70 Td (a) Tj ET", "is not seen"),
    ],
)
def test_what_covers_page_one_of_an_unsigned_report_is_noticed(
    plain: bytes, drawing: bytes, said: str
) -> None:
    name = re.search(rb"/(F\d+\+0) ", plain)
    drawing = drawing.replace(b"F1+0", name[1] if name else b"F1+0")
    found = looked_at(overlaid(plain, drawing)).part(Part.CONTENT)
    assert any(said in one for one in found.sentences), found


def test_a_report_written_anew_without_a_change_holds_as_unsigned(plain: bytes) -> None:
    assert looked_at(overlaid(plain, b"q Q")).holds


def test_a_stripped_signature_is_noticed(signed: bytes, prepared: bytes, store: TrustStore) -> None:
    found = looked_at(prepared, store)
    assert found.part(Part.SIGNATURE).verdict is Verdict.FAILS
    assert "it was taken off" in found.part(Part.SIGNATURE).sentences[0]
    renamed = looked_at(signed.replace(b"/ByteRange", b"/BiteRange"), store)
    assert not renamed.holds


def test_a_signature_of_somebody_unknown_is_noticed(
    signed: bytes, prepared: bytes, store: TrustStore, tmp_path: Path
) -> None:
    """A forger can make a certificate in the same name; it is another one, and nobody trusts it."""
    forger = signers.make_signer(tmp_path / "forger")
    found = looked_at(sign_pdf(prepared, forger.key), store)
    assert "another certificate than the report names" in " ".join(found.part(Part.SIGNATURE).sentences)
    assert found.part(Part.SIGNER).verdict is Verdict.FAILS
    assert "anybody can make one in this name" in found.part(Part.SIGNER).sentences[1]
    nowhere = looked_at(signed, TrustStore(tmp_path / "empty"))
    assert nowhere.part(Part.SIGNATURE).verdict is Verdict.HOLDS
    assert nowhere.part(Part.SIGNER).verdict is Verdict.FAILS


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A certificate that was valid for the ten years from 2010."""
    return signers.make_signer(tmp_path_factory.mktemp("old"), now=datetime(2010, 5, 1, tzinfo=UTC))


def test_an_expired_certificate_is_told(unsigned: Callable[..., bytes], old: Signer, tmp_path: Path) -> None:
    made = sign_pdf(unsigned(old.key.facts.block()), old.key)
    found = looked_at(made, old.trusted_in(tmp_path / "store"))
    assert found.part(Part.SIGNATURE).verdict is Verdict.HOLDS
    assert found.part(Part.SIGNER).verdict is Verdict.FAILS
    assert "has expired (2020-04-" in found.part(Part.SIGNER).sentences[1]


def test_a_revoked_certificate_is_told(unsigned: Callable[..., bytes], tmp_path: Path) -> None:
    authority = Authority.make()
    key = authority.issue("Dr. C")
    made = sign_pdf(unsigned(key.facts.block()), key)
    store = trusting(tmp_path, authority.pem)
    assert looked_at(made, store).holds
    (tmp_path / "list.crl").write_bytes(authority.revoke(key))
    store.add_revocations(tmp_path / "list.crl")
    assert "was revoked" in looked_at(made, store).part(Part.SIGNER).sentences[1]


def trusting(folder: Path, *certificates: bytes) -> TrustStore:
    store = TrustStore(folder / "store")
    for number, pem in enumerate(certificates):
        (folder / f"{number}.pem").write_bytes(pem)
        store.add(folder / f"{number}.pem")
    return store


@pytest.mark.parametrize("kind", ["stamps", "usage"])
def test_a_certificate_that_is_not_for_signatures_is_told(
    unsigned: Callable[..., bytes], tmp_path: Path, kind: str
) -> None:
    authority = Authority.make()
    key = authority.issue("Clock", stamps=kind == "stamps", usage=kind == "stamps")
    made = sign_pdf(unsigned(key.facts.block()), key)
    found = looked_at(made, trusting(tmp_path, authority.pem)).part(Part.SIGNER)
    assert found.verdict is Verdict.FAILS
    assert "is not one for signatures" in found.sentences[1]


def test_a_second_signature_is_noticed(prepared: bytes, signer: Signer, store: TrustStore) -> None:
    """A program that signs reports as forms are signed could let a second person sign too."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields
    from pyhanko.sign import signers as maker

    from allstation.report.signing.signature import _signer

    twice = prepared
    for name, key in (("Signature", signer.key), ("Other", Authority.make().issue("Dr. D"))):
        twice = maker.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(twice)),
            maker.PdfSignatureMetadata(field_name=name, md_algorithm="sha256"),
            _signer(key),
            new_field_spec=fields.SigFieldSpec(name) if name == "Other" else None,
        ).getvalue()
    found = looked_at(twice, store).part(Part.SIGNATURE)
    assert found.verdict is Verdict.FAILS
    assert any("signed again" in one for one in found.sentences)
    assert any("added after the file was signed" in one for one in found.sentences)


def test_a_hostile_file_never_gives_a_traceback(signed: bytes, plain: bytes, store: TrustStore) -> None:
    dice = random.Random(SEED)
    agreed = []
    for number in range(MUTANTS):
        source = signed if number % 3 else plain
        mutant = bytearray(source)
        for _ in range(dice.choice((1, 4, 32, 400))):
            mutant[dice.randrange(len(mutant))] = dice.randrange(256)
        if dice.random() < 0.3:
            del mutant[dice.randrange(len(mutant)) :]
        if judged(bytes(mutant), store) == "holds" and source is signed and bytes(mutant) != signed:
            agreed.append(number)
    assert agreed == []


def judged(data: bytes, store: TrustStore) -> str:
    """Return whether a file holds, fails, or is refused; any other exception is a fault."""
    try:
        return "holds" if looked_at(data, store).holds else "fails"
    except StationError as refused:
        return refused.code


# Time stamps


@pytest.fixture(scope="module")
def stamps() -> Authority:
    return Authority.make("Example Time Stamps")


@pytest.fixture(scope="module")
def stamper(stamps: Authority) -> signers.SigningKey:
    return stamps.issue("Example Clock", stamps=True)


def test_a_time_stamp_is_asked_for_only_at_signing_and_proves_the_time(
    unsigned: Callable[..., bytes],
    signer: Signer,
    stamps: Authority,
    stamper: signers.SigningKey,
    tmp_path: Path,
) -> None:
    with signers.time_stamp_server(stamper) as (address, queries):
        server = TimeStampServer(address)
        prepared = unsigned(signer.key.facts.block(time_stamp=server.host))
        assert queries == []
        made = sign_pdf(prepared, signer.key, server=server)
        assert queries
    store = trusting(tmp_path, signer.authority, stamps.pem)
    found = looked_at(made, store)
    assert found.holds, found.findings
    assert "PAdES B-T" in found.part(Part.SIGNATURE).sentences[0]
    assert "by Example Clock" in found.part(Part.TIME_STAMP).sentences[0]
    (tmp_path / "other").mkdir()
    unknown = looked_at(made, trusting(tmp_path / "other", signer.authority))
    assert unknown.part(Part.TIME_STAMP).verdict is Verdict.FAILS
    assert unknown.part(Part.SIGNER).verdict is Verdict.HOLDS


def test_revocation_lists_that_are_at_hand_are_kept_in_the_file(
    unsigned: Callable[..., bytes],
    signer: Signer,
    stamps: Authority,
    stamper: signers.SigningKey,
    tmp_path: Path,
) -> None:
    store = trusting(tmp_path, stamps.pem)
    store.add_made(signer.authority, signer.revocations)
    (tmp_path / "stamps.crl").write_bytes(stamps.revoke())
    store.add_revocations(tmp_path / "stamps.crl")
    with signers.time_stamp_server(stamper) as (address, _):
        server = TimeStampServer(address)
        prepared = unsigned(signer.key.facts.block(time_stamp=server.host))
        made = sign_pdf(prepared, signer.key, server=server, trust=store)
    found = looked_at(made, store)
    assert found.holds, found.findings
    assert "PAdES B-LT" in found.part(Part.SIGNATURE).sentences[0]


@pytest.mark.parametrize(("year", "holds"), [(2015, True), (2025, False)])
def test_an_expired_certificate_counts_for_what_was_stamped_before(
    unsigned: Callable[..., bytes],
    stamps: Authority,
    stamper: signers.SigningKey,
    old: Signer,
    tmp_path: Path,
    *,
    year: int,
    holds: bool,
) -> None:
    with signers.time_stamp_server(stamper, at=datetime(year, 1, 1, tzinfo=UTC)) as (address, _):
        server = TimeStampServer(address)
        made = sign_pdf(unsigned(old.key.facts.block(time_stamp=server.host)), old.key, server=server)
    found = looked_at(made, trusting(tmp_path, old.authority, stamps.pem))
    assert found.part(Part.TIME_STAMP).verdict is Verdict.HOLDS
    assert (found.part(Part.SIGNER).verdict is Verdict.HOLDS) is holds


def test_a_time_stamp_of_another_signature_is_noticed(
    unsigned: Callable[..., bytes],
    signer: Signer,
    stamps: Authority,
    stamper: signers.SigningKey,
    tmp_path: Path,
) -> None:
    store = trusting(tmp_path, signer.authority, stamps.pem)
    with signers.time_stamp_server(stamper) as (address, _):
        server = TimeStampServer(address)
        prepared = unsigned(signer.key.facts.block(time_stamp=server.host))
        made = sign_pdf(prepared, signer.key, server=server)
    cms, _ = cut_out(made)
    at = made.index(cms.hex().upper().encode())
    token = cms.index(b"\x04\x20", cms.rindex(bytes.fromhex("060b2a864886f70d0109100104")))
    changed = bytearray(cms)
    changed[token + 2] ^= 1
    mutant = made[:at] + changed.hex().upper().encode() + made[at + 2 * len(cms) :]
    found = looked_at(mutant, store)
    assert not found.holds


@pytest.mark.parametrize(
    "answer", [b"no time stamp", b"0\x03\x02\x01\x02", b"0" * (1 << 20) + b"00"], ids=["text", "der", "large"]
)
def test_a_server_that_gives_no_time_stamp_is_named_and_nothing_is_signed(
    prepared: bytes, signer: Signer, stamper: signers.SigningKey, answer: bytes
) -> None:
    with (
        signers.time_stamp_server(stamper, answer=answer) as (address, _),
        pytest.raises(StationError, match=r"127\.0\.0\.1 gave no time stamp") as refused,
    ):
        sign_pdf(prepared, signer.key, server=TimeStampServer(address))
    assert refused.value.code == "no-time-stamp"


def test_a_server_that_is_not_there_is_named(prepared: bytes, signer: Signer) -> None:
    with pytest.raises(StationError, match="Nothing was signed") as refused:
        sign_pdf(prepared, signer.key, server=TimeStampServer("http://127.0.0.1:9/"))
    assert refused.value.code == "no-time-stamp"


@pytest.mark.parametrize("address", ["ftp://a", "file:///etc/passwd", "a.b", "", "http://", "http://[a"])
def test_what_is_no_address_of_a_server_is_refused(address: str) -> None:
    with pytest.raises(StationError) as refused:
        TimeStampServer(address)
    assert refused.value.code == "bad-time-stamp-server"


def test_a_missing_time_stamp_is_noticed(
    unsigned: Callable[..., bytes], signer: Signer, store: TrustStore
) -> None:
    made = sign_pdf(unsigned(signer.key.facts.block(time_stamp="tsa.example.org")), signer.key)
    assert looked_at(made, store).part(Part.TIME_STAMP).verdict is Verdict.FAILS


# The announcement


def test_a_report_that_hides_its_statement_is_noticed(unsigned: Callable[..., bytes], signer: Signer) -> None:
    from tests.unit.report.verification.test_verify import rewritten_bytes

    made = unsigned(signer.key.facts.block())

    def change(data: dict) -> None:
        data["content"]["digital_signature"] = {"signed": False}

    found = looked_at(rewritten_bytes(made, change))
    assert any("does not say 'Not digitally signed'" in one for one in found.findings)


def test_another_certificate_in_the_data_than_on_the_page_is_noticed(
    unsigned: Callable[..., bytes], signer: Signer
) -> None:
    from tests.unit.report.verification.test_verify import rewritten_bytes

    made = unsigned(signer.key.facts.block())

    def change(data: dict) -> None:
        data["content"]["digital_signature"]["certificate_sha256"] = "0" * 64

    found = looked_at(rewritten_bytes(made, change))
    assert any("do not show the signer's certificate" in one for one in found.findings)


def test_the_certificate_in_der_is_the_fingerprint(signer: Signer) -> None:
    import hashlib

    der = signer.key.certificate.public_bytes(Encoding.DER)
    assert signer.key.facts.sha256 == hashlib.sha256(der).hexdigest()
    assert replace(signer.key.facts.block(), time_stamp="") == signer.key.facts.block()
