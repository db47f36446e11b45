"""Compile the set-up for Windows with NSIS, which runs on Linux as well."""

from __future__ import annotations

import subprocess
from pathlib import Path

import parts

SCRIPT = Path(__file__).resolve().parent / "windows" / "allstation.nsi"


def compile_setup(payload: Path, target: Path, *, edition: str, icon: Path | None = None) -> Path:
    """Compile ``windows/allstation.nsi``; every warning is an error.

    Args:
        payload: The program folder to pack.
        target: The set-up to write.
        edition: ``full`` or ``classify-only``.
        icon: ``.ico`` file of the set-up.
    """
    defines = {
        "VERSION": parts.version(),
        "EDITION": edition,
        "PAYLOAD": str(payload),
        "LICENCE": str(parts.ROOT / "LICENSE"),
        "OUTFILE": str(target),
    }
    if icon is not None:
        defines["ICON"] = str(icon)
    command = ["makensis", "-V2", "-WX", *(f"-D{name}={value}" for name, value in defines.items())]
    subprocess.run([*command, str(SCRIPT)], check=True)
    return target
