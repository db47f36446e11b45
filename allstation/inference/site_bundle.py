"""Site bundle: the model of one laboratory, a typer of its cells over the cell network that ships."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from allstation.core.decision import DecisionRule
from allstation.core.metrics import Figure
from allstation.core.plain_json import json_text
from allstation.core.times import stamp, utc_clock
from allstation.core.typer.model import Typer
from allstation.inference.bundle import ModelBundle, write_bundle
from allstation.inference.bundle_kinds import (
    ACCEPTANCE_JSON,
    ACCEPTANCE_TEXT,
    REFERENCE,
    SEEN,
    SITE,
    SITE_FACTS,
    TYPER,
)
from allstation.keys.signing import SigningKey

_ARCHITECTURE: Final = "cell typer (linear discriminant) over the cell network"
SEEN_DIGITS: Final = 16
"""Hexadecimal digits of a picture's SHA-256 by which it is known again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """Facts that a site's model holds of its laboratory.

    Attributes:
        pixel_size: Micrometres a pixel of pictures of single cells; None where they differ or it could
            not be told.
        pixel_size_source: Where it comes from, in words.
        scale_known: Whether the scale of the typed cells was a length; else fields cannot be compared.
        field_pixel_size: Micrometres a pixel of fields whose file states none; None where red cells tell.
        from_fields: Whether cells of fields were typed; else pictures of single cells.
    """

    pixel_size: float | None = None
    pixel_size_source: str = ""
    field_pixel_size: float | None = None
    scale_known: bool = False
    from_fields: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the object stored as ``site.json``."""
        return {
            "schema": 1,
            "pixel_size": self.pixel_size,
            "pixel_size_source": self.pixel_size_source,
            "field_pixel_size": self.field_pixel_size,
            "scale_known": self.scale_known,
            "from_fields": self.from_fields,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SiteFacts:
        """Read what ``to_json`` wrote, checked when the bundle was opened."""
        sizes = (data.get("pixel_size"), data.get("field_pixel_size"))
        size, field_size = (None if one is None else float(one) for one in sizes)
        source = str(data.get("pixel_size_source", ""))[:200]
        return cls(
            pixel_size=size,
            pixel_size_source=source,
            field_pixel_size=field_size,
            scale_known=data.get("scale_known") is True,
            from_fields=data.get("from_fields") is True,
        )


def site_typer(bundle: ModelBundle) -> Typer:
    """Return the typer of a site bundle.

    Raises:
        StationError: ``bad-typer`` if it cannot be solved; ``bad-bundle`` if the bundle is of another kind.
    """
    return Typer.from_bytes(bundle.read(TYPER))


def site_facts(bundle: ModelBundle) -> SiteFacts:
    """Return what a site bundle knows of its laboratory."""
    return SiteFacts.from_json(json.loads(bundle.read(SITE_FACTS)))


def learned_pictures(bundle: ModelBundle) -> frozenset[str]:
    """Return the beginnings of the hashes of pictures of slides that were learned from."""
    return frozenset(bundle.read(SEEN).decode("ascii").split())


def write_site_bundle(
    target: Path,
    *,
    name: str,
    version: str,
    typer: Typer,
    rule: DecisionRule,
    figures: Sequence[Figure],
    facts: SiteFacts,
    training: Mapping[str, Any],
    limits: Sequence[str],
    acceptance: Mapping[str, Any],
    acceptance_text: str,
    seen: Collection[str],
    base: ModelBundle,
    key: SigningKey | None,
) -> ModelBundle:
    """Write the model of a site.

    Args:
        target: File to write.
        name: Of the model, for people.
        version: Of it.
        typer: Accepted for this site.
        rule: When a field is named without a person.
        figures: On the test part.
        facts: Of the laboratory.
        training: What was learned from, in words and numbers, for the model card.
        limits: What it must not be used for, in sentences.
        acceptance: Acceptance report as JSON.
        acceptance_text: The same as Markdown.
        seen: SHA-256 of the pictures of slides that were learned from, or 16 digits.
        base: The model that it stands on: its preparation of pixels shows fields to people.
        key: Signs it; the station's for what was commissioned here.

    Raises:
        StationError: If what was written would be refused on opening.
        OSError: If the folder cannot be written.
    """
    report = {
        ACCEPTANCE_JSON: _json_bytes(acceptance),
        ACCEPTANCE_TEXT: acceptance_text.encode(),
    }
    info = {
        "kind": SITE,
        "name": name,
        "version": version,
        "created": stamp(utc_clock()),
        "classes": list(typer.types),
        "preprocessing": base.preprocessing.to_json(),
        "network": {"file": TYPER, "architecture": _ARCHITECTURE},
        "calibration": {"temperature": typer.temperature},
        "decision": rule.to_json(),
        "training": dict(training),
        "figures": [figure.to_json() for figure in figures],
        "limits": list(limits),
        "base": _identity(base),
        "cell_network_sha256": typer.network_sha256,
    }
    return write_bundle(target, info, {**_learned(typer, facts, seen), **report}, key=key)


def _learned(typer: Typer, facts: SiteFacts, seen: Collection[str]) -> dict[str, bytes]:
    """Return the members that name cells, what they were learned from, and a proof of their figures."""
    return {
        SEEN: _beginnings(seen),
        TYPER: typer.to_bytes(),
        SITE_FACTS: _json_bytes(facts.to_json()),
        REFERENCE: _reference(typer),
    }


def _identity(bundle: ModelBundle) -> dict[str, str]:
    return {"sha256": bundle.sha256, "name": bundle.name, "version": bundle.version}


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json_text(value, sort_keys=True).encode()


def _beginnings(hashes: Collection[str]) -> bytes:
    """Return the beginnings of hashes, a line each."""
    lines = sorted({digest[:SEEN_DIGITS] for digest in hashes})
    return "".join(f"{digest}\n" for digest in lines).encode("ascii")


def _reference(typer: Typer) -> bytes:
    """Return features that no cell has, means of types and points between, with their probabilities."""
    means = typer.statistics.means
    features = np.concatenate([means, (means + means[::-1]) / 2])
    stream = io.BytesIO()
    np.savez(stream, features=features, probabilities=typer.probabilities(features))
    return stream.getvalue()
