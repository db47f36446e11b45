"""File of statistics that laboratories share: sums over typed cells of one or more sites, signed."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.core.plain_json import json_text, strict_json
from allstation.core.text import shown_name
from allstation.core.times import stamp, utc_clock
from allstation.core.typer.file import Settings, packed, unpacked
from allstation.core.typer.statistics import MOST_FEATURES, TyperStatistics
from allstation.files import replacing
from allstation.inference.trust import BundleTrust, trust_of
from allstation.keys.signing import Signature, SignatureError, SigningKey

SUFFIX: Final = ".allstats"
FEWEST_CELLS: Final = 20
"""Cells of each type, and slides, below which nothing is shared: a mean of few cells is nearly a cell."""
FEWEST_SLIDES: Final = 5
_KIND: Final = "all-station-site-statistics"
_SCHEMA: Final = 1
_PURPOSE: Final = "site statistics"
_HEAD: Final = "statistics.json"
_SUMS: Final = "typer.npz"
_SIGNATURE: Final = "statistics.sig"
_MEMBERS: Final = (_HEAD, _SUMS, _SIGNATURE)
_MOST_BYTES: Final = 8 * (MOST_FEATURES * (MOST_FEATURES + 1) // 2) + 72_000_000
_MOST_HEAD: Final = 200_000
_MOST_PARTS: Final = 1000
_LONGEST: Final = 300
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, KeyError, TypeError, OverflowError,
    MemoryError, SignatureError, StationError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One site's share of statistics.

    Attributes:
        name: Of the site or station, as it calls itself.
        sha256: Of its file.
        cells: Typed cells.
        slides: Slides or patients that they come from.
    """

    name: str
    sha256: str
    cells: int
    slides: int


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SharedStatistics:
    """Statistics of one or more sites.

    Attributes:
        name: Of the site, for people.
        statistics: Sums over typed cells.
        settings: Of the typer that they came with, or means over the parts.
        slides: Slides or patients.
        scaled: Whether the scale of the cells was known, so that size speaks in their features.
        noise: What was added to them, in words; empty for nothing.
        parts: Of merged ones; empty for those of one site.
        sha256: Of the file; empty before it is written.
        trust: What this station believes of who signed; None before it is written.
    """

    name: str
    statistics: TyperStatistics
    settings: Settings
    slides: int
    scaled: bool
    noise: str = ""
    parts: tuple[Part, ...] = ()
    sha256: str = ""
    trust: BundleTrust | None = None

    @property
    def network_sha256(self) -> str:
        """Hash of the cell network that made the features."""
        return self.settings["network_sha256"]

    def as_part(self) -> Part:
        """Return what a merged file says of this one."""
        return Part(name=self.name, sha256=self.sha256, cells=self.statistics.cells, slides=self.slides)


def write_statistics(target: Path, found: SharedStatistics, *, key: SigningKey) -> SharedStatistics:
    """Write statistics, signed, and read them again.

    Args:
        target: File to write.
        found: What to write.
        key: The station's.

    Raises:
        StationError: ``too-few-cells`` if they say too much of single cells.
        OSError: If it cannot be written.
    """
    check_sharable(found.statistics, found.slides)
    sums = packed(found.settings, found.statistics)
    head = json_text(
        {
            "kind": _KIND,
            "schema": _SCHEMA,
            "name": found.name,
            "created": stamp(utc_clock()),
            "slides": found.slides,
            "noise": found.noise,
            "parts": [
                {"name": one.name, "sha256": one.sha256, "cells": one.cells, "slides": one.slides}
                for one in found.parts
            ],
            "types": dict(zip(found.statistics.types, map(int, found.statistics.counts), strict=True)),
            "scaled": found.scaled,
            "sha256": hashlib.sha256(sums).hexdigest(),
        },
        sort_keys=True,
        ensure_ascii=True,
    ).encode()
    signature = Signature.made(key, _PURPOSE, hashlib.sha256(head).hexdigest())
    with replacing(target) as part:
        with zipfile.ZipFile(part, "w") as archive:
            for name, data in ((_HEAD, head), (_SUMS, sums), (_SIGNATURE, signature.text())):
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
        read_statistics(part)
    return read_statistics(target)


