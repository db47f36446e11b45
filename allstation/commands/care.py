"""``allstation audit`` and ``allstation repair``."""

from __future__ import annotations

import argparse

from allstation.store import care


def run(options: argparse.Namespace) -> int:
    """Run the named command on one case; status 1 when something is wrong with it."""
    if options.command == "repair":
        print(care.repair_case(options.case).text())
        return 0
    finding = care.audit_case(options.case)
    print(finding.text())
    return 0 if finding.intact else 1
