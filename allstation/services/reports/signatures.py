"""Digital signatures of reports as the laboratory set them up: certificate, time stamps, trust, verification.

No Qt: the window calls this on its worker threads, the command line directly.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.report.content.report_types import SignatureBlock
from allstation.report.signing.time_stamps import TimeStampServer
from allstation.services.reports.reporting import MadeReport
from allstation.services.settings import Settings
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.signing.certificates import CertificateFacts, SigningKey
    from allstation.report.signing.self_made import MadeCertificate
    from allstation.report.signing.trust import TrustStore
    from allstation.report.verification.parts import PartCheck, Verification

_FOLDER = "certificates"


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """PKCS#12 file that reports are signed with.

    Attributes:
        file: The file.
        certificate: What its certificate says, as the settings keep it (JSON).
        trusted: Whether this laboratory trusts whoever issued it.
    """

    file: Path
    certificate: str
    trusted: bool


def trust_store() -> TrustStore:
    """Return the certificates that this laboratory trusts, in the profile."""
    from allstation.report.signing.trust import TrustStore

    return TrustStore(paths.data_folder() / _FOLDER)


def chosen_certificate(settings: Settings) -> SignatureBlock | None:
    """Return what is known of the certificate that reports are signed with, or None if there is none."""
    if not settings.signing_file or not settings.signing_certificate:
        return None
    try:
        block = SignatureBlock(**json.loads(settings.signing_certificate))
    except (ValueError, TypeError):
        return None
    whole = all(type(getattr(block, one.name)) is type(one.default) for one in fields(SignatureBlock))
    return block if whole and block.signed else None


def signature_block(settings: Settings) -> SignatureBlock:
    """Return what a final or amended report announces of its signature.

    Raises:
        StationError: ``bad-time-stamp-server``.
    """
    block = chosen_certificate(settings)
    if block is None:
        return SignatureBlock()
    server = settings.time_stamp_server
    return replace(block, time_stamp=TimeStampServer(server).host if server else "")


def block_of(facts: CertificateFacts, server: str) -> SignatureBlock:
    """Return what a report announces that is signed with a certificate.

    Args:
        facts: Of the certificate.
        server: Address of the time stamp server; empty for none.

    Raises:
        StationError: ``bad-time-stamp-server``.
    """
    return facts.block(time_stamp=TimeStampServer(server).host if server else "")


def choose(file: Path, password: str) -> ChosenFile:
    """Look at a PKCS#12 file that reports shall be signed with.

    Returns:
        What the settings keep of it, to name it before the password is asked.

    Raises:
        StationError: ``wrong-password``, ``bad-certificate``, ``certificate-expired``.
    """
    from allstation.report.signing.certificates import issued_by, read_signing_file, require_valid

    key = read_signing_file(file, password)
    require_valid(key.facts, datetime.now(UTC))
    anchors = [one.certificate for one in trust_store().anchors()]
    trusted_here = any(one in anchors or issued_by(one, anchors) for one in (key.certificate, *key.chain))
    return ChosenFile(file, json_text(asdict(key.facts.block())), trusted_here)


def make(target: Path, *, name: str, laboratory: str, password: str) -> MadeCertificate:
    """Make a certificate, write its key to a file, and trust it on this station.

    Raises:
        StationError: ``bad-certificate``, ``not-written``.
    """
    from allstation.report.signing.self_made import make_certificate

    made = make_certificate(target, name=name, laboratory=laboratory, password=password)
    trust_store().add_made(made.authority, made.revocations)
    return made


def trusted() -> tuple[CertificateFacts, ...]:
    """Return what the trusted certificates say."""
    return tuple(one.facts for one in trust_store().anchors())


def trust(path: Path) -> str:
    """Trust a certificate, or take a revocation list; return a sentence on it.

    Raises:
        StationError: ``bad-certificate``, ``not-written``.
    """
    store = trust_store()
    if path.suffix.lower() == ".crl":
        store.add_revocations(path)
        return f"The revocation list {shown_name(path)} was taken."
    facts = store.add(path)
    return (
        f"{facts.name} is trusted now. Compare its SHA-256 with what its owner tells you on another way: "
        f"{facts.sha256}"
    )


def forget(sha256: str) -> str:
    """Trust a certificate no longer; return a sentence on it.

    Raises:
        StationError: ``not-written``.
    """
    removed = trust_store().remove(sha256)
    return "The certificate is not trusted any more." if removed else "The certificate was not trusted."


def save_trusted(sha256: str, target: Path) -> str:
    """Write a trusted certificate to a file for another station; return a sentence on it.

    Raises:
        StationError: ``bad-certificate`` if it is not trusted any more, ``not-written``.
    """
    from allstation.report.atomic import write_whole
    from allstation.report.signing.certificates import as_text

    found = [one for one in trust_store().anchors() if one.facts.sha256 == sha256]
    if not found:
        raise StationError("bad-certificate", "This certificate is not trusted any more: choose another.")
    write_whole(target, as_text(found[0].certificate).encode(), private=False)
    return f"{shown_name(target)} was written. It holds no secret: others trust it to know your reports."


def sign(made: MadeReport, key: SigningKey, *, server: str = "") -> MadeReport:
    """Apply the digital signature that a report announces.

    Args:
        made: The report as it was looked at.
        key: Of the certificate that it names.
        server: Address of the time stamp server, where one is configured.

    Returns:
        The same report with its signature: its bytes are those looked at, followed by the signature.

    Raises:
        StationError: ``other-certificate`` if the key is not that of the announced certificate,
            ``certificate-expired``, ``certificate-revoked``, ``no-time-stamp``, ``not-signed``, or
            ``report-broken`` if the signature does not hold when it is read back.
    """
    from allstation.report.signing.certificates import require_valid
    from allstation.report.signing.check import check_signature
    from allstation.report.signing.check_types import Trust
    from allstation.report.signing.signature import sign_pdf

    block = made.content.digital_signature
    if key.facts.sha256 != block.certificate_sha256:
        sentence = (
            f"This is the certificate of {key.facts.name} with another fingerprint than the report names: "
            "choose it for the report first, and look at the new pages."
        )
        raise StationError("other-certificate", sentence)
    require_valid(key.facts, datetime.now(UTC))
    wanted = TimeStampServer(server) if block.time_stamp else None
    data = sign_pdf(made.data, key, server=wanted, trust=trust_store())
    found = check_signature(data, trust_store())
    if found is not None and found.trust is Trust.REVOKED:
        sentence = f"The certificate of {key.facts.name} was revoked by its issuer: nothing was signed."
        raise StationError("certificate-revoked", sentence)
    whole = found is not None and found.holds and data.startswith(made.data)
    if not whole or (wanted is not None and found is not None and found.time_stamp is None):
        raise StationError("report-broken", "The report was signed, but the signature does not hold.")
    return replace(made, data=data, sha256=hashlib.sha256(data).hexdigest(), signed=True)


def sign_with_file(made: MadeReport, file: Path, password: str, *, server: str = "") -> MadeReport:
    """Sign with a PKCS#12 file; see :func:`sign`.

    Raises:
        StationError: As :func:`sign`, and ``wrong-password``, ``bad-certificate``.
    """
    from allstation.report.signing.certificates import read_signing_file

    return sign(made, read_signing_file(file, password), server=server)


def verify(report: Path, case_folder: Path | None = None, *, same_only: bool = False) -> Verification:
    """Verify a report with this laboratory's certificates, and with a case if one is named.

    Args:
        report: The file.
        case_folder: The case to compare it with.
        same_only: Compare only if the report names this case as its own, by its id or one that an anonymised
            report gave it; else only say that it does not.

    Raises:
        StationError: ``not-a-report``, or why the case cannot be opened.
    """
    from allstation.report.verification.parts import examine, other_case
    from allstation.report.verification.verify import read_report

    data = read_report(report)
    found = examine(report, data, trust_store())
    if case_folder is None:
        return found
    with Case.open(case_folder, read_only=True) as case:
        if same_only and not case.issued(found.case_id):
            return found.with_case(other_case(found.case_id, case.case_id))
        return found.with_case(_with_case(case, report, data))


_NO_COPIES: Final = (
    "A copy made for an anonymised FHIR or DICOM export is never entered in it: verify the signed report."
)
"""Beside the finding that the trail does not know a report, if the report may be such a copy."""


def _with_case(case: Case, report: Path, data: bytes) -> PartCheck:
    from allstation.report.verification.parts import case_check
    from allstation.report.verification.verify import case_findings, embedded_in

    findings = case_findings(report, data, case.snapshot())
    content = embedded_in(report, data)["content"]
    found, remark = _in_audit_log(case, hashlib.sha256(data).hexdigest(), ReportStatus(content["status"]))
    is_signed = content.get("digital_signature", {}).get("signed", False)
    if found and content["anonymised"] and not is_signed:
        found.append(_NO_COPIES)
    predecessor = content.get("replaces", "")
    if predecessor and all(one.sha256 != predecessor for one in case.reports.all()):
        found.append("The case knows no report with the hash of the one that this report replaces.")
    return case_check([*findings, *found], remark)


def _in_audit_log(case: Case, digest: str, status: ReportStatus) -> tuple[list[str], str]:
    """Look a report up in its case: these very bytes, and whether a later one replaced them."""
    known = [one for one in case.reports.all() if one.sha256 == digest]
    if not known:
        said = f"The audit trail of the case knows no {status} report of these bytes."
        return ([said] if status is not ReportStatus.DRAFT else []), ""
    broken = case.audit.verify()
    if broken is not None:
        return [f"The audit trail of the case does not hold: {broken.sentence}"], ""
    later = [one for one in case.reports.all() if one.status.locks and one.id > known[-1].id]
    entered = f"The audit trail entered it as {known[-1].status} on {known[-1].at} by {known[-1].by}."
    replaced = f" It was replaced by an amended report of {later[-1].at}." if later else ""
    return [], entered + replaced
