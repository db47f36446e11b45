"""``allstation report`` and ``allstation verify-report``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from allstation import paths
from allstation.commands import DONE, SOME_FAILED, free_text
from allstation.commands.case_trust import warn_of_history
from allstation.commands.passwords import read_password
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.pseudonyms import new_nonce
from allstation.core.reports import ReportStatus
from allstation.core.text import shown_name
from allstation.imaging.output_kinds import REPORT
from allstation.imaging.outputs import Output, check_folder, check_outputs
from allstation.keys.people import Naming, People
from allstation.report.atomic import make_folder
from allstation.report.content.options import ReportOptions
from allstation.services.reports import reporting, signatures
from allstation.services.reports.control_hold import note_control
from allstation.services.settings import Settings, SettingsFile
from allstation.store.case import Case

if TYPE_CHECKING:
    from allstation.report.signing.certificates import SigningKey


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
        conclusion=options.conclusion,
        comment=options.comment,
        annex=options.annex,
        letterhead=reporting.letterhead(settings),
        anonymity=free_text.anonymity(options),
        count_proposals=settings.count_proposals,
    )
    signs = ReportStatus(options.status).locks and People.load().naming is Naming.PIN
    pin = read_password(f"PIN of {shown_name(options.signed_by)}", None) if signs else ""
    targets = [(options.out or folder) / f"{folder.stem}.pdf" for folder in options.cases]
    _check_first(options, targets)
    key = _signing_key(options, wanted)
    if key is not None:
        wanted = replace(wanted, signature=signatures.block_of(key.facts, settings.time_stamp_server))
    status = DONE
    for folder, target in zip(options.cases, targets, strict=True):
        try:
            if options.out:
                make_folder(options.out)
            _one(folder, target, wanted, _Signing(key, settings, pin))
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


def _signing_key(options: argparse.Namespace, wanted: ReportOptions) -> SigningKey | None:
    """Return the key to sign with, after its password was asked; None without a certificate."""
    if options.certificate is None:
        return None
    if not ReportStatus(wanted.status).locks:
        sentence = (
            f"A {wanted.status} report is not signed digitally: leave --certificate out, or make it final."
        )
        raise StationError("bad-report-option", sentence)
    from allstation.report.signing.certificates import read_signing_file

    question = f"Password of {shown_name(options.certificate)}"
    return read_signing_file(options.certificate, read_password(question, options.password_file))


@dataclass(frozen=True, slots=True)
class _Signing:
    """Signing options of the command: signer, PIN and digital signature.

    Attributes:
        key: Of the certificate; None to sign without one.
        settings: Name the server of time stamps.
        pin: Of who signs, where people are named by it.
    """

    key: SigningKey | None
    settings: Settings
    pin: str


def _one(folder: Path, target: Path, wanted: ReportOptions, signing: _Signing) -> None:
    """Write one report; what is more than a draft is kept in the case and entered into its trail."""
    draft = wanted.status == ReportStatus.DRAFT
    if wanted.anonymise:
        free_text.draw_secret(folder)
    with Case.open(folder, read_only=draft) as case:
        remark = note_control(case)
        if remark:
            say(f"CONTROL  {shown_name(str(folder))}: {remark}", error=True)
        snapshot = case.snapshot()
        if wanted.anonymise:
            free_text.name_withheld(snapshot, wanted, travels=False)
            if signing.key is not None:
                say(f"lets go:  the signer, whom a digital signature names: {shown_name(wanted.reviewer)}")
        # Each report is an export of its own.
        one = replace(wanted, anonymity=replace(wanted.anonymity, nonce=new_nonce()))
        made = reporting.make(case, snapshot, one)
        if draft:  # what is more is refused
            warn_of_history(case, str(folder))
        if made.content.clock_remark:
            say(f"note     {shown_name(str(folder))}: {made.content.clock_remark}", error=True)
        if signing.key is not None:
            made = signatures.sign(made, signing.key, server=signing.settings.time_stamp_server)
        if not draft:
            reporting.keep(case, made, file=target.name, pin=signing.pin)
    reporting.write(made, target)


def _verify(options: argparse.Namespace) -> int:
    from allstation.report.verification.parts import Verdict

    found = signatures.verify(options.report, options.case)
    for one in found.parts:
        heading = "" if one.verdict is Verdict.NOTE else f"{one.verdict}: "
        for number, sentence in enumerate(one.sentences):
            say(f"{one.part if number == 0 else '':18} {heading if number == 0 else ''}{sentence}")
    return DONE if found.holds else SOME_FAILED
