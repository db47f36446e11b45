"""Key of a laboratory: made and kept by an administrator, in a file that a password opens."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from allstation.core.audit import canonical
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import shown_name, storable
from allstation.files import create_private
from allstation.keys.signing import PublicKey, SigningKey, new_secret

LABORATORY: Final = "laboratory"
KIND: Final = "allstation-laboratory-key"
SHORTEST_PASSWORD: Final = 10
_COST: Final = 2**17
"""Of scrypt (RFC 7914) with blocks of 8: 128 MB and about half a second a try."""
_COSTS: Final = (2**15, 2**16, _COST, 2**18)
"""That a key file may ask for."""
_BLOCK: Final = 8
_SALT: Final = 16
_NONCE: Final = 12
_LONGEST_FILE: Final = 16 * 1024
_LONGEST_NAME: Final = 60


def make_laboratory_key(path: Path, *, name: str, password: str) -> PublicKey:
    """Make a key and write it, closed with a password (scrypt and ChaCha20-Poly1305).

    Args:
        path: A file that is not there yet.
        name: Of the laboratory.
        password: At least 10 characters.

    Returns:
        The public half, for the stations that are to trust it.

    Raises:
        StationError: ``weak-password``, ``name-needed``, ``not-written``.
    """
    if len(password) < SHORTEST_PASSWORD:
        sentence = f"The password has {len(password)} characters: choose at least {SHORTEST_PASSWORD}."
        raise StationError("weak-password", sentence)
    called = storable(name).strip()
    if not called or len(called) > _LONGEST_NAME:
        sentence = (
            f"The laboratory needs a name of 1 to {_LONGEST_NAME} characters; it is printed in reports."
        )
        raise StationError("name-needed", sentence)
    secret, salt, nonce = new_secret(), os.urandom(_SALT), os.urandom(_NONCE)
    public = SigningKey(secret, name=called, role=LABORATORY).public
    stored = {
        "kind": KIND,
        "version": 1,
        "name": called,
        "public": public.text,
        "scrypt": {"n": _COST, "r": _BLOCK, "p": 1},
        "salt": _text(salt),
        "nonce": _text(nonce),
        "box": _text(_cipher(password, salt, cost=_COST).encrypt(nonce, secret, _bound(called, public))),
    }
    try:
        with create_private(path) as file:
            file.write(f"{json_text(stored)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        sentence = f"{shown_name(path)} is there already: a key is never replaced. Choose another name."
        raise StationError("not-written", sentence) from error
    except OSError as error:
        sentence = f"{shown_name(path)} cannot be written ({error.strerror or error}): choose another place."
        raise StationError("not-written", sentence) from error
    return public


def open_laboratory_key(path: Path, password: str) -> SigningKey:
    """Open a laboratory's key with its password.

    Raises:
        StationError: ``bad-key`` if it is no such file, ``wrong-password``.
    """
    from cryptography.exceptions import InvalidTag

    stored = _stored(path)
    try:
        name, public = str(stored["name"]), PublicKey.from_text(stored["public"])
        parts = (base64.b64decode(stored[part], validate=True) for part in ("salt", "nonce", "box"))
        salt, nonce, box = parts
        cipher = _cipher(password, salt, cost=_cost(stored["scrypt"]))
        secret = cipher.decrypt(nonce, box, _bound(name, public))
        key = SigningKey(secret, name=name, role=LABORATORY)
    except InvalidTag as error:
        sentence = f"The password does not open {shown_name(path)}, or the file was changed: try again."
        raise StationError("wrong-password", sentence) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _no_key(path) from error
    if key.public != public:
        raise _no_key(path)
    return key


def _stored(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise _no_key(path)
        stored = json.loads(path.read_bytes())
    except OSError as error:
        sentence = f"{shown_name(path)} cannot be read ({error.strerror or error})."
        raise StationError("bad-key", sentence) from error
    except (ValueError, RecursionError) as error:
        raise _no_key(path) from error
    if not isinstance(stored, dict) or stored.get("kind") != KIND or stored.get("version") != 1:
        raise _no_key(path)
    return stored


def _cost(figures: Mapping[str, Any]) -> int:
    """Return the cost of scrypt if it is one that this program could have written.

    Raises:
        ValueError: If not: a hostile file could ask for all memory.
    """
    cost = figures["n"]
    if cost not in _COSTS or (figures["r"], figures["p"]) != (_BLOCK, 1):
        raise ValueError("other figures of scrypt")
    return int(cost)


def _no_key(path: Path) -> StationError:
    sentence = f"{shown_name(path)} is not the key of a laboratory: choose the file that the key was made in."
    return StationError("bad-key", sentence)


def _cipher(password: str, salt: bytes, *, cost: int) -> Any:  # noqa: ANN401 - the library is loaded here
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    kdf = Scrypt(salt=salt, length=32, n=cost, r=_BLOCK, p=1)
    return ChaCha20Poly1305(kdf.derive(password.encode()))


def _bound(name: str, public: PublicKey) -> bytes:
    """Return what the box is bound to, so that nobody gives the key another name."""
    return canonical({"name": name, "public": public.text}).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
