"""Trust in a model bundle: who signed it, and what this station knows of that key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.keys.laboratory import LABORATORY
from allstation.keys.release import release_keys
from allstation.keys.signing import Signature
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore

PURPOSE: Final = "bundle"
"""What a bundle's signature is for; it is over the SHA-256 of ``bundle.json``, which lists all others."""
UNKNOWN_MAKER: Final = "unknown-maker"
"""Code of the error for a bundle that a person has to accept first."""


class TrustLevel(StrEnum):
    """Level of trust by the best signature of a bundle. The value is stored; a sentence is shown."""

    RELEASE = "release"
    LABORATORY = "laboratory"
    STATION = "station"
    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    UNSIGNED = "unsigned"


_ORDER: Final = tuple(TrustLevel)
_WITHOUT_ASKING: Final = _ORDER[:4]


@dataclass(frozen=True, slots=True)
class BundleTrust:
    """Trust of this station in a bundle.

    Attributes:
        level: Of its best signature.
        by: Under which name the key is known here; empty if it is not.
        key: Fingerprint of the key; empty if the bundle is not signed.
        impostor: It bears the name of a model that ships, and neither the release nor this station made it.
        accepted: Somebody uses this very file all the same.
    """

    level: TrustLevel
    by: str = ""
    key: str = ""
    impostor: bool = False
    accepted: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the bundle works without asking."""
        return self.level in _WITHOUT_ASKING and not self.impostor

    @property
    def asks(self) -> bool:
        """Whether a person has to be asked before the bundle works."""
        return not (self.is_known or self.accepted)

    @property
    def made_here(self) -> bool:
        """Whether its network came with the program or from this station's own training."""
        return self.level in (TrustLevel.RELEASE, TrustLevel.STATION) and not self.impostor

    @property
    def text(self) -> str:
        """Signer in a few words, for lists, status lines and reports."""
        if self.impostor:
            return "IMPOSTOR: the name of the shipped model without its signature"
        match self.level:
            case TrustLevel.UNSIGNED:
                return "not signed, unknown maker"
            case TrustLevel.UNKNOWN:
                return f"unknown maker (key {self.key})"
            case TrustLevel.STATION:
                return "signed by this station"
            case _:
                return f"signed by {self.by}"

    def to_json(self) -> dict[str, str]:
        """Return what a case keeps of it."""
        return {"level": "impostor" if self.impostor else self.level, "text": self.text, "key": self.key}


def trust_of(name: str, sha256: str, signatures: Iterable[Signature]) -> BundleTrust:
    """Return what this station believes of a bundle.

    Args:
        name: What the bundle calls itself.
        sha256: Of the file.
        signatures: That hold for it.
    """
    store, release = TrustStore.load(), release_keys()
    found = min((_of_signature(one, store) for one in signatures), key=_rank, default=_UNSIGNED)
    ours = found.level in (TrustLevel.RELEASE, TrustLevel.STATION)
    known = found.level in _WITHOUT_ASKING
    impostor = not ours and release.bears_shipped_name(name, or_longer=not known)
    accepted = store.accepts(sha256)
    return BundleTrust(found.level, found.by, found.key, impostor=impostor, accepted=accepted)


_UNSIGNED: Final = BundleTrust(TrustLevel.UNSIGNED)


def _rank(found: BundleTrust) -> int:
    return _ORDER.index(found.level)


def _of_signature(signature: Signature, store: TrustStore) -> BundleTrust:
    key, trusted = signature.key, store.find(signature.key)
    shipped = release_keys().names.get(key)
    if shipped is not None:
        return BundleTrust(TrustLevel.RELEASE, shipped, key.fingerprint)
    if trusted is not None:
        level = TrustLevel.LABORATORY if trusted.role == LABORATORY else TrustLevel.TRUSTED
        return BundleTrust(level, shown_name(trusted.name), key.fingerprint)
    own = station_key()
    if key == own.public:
        return BundleTrust(TrustLevel.STATION, shown_name(own.name), key.fingerprint)
    return BundleTrust(TrustLevel.UNKNOWN, "", key.fingerprint)


def refusal(trust: BundleTrust, name: str) -> str:
    """Return the sentence for a bundle that a person has to accept first.

    Args:
        trust: In the bundle.
        name: Of the bundle.
    """
    called = shown_name(name)
    if trust.impostor:
        return (
            f"The bundle calls itself {called}, which is the name of a model that ships with this program, "
            "but does not bear its signature: somebody else made or changed it. Do not use it. If you know "
            "better, run “allstation models accept” on it."
        )
    return (
        f"The model {called} is by an unknown maker ({trust.text}). Ask who made it and how it was "
        "tested. To use it, trust the maker's key (“allstation keys trust”) or accept this one file "
        "(“Model, Change Model…” or “allstation models accept”)."
    )


def require_accepted(trust: BundleTrust, name: str) -> None:
    """Refuse a bundle that a person has to accept first; arguments as for :func:`refusal`.

    Raises:
        StationError: ``unknown-maker``.
    """
    if trust.asks:
        raise StationError(UNKNOWN_MAKER, refusal(trust, name))
