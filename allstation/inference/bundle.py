"""Model bundle: one ``.allmodel`` file that holds everything a prediction depends on.

A bundle is a zip archive with ``bundle.json`` (what it is, how to prepare a field, how to read the
outputs, what its figures are worth) and the members that ``bundle.json`` lists with their checksums.
Nothing in it is ever executed: networks are LiteRT flat buffers, arrays are ``.npz`` read without
pickle, text is text. A bundle that fails any check is refused before a single member is used.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation import paths
from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.records import TRUST, ModelRecord
from allstation.files import replacing, write_atomically
from allstation.imaging.preprocess import Preprocessing
from allstation.inference.bundle_archive import (
    DAMAGED,
    DETACHED_SUFFIX,
    MANIFEST,
    SCHEMA,
    SIGNATURE,
    BundleInfo,
    check_arrays,
    read_limited,
    read_manifest,
    read_members,
    read_signatures,
    refused,
)
from allstation.inference.bundle_kinds import kind_problem
from allstation.inference.class_names import name_problem
from allstation.inference.trust import PURPOSE, BundleTrust, trust_of
from allstation.keys.signing import Signature, SigningKey

SUFFIX: Final = ".allmodel"
_LARGEST_SIDE: Final = 4096
"""Pixels of a network's input: what is prepared for it takes 16 bytes a pixel, whatever the network says."""
_TEMPERATURES: Final = (1e-3, 1e3)
"""Smallest and largest divisor of the logits that a fit can come to (``training.fit.calibration``)."""


