"""Digital signatures of reports as the laboratory set them up: certificate, time stamps, trust, verification.

No Qt: the window calls this on its worker threads, the command line directly.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.reports import ReportStatus
from allstation.report.content_types import SignatureBlock
from allstation.report.time_stamps import TimeStampServer
from allstation.services.reporting import MadeReport
from allstation.services.settings import Settings
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.certificates import CertificateFacts, MadeCertificate, SigningKey
    from allstation.report.trust import TrustStore
    from allstation.report.verification import PartCheck, Verification

_FOLDER = "certificates"


def trust_store() -> TrustStore:
    """Return the certificates that this laboratory trusts, in the profile."""
    from allstation.report.trust import TrustStore

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


def choose(file: Path, password: str) -> str:
    """Look at a PKCS#12 file that reports shall be signed with.

    Returns:
        What the settings keep of its certificate, to name it before the password is asked.

    Raises:
        StationError: ``wrong-password``, ``bad-certificate``, ``certificate-expired``.
    """
    from allstation.report.certificates import read_signing_file, require_valid

    facts = read_signing_file(file, password).facts
    require_valid(facts, datetime.now(UTC))
    return json_text(asdict(facts.block()))


def make(target: Path, *, name: str, laboratory: str, password: str) -> MadeCertificate:
    """Make a certificate, write its key to a file, and trust it on this station.

    Raises:
        StationError: ``bad-certificate``, ``not-written``.
    """
    from allstation.report.certificates import make_certificate

    made = make_certificate(target, name=name, laboratory=laboratory, password=password)
    trust_store().add_made(made.authority, made.revocations)
    return made


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
            ``certificate-expired``, ``no-time-stamp``, ``not-signed``, or ``report-broken`` if the signature
            does not hold when it is read back.
    """
    from allstation.report.certificates import require_valid
    from allstation.report.signature_check import check_signature
    from allstation.report.signing import sign_pdf

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
    found = check_signature(data)
    whole = found is not None and found.holds and data.startswith(made.data)
    if not whole or (wanted is not None and found is not None and found.time_stamp is None):
        raise StationError("report-broken", "The report was signed, but the signature does not hold.")
    return replace(made, data=data, sha256=hashlib.sha256(data).hexdigest(), signed=True)


def sign_with_file(made: MadeReport, file: Path, password: str, *, server: str = "") -> MadeReport:
    """Sign with a PKCS#12 file; see :func:`sign`.

    Raises:
        StationError: As :func:`sign`, and ``wrong-password``, ``bad-certificate``.
    """
    from allstation.report.certificates import read_signing_file

    return sign(made, read_signing_file(file, password), server=server)


def verify(report: Path, case_folder: Path | None = None) -> Verification:
    """Verify a report with this laboratory's certificates, and with a case if one is named.

    Raises:
        StationError: ``not-a-report``, or why the case cannot be opened.
    """
    from allstation.report.verification import examine
    from allstation.report.verify import read_report

    data = read_report(report)
    found = examine(report, data, trust_store())
    if case_folder is None:
        return found
    with Case.open(case_folder, read_only=True) as case:
        return found.with_case(_with_case(case, report, data))


def _with_case(case: Case, report: Path, data: bytes) -> PartCheck:
    from allstation.report.verification import case_check
    from allstation.report.verify import case_findings, embedded_in

    findings = case_findings(report, data, case.snapshot())
    content = embedded_in(report, data)["content"]
    found, remark = _in_audit_log(case, hashlib.sha256(data).hexdigest(), ReportStatus(content["status"]))
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