def read_statistics(path: Path) -> SharedStatistics:
    """Read and verify statistics, which may come from a stick.

    Raises:
        StationError: ``bad-statistics`` if they are none, are damaged, were changed after they were signed,
            or are of fewer cells or slides than may be shared.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is larger than statistics are")
        data = path.read_bytes()
        head, sums, signature = _members(data)
        digest = hashlib.sha256(head).hexdigest()
        signed = Signature.read(signature)
        if not signed.holds(_PURPOSE, digest):
            raise ValueError("it was changed after it was signed")
        facts = _facts(head)
        if facts["sha256"] != hashlib.sha256(sums).hexdigest():
            raise ValueError("its sums are others than those that were signed")
        settings, statistics = unpacked(sums)
        check_sharable(statistics, facts["slides"])
        sha256 = hashlib.sha256(data).hexdigest()
        return SharedStatistics(
            name=facts["name"],
            statistics=statistics,
            settings=settings,
            slides=facts["slides"],
            scaled=facts["scaled"],
            noise=facts["noise"],
            parts=tuple(Part(**one) for one in facts["parts"]),
            sha256=sha256,
            trust=trust_of(facts["name"], sha256, (signed,)),
        )
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror or error})") from error
    except _DAMAGED as error:
        reason = error.sentence if isinstance(error, StationError) else str(error) or type(error).__name__
        raise _refused(path, reason) from error


def check_sharable(statistics: TyperStatistics, slides: int) -> None:
    """Refuse statistics from which single cells or a person could be told.

    Raises:
        StationError: ``too-few-cells``.
    """
    few = [
        f"{name} ({int(count)})"
        for name, count in zip(statistics.types, statistics.counts.tolist(), strict=True)
        if count < FEWEST_CELLS
    ]
    if few or slides < FEWEST_SLIDES:
        types = f" Types with fewer: {', '.join(few)}." if few else ""
        sentence = (
            f"These statistics are of {slides} slides; shared are only those of at least {FEWEST_SLIDES} "
            f"slides and {FEWEST_CELLS} cells of each type.{types} Type more cells, or leave such types out."
        )
        raise StationError("too-few-cells", sentence)


def _members(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the members; names, packing and sizes are looked at before a byte is unpacked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sorted(entry.filename for entry in entries) != sorted(_MEMBERS):
            raise ValueError("its parts are others")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its parts are compressed")
        if sum(entry.file_size for entry in entries) > len(data):
            raise ValueError("it states to be larger than it is")
        head, sums, signature = (archive.read(name) for name in _MEMBERS)
    if len(head) > _MOST_HEAD:
        raise ValueError("its header is too large")
    return head, sums, signature


def _facts(head: bytes) -> Mapping[str, Any]:
    facts = strict_json(head)
    if not isinstance(facts, dict) or (facts.get("kind"), facts.get("schema")) != (_KIND, _SCHEMA):
        raise ValueError("its header is another")
    texts = [facts["name"], facts["noise"]]
    parts = facts["parts"]
    if not isinstance(parts, list) or len(parts) > _MOST_PARTS:
        raise ValueError("its list of parts is none")
    for one in parts:
        if not isinstance(one, dict) or set(one) != {"name", "sha256", "cells", "slides"}:
            raise ValueError("a part is described otherwise")
        texts += [one["name"], one["sha256"]]
    plain = (isinstance(text, str) and len(text) <= _LONGEST and shown_name(text) == text for text in texts)
    if not all(plain) or not isinstance(facts["scaled"], bool):
        raise ValueError("a text is too long or none")
    counts = [facts["slides"], *(one[key] for one in parts for key in ("cells", "slides"))]
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
        raise ValueError("a count is none")
    return facts


def _refused(path: Path, problem: str) -> StationError:
    sentence = (
        f"The file {shown_name(path)} holds no statistics that can be used: {problem.rstrip('.')}. Ask for "
        "it again."
    )
    return StationError("bad-statistics", sentence)
