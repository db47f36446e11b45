"""Origin of a network: made here or not, and so in which process it runs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from allstation import paths
from allstation.inference.bundle import SUFFIX, ModelBundle, default_bundle_path
from allstation.inference.bundle_archive import MANIFEST
from allstation.inference.bundle_kinds import SITE, kind_of

RUNS: Final = "runs"
"""Folder of this station's training runs, below its data."""


def needs_isolation(bundle: ModelBundle) -> bool:
    """Tell whether a bundle's network must run in a process of its own.

    All but the shipped network and those that this station trained; of the fine-tuned ones, those that
    began with one of these. A network is known by the hash of its bytes, as a bundle that is put to use
    under another name is another file.

    Args:
        bundle: Opened, so that its members match their checksums.
    """
    if kind_of(bundle.info) == SITE:  # arrays, over the program's own cell network
        return False
    network = network_sha256(bundle.info)
    return not network or network not in _known_from(network)


def is_shipped(bundle: ModelBundle) -> bool:
    """Tell whether a bundle has the network and the novelty of the shipped one, under whatever name."""
    shipped = _manifest(default_bundle_path()) or {}
    parts = [_member(bundle.info, part) for part in ("network", "novelty")]
    return all(parts) and parts == [_member(shipped, part) for part in ("network", "novelty")]


def _known_from(network: str) -> set[str]:
    """Return hashes of networks that are trusted, at least those that decide about this one."""
    shipped = network_sha256(_manifest(default_bundle_path()) or {})
    if network == shipped:
        return {shipped}
    bases = {network_sha256(info): _base(info) for info in _runs()}
    known = {shipped} - {""}
    for _ in bases:
        known |= {made for made, base in bases.items() if made and (base is None or base in known)}
    return known


def _runs() -> Iterator[dict[str, Any]]:
    for path in (paths.data_folder() / RUNS).glob(f"*/*{SUFFIX}"):
        info = _manifest(path)
        if info is not None:
            yield info


def _manifest(path: Path) -> dict[str, Any] | None:
    """Return what a bundle says of itself, without a look at its members."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = json.loads(archive.read(MANIFEST))
    except (OSError, ValueError, KeyError, RuntimeError, RecursionError, zipfile.BadZipFile):
        return None
    return info if isinstance(info, dict) else None


def network_sha256(info: Any) -> str:  # noqa: ANN401 - JSON of any kind
    """Return the hash of a bundle's network, or an empty string."""
    return _member(info, "network")


def _member(info: Any, part: str) -> str:  # noqa: ANN401 - JSON of any kind
    """Return the hash of the file that holds a part of a bundle, or an empty string."""
    try:
        return str(info["files"][info[part]["file"]]["sha256"])
    except (TypeError, KeyError):
        return ""


def _base(info: dict[str, Any]) -> str | None:
    """Return the hash of the network that a bundle was fine-tuned from; None if it was not."""
    training = info.get("training")
    before = training.get("fine_tuned_from") if isinstance(training, dict) else None
    return None if before is None else str(before.get("network", "")) if isinstance(before, dict) else ""
