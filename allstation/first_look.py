"""``allstation --demo``: the program on a case of synthetic fields, with or without a display."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from allstation import cli, paths
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
    """
    fields = demo_folder() / "fields"
    if len(list(fields.rglob("*.jpg"))) < FIELDS:
        synthetic.write_demo(fields, fields=FIELDS, seed=1)
    return fields, demo_folder() / "Demo.allcase"


def classify_without_window() -> int:
    """Do the window's job on the demo fields and say where the PDF, CSV and JSON are."""
    fields, case = prepare()
    print("No display was found, so the demo runs on the command line.")
    outputs = {f"--{kind}": str(demo_folder() / f"demo.{kind}") for kind in ("csv", "json")}
    outputs["--report"] = str(demo_folder() / "demo.pdf")
    options = [part for pair in outputs.items() for part in pair]
    return cli.main(["classify", str(fields), "--case", str(case), *options])


def run(rest: list[str]) -> int:
    """Open the window on the demo case, or do the same without one.

    Args:
        rest: Further arguments of the window.
    """
    if not has_display(os.environ, sys.platform):
        return classify_without_window()
    from allstation import app

    fields, case = prepare()
    return app.main(["--case", str(case), str(fields), *rest])
