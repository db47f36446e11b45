"""Reports of a case from its first preview to the signed file: made, kept in the case, amended.

No Qt: the window calls this on its worker threads, the command line directly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.core.reports import ReportRecord, ReportStatus, snapshot_decisions
from allstation.keys.people import People
from allstation.report.content.options import Letterhead, ReportOptions
from allstation.report.content.report_types import ReportContent
from allstation.services.reports.control_hold import require_in_control
from allstation.services.settings import Settings
from allstation.store.audit.contents import REPORTS_FOLDER, kept_report
from allstation.store.case import Case
from allstation.store.provenance import OLDER_TRAIL


@dataclass(frozen=True, slots=True, eq=False)
class MadeReport:
    """A report in memory: what is looked at is what is written.

    Attributes:
        data: The PDF.
        sha256: Of its bytes.
        content: What it shows.
        options: What it was made with, its clock stopped.
        folder: The case it was made from.
        decisions: Digest of the decisions it holds.
        details: The patient's data at that time.
        signed: Its digital signature was applied.
    """

    data: bytes
    sha256: str
    content: ReportContent
    options: ReportOptions
    folder: Path
    decisions: str
    details: Mapping[str, str]
    signed: bool = False

    @property
    def to_sign(self) -> bool:
        """Whether it announces a digital signature that it does not have yet."""
        return self.content.digital_signature.signed and not self.signed

    @property
    def status(self) -> ReportStatus:
        """Status of the report: draft to final."""
        return ReportStatus(self.options.status)


def letterhead(settings: Settings) -> Letterhead:
    """Return who issues reports, as the person set it."""
    logo = Path(settings.logo) if settings.logo else None
    return Letterhead(settings.laboratory, settings.laboratory_lines, logo)


def make(
    case: Case,
    snapshot: CaseSnapshot,
    options: ReportOptions,
    *,
    progress: Callable[[int], None] | None = None,
    checked: bool = True,
) -> MadeReport:
    """Make a report in memory.

    Args:
        case: The case, open; an amended report is compared with the signed one it keeps.
        snapshot: What was read from it.
        options: What the person chose.
        progress: Told of each page; may raise to give up.
        checked: Read the pages back and compare them with the data, which takes as long again.

    Raises:
        StationError: ``no-earlier-report`` if the report to amend is not there any more,
            ``report-broken`` if the pages do not show the data.
    """
    from allstation.report.content.build import build_content
    from allstation.report.pdf import render_pdf

    moment = options.clock()
    fixed = replace(options, clock=lambda: moment)
    if fixed.status == ReportStatus.AMENDED and fixed.previous is None:
        before = kept(case)
        if before is not None:
            previous, digest = _read(before)
            fixed = replace(fixed, previous=previous, replaces=digest)
    content = build_content(snapshot, fixed)
    data = render_pdf(snapshot, content, fixed, progress=progress)
    made = MadeReport(
        data,
        hashlib.sha256(data).hexdigest(),
        content,
        fixed,
        case.folder,
        snapshot_decisions(snapshot),
        dict(snapshot.details),
    )
    if checked:
        check(made)
    return made


def check(made: MadeReport) -> None:
    """Read a report's pages back and compare them with its data.

    Raises:
        StationError: ``report-broken`` if the pages do not show the data.
    """
    from allstation.report.verification.verify import problems

    found = problems(made.data, made.content)
    if found:
        raise StationError("report-broken", f"The report was made but does not hold: {found[0]}")


def keep(case: Case | None, made: MadeReport, *, file: str = "", pin: str = "") -> ReportRecord:
    """Keep a report in the case and enter it into the trail; a final one locks its decisions.

    Args:
        case: The case that is open for writing now, if any.
        made: The report.
        file: Name of the file it is also written to.
        pin: Of who signs, where people are named by it.

    Raises:
        StationError: ``control-held`` if the control of the site was not in order,
             ``other-case`` if it was made from another one, ``not-signed`` if a digital signature
             is announced and missing, ``case-changed`` if the case is not what the report was made from any
             more, ``already-final``, ``not-final-yet``, ``broken-log`` if a final one would stand on an
             altered case, ``older-trail`` if it would stand on an older one than this station has seen,
             ``wrong-pin``, ``unknown-person`` or ``other-login`` if it is not certain who signs,
             ``not-written``, or what the disk answered.
    """
    if case is None or case.folder != made.folder:
        sentence = "The case this report was made from is not open any more: open it again."
        raise StationError("other-case", sentence)
    if dict(case.details()) != dict(made.details):
        sentence = "The case data changed while the report was looked at: look at the new pages, then export."
        raise StationError("case-changed", sentence)
    require_signed(made)
    named = ""
    if made.status.locks:
        people = People.load()
        people.identify(made.options.reviewer.strip(), pin)
        named = people.naming
        require_intact(case)
        require_latest(case)
        require_in_control(case, printed=len(made.content.control))
    target = kept_report(case.folder, made.status, made.sha256)
    known = target.exists()
    _write(made, target)
    try:
        return case.reports.add(
            made.status,
            made.sha256,
            file=file,
            by=made.options.reviewer,
            reason=made.options.reason,
            decisions_sha256=made.decisions,
            kept=True,
            named=named,
        )
    except StationError:
        if not known:
            with suppress(OSError):
                target.unlink()
        raise


def require_signed(made: MadeReport) -> None:
    """Refuse a report that says it is digitally signed and is not.

    Raises:
        StationError: ``not-signed``.
    """
    if made.to_sign:
        sentence = "The report says that it is digitally signed, and it is not yet: sign it first."
        raise StationError("not-signed", sentence)


def require_intact(case: Case) -> None:
    """Refuse to sign what may have been altered past the program.

    Raises:
        StationError: ``broken-log``.
    """
    broken = case.audit.verify()
    if broken is not None:
        sentence = (
            f"The audit trail of this case is broken: {broken.sentence} Nothing can be signed from it; "
            "compare it with a backup, or classify and review the fields in a new case."
        )
        raise StationError("broken-log", sentence)


def require_latest(case: Case) -> None:
    """Refuse to sign a case of which a later trail was seen, until somebody has said why.

    Raises:
        StationError: ``older-trail``.
    """
    conflict = case.provenance.conflict(shared=True)
    if conflict:
        sentence = (
            f"{conflict} Nothing can be signed from it. If this is the copy to go on with, say why "
            "(“Case, Audit Trail…” or “allstation audit CASE --accept REASON”); the trail keeps the reason."
        )
        raise StationError(OLDER_TRAIL, sentence)


def write(made: MadeReport, target: Path) -> Path:
    """Write a report's very bytes to a file of the person's choice, and read them back.

    Raises:
        StationError: ``not-written``, ``not-signed``, ``report-broken``.
    """
    from allstation.report.atomic import write_whole

    require_signed(made)

    def same(written: Path) -> None:
        if hashlib.sha256(written.read_bytes()).hexdigest() != made.sha256:
            raise StationError("report-broken", "The disk did not keep the report as it was.")

    return write_whole(target, made.data, same)


def kept(case: Case) -> Path | None:
    """Return the file of the last signed report of a case, or None if none was signed.

    Raises:
        StationError: ``no-earlier-report`` if it is not in the case any more or was changed.
    """
    signed = [one for one in case.reports.all() if one.status.locks]
    if not signed:
        return None
    last = signed[-1]
    path = kept_report(case.folder, last.status, last.sha256)
    try:
        whole = hashlib.sha256(path.read_bytes()).hexdigest() == last.sha256
    except OSError:
        whole = False
    if not whole:
        sentence = (
            f"The signed report {path.name!r} is missing from the folder {REPORTS_FOLDER!r} of the case, or "
            f"was changed. Put the file {last.file or 'that was signed'!r} back under this name."
        )
        raise StationError("no-earlier-report", sentence)
    return path


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Return the data of a kept report and the hash of the very bytes that they were read from."""
    from allstation.report.verification.verify import embedded_in, read_report

    report = read_report(path)
    return embedded_in(path, report), hashlib.sha256(report).hexdigest()