@dataclass(frozen=True)
class ModelBundle:
    """A verified bundle, held in memory (a bundle is at most a few tens of megabytes).

    Attributes:
        path: Where it was read from.
        sha256: Hash of the whole file; identifies the model in cases, tables and reports.
        info: The parsed ``bundle.json``.
        members: Member name to bytes, without ``bundle.json``; every one matched its checksum.
        signatures: Of the whole content, in the bundle and beside it; every one holds, whoever made it.
    """

    path: Path
    sha256: str
    info: BundleInfo
    members: Mapping[str, bytes]
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def open(cls, path: Path) -> ModelBundle:
        """Read and verify a bundle.

        Raises:
            StationError: ``bad-bundle`` with the reason: not there, not a zip, too large, a member
                that climbs out, a checksum that differs, an unknown schema, a missing entry, a signature
                that is not of this bundle.
        """
        data = read_limited(path)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                info = read_manifest(path, archive)
                members = read_members(path, archive, info["files"])
                signatures = read_signatures(path, archive)
        except DAMAGED as error:
            raise refused(path, "is not a zip archive, or is damaged") from error
        bundle = cls(path, hashlib.sha256(data).hexdigest(), info, members, signatures)
        bundle._check_meaning()
        return bundle

    def _check_meaning(self) -> None:
        """Fail now, with the bundle's name, rather than at the first field."""
        try:
            _ = self.rule
            sides = (*self.preprocessing.size, self.preprocessing.zoom)
            low, high = _TEMPERATURES
            usable = low <= self.temperature <= high and len(set(self.classes)) == len(self.classes) > 1
        except (TypeError, ValueError, KeyError, OverflowError, StationError) as error:
            raise refused(self.path, f"describes a model this program cannot run ({error})") from error
        if not usable:
            raise refused(self.path, "needs a sensible temperature and at least two different classes")
        if not all(1 <= side <= _LARGEST_SIDE for side in sides):
            raise refused(self.path, f"wants fields of other than 1 to {_LARGEST_SIDE} pixels a side")
        if problem := name_problem(self.info["name"], self.info["version"], self.info["classes"]):
            raise refused(self.path, problem)
        if str(self.info["network"].get("file")) not in self.members:
            raise refused(self.path, "does not contain the network it names")
        if problem := kind_problem(self.info, self.members):
            raise refused(self.path, problem)

    @property
    def name(self) -> str:
        """Name for people."""
        return str(self.info["name"])

    @property
    def version(self) -> str:
        """Version of the model, not of the program."""
        return str(self.info["version"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs."""
        return tuple(str(name) for name in self.info["classes"])

    @property
    def preprocessing(self) -> Preprocessing:
        """Preprocessing of fields, the same in training and serving."""
        return Preprocessing.from_json(self.info["preprocessing"])

    @property
    def rule(self) -> DecisionRule:
        """The decision rule fitted with the model."""
        return DecisionRule.from_json(self.info["decision"])

    @property
    def temperature(self) -> float:
        """Divisor of the logits (temperature scaling, Guo et al. 2017), fitted on validation."""
        return float(self.info["calibration"]["temperature"])

    @property
    def trust(self) -> BundleTrust:
        """Trust of this station in the bundle now."""
        return trust_of(self.name, self.sha256, self.signatures)

    def read(self, member: str) -> bytes:
        """Return a member's bytes.

        Raises:
            StationError: If the bundle has no such member.
        """
        try:
            return self.members[member]
        except KeyError as error:
            raise refused(self.path, f"has no part named {member!r}") from error

    def text(self, member: str) -> str:
        """Return a text member such as ``model-card.md``, or an empty string if it is not there."""
        return self.members.get(member, b"").decode("utf-8", errors="replace")

    def arrays(self, member: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of an ``.npz`` member. Object arrays are refused, so no pickle is read.

        Raises:
            StationError: If the member is missing or holds anything but plain arrays.
        """
        try:
            data = io.BytesIO(self.read(member))
            check_arrays(data)
            with np.load(data, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (OSError, *DAMAGED) as error:
            raise refused(self.path, f"holds arrays in {member!r} that cannot be read") from error

    def record(self) -> ModelRecord:
        """Return what a case remembers of the model."""
        return ModelRecord(
            sha256=self.sha256,
            name=self.name,
            version=self.version,
            classes=self.classes,
            info={**self.info, TRUST: self.trust.to_json()},
        )


def write_bundle(
    target: Path, info: Mapping[str, Any], members: Mapping[str, bytes], *, key: SigningKey | None = None
) -> ModelBundle:
    """Write a bundle beside its target, open it again, then rename it into place.

    The same input and key give the same bytes, so that a rebuilt model can be recognised by its hash.
    Nothing is compressed: weights get hardly smaller (7 %), and unpacking them would be half of the time to
    open.

    Args:
        target: File to write; replaced only by a bundle that passed every check. A signature that lies
            beside it was of what is replaced, and is removed.
        info: ``bundle.json`` without ``schema`` and ``files``, which are added here.
        members: Member name to bytes.
        key: Signs it; without one it is a bundle of an unknown maker.

    Returns:
        The bundle as read back.

    Raises:
        StationError: If what was written would be refused on opening.
        OSError: If the folder cannot be written.
    """
    files = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in sorted(members.items())
    }
    manifest = json_text({**info, "schema": SCHEMA, "files": files}, sort_keys=True, ensure_ascii=True)
    parts = [(MANIFEST, manifest.encode()), *sorted(members.items())]
    if key is not None:
        signature = Signature.made(key, PURPOSE, hashlib.sha256(manifest.encode()).hexdigest())
        parts.insert(1, (SIGNATURE, signature.text()))
    with replacing(target) as part:
        with zipfile.ZipFile(part, "w") as archive:
            for name, data in parts:
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
        ModelBundle.open(part)
        target.with_name(target.name + DETACHED_SUFFIX).unlink(missing_ok=True)
    return ModelBundle.open(target)


def write_signature_file(bundle: ModelBundle, key: SigningKey) -> Path:
    """Write a signature of a bundle beside it, in place of one that is there.

    Raises:
        OSError: If the folder cannot be written.
    """
    with zipfile.ZipFile(bundle.path) as archive:
        digest = hashlib.sha256(archive.read(MANIFEST)).hexdigest()
    beside = bundle.path.with_name(bundle.path.name + DETACHED_SUFFIX)
    write_atomically(beside, Signature.made(key, PURPOSE, digest).text())
    return beside


def default_bundle_path() -> Path:
    """Return the bundle that ships with the program."""
    return paths.resource(f"models/all-station{SUFFIX}")
