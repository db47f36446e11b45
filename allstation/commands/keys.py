"""``allstation keys``: this station's key, a laboratory's key, and whose keys are trusted."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

from allstation.commands import DONE
from allstation.commands.passwords import read_password
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import shown_name
from allstation.files import write_atomically
from allstation.keys.laboratory import LABORATORY, make_laboratory_key
from allstation.keys.release import release_keys
from allstation.keys.signing import PublicKey
from allstation.keys.station import station_key
from allstation.keys.trust_store import OTHER, TrustStore

PUBLIC_KIND: Final = "allstation-public-key"
_LONGEST_FILE: Final = 16 * 1024


def run(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    if options.action == "list":
        return _list()
    if options.file is None:
        raise StationError("bad-key", f"“keys {options.action}” needs the name of a file.")
    if options.action == "make":
        return _make(options.file, options.name)
    if options.action == "export":
        own = station_key()
        return _write_public(options.file, own.public, own.name, own.role)
    key, name = read_public(options.file)
    store = TrustStore.load()
    if options.action == "trust":
        role = LABORATORY if options.laboratory else OTHER
        store.trusting(key, name=options.name or name, role=role).save()
        say(f"trusted: {shown_name(options.name or name)}, key {key.fingerprint}. Compare this key with its "
            "owner, by telephone or on paper.")  # fmt: skip
    else:
        store.without(key).save()
        say(f"not trusted any more: key {key.fingerprint}")
    return DONE


def _list() -> int:
    for key, name in release_keys().names.items():
        say(f"release     {key.fingerprint}  {name}")
    own = station_key()
    say(f"station     {own.public.fingerprint}  {own.name}")
    store = TrustStore.load()
    for one in store.keys:
        say(f"{one.role:11} {one.public.fingerprint}  {one.name} (since {one.added}, by {one.by})")
    for accepted in store.accepted:
        say(f"one bundle  {accepted.sha256[:12]}  {accepted.name} (since {accepted.added}, by {accepted.by})")
    return DONE


def _make(path: Path, name: str) -> int:
    password = read_password("Password for the new key", None, twice=True)
    public = make_laboratory_key(path, name=name, password=password)
    say(f"written: {shown_name(str(path))}. Keep it where only administrators can read it.")
    return _write_public(path.with_name(f"{path.stem}.public.json"), public, name, LABORATORY)


def _write_public(path: Path, key: PublicKey, name: str, role: str) -> int:
    stored = {"kind": PUBLIC_KIND, "version": 1, "name": name, "role": role, "key": key.text}
    try:
        write_atomically(path, f"{json_text(stored)}\n".encode())
    except OSError as error:
        sentence = f"{shown_name(path)} cannot be written ({error.strerror or error}): choose another place."
        raise StationError("not-written", sentence) from error
    say(f"written: {shown_name(str(path))}, the public key {key.fingerprint} of {shown_name(name)}")
    return DONE


def read_public(path: Path) -> tuple[PublicKey, str]:
    """Read a public key and the name in its file; also from a bundle's signature.

    Raises:
        StationError: ``bad-key``.
    """
    try:
        with path.open("rb") as file:
            stored = json.loads(file.read(_LONGEST_FILE))
        return PublicKey.from_text(stored["key"]), str(stored.get("name", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        sentence = (
            f"{shown_name(path)} holds no public key: take the file that “allstation keys export” or “keys "
            "make” wrote on the other computer, or the .sig file beside a bundle."
        )
        raise StationError("bad-key", sentence) from error
