"""``allstation demo``: write synthetic fields."""

from __future__ import annotations

import argparse

from allstation.commands import DONE
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging import synthetic


def run(options: argparse.Namespace) -> int:
    """Write the fields and say where they are.

    Raises:
        StationError: ``not-written`` with the reason.
    """
    try:
        written = synthetic.write_demo(
            options.folder, fields=options.fields, seed=options.seed, labelled=options.labelled
        )
    except OSError as error:
        where, reason = shown_name(options.folder), error.strerror or "the system refused"
        sentence = f"No fields could be written to {where} ({reason}). Choose another folder or make space."
        raise StationError("not-written", sentence) from error
    say(f"{len(written)} synthetic fields written to {options.folder}")
    return DONE
