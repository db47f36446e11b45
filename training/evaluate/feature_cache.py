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
        """Read every batch; one that is damaged is measured again."""
        known: dict[str, Outputs] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                # Its bytes: of a damaged file NumPy leaves the handle open.
                with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                    arrays = {key: archive[key] for key in archive.files}
                rows = zip(arrays["sha256"].tolist(), arrays["features"], arrays["logits"], strict=True)
                known |= {str(name): (features, logits) for name, features, logits in rows}
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue
        return known
