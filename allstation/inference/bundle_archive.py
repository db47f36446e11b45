"""Reading of a bundle's zip archive: what it may hold, and what is refused before a member is used."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, NotRequired, TypedDict, cast

import numpy as np

from allstation.core.errors import StationError
from allstation.core.plain_json import AmbiguousError, strict_json
from allstation.core.text import shown_name
from allstation.inference.trust import PURPOSE
from allstation.keys.signing import Signature, SignatureError

SCHEMA: Final = 1
MANIFEST: Final = "bundle.json"
SIGNATURE: Final = "bundle.sig"
"""Member with the signature over ``bundle.json``; the only one that ``bundle.json`` does not list."""
DETACHED_SUFFIX: Final = ".sig"
"""Follows the bundle's whole name where the signature lies beside it."""
MAX_BYTES: Final = 256 * 1024**2
"""Largest bundle file and largest sum of unpacked members that is accepted."""
MAX_MEMBERS: Final = 64
_PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How members may be packed: a bundle is unpacked in the station's own process, by zlib or not at all."""
_MAX_MANIFEST: Final = 4 * 1024**2
"""Largest ``bundle.json``: that of the shipped model has some tens of kilobytes."""
_MAX_SIGNATURE: Final = 64 * 1024

DAMAGED: Final = (
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


def refused(path: Path, problem: str) -> StationError:
    """Return the refusal of a bundle; the problem follows its name."""
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


def read_limited(path: Path) -> bytes:
    """Return a bundle's bytes, at most :data:`MAX_BYTES`.

    Raises:
        StationError: ``bad-bundle``.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            limit = MAX_BYTES // 1024**2
            raise refused(path, f"has {size // 1024**2} MB; at most {limit} MB are accepted")
        return path.read_bytes()
    except OSError as error:
        raise refused(path, f"cannot be read ({error.strerror or error})") from error


def read_manifest(path: Path, archive: zipfile.ZipFile) -> BundleInfo:
    """Return the checked content of ``bundle.json``.

    Raises:
        StationError: ``bad-bundle`` with the reason.
    """
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise refused(path, "unpacks to more parts or bytes than a bundle may have")
    if any(entry.compress_type not in _PACKED for entry in entries):
        raise refused(path, "is packed in another way than bundles are")
    if (copies := archive.namelist().count(MANIFEST)) != 1:
        raise refused(path, f"has {copies or 'no'} {MANIFEST}")
    if (size := archive.getinfo(MANIFEST).file_size) > _MAX_MANIFEST:
        raise refused(path, f"has a {MANIFEST} of {size // 1024**2} MB")
    try:
        info = strict_json(archive.read(MANIFEST))
    except AmbiguousError as error:
        raise refused(path, f"has a {MANIFEST} {error}") from error
    except (ValueError, RecursionError) as error:
        raise refused(path, f"has a {MANIFEST} that is not JSON") from error
    if not isinstance(info, dict) or info.get("schema") != SCHEMA:
        found = info.get("schema") if isinstance(info, dict) else type(info).__name__
        raise refused(path, f"has schema {found!r}; this program reads schema {SCHEMA}")
    wrong = [key for key, kind in _REQUIRED.items() if not isinstance(info.get(key), kind)]
    if wrong:
        raise refused(path, f"lacks or misstates {', '.join(wrong)} in {MANIFEST}")
    return cast("BundleInfo", info)


def read_members(
    path: Path, archive: zipfile.ZipFile, listed: Mapping[str, Mapping[str, Any]]
) -> dict[str, bytes]:
    """Return the members that the manifest lists, each checked against its checksum.

    Raises:
        StationError: ``bad-bundle`` with the reason.
    """
    names = [name for name in archive.namelist() if name not in (MANIFEST, SIGNATURE)]
    if sorted(names) != sorted(listed) or len(set(names)) != len(names):
        raise refused(path, f"holds other parts than its {MANIFEST} lists")
    members = {}
    for name in names:
        if not _is_plain(name):
            raise refused(path, f"has a part with an unsafe name, {name!r}")
        data = archive.read(name)
        entry = listed[name]
        if not isinstance(entry, Mapping) or hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise refused(path, f"is damaged: the checksum of {name!r} differs")
        members[name] = data
    return members


def read_signatures(path: Path, archive: zipfile.ZipFile) -> tuple[Signature, ...]:
    """Return the signatures in a bundle and beside it.

    Raises:
        StationError: ``bad-bundle`` if one cannot be read, or is of another bundle.
    """
    found = []
    if (copies := archive.namelist().count(SIGNATURE)) > 1:
        raise refused(path, f"has {copies} {SIGNATURE}")
    if copies:
        found.append(archive.read(SIGNATURE))
    beside = path.with_name(path.name + DETACHED_SUFFIX)
    try:
        with beside.open("rb") as file:
            found.append(file.read(_MAX_SIGNATURE))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise refused(path, f"has a signature beside it that cannot be read ({error.strerror})") from error
    digest = hashlib.sha256(archive.read(MANIFEST)).hexdigest()
    try:
        signatures = tuple(map(Signature.read, found))
    except SignatureError as error:
        raise refused(path, "has a signature that cannot be understood") from error
    if not all(one.holds(PURPOSE, digest) for one in signatures):
        raise refused(path, "was changed after it was signed, or bears the signature of another bundle")
    return signatures


def check_arrays(data: io.BytesIO) -> None:
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
