"""``allstation certificate``: certificates that sign reports, and whose signatures count."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation import paths
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.passwords import read_password
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.report.atomic import write_whole
from allstation.report.signing.time_stamps import TimeStampServer
from allstation.services.reports import signatures
from allstation.services.settings import SettingsFile

_NEEDED = {
    "make": "the file to write, such as signer.p12",
    "trust": "a file with a certificate or a revocation list",
    "forget": "the SHA-256 of a certificate",
    "time-stamp-server": "the address of a server, or none",
}


def run(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    if options.action in _NEEDED and not options.what:
        sentence = f"certificate {options.action} needs {_NEEDED[options.action]}."
        raise StationError("bad-certificate", sentence)
    actions = {
        "make": _make,
        "list": _list,
        "trust": _trust,
        "forget": _forget,
        "time-stamp-server": _server,
    }
    return actions[options.action](options)


def _make(options: argparse.Namespace) -> int:
    target = Path(options.what)
    if options.authority is not None and options.authority.exists():
        sentence = f"{shown_name(options.authority)} is there already: choose another name."
        raise StationError("bad-certificate", sentence)
    password = read_password("Password for the new private key", options.password_file, twice=True)
    made = signatures.make(target, name=options.name, laboratory=options.laboratory, password=password)
    facts = made.signer
    until = facts.not_after.date()
    say(f"written: {shown_name(target)}, a self-made certificate of {facts.name}, valid until {until}")
    say(f"         SHA-256 {facts.sha256}; its authority is trusted on this station")
    if options.authority is not None:
        write_whole(options.authority, made.authority, private=False)
        say(f"written: {shown_name(options.authority)}, which other stations must trust")
    return DONE


def _list(_options: argparse.Namespace) -> int:
    settings = SettingsFile(paths.config_folder()).value
    chosen = signatures.chosen_certificate(settings)
    if chosen is not None:
        digest = chosen.certificate_sha256[:16]
        say(f"signs    {digest}  {chosen.name}, issued by {chosen.issuer}, until {chosen.valid_until}")
    say(f"time stamps: {settings.time_stamp_server or 'none'}")
    for anchor in signatures.trust_store().anchors():
        facts = anchor.facts
        kind = "self-made" if facts.self_made else facts.organisation or "no organisation"
        until = facts.not_after.date()
        say(f"trusted  {facts.sha256[:16]}  {facts.name}  ({kind}), until {until}")
    return DONE


def _trust(options: argparse.Namespace) -> int:
    path, store = Path(options.what), signatures.trust_store()
    if path.suffix.lower() == ".crl":
        store.add_revocations(path)
        say(f"taken: the revocation list {shown_name(path)}")
        return DONE
    facts = store.add(path)
    say(f"trusted: {facts.name}, issued by {facts.issuer}, until {facts.not_after.date()}")
    say(f"         SHA-256 {facts.sha256}: compare it with what its owner tells you")
    return DONE


def _forget(options: argparse.Namespace) -> int:
    store, wanted = signatures.trust_store(), options.what.strip().lower()
    known = [one.facts for one in store.anchors() if wanted and one.facts.sha256.startswith(wanted)]
    if len(known) != 1:
        say(f"{len(known)} trusted certificates begin with {wanted!r}: nothing was changed.", error=True)
        return SOME_FAILED
    store.remove(known[0].sha256)
    say(f"no longer trusted: {known[0].name}")
    return DONE


def _server(options: argparse.Namespace) -> int:
    address = "" if options.what == "none" else options.what
    if address:
        say(f"time stamps are asked of {TimeStampServer(address).host} at each digital signature")
    else:
        say("no time stamps are asked for")
    SettingsFile(paths.config_folder()).change(time_stamp_server=address)
    return DONE
