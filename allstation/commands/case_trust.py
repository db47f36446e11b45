"""Warnings about a case whose history does not hold, as the window gives them at opening."""

from __future__ import annotations

from allstation.commands.printing import say
from allstation.core.text import shown_name
from allstation.store.case import Case


def warn_of_history(case: Case, name: str) -> None:
    """Print a warning on stderr if the trail is broken or the case is an older copy.

    Args:
        case: Open.
        name: What the warning calls it.
    """
    broken = case.audit.verify()
    remark = case.provenance.remark
    if broken is not None:
        remark = (
            f"The audit trail of this case is broken: {broken.sentence} Do not rely on what is written from "
            "it; nothing can be signed. Compare it with a backup."
        )
    if remark:
        say(f"WARNING  {shown_name(name)}: {remark}", error=True)
