"""Kinds of model bundle, and what one of a site must hold beside what every bundle holds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.core.typer.file import unpacked
from allstation.core.typer.statistics import MOST_FEATURES

FIELD: Final = "field"
"""A network reads the whole field; the kind of a bundle that states none."""
SITE: Final = "site"
"""A field is named by its cells, which a typer of one laboratory names."""
TYPER: Final = "typer.npz"
SITE_FACTS: Final = "site.json"
ACCEPTANCE_JSON: Final = "acceptance.json"
ACCEPTANCE_TEXT: Final = "acceptance.md"
SEEN: Final = "seen.txt"
"""Hashes of the pictures of all slides that were learned from, one a line: no figure may be of them."""
REFERENCE: Final = "reference.npz"
_NEEDED: Final = frozenset({TYPER, SITE_FACTS, ACCEPTANCE_JSON, ACCEPTANCE_TEXT, SEEN, REFERENCE})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SEEN_LINE: Final = re.compile(rb"(?:[0-9a-f]{16}\n)*")
_MOST_FACTS: Final = 100_000
_LARGEST_PIXEL: Final = 5.0
_CLOSE: Final = 1e-9


def kind_of(info: Mapping[str, Any]) -> str:
    """Return the kind that a bundle states."""
    return str(info.get("kind", FIELD))


def kind_problem(info: Mapping[str, Any], members: Mapping[str, bytes]) -> str:
    """Return what is wrong with a bundle for its kind, as the end of a sentence; empty if nothing is.

    Args:
        info: ``bundle.json``.
        members: Of the bundle, each with its checksum verified.
    """
    if kind_of(info) == FIELD:
        return ""
    if kind_of(info) != SITE:
        return f"is of the kind {kind_of(info)[:40]!r}, which this program does not know"
    if set(members) != _NEEDED:
        return "holds other parts than the model of a site has"
    return _statement_problem(info) or _facts_problem(members[SITE_FACTS]) or _typer_problem(info, members)


def _statement_problem(info: Mapping[str, Any]) -> str:
    base = info.get("base")
    plain = isinstance(base, Mapping) and all(isinstance(base.get(key), str) for key in ("name", "version"))
    if not plain or not isinstance(base, Mapping) or not _is_sha256(base.get("sha256")):
        return "does not say which model it stands on"
    network = info["network"]
    if network.get("file") != TYPER or not _is_sha256(info.get("cell_network_sha256")):
        return "does not say which cell network its typer is for"
    return ""


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _facts_problem(content: bytes) -> str:
    """Check the facts of a site: the scale of its pictures and what the typer is known by."""
    if len(content) > _MOST_FACTS:
        return f"has a {SITE_FACTS} that is too large"
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        return f"has a {SITE_FACTS} that is not JSON"
    if not isinstance(facts, dict) or facts.get("schema") != 1:
        return f"has a {SITE_FACTS} of another schema"
    for key in ("pixel_size", "field_pixel_size"):
        size = facts.get(key)
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, int | float) or not 0 < size <= _LARGEST_PIXEL:
            return f"states a {key} that is none"
    return ""


def _typer_problem(info: Mapping[str, Any], members: Mapping[str, bytes]) -> str:
    """Hold the typer against what the bundle says of it."""
    if _SEEN_LINE.fullmatch(members[SEEN]) is None:
        return f"has a {SEEN} that lists no hashes"
    try:
        settings, statistics = unpacked(members[TYPER])
    except StationError as error:
        return f"holds a typer that cannot be used ({error.sentence.partition('(')[2].partition(')')[0]})"
    temperature = info["calibration"]["temperature"]
    same = (
        list(statistics.types) == list(info["classes"])
        and settings["network_sha256"] == info["cell_network_sha256"]
        and math.isclose(settings["temperature"], temperature, rel_tol=_CLOSE)
        and statistics.features <= MOST_FEATURES
    )
    return "" if same else "says other types, another cell network or temperature than its typer"
