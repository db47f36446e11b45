"""``allstation models``: list, show and verify model bundles."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation import paths
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import say, say_lines
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.inference.bundle import SUFFIX, ModelBundle, default_bundle_path
from allstation.inference.reference import verify_reference


def known_bundles() -> list[Path]:
    """Return the shipped bundle and those of the user, shipped first."""
    own = paths.data_folder() / "models"
    return [default_bundle_path(), *sorted(own.glob(f"*{SUFFIX}"))]


def run(options: argparse.Namespace) -> int:
    """Do the chosen action; a bundle that fails is named and the status is 1."""
    if options.action == "list":
        return _list()
    bundle = ModelBundle.open(options.bundle or default_bundle_path())
    if options.action == "show":
        say_lines(json_text({**bundle.info, "sha256": bundle.sha256}, indent=2))
        return DONE
    difference = verify_reference(bundle)
    say(f"{bundle.name} {bundle.version}: checksums match; "
          f"reference fields differ by at most {difference:.1e}")  # fmt: skip
    return DONE


def _list() -> int:
    status = DONE
    for path in known_bundles():
        try:
            bundle = ModelBundle.open(path)
        except StationError as error:
            say(f"refused  {error.sentence}")
            status = SOME_FAILED
        else:
            say(f"{bundle.name} {bundle.version}  {bundle.sha256[:12]}  {', '.join(bundle.classes)}  {path}")
    return status
