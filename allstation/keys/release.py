"""Keys that sign what ships with the program, and which models these are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from unicodedata import normalize

from allstation import paths
from allstation.keys.signing import PublicKey

RELEASE: Final = "release"
FILE: Final = "keys/release.json"
"""Resource with the public keys; ``packaging/sign_bundle.py`` writes it."""
_ALIKE: Final = str.maketrans("1i|!0", "llllo")


@dataclass(frozen=True, slots=True)
class ShippedBundle:
    """A model that comes with the program.

    Attributes:
        name: Its name, which nobody else's model may bear.
        version: Its version.
        reference: SHA-256 of its reference fields, as they are in the program's own list.
    """

    name: str
    version: str
    reference: str


@dataclass(frozen=True, slots=True)
class ReleaseKeys:
    """Public part of the release.

    Attributes:
        names: Who signs, by key.
        bundles: The models that ship.
    """

    names: dict[PublicKey, str]
    bundles: tuple[ShippedBundle, ...]

    def bears_shipped_name(self, name: str, *, or_longer: bool = False) -> bool:
        """Tell whether a name would be taken for that of a model that ships.

        Args:
            name: What a bundle calls itself.
            or_longer: Also if more follows, such as a version.
        """
        return any(_alike(name, bundle.name, or_longer=or_longer) for bundle in self.bundles)

    def reference_of(self, name: str, version: str) -> str:
        """Return the hash of the reference fields of a model that ships; empty for any other."""
        found = (one.reference for one in self.bundles if (one.name, one.version) == (name, version))
        return next(found, "")


def release_keys() -> ReleaseKeys:
    """Return the public part of the release, as it comes with the program."""
    return _read(paths.resource(FILE))


@cache
def _read(path: Path) -> ReleaseKeys:
    stored = json.loads(path.read_bytes())
    names = {PublicKey.from_text(one["key"]): str(one["name"]) for one in stored["keys"]}
    bundles = (ShippedBundle(one["name"], one["version"], one["reference"]) for one in stored["bundles"])
    return ReleaseKeys(names, tuple(bundles))


def _alike(name: str, shipped: str, *, or_longer: bool) -> bool:
    """Compare names as a person sees them: spaces, case and signs do not count.

    A letter beyond ASCII may look like any other: Cyrillic and Greek ones do.
    """
    seen, own = _plain(name), _plain(shipped)
    if len(seen) < len(own) or (len(seen) > len(own) and not or_longer):
        return False
    return all(one == other or not one.isascii() for one, other in zip(seen, own, strict=False))


def _plain(name: str) -> str:
    folded = normalize("NFKD", name).casefold()
    return "".join(char for char in folded if char.isalnum() or char in "|!").translate(_ALIKE)
