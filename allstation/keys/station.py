"""Key of this station: made at the first need, kept in the profile for its owner alone."""

from __future__ import annotations

import base64
import json
import logging
import os
import platform
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from allstation import paths
from allstation.core.audit import canonical
from allstation.core.text import shown_name
from allstation.files import create_private, part_path
from allstation.keys.signing import SignatureError, SigningKey, new_secret

_log = logging.getLogger(__name__)
STATION: Final = "station"
_FILE: Final = "station-key.json"
_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE: Final = 0o700
_LONGEST_NAME: Final = 60


def station_key_path() -> Path:
    """Return where the station's private key is kept (not created here)."""
    return paths.data_folder() / "keys" / _FILE


def station_key() -> SigningKey:
    """Return the station's key; it is made when there is none.

    A profile that cannot be written has a key of this process only: what it signs can be verified, and is
    of a station that nobody knows.
    """
    return _key(station_key_path())


@cache
def _key(path: Path) -> SigningKey:
    try:
        return _read(path) if path.exists() else _made(path)
    except OSError as error:
        _log.warning("the station's key cannot be kept: %s", error.strerror)
        return SigningKey(new_secret(), name=f"{station_name()} (without a profile)", role=STATION)


def station_name() -> str:
    """Return what this computer is called."""
    return shown_name(platform.node())[:_LONGEST_NAME] or "a computer without a name"


def _made(path: Path) -> SigningKey:
    """Make the key; of several processes that do so at once, all get the same one."""
    path.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    stored = {"version": 1, "name": station_name(), "private": base64.b64encode(new_secret()).decode()}
    part = part_path(path)
    try:
        with create_private(part) as file:
            file.write(canonical(stored).encode())
            file.flush()
            os.fsync(file.fileno())
        _place(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return _read(path)


def _place(part: Path, path: Path) -> None:
    """Give a finished file its name unless another process was faster."""
    with suppress(FileExistsError):
        try:
            os.link(part, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if not path.exists():
                part.rename(path)


def _read(path: Path) -> SigningKey:
    try:
        stored = json.loads(path.read_bytes())
        secret = base64.b64decode(stored["private"], validate=True)
        key = SigningKey(secret, name=str(stored["name"])[: 2 * _LONGEST_NAME], role=STATION)
    except (ValueError, KeyError, TypeError, SignatureError):
        _log.warning("the station's key is damaged; a new one is made")
        path.replace(path.with_name(f"{path.name}.damaged-{os.urandom(4).hex()}"))
        return _made(path)
    if os.name == "posix" and path.stat().st_mode & _OPEN_TO_OTHERS:
        _log.warning("the station's key could be read by others; it cannot any more")
        path.chmod(0o600)
    return key