def for_exchange(
    case: Case,
    snapshot: CaseSnapshot,
    options: ReportOptions,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[ReportOptions, bytes]:
    """Return the report that travels with an exchange: the signed one if it still holds, else a draft.

    With an anonymised exchange goes a copy that is made for it, with its pseudonyms and without the person
    who signed: of the signed report if that still holds, with its status and template, else of a draft.

    Args:
        case: The case, open.
        snapshot: What was read from it.
        options: For the draft, and what an anonymised exchange may hold.
        progress: Told of each page of what is made; may raise to give up.
    """
    from allstation.report.verification.verify import embedded_data, options_of

    wanted = replace(options, travels=True)
    with suppress(StationError):
        path = kept(case)
        if path is not None and not case.reports.amendment_needed:
            content = embedded_data(path)["content"]
            signed = options_of(content)
            if options.anonymise:
                wanted = _copy_of(signed, wanted, previous=_replaced(case))
            elif not content["anonymised"]:
                return signed, path.read_bytes()
    made = make(case, snapshot, wanted, progress=progress)
    return made.options, made.data


def _copy_of(
    signed: ReportOptions, wanted: ReportOptions, *, previous: Mapping[str, Any] | None
) -> ReportOptions:
    """Return the options of an anonymised copy: what a signed report says, without what signs it."""
    return replace(
        wanted,
        template=signed.template,
        page_size=signed.page_size,
        status=signed.status,
        reason=signed.reason,
        reviewer=signed.reviewer,
        comment=signed.comment,
        conclusion=signed.conclusion,
        annex=signed.annex,
        montage=signed.montage,
        previous=previous,
    )


def _replaced(case: Case) -> dict[str, Any] | None:
    """Return the data of the report that the last signed one amends, if it is kept and whole."""
    from allstation.report.verification.verify import embedded_data

    signed = [one for one in case.reports.all() if one.status.locks]
    for one in signed[-2:-1]:
        path = kept_report(case.folder, one.status, one.sha256)
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() == one.sha256:
            return embedded_data(path)
    return None


def _write(made: MadeReport, target: Path) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or "the system refused"
        sentence = (
            f"The folder {REPORTS_FOLDER!r} cannot be made in the case ({reason}): "
            "make space or rights for it."
        )
        raise StationError("not-written", sentence) from error
    write(made, target)
