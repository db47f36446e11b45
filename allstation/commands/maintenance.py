"""``allstation audit`` and ``allstation repair``."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import say, say_lines
from allstation.store import maintenance
from allstation.store.case import Case


def run(options: argparse.Namespace) -> int:
    """Run the named command on one case; status 1 when something is wrong with it."""
    if options.command == "repair":
        report = maintenance.repair_case(options.case)
        say_lines(report.text())
        return DONE if report.kept is not None or report.broken is None else SOME_FAILED
    if options.accept:
        _accept(options.case, options.accept)
    finding = maintenance.audit_case(options.case)
    say_lines(finding.text())
    status = DONE if finding.intact else SOME_FAILED
    if options.compare:
        compared = maintenance.compare_with_anchor(options.case, options.compare)
        say(compared.text)
        status = max(status, DONE if compared.holds else SOME_FAILED)
    if options.anchor:
        say(maintenance.write_anchor(options.case, options.anchor))
    return status


def _accept(folder: Path, reason: str) -> None:
    with Case.open(folder) as case:
        case.provenance.accept(reason)
    say("accepted: the trail keeps who went on with this copy, and why")
