"""Warning of the commands that use a model whose maker nobody here knows."""

from __future__ import annotations

from allstation.commands.printing import say
from allstation.core.text import shown_name
from allstation.inference.bundle import ModelBundle
from allstation.inference.trust import require_accepted


def name_unknown_maker(bundle: ModelBundle) -> None:
    """Name a model of an unknown maker on the terminal; scripts go on with it.

    Raises:
        StationError: ``unknown-maker`` for one that bears the name of a model that ships and is none.
    """
    trust = bundle.trust
    if trust.impostor:
        require_accepted(trust, bundle.name)
    if not trust.is_known:
        accepted = "; somebody here accepted it" if trust.accepted else ""
        say(f"WARNING  the model {shown_name(bundle.name)} {shown_name(bundle.version)} is not known: "
            f"{trust.text}{accepted}", error=True)  # fmt: skip
