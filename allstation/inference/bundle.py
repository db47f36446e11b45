"""Model bundle: one ``.allmodel`` file that holds everything a prediction depends on.

A bundle is a zip archive with ``bundle.json`` (what it is, how to prepare a field, how to read the
outputs, what its figures are worth) and the members that ``bundle.json`` lists with their checksums.
Nothing in it is ever executed: networks are LiteRT flat buffers, arrays are ``.npz`` read without
pickle, text is text. A bundle that fails any check is refused before a single member is used.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, NotRequired, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from allstation import paths
from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.core.plain_json import AmbiguousError, json_text, strict_json
from allstation.core.records import TRUST, ModelRecord
from allstation.core.text import shown_name
from allstation.files import replacing, write_atomically
from allstation.imaging.preprocess import Preprocessing
from allstation.inference.bundle_kinds import kind_problem
from allstation.inference.class_names import name_problem
from allstation.inference.trust import PURPOSE, BundleTrust, trust_of
from allstation.keys.signing import Signature, SignatureError, SigningKey

SCHEMA: Final = 1
MANIFEST: Final = "bundle.json"
SUFFIX: Final = ".allmodel"
SIGNATURE: Final = "bundle.sig"
"""Member with the signature over ``bundle.json``; the only one that ``bundle.json`` does not list."""
DETACHED_SUFFIX: Final = ".sig"
"""Follows the bundle's whole name where the signature lies beside it."""
MAX_BYTES: Final = 256 * 1024**2
"""Largest bundle file and largest sum of unpacked members that is accepted."""
MAX_MEMBERS: Final = 64
_PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How members may be packed: a bundle is unpacked in the station's own process, by zlib or not at all."""
_LARGEST_SIDE: Final = 4096
"""Pixels of a network's input: what is prepared for it takes 16 bytes a pixel, whatever the network says."""
_MAX_MANIFEST: Final = 4 * 1024**2
"""Largest ``bundle.json``: that of the shipped model has some tens of kilobytes."""
_MAX_SIGNATURE: Final = 64 * 1024

_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
)
"""What the zip reader raises on bytes that are none: ``RuntimeError`` on encryption and unknown methods,
``MemoryError`` on sizes that no bundle has."""
_TEMPERATURES: Final = (1e-3, 1e3)
"""Smallest and largest divisor of the logits that a fit can come to (``training.fit.calibration``)."""

_REQUIRED: Final[Mapping[str, type | tuple[type, ...]]] = {
    "name": str,
    "version": str,
    "created": str,
    "classes": list,
    "preprocessing": dict,
    "network": dict,
    "calibration": dict,
    "decision": dict,
    "training": dict,
    "figures": (list, dict),
    "files": dict,
}


def _refuse(path: Path, problem: str) -> StationError:
    advice = "Use a bundle written by this program or ask for it again."
    return StationError("bad-bundle", f"The model bundle {shown_name(path)} {problem}. {advice}")


class NetworkInfo(TypedDict):
    """Network of a bundle; ``file`` is the member that holds it."""

    file: str
    outputs: NotRequired[list[str]]
    parameters: NotRequired[int]


class CalibrationInfo(TypedDict):
    """Calibration of a bundle's logits."""

    temperature: float


class NoveltyInfo(TypedDict):
    """Novelty of a bundle: the member with its arrays, and the network's output it is computed from."""

    file: str
    output: NotRequired[str]


