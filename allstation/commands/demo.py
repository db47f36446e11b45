"""``allstation demo``: write synthetic fields."""

from __future__ import annotations

import argparse

from allstation.imaging import synthetic


def run(options: argparse.Namespace) -> int:
    """Write the fields and say where they are."""
    written = synthetic.write_demo(
        options.folder, fields=options.fields, seed=options.seed, labelled=options.labelled
    )
    print(f"{len(written)} synthetic fields written to {options.folder}")
    return 0
