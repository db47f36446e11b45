"""``allstation report`` and ``allstation verify-report``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot
from allstation.report.options import ReportOptions
from allstation.store.case import Case


def run(options: argparse.Namespace) -> int:
    """Write or verify; status 1 when a case could not be reported or a report does not hold."""
    return _verify(options) if options.command == "verify-report" else _write(options)


def _snapshot(folder: Path) -> CaseSnapshot:
    with Case.open(folder, read_only=True) as case:
        return case.snapshot()


def _write(options: argparse.Namespace) -> int:
    from allstation.report.pdf import write_pdf

    wanted = ReportOptions(
        template=options.template, page_size=options.page_size, anonymise=not options.show_patient
    )
    status = 0
    for folder in options.cases:
        try:
            target = (options.out or folder) / f"{folder.stem}.pdf"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_pdf(_snapshot(folder), target, wanted)
        except StationError as error:
            print(f"failed   {folder}: {error.sentence}", file=sys.stderr)
            status = 1
        else:
            print(f"written: {target}")
    return status


def _verify(options: argparse.Namespace) -> int:
    from allstation.report.verify import verify_report

    findings = verify_report(options.report, _snapshot(options.case) if options.case else None)
    for finding in findings:
        print(finding)
    if not findings:
        print(
            f"{options.report}: the pages, the embedded data{' and the case' if options.case else ''} agree"
        )
    return 1 if findings else 0
