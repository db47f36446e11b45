"""``allstation audit`` and ``allstation repair``."""

from __future__ import annotations

import argparse

from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import say_lines
from allstation.store import maintenance


def run(options: argparse.Namespace) -> int:
    """Run the named command on one case; status 1 when something is wrong with it."""
    if options.command == "repair":
        report = maintenance.repair_case(options.case)
        say_lines(report.text())
        return DONE if report.kept is not None or report.broken is None else SOME_FAILED
    finding = maintenance.audit_case(options.case)
    say_lines(finding.text())
    return DONE if finding.intact else SOME_FAILED
