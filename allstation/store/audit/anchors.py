"""Anchors: heads of audit logs that this station has seen, signed and kept outside of the cases.

The profile holds one list of them; a folder that several stations share may hold one list a station. A case
whose audit log lacks a head that is in a list is an older copy, or its history was rewritten.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from allstation import paths
from allstation.core.audit import canonical
from allstation.files import replacing
from allstation.keys.people import shared_folder
from allstation.keys.signing import PublicKey, SignatureError
from allstation.keys.station import station_key
from allstation.store.lock import exclusive

_log = logging.getLogger(__name__)
FILE: Final = "anchors.jsonl"
_PURPOSE: Final = "anchor"
_LARGEST: Final = 1 << 20
"""Bytes from which the list is compacted to one line a case."""
_MOST_CASES: Final = 20_000
_LONGEST_TEXT: Final = 200
_LONGEST_FILE: Final = 64 << 20
_EVERY: Final = 0.5
"""Seconds between two lines while many predictions are saved: a crash leaves at most these unremembered."""
_SHARED_EVERY: Final = 60.0
_SHARED_WAIT: Final = 3.0
"""Seconds that closing a case waits for a shared folder that does not answer."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Head of a case's audit log at one moment.

    Attributes:
        case: Stable id of the case.
        length: Entries.
        head: Hash of the last one.
        at: Time of the last one, ISO 8601 UTC.
        station: Who has seen it.
        key: Its public key in base64.
        place: Hash of the case folder's path; empty outside of the profile.
        signature: In base64, over all of the above.
    """

    case: str
    length: int
    head: str
    at: str
    station: str = ""
    key: str = ""
    place: str = ""
    signature: str = ""

    @property
    def public(self) -> PublicKey:
        """The station's key.

        Raises:
            SignatureError: If there is none.
        """
        return PublicKey.from_text(self.key)

    def signed(self) -> Anchor:
        """Return the anchor with this station's signature."""
        key = station_key()
        named = replace(self, station=key.name, key=key.public.text, signature="")
        return replace(named, signature=base64.b64encode(key.sign(_PURPOSE, asdict(named))).decode())

    def holds(self) -> bool:
        """Tell whether the signature is of this anchor."""
        try:
            signature = base64.b64decode(self.signature, validate=True)
            value = asdict(replace(self, signature=""))
            return self.public.verifies(signature, _PURPOSE, value)
        except (SignatureError, ValueError):
            return False

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read an anchor that is signed.

        Raises:
            ValueError: If it is none.
        """
        found: Any = json.loads(text)
        try:
            anchor = cls(**found)
        except TypeError as error:
            raise ValueError("it is no anchor") from error
        texts = [value for name, value in asdict(anchor).items() if name != "length"]
        kinds = all(isinstance(text, str) and len(text) <= _LONGEST_TEXT for text in texts)
        if not kinds or type(anchor.length) is not int or not anchor.holds():
            raise ValueError("it is no anchor, or its signature does not hold")
        return anchor

    def text(self) -> str:
        """Return the anchor as one line of JSON."""
        return canonical(asdict(self))


class AnchorFile:
    """List of anchors, the newest last. Several processes may append at once.

    Args:
        path: The file; made with the first anchor.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def last(self, field: str, value: str) -> Anchor | None:
        """Return the newest anchor with this ``case`` or ``place``; lines that do not hold are passed over.

        Raises:
            OSError: If the file cannot be read.
        """
        mark = canonical({field: value})[1:-1].encode()
        for line in reversed(self._lines()):
            if mark in line:
                with suppress(ValueError, RecursionError):
                    anchor = Anchor.from_json(line)
                    if getattr(anchor, field) == value:
                        return anchor
        return None

    def append(self, anchor: Anchor) -> None:
        """Add an anchor, and compact the list when it has grown large.

        Raises:
            OSError: If it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self.path.with_suffix(".lock")) as held:
            if not held:
                return
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(self.path, flags, 0o600), "r+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                whole = size == 0 or (file.seek(size - 1) >= 0 and file.read(1) == b"\n")
                file.write((b"" if whole else b"\n") + anchor.text().encode() + b"\n")
            if size > _LARGEST:
                self._compact(size)

    def _compact(self, size: int) -> None:
        lines = self._lines()
        if size < 2 * _compacted_to(lines[0] if lines else b""):
            return
        newest: dict[str, bytes] = {}
        for line in lines:
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                case = str(json.loads(line)["case"])
                newest.pop(case, None)
                newest[case] = line
        kept = list(newest.values())[-_MOST_CASES:]
        total = sum(len(line) + 1 for line in kept)
        with replacing(self.path) as part:
            part.write_bytes(b"\n".join([canonical({"compacted": total}).encode(), *kept, b""]))

    def _lines(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_FILE))
                return file.read().splitlines()
        except FileNotFoundError:
            return []


def _compacted_to(first_line: bytes) -> int:
    with suppress(ValueError, TypeError, KeyError):
        return int(json.loads(first_line)["compacted"])
    return 0


def own_anchors() -> AnchorFile:
    """Return the list of the profile."""
    return AnchorFile(paths.data_folder() / FILE)


def shared_anchors(case: str) -> Iterator[Anchor]:
    """Yield the newest anchor of a case of each station that shares a folder with this one.

    Raises:
        OSError: If the folder does not answer.
    """
    folder = shared_folder()
    if folder is None:
        return
    for path in sorted(folder.glob("anchors-*.jsonl")):
        found = AnchorFile(path).last("case", case)
        if found is not None:
            yield found


def place_of_case(folder: Path) -> str:
    """Return what stands for a case folder in the profile: its path often holds a name."""
    return hashlib.sha256(f"place {folder.absolute()}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


class AnchorRecorder:
    """Remembers the heads of one case, after they were written. Never raises, never waits long.

    Args:
        case: Stable id of the case.
        folder: The case folder.
    """

    def __init__(self, case: str, folder: Path) -> None:
        self._case = case
        self._place = place_of_case(folder)
        self._waiting: Anchor | None = None
        self._unshared: Anchor | None = None
        self._written = self._shared = -_SHARED_EVERY
        self._sharing: threading.Thread | None = None

    def note(self, length: int, head: str, at: str, *, now: bool = False) -> None:
        """Take a new head.

        Args:
            length: Entries.
            head: Hash of the last one.
            at: Time of the last one.
            now: Remember it at once, also in the shared folder.
        """
        self._waiting = Anchor(self._case, length, head, at)
        moment = time.monotonic()
        if now or moment - self._written >= _EVERY:
            self._written = moment
            self._write()
        if now or moment - self._shared >= _SHARED_EVERY:
            self._shared = moment
            self._share()

    def close(self) -> None:
        """Remember what waits."""
        self._write()
        end = time.monotonic() + _SHARED_WAIT
        if self._sharing is not None:  # the last line is shared after the one before it, not left out
            self._sharing.join(_SHARED_WAIT)
        self._share()
        if self._sharing is not None:
            self._sharing.join(max(0.0, end - time.monotonic()))

    def _write(self) -> None:
        anchor, self._waiting = self._waiting, None
        if anchor is None:
            return
        self._unshared = anchor
        _quietly(lambda: own_anchors().append(replace(anchor, place=self._place).signed()))

    def _share(self) -> None:
        """Write to the shared folder on a thread of its own: a network may not answer."""
        anchor, folder = self._unshared, shared_folder() if self._unshared is not None else None
        if anchor is None or folder is None or (self._sharing is not None and self._sharing.is_alive()):
            return
        self._unshared = None
        self._sharing = threading.Thread(
            target=_quietly, args=(lambda: share(anchor, folder),), name="anchors", daemon=True
        )
        self._sharing.start()


def share(anchor: Anchor, folder: Path) -> None:
    """Write an anchor into this station's list in a shared folder.

    Raises:
        OSError: If the folder does not answer.
    """
    own = station_key().public.fingerprint.replace(" ", "")
    AnchorFile(folder / f"anchors-{own}.jsonl").append(anchor.signed())


def _quietly(work: Callable[[], None]) -> None:
    try:
        work()
    except OSError as error:
        _log.warning("a head of an audit log could not be remembered: %s", error.strerror)