class BundleInfo(TypedDict):
    """Content of ``bundle.json``: the entries that this program reads.

    ``kind``, ``base`` and ``cell_network_sha256`` are of a site's model (:mod:`.site_bundle`).

    Bundles may hold more. ``preprocessing``, ``decision`` and ``retraining`` are read by their own classes,
    ``training``, ``figures`` and ``limits`` are printed as they stand; ``files`` are the members' checksums.
    """

    schema: int
    name: str
    version: str
    created: str
    classes: list[str]
    preprocessing: dict[str, Any]
    network: NetworkInfo
    calibration: CalibrationInfo
    decision: dict[str, Any]
    training: dict[str, Any]
    figures: list[dict[str, Any]] | dict[str, Any]
    files: dict[str, Any]
    kind: NotRequired[str]
    base: NotRequired[dict[str, str]]
    cell_network_sha256: NotRequired[str]
    novelty: NotRequired[NoveltyInfo]
    retraining: NotRequired[dict[str, Any]]
    limits: NotRequired[list[str] | str]


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
        data = _read_limited(path)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                info = _read_manifest(path, archive)
                members = _read_members(path, archive, info["files"])
                signatures = _read_signatures(path, archive)
        except _DAMAGED as error:
            raise _refuse(path, "is not a zip archive, or is damaged") from error
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
            raise _refuse(self.path, f"describes a model this program cannot run ({error})") from error
        if not usable:
            raise _refuse(self.path, "needs a sensible temperature and at least two different classes")
        if not all(1 <= side <= _LARGEST_SIDE for side in sides):
            raise _refuse(self.path, f"wants fields of other than 1 to {_LARGEST_SIDE} pixels a side")
        if problem := name_problem(self.info["name"], self.info["version"], self.info["classes"]):
            raise _refuse(self.path, problem)
        if str(self.info["network"].get("file")) not in self.members:
            raise _refuse(self.path, "does not contain the network it names")
        if problem := kind_problem(self.info, self.members):
            raise _refuse(self.path, problem)

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
        """What this station believes of the bundle now."""
        return trust_of(self.name, self.sha256, self.signatures)

    def read(self, member: str) -> bytes:
        """Return a member's bytes.

        Raises:
            StationError: If the bundle has no such member.
        """
        try:
            return self.members[member]
        except KeyError as error:
            raise _refuse(self.path, f"has no part named {member!r}") from error

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
            _check_arrays(data)
            with np.load(data, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (OSError, *_DAMAGED) as error:
            raise _refuse(self.path, f"holds arrays in {member!r} that cannot be read") from error

    def record(self) -> ModelRecord:
        """Return what a case remembers of the model."""
        return ModelRecord(
            sha256=self.sha256,
            name=self.name,
            version=self.version,
            classes=self.classes,
            info={**self.info, TRUST: self.trust.to_json()},
        )


def _read_limited(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            limit = MAX_BYTES // 1024**2
            raise _refuse(path, f"has {size // 1024**2} MB; at most {limit} MB are accepted")
        return path.read_bytes()
    except OSError as error:
        raise _refuse(path, f"cannot be read ({error.strerror or error})") from error


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> BundleInfo:
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise _refuse(path, "unpacks to more parts or bytes than a bundle may have")
    if any(entry.compress_type not in _PACKED for entry in entries):
        raise _refuse(path, "is packed in another way than bundles are")
    if (copies := archive.namelist().count(MANIFEST)) != 1:
        raise _refuse(path, f"has {copies or 'no'} {MANIFEST}")
    if (size := archive.getinfo(MANIFEST).file_size) > _MAX_MANIFEST:
        raise _refuse(path, f"has a {MANIFEST} of {size // 1024**2} MB")
    try:
        info = strict_json(archive.read(MANIFEST))
    except AmbiguousError as error:
        raise _refuse(path, f"has a {MANIFEST} {error}") from error
    except (ValueError, RecursionError) as error:
        raise _refuse(path, f"has a {MANIFEST} that is not JSON") from error
    if not isinstance(info, dict) or info.get("schema") != SCHEMA:
        found = info.get("schema") if isinstance(info, dict) else type(info).__name__
        raise _refuse(path, f"has schema {found!r}; this program reads schema {SCHEMA}")
    wrong = [key for key, kind in _REQUIRED.items() if not isinstance(info.get(key), kind)]
    if wrong:
        raise _refuse(path, f"lacks or misstates {', '.join(wrong)} in {MANIFEST}")
    return cast("BundleInfo", info)


def _read_members(
    path: Path, archive: zipfile.ZipFile, listed: Mapping[str, Mapping[str, Any]]
) -> dict[str, bytes]:
    names = [name for name in archive.namelist() if name not in (MANIFEST, SIGNATURE)]
    if sorted(names) != sorted(listed) or len(set(names)) != len(names):
        raise _refuse(path, f"holds other parts than its {MANIFEST} lists")
    members = {}
    for name in names:
        if not _is_plain(name):
            raise _refuse(path, f"has a part with an unsafe name, {name!r}")
        data = archive.read(name)
        entry = listed[name]
        if not isinstance(entry, Mapping) or hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise _refuse(path, f"is damaged: the checksum of {name!r} differs")
        members[name] = data
    return members


def _read_signatures(path: Path, archive: zipfile.ZipFile) -> tuple[Signature, ...]:
    """Return the signatures in a bundle and beside it.

    Raises:
        StationError: ``bad-bundle`` if one cannot be read, or is of another bundle.
    """
    found = []
    if (copies := archive.namelist().count(SIGNATURE)) > 1:
        raise _refuse(path, f"has {copies} {SIGNATURE}")
    if copies:
        found.append(archive.read(SIGNATURE))
    beside = path.with_name(path.name + DETACHED_SUFFIX)
    try:
        with beside.open("rb") as file:
            found.append(file.read(_MAX_SIGNATURE))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _refuse(path, f"has a signature beside it that cannot be read ({error.strerror})") from error
    digest = hashlib.sha256(archive.read(MANIFEST)).hexdigest()
    try:
        signatures = tuple(map(Signature.read, found))
    except SignatureError as error:
        raise _refuse(path, "has a signature that cannot be understood") from error
    if not all(one.holds(PURPOSE, digest) for one in signatures):
        raise _refuse(path, "was changed after it was signed, or bears the signature of another bundle")
    return signatures


def _check_arrays(data: io.BytesIO) -> None:
    """Hold the arrays of an ``.npz`` against what they claim, before memory is taken for them.

    Raises:
        ValueError: If they unpack to more than a bundle may have, or a header claims more than there is.
    """
    with zipfile.ZipFile(data) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
            raise ValueError("the arrays are too large")
        for entry in archive.infolist():
            with archive.open(entry) as file:
                if _claimed(cast("BinaryIO", file)) > entry.file_size:
                    raise ValueError(f"{entry.filename!r} claims more than it holds")
    data.seek(0)


def _claimed(file: BinaryIO) -> int:
    """Return how many bytes the header of an ``.npy`` file claims for its array."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return math.prod(shape) * dtype.itemsize


def _is_plain(name: str) -> bool:
    """Accept relative names with forward slashes that stay inside the bundle."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and not set(name) & set("\\:\0")


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
