"""Verification of a report file, part by part: content, digital signature, signer, time stamp, case.

Each part has a verdict of its own, because each answers another question: a signature can hold although
nobody knows whose it is, and pages can agree with their data although somebody made both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from allstation.core.text import shown_name
from allstation.report.content.wording import moment
from allstation.report.signing.certificates import CertificateFacts
from allstation.report.signing.check import check_signature
from allstation.report.signing.check_types import SignatureCheck, Trust
from allstation.report.signing.trust import TrustStore
from allstation.report.verification import verify

_FINGERPRINT: Final = 16
"""Hexadecimal digits of a certificate's fingerprint that are shown."""


class Part(StrEnum):
    """Part of a report that is verified. The value is shown."""

    CONTENT = "Content"
    SIGNATURE = "Digital signature"
    SIGNER = "Signer"
    TIME_STAMP = "Time stamp"
    CASE = "Case"


class Verdict(StrEnum):
    """Verdict on a part. The value is shown."""

    HOLDS = "holds"
    NOTE = "note"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class PartCheck:
    """Verdict on one part of a report.

    Attributes:
        part: Which.
        verdict: How it stands; a note is no fault, but something a person should know.
        sentences: Why.
    """

    part: Part
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """All parts of one report.

    Attributes:
        name: Of the file.
        sha256: Of its bytes.
        status: ``final``, ``draft`` ..., as the embedded data say.
        case_id: Of the case, as the embedded data say.
        parts: In the order of :class:`Part`; the case last, if it was compared.
    """

    name: str
    sha256: str
    status: str
    case_id: str
    parts: tuple[PartCheck, ...]

    @property
    def holds(self) -> bool:
        """Whether no part fails."""
        return all(one.verdict is not Verdict.FAILS for one in self.parts)

    @property
    def findings(self) -> tuple[str, ...]:
        """Problems, one sentence each."""
        return tuple(text for one in self.parts if one.verdict is Verdict.FAILS for text in one.sentences)

    @property
    def is_signed(self) -> bool:
        """Whether a digital signature was found and holds."""
        return self.part(Part.SIGNATURE).verdict is Verdict.HOLDS

    def part(self, wanted: Part) -> PartCheck:
        """Return one part.

        Raises:
            KeyError: If it was not looked at.
        """
        for one in self.parts:
            if one.part is wanted:
                return one
        raise KeyError(wanted)

    def with_case(self, check: PartCheck) -> Verification:
        """Return the same with another verdict on the case."""
        kept = tuple(one for one in self.parts if one.part is not Part.CASE)
        return Verification(self.name, self.sha256, self.status, self.case_id, (*kept, check))


def examine(path: Path, report: bytes, trust: TrustStore | None = None) -> Verification:
    """Verify a report in memory, without its case.

    Args:
        path: Where it was read from; named in sentences.
        report: Its bytes, as :func:`allstation.report.verification.verify.read_report` returns them.
        trust: The laboratory's certificates; without them every signer is unknown.

    Raises:
        StationError: ``not-a-report``.
    """
    with verify.readable(path):
        content, found = verify.content_and_findings(path, report)
        check = check_signature(report, trust)
        announced = content.get("digital_signature") or {}
        parts = [_content(found), _signature(check, announced)]
        if check is not None and check.signer is not None:
            parts += [_signer(check, check.signer, content), _time_stamp(check, announced)]
        return Verification(
            shown_name(path),
            hashlib.sha256(report).hexdigest(),
            shown_name(content["status"]),
            shown_name(str(content["case_id"])),
            tuple(parts),
        )


def case_check(findings: Iterable[str], remark: str) -> PartCheck:
    """Return the verdict on the case.

    Args:
        findings: What differs.
        remark: What the audit trail says of the report.
    """
    found = tuple(findings)
    verdict = Verdict.FAILS if found else Verdict.HOLDS
    agree = () if found else ("The report agrees with the case.",)
    return PartCheck(Part.CASE, verdict, tuple(filter(None, (*agree, *found, remark))))


def other_case(reported: str, opened: str) -> PartCheck:
    """Return the note that a report is of another case than the one at hand."""
    text = f"Not compared: the report is of case {reported}, the open case is {shown_name(opened)}."
    return PartCheck(Part.CASE, Verdict.NOTE, (text,))


