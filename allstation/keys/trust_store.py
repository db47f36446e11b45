"""Trust store of the profile: whose keys are trusted, under which name, and which single bundles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import storable
from allstation.core.times import stamp, utc_clock
from allstation.files import write_atomically
from allstation.keys.laboratory import LABORATORY
from allstation.keys.signing import PublicKey, SignatureError

OTHER: Final = "other"
"""Role of a key that is trusted and not a laboratory's own."""
_FILE: Final = "trusted-keys.json"
_LONGEST_NAME: Final = 60
_ROLES: Final = (LABORATORY, OTHER)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that somebody trusted.

    Attributes:
        key: Public key in base64.
        name: Under which it is shown.
        role: ``laboratory`` or ``other``.
        added: ISO 8601 UTC time.
        by: Login name of who trusted it.
    """

    key: str
    name: str
    role: str
    added: str
    by: str

    @property
    def public(self) -> PublicKey:
        """The key."""
        return PublicKey.from_text(self.key)


@dataclass(frozen=True, slots=True)
class AcceptedBundle:
    """A single bundle of an unknown maker that somebody uses all the same.

    Attributes:
        sha256: Of the file.
        name: As the bundle calls itself.
        added: ISO 8601 UTC time.
        by: Login name of who accepted it.
    """

    sha256: str
    name: str
    added: str
    by: str


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Keys and bundles that a station trusts beside itself and the program's maker.

    Attributes:
        keys: Trusted keys.
        accepted: Accepted bundles.
    """

    keys: tuple[TrustedKey, ...] = ()
    accepted: tuple[AcceptedBundle, ...] = ()

    @classmethod
    def load(cls) -> TrustStore:
        """Read the store; what is no entry is not trusted."""
        try:
            stored = json.loads(trust_path().read_bytes())
        except (OSError, ValueError, RecursionError):
            return cls()
        return _from_json(stored) if isinstance(stored, dict) else cls()

    def find(self, key: PublicKey) -> TrustedKey | None:
        """Return the entry of a key, or None."""
        return next((one for one in self.keys if one.key == key.text), None)

    def accepts(self, sha256: str) -> bool:
        """Tell whether somebody accepted the bundle with this hash."""
        return any(one.sha256 == sha256 for one in self.accepted)

    def trusting(self, key: PublicKey, *, name: str, role: str = OTHER) -> TrustStore:
        """Return a store that trusts a key under a name.

        Raises:
            StationError: ``name-needed``.
        """
        called = storable(name).strip()
        if not called or len(called) > _LONGEST_NAME:
            sentence = f"A trusted key needs a name of 1 to {_LONGEST_NAME} characters: say whose it is."
            raise StationError("name-needed", sentence)
        entry = TrustedKey(key.text, called, role, stamp(utc_clock()), paths.login_name())
        return replace(self, keys=(*(one for one in self.keys if one.key != key.text), entry))

    def without(self, key: PublicKey) -> TrustStore:
        """Return a store that does not trust a key."""
        return replace(self, keys=tuple(one for one in self.keys if one.key != key.text))

    def accepting(self, sha256: str, *, name: str) -> TrustStore:
        """Return a store with one more accepted bundle."""
        entry = AcceptedBundle(sha256, storable(name), stamp(utc_clock()), paths.login_name())
        return replace(self, accepted=(*(one for one in self.accepted if one.sha256 != sha256), entry))

    def save(self) -> None:
        """Write the store, whole or not at all.

        Raises:
            StationError: ``not-written``.
        """
        path = trust_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json_text({"version": 1, **asdict(self)}).encode(), private=True)
        except OSError as error:
            sentence = f"The list of trusted keys cannot be written ({error.strerror or error})."
            raise StationError("not-written", sentence) from error


def trust_path() -> Path:
    """Return the file of the trust store (not created here)."""
    return paths.config_folder() / _FILE


def _from_json(stored: Mapping[str, Any]) -> TrustStore:
    keys, accepted = [], []
    for one in stored.get("keys", ()):
        try:
            entry = TrustedKey(**one)
            _ = entry.public
        except (TypeError, SignatureError):
            continue
        if entry.role in _ROLES:
            keys.append(entry)
    for one in stored.get("accepted", ()):
        try:
            accepted.append(AcceptedBundle(**one))
        except TypeError:
            continue
    return TrustStore(tuple(keys), tuple(accepted))
