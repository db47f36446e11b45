"""File of a cell typer: ``.npz`` of plain arrays and a header in JSON, checked before anything is used."""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.typer.statistics import MOST_FEATURES, TyperStatistics, check_statistics

SCHEMA: Final = 1
KIND: Final = "all-station-typer"
_MEMBERS: Final = ("header", "counts", "means", "triangle")
_MOST_BYTES: Final = 8 * (MOST_FEATURES * (MOST_FEATURES + 1) // 2) + 64_000_000
_MOST_HEADER: Final = 100_000
_SHA256_LENGTH: Final = 64


class Settings(TypedDict):
    """Numbers of a typer beside its statistics; see :class:`allstation.core.typer.model.Typer`."""

    shrinkage: float
    temperature: float
    limit: float
    not_sure: float
    network_sha256: str


def packed(settings: Settings, statistics: TyperStatistics) -> bytes:
    """Write a typer; equal ones give equal bytes.

    Of the scatter matrix the upper triangle is kept, as it is symmetric.
    """
    header = {"kind": KIND, "schema": SCHEMA, "types": list(statistics.types), **settings}
    text = json.dumps(header, ensure_ascii=True, sort_keys=True, allow_nan=False).encode()
    stream = io.BytesIO()
    np.savez(
        stream,
        header=np.frombuffer(text, np.uint8),
        counts=statistics.counts,
        means=statistics.means,
        triangle=statistics.scatter[np.triu_indices(statistics.features)],
    )
    return stream.getvalue()


def unpacked(data: bytes) -> tuple[Settings, TyperStatistics]:
    """Read a typer, which may come from a stick.

    Raises:
        StationError: ``bad-typer`` if it is not one, is damaged or of a later schema.
    """
    try:
        arrays = _arrays(data)
        header = _header(arrays["header"])
        statistics = _statistics(header, arrays)
        check_statistics(statistics)
        return _settings(header), statistics
    except StationError:
        raise
    except Exception as error:  # a damaged file makes the readers raise whatever they meet
        sentence = (
            f"This file is not a typer that can be used ({error}). Choose a typer that ALL Station saved, or "
            "fit one from typed cells."
        )
        raise StationError("bad-typer", sentence) from error


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the members; their sizes are looked at before a byte is unpacked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != sorted(f"{name}.npy" for name in _MEMBERS):
            raise ValueError("its members are others")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its members are compressed")
        if sum(member.file_size for member in members) > min(_MOST_BYTES, len(data)):
            raise ValueError("it states to be larger than it is")
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in _MEMBERS}


def _header(array: NDArray[Any]) -> dict[str, Any]:
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > _MOST_HEADER:
        raise ValueError("its header is not text")
    header = json.loads(array.tobytes().decode("ascii"))
    if not isinstance(header, dict) or header.get("kind") != KIND:
        raise ValueError("its header is another")
    schema = header.get("schema")
    if schema != SCHEMA:
        sentence = (
            f"This typer has the schema {schema!r}; this version of ALL Station reads {SCHEMA}. Install a "
            "later version, or fit a typer from typed cells."
        )
        raise StationError("bad-typer", sentence)
    return header


def _settings(header: dict[str, Any]) -> Settings:
    numbers = {}
    for name in ("shrinkage", "temperature", "limit", "not_sure"):
        number = header[name]
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"its entry {name} is not a number")
        numbers[name] = float(number)
    sha256 = header["network_sha256"]
    if not isinstance(sha256, str) or len(sha256) not in (0, _SHA256_LENGTH):
        raise ValueError("its entry network_sha256 is not a hash")
    return Settings(
        shrinkage=numbers["shrinkage"],
        temperature=numbers["temperature"],
        limit=numbers["limit"],
        not_sure=numbers["not_sure"],
        network_sha256=sha256,
    )


def _statistics(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TyperStatistics:
    types = header["types"]
    if not isinstance(types, list) or not all(isinstance(name, str) for name in types):
        raise ValueError("its types are not a list of names")
    counts, means, triangle = (arrays[name] for name in ("counts", "means", "triangle"))
    if any(array.dtype != np.float64 for array in (counts, means, triangle)) or means.ndim != 2:  # noqa: PLR2004
        raise ValueError("its arrays are of another kind")
    features = means.shape[1]
    if not 0 < features <= MOST_FEATURES or triangle.shape != (features * (features + 1) // 2,):
        raise ValueError("its arrays do not fit each other")
    scatter = np.zeros((features, features))
    scatter[np.triu_indices(features)] = triangle
    scatter = scatter + np.triu(scatter, 1).T
    return TyperStatistics(tuple(types), counts, means, scatter)
