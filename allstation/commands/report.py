"""``allstation report`` and ``allstation verify-report``."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from allstation import paths
from allstation.commands import DONE, SOME_FAILED, free_text
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.pseudonyms import new_nonce
from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.imaging.outputs import REPORT, Output, check_folder, check_outputs
from allstation.report.atomic import make_folder
from allstation.report.options import ReportOptions
from allstation.services import reporting
from allstation.services.settings import SettingsFile
from allstation.store.case import Case


def run(options: argparse.Namespace) -> int:
    """Write or verify; status 1 when a case could not be reported or a report does not hold."""
    return _verify(options) if options.command == "verify-report" else _write(options)


def _write(options: argparse.Namespace) -> int:
    settings = SettingsFile(paths.config_folder()).value
    wanted = ReportOptions(
        template=options.template,
        page_size=options.page_size,
        anonymise=not options.show_patient,
        status=options.status,
        reviewer=options.signed_by,
        reason=options.reason,
        comment=options.comment,
        letterhead=reporting.letterhead(settings),
        count_proposals=settings.count_proposals,
        anonymity=free_text.anonymity(options),
    )
    targets = [(options.out or folder) / f"{folder.stem}.pdf" for folder in options.cases]
    _check_first(options, targets)
    status = DONE
    for folder, target in zip(options.cases, targets, strict=True):
        try:
            if options.out:
                make_folder(options.out)
            _one(folder, target, wanted)
        except StationError as error:
            say(f"failed   {shown_name(str(folder))}: {error.sentence}", error=True)
            status = SOME_FAILED
        else:
            say(f"written: {shown_name(str(target))}")
    return status


def _check_first(options: argparse.Namespace, targets: list[Path]) -> None:
    """Refuse reports that would replace something else, before the first is made."""
    if options.out and not options.out.exists():
        check_folder(options.out, "--out", REPORT)
    inputs = [*options.cases, *([options.out] if options.out else [])]
    for place, (folder, target) in enumerate(zip(options.cases, targets, strict=True)):
        if target in targets[:place]:
            sentence = (
                f"Two of these cases would be reported to the same file, {shown_name(target)}. "
                "Report them into folders of their own with --out."
            )
            raise StationError("bad-output", sentence)
        if not target.exists():
            check_outputs([Output("report", target, REPORT)], inputs=inputs)
            continue
        with Case.open(folder, read_only=True) as case:
            check_outputs([Output("report", target, REPORT)], inputs=inputs, force=options.force, owner=case)


def _one(folder: Path, target: Path, wanted: ReportOptions) -> None:
    """Write one report; what is more than a draft is kept in the case and entered into its trail."""
    draft = wanted.status == ReportStatus.DRAFT
    if wanted.anonymise:
        free_text.draw_secret(folder)
    with Case.open(folder, read_only=draft) as case:
        snapshot = case.snapshot()
        if wanted.anonymise:
            free_text.name_withheld(snapshot, wanted, travels=False)
        # Each report is an export of its own.
        one = replace(wanted, anonymity=replace(wanted.anonymity, nonce=new_nonce()))
        made = reporting.make(case, snapshot, one)
        if made.content.clock_remark:
            say(f"note     {shown_name(str(folder))}: {made.content.clock_remark}", error=True)
        if not draft:
            reporting.keep(case, made, file=target.name)
    reporting.write(made, target)


def _verify(options: argparse.Namespace) -> int:
    from allstation.report.verify import verify_report

    findings, remark = verify_report(options.report), ""
    if options.case:
        with Case.open(options.case, read_only=True) as case:
            findings = verify_report(options.report, case.snapshot())
            found, remark = _in_audit_log(case, options.report)
            findings += found
    for finding in findings:
        say(finding)
    if not findings:
        say(f"{options.report}: the pages, the embedded data{' and the case' if options.case else ''} agree")
    if remark:
        say(remark)
    return SOME_FAILED if findings else DONE


def _in_audit_log(case: Case, report: Path) -> tuple[list[str], str]:
    """Look a report up in its case: these very bytes, and whether a later one replaced them."""
    from allstation.report.verify import embedded_data

    status = ReportStatus(embedded_data(report)["content"]["status"])
    digest = hashlib.sha256(report.read_bytes()).hexdigest()
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
