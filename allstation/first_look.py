"""``allstation --demo``: the program on a case of synthetic fields, with or without a display."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from allstation import cli, paths
from allstation.commands import WRONG_USAGE
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.imaging import synthetic

FIELDS = 24


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Tell whether a window can be opened.

    Args:
        environment: The process's environment.
        platform: As ``sys.platform``. Only on Linux can a display be missing.
    """
    if not platform.startswith("linux"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def demo_folder() -> Path:
    """Return the folder of demo fields and demo case, below the user's cases."""
    return paths.cases_folder() / "Demo"


def prepare() -> tuple[Path, Path]:
    """Write the demo fields unless they are there.

    Returns:
        The folder of fields and the folder of the case, which may not exist yet.

    Raises:
        StationError: ``demo-failed`` if the fields cannot be written.
    """
    fields = demo_folder() / "fields"
    try:
        if len(list(fields.rglob("*.jpg"))) < FIELDS:
            synthetic.write_demo(fields, fields=FIELDS, seed=1)
    except OSError as error:
        sentence = (
            f"The demo fields could not be written to {fields} ({error.strerror}). "
            "Make space, or name another folder with --profile."
        )
        raise StationError("demo-failed", sentence) from error
    return fields, demo_folder() / "Demo.allcase"


def classify_without_window() -> int:
    """Do the window's job on the demo fields and say where the PDF, CSV and JSON are."""
    fields, case = prepare()
    say("No display was found, so the demo runs on the command line.")
    outputs = {f"--{kind}": str(demo_folder() / f"demo.{kind}") for kind in ("csv", "json")}
    outputs["--report"] = str(demo_folder() / "demo.pdf")
    options = [part for pair in outputs.items() for part in pair]
    return cli.main(["classify", str(fields), "--case", str(case), *options])


def run(rest: list[str]) -> int:
    """Open the window on the demo case, or do the same without one.

    Args:
        rest: Further arguments of the window.

    Returns:
        The exit status.
    """
    profile = _profile(rest)
    if profile:
        os.environ[paths.PROFILE_VARIABLE] = profile
    try:
        if not has_display(os.environ, sys.platform):
            return classify_without_window()
        fields, case = prepare()
    except StationError as error:
        say(f"allstation: {error.sentence}", error=True)
        return WRONG_USAGE
    from allstation import app

    return app.main(["--case", str(case), str(fields), *rest])


def _profile(rest: list[str]) -> str | None:
    """Return the profile the window is asked for: the demo must lie in it, and is written before."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile")
    profile: str | None = parser.parse_known_args(rest)[0].profile
    return profile
