"""Cache of a network's outputs by the SHA-256 of fields: small files, one a batch, so that nothing is lost.

A run that was ended goes on after the last whole batch; a field under another name is known by its bytes.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.fit.runs import write_arrays, writing

_SUFFIX: Final = ".npz"
_LARGEST: Final = 64 << 20
"""Bytes of a batch, unpacked: its fields have some thousand numbers each."""

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Features (f,) and logits (k,) of one field."""


class FeatureCache:
    """Outputs of one bundle's network.

    Args:
        folder: Of all bundles' caches; made when something is kept.
        bundle_sha256: The bundle.
        output: Name of the output that the features are.
    """

    def __init__(self, folder: Path, bundle_sha256: str, output: str) -> None:
        self._folder = folder / f"{bundle_sha256[:32]}-{output}"
        self._known = self._read()

    def get(self, sha256: str) -> Outputs | None:
        """Return what is known of a field's bytes."""
        return self._known.get(sha256)

    def keep(self, found: Mapping[str, Outputs]) -> None:
        """Keep the outputs of some fields.

        Raises:
            StationError: ``disk-full``, ``cannot-write``.
        """
        if not found:
            return
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        arrays = {
            "sha256": np.array(list(found)),
            "features": np.stack([features for features, _ in found.values()]),
            "logits": np.stack([logits for _, logits in found.values()]),
        }
        write_arrays(self._folder / f"{os.urandom(8).hex()}{_SUFFIX}", arrays)
        self._known |= found

    def _read(self) -> dict[str, Outputs]:
        """Read every batch; one that is damaged, or as long or wide as no other, is measured again."""
        known: dict[str, Outputs] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                found = _batch(path)
            except Exception:  # noqa: BLE001, S112 - NumPy has many ways to refuse what is damaged
                continue
            first, own = (next(iter(one.values()), None) for one in (known, found))
            if first is None or own is None or _shapes(first) == _shapes(own):
                known |= found
        return known


def _batch(path: Path) -> dict[str, Outputs]:
    """Return the outputs of one file, none of which is believed before it was looked at.

    Raises:
        Exception: Whatever NumPy says of what is damaged; ``ValueError`` of what makes no sense.
    """
    # Its bytes: of a damaged file NumPy leaves the handle open.
    data = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    with zipfile.ZipFile(io.BytesIO(data)) as members:
        if sum(member.file_size for member in members.infolist()) > _LARGEST:
            raise ValueError("too large")
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        names, features, logits = (archive[key] for key in ("sha256", "features", "logits"))
    whole = names.ndim == 1 and names.dtype.kind == "U" and len(names) == len(features) == len(logits)
    for one in (features, logits):
        whole = whole and one.ndim == 2 and one.dtype == np.float32 and bool(np.isfinite(one).all())  # noqa: PLR2004
    if not whole:
        raise ValueError("no features")
    rows = zip(names.tolist(), features, logits, strict=True)
    return {name: (feature, logit) for name, feature, logit in rows}


def _shapes(outputs: Outputs) -> tuple[int, int]:
    return len(outputs[0]), len(outputs[1])
