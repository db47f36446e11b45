"""Attacks by files that somebody sends: whole slides, join files, archives with their manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.attacks import Ground, Seen

_SECONDS = 60
_MODEL = "ab"
_ENTRY = {
    "slide": "a",
    "folder": "/a",
    "state": "s",
    "fields": 1,
    "done": 1,
    "failed": 0,
    "refused": 0,
    "digest": "0",
    "sha256": "",
}


def _told(*command: object) -> Seen:
    """Run a command that must refuse what it is given with a sentence."""
    from tests.faults import attacks

    done = attacks.run(*command, timeout=_SECONDS)
    lines = attacks._lines(done.stdout, done.stderr)
    held = done.returncode in {1, 2} and bool(lines) and attacks._plain(done.stdout, done.stderr)
    return attacks.Seen(lines[-1] if lines else "", held)


def pipe(ground: Ground) -> Seen:
    folder = ground.place / "scans"
    folder.mkdir()
    os.mkfifo(folder / "\x1b[31ma.svs")
    return _told("classify", folder)


def index(ground: Ground) -> Seen:
    """Let an index name the picture of a folder beside it."""
    import numpy as np

    from tests.unit.imaging.readers.scanner_files import write_vms

    other, own = ground.place / "other", ground.place / "own"
    for folder in (other, own):
        folder.mkdir()
        write_vms(folder / "a.vms", np.full((512, 512, 3), 200, np.uint8))
    text = (own / "a.vms").read_text()
    (own / "a.vms").write_text(text.replace("=image.jpg", f"=../{other.name}/image.jpg"))
    return _told("classify", own)


def join_file(ground: Ground) -> Seen:
    path = ground.place / "pc7.alljoin"
    path.write_text("[" * 60_000)
    return _told("cluster", "status", path)


def _archive(folder: Path, **entry: object) -> Path:
    from allstation.processing.archive.manifest import CASES, MANIFEST, Manifest

    Manifest.begin(folder, form=CASES, model=_MODEL).close(complete=True)
    with (folder / MANIFEST).open("a") as manifest:
        manifest.write(json.dumps(_ENTRY | entry) + "\n")
    return folder


def manifest(**entry: object) -> Callable[[Ground], Seen]:
    def attack(ground: Ground) -> Seen:
        return _told("archive", "--verify", _archive(ground.place / "archive", **entry))

    return attack


def linked_manifest(ground: Ground) -> Seen:
    from allstation.processing.archive.manifest import MANIFEST
    from tests.faults.attacks import Seen

    folder, mine = _archive(ground.place / "archive", file="cases/a.allcase"), ground.place / "mine.txt"
    (folder / MANIFEST).rename(mine)
    (folder / MANIFEST).symlink_to(mine)
    before = mine.read_bytes()
    seen = _told("archive", ground.base / "fields", "--out", folder)
    return Seen(seen.text, seen.held and mine.read_bytes() == before and "is a link" in seen.text)


ATTACKS: dict[str, tuple[str, Callable[[Ground], Seen]]] = {
    "pipe with the name of a slide": ("refused, not waited for", pipe),
    "slide whose index names another's picture": ("refused", index),
    "join file nested 60,000 deep": ("a sentence", join_file),
    "archive whose manifest names a case elsewhere": ("damage", manifest(file="../a.allcase")),
    "archive whose manifest has other types": ("damage", manifest(file="cases/a.allcase", fields="many")),
    "archive whose manifest is a link to a file of the user": ("refused, file untouched", linked_manifest),
}
