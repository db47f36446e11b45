"""Paths of the files that ship with the program and of those that belong to the user."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from allstation.core.errors import StationError

_APP = "allstation"
PROFILE_VARIABLE = "ALLSTATION_PROFILE"
"""When set, every folder of the user lies below it: a fresh profile for tests and support."""


def resource(name: str) -> Path:
    """Return a file that ships with the program, in a checkout, an installed wheel or frozen.

    Args:
        name: Path below ``resources/`` with forward slashes.

    Raises:
        StationError: ``missing-resource`` if it is not there.
    """
    for base in _resource_roots():
        candidate = base / name
        if candidate.exists():
            return candidate
    sentence = f"The program's own file {name!r} is missing. Install ALL Station again."
    raise StationError("missing-resource", sentence)


def _resource_roots() -> tuple[Path, ...]:
    frozen = getattr(sys, "_MEIPASS", None)
    package = Path(__file__).resolve().parent
    roots = (package / "_resources", package.parent / "resources")
    return (Path(frozen) / "resources", *roots) if frozen else roots


def _user(kind: str) -> Path:
    profile = os.environ.get(PROFILE_VARIABLE)
    if profile:
        return Path(profile).expanduser().resolve() / kind
    import platformdirs

    dirs = platformdirs.PlatformDirs(_APP, appauthor=False, roaming=False)
    if kind == "config":  # only the one that is asked for: the key of every sealed entry asks for one
        return dirs.user_config_path
    return dirs.user_data_path if kind == "data" else dirs.user_log_path


def config_folder() -> Path:
    """Return the folder of the user's settings (not created here)."""
    return _user("config")


def data_folder() -> Path:
    """Return the folder of the user's model bundles and training runs (not created here)."""
    return _user("data")


def log_folder() -> Path:
    """Return the folder of logs and local crash reports (not created here)."""
    return _user("logs")


def cases_folder() -> Path:
    """Return where new cases are offered to be kept (not created here)."""
    profile = os.environ.get(PROFILE_VARIABLE)
    if profile:
        return _user("cases")
    import platformdirs

    return platformdirs.user_documents_path() / "ALL Station"


def login_name(default: str = "unknown") -> str:
    """Return the login name, or the default on a system that has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return default