def _content(found: list[str]) -> PartCheck:
    if found:
        return PartCheck(Part.CONTENT, Verdict.FAILS, tuple(found))
    return PartCheck(Part.CONTENT, Verdict.HOLDS, ("The pages and the embedded data agree.",))


def _signature(check: SignatureCheck | None, announced: Mapping[str, Any]) -> PartCheck:
    expected = announced.get("signed") is True
    if check is None:
        if expected:
            text = (
                "The report says that it is digitally signed, and the signature is missing: it was taken off."
            )
            return PartCheck(Part.SIGNATURE, Verdict.FAILS, (text,))
        text = (
            "Not digitally signed: who wrote the report cannot be proven, and whoever can write a file can "
            "make one like it. Compare it with its case."
        )
        return PartCheck(Part.SIGNATURE, Verdict.NOTE, (text,))
    problems = list(check.damage)
    if expected and check.signer is not None and announced.get("certificate_sha256") != check.signer.sha256:
        problems.append("It was signed with another certificate than the report names.")
    if problems:
        return PartCheck(Part.SIGNATURE, Verdict.FAILS, tuple(problems))
    text = f"Intact, and it covers the whole file (PAdES {check.level})."
    later = "" if expected else "The report itself does not announce it: it was signed after it was written."
    return PartCheck(Part.SIGNATURE, Verdict.HOLDS, tuple(filter(None, (text, later))))


def _signer(check: SignatureCheck, signer: CertificateFacts, content: Mapping[str, Any]) -> PartCheck:
    who = ", ".join(filter(None, (signer.name, signer.organisation)))
    what = f"{who}; certificate {signer.sha256[:_FINGERPRINT]}\u2026, issued by {signer.issuer}"
    dates = f"valid {signer.not_before.date()} to {signer.not_after.date()}"
    sentences = [f"{what}, {dates}.", _trusted(check, signer)]
    if signer.self_made:
        sentences.append("Self-made in ALL Station: no authority has looked at the holder's identity.")
    reviewer = shown_name(str(content.get("reviewer", "")))
    if reviewer and reviewer != signer.name:
        sentences.append(f"The report names {reviewer} as who signed it.")
    if not check.holds:
        sentences.append("The signature does not hold: nothing of this is proven.")
    good = check.trust is Trust.TRUSTED and check.holds
    return PartCheck(Part.SIGNER, Verdict.HOLDS if good else Verdict.FAILS, tuple(sentences))


def _trusted(check: SignatureCheck, signer: CertificateFacts) -> str:
    until = signer.not_after.date()
    return {
        Trust.TRUSTED: f"Trusted by this laboratory through {check.anchor}.",
        Trust.UNKNOWN: (
            "Nobody this laboratory trusts vouches for this certificate: anybody can make one in this name. "
            "If you know that it is right, trust its issuer's certificate."
        ),
        Trust.EXPIRED: (
            f"The certificate, or one that vouches for it, has expired ({until}), and no trusted time stamp "
            "proves that the report was signed before."
        ),
        Trust.NOT_YET: f"The certificate is not valid before {signer.not_before.date()}.",
        Trust.REVOKED: "The certificate was revoked by its issuer.",
        Trust.UNFIT: "The certificate is not one for signatures.",
    }[check.trust]


def _time_stamp(check: SignatureCheck, announced: Mapping[str, Any]) -> PartCheck:
    stamp = check.time_stamp
    if stamp is None:
        if announced.get("time_stamp"):
            text = "The report says that it has a time stamp, and there is none."
            return PartCheck(Part.TIME_STAMP, Verdict.FAILS, (text,))
        said = f" that it was {_spoken(check.claimed_at)}" if check.claimed_at is not None else " the time"
        text = f"None: the signer's computer said{said}; nobody else did."
        return PartCheck(Part.TIME_STAMP, Verdict.NOTE, (text,))
    text = f"{_spoken(stamp.at)} by {stamp.authority.name}."
    if not stamp.intact:
        problem = "It is not of this signature, or was changed."
        return PartCheck(Part.TIME_STAMP, Verdict.FAILS, (text, problem))
    if stamp.trust is Trust.TRUSTED:
        return PartCheck(Part.TIME_STAMP, Verdict.HOLDS, (text, "Trusted by this laboratory."))
    problem = f"The certificate of this server is {stamp.trust} to this laboratory: the time is not proven."
    return PartCheck(Part.TIME_STAMP, Verdict.FAILS, (text, problem))


def _spoken(at: datetime) -> str:
    return moment(at.isoformat())
