"""Federation without a network: statistics of sites are exported, merged exactly, and taken out again."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from allstation.commissioning.noise import noised
from allstation.commissioning.statistics_file import SharedStatistics, check_sharable
from allstation.core.decision import DecisionRule
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.core.typer.file import Settings
from allstation.core.typer.model import Typer, assembled
from allstation.inference.bundle import ModelBundle
from allstation.inference.bundle_kinds import ACCEPTANCE_JSON
from allstation.inference.site_bundle import (
    SiteFacts,
    site_facts,
    site_typer,
    write_site_bundle,
)
from allstation.inference.trust import require_accepted
from allstation.keys.signing import SigningKey

_NOT_MEASURED: Final = (
    "Merged from statistics of several sites: nothing was measured on cells of this laboratory, and nothing "
    "is named without a person. Measure it with “allstation evaluate CELLS.csv --cells”."
)
_OWN_CELLS: Final = "Cells of the merged sites were learned from: figures on them flatter."


def exported(
    bundle: ModelBundle, *, name: str, epsilon: float | None = None, seed: int | None = None
) -> SharedStatistics:
    """Return what a site's model was fitted from, fit to leave the laboratory.

    Args:
        bundle: Of the site.
        name: That the others read.
        epsilon: Of noise on means and scatter; None adds none.
        seed: Of the noise, for tests; without one the system's randomness is used.

    Raises:
        StationError: ``not-a-site-model``; ``too-few-cells`` below 20 cells of a type or 5 slides;
            ``no-slides`` where slides of the cells are not known.
    """
    if not bundle.is_site:
        sentence = f"{shown_name(bundle.path)} is not the model of a site. Name one that “commission” wrote."
        raise StationError("not-a-site-model", sentence)
    typer = site_typer(bundle)
    report = json.loads(bundle.read(ACCEPTANCE_JSON))
    learned = report.get("learned") if isinstance(report, dict) else None
    slides = learned.get("groups") if isinstance(learned, dict) else None
    if not isinstance(slides, int) or report.get("groups") not in ("patients", "slides"):
        sentence = (
            "The slides or patients of the typed cells are not known, so that nobody can say how many stand "
            "behind the statistics. Commission the site with patients in the table."
        )
        raise StationError("no-slides", sentence)
    check_sharable(typer.statistics, slides)
    facts = site_facts(bundle)
    scaled = facts.scale_known
    statistics, noise = typer.statistics, ""
    if epsilon is not None:
        statistics, noise = noised(statistics, epsilon=epsilon, seed=seed)
    return SharedStatistics(
        name=name, statistics=statistics, settings=_settings(typer), slides=slides, noise=noise, scaled=scaled
    )


def merged(shares: Sequence[SharedStatistics], *, name: str) -> SharedStatistics:
    """Add statistics of sites; equal, whatever the order, to those of all their cells together.

    Settings cannot be fitted without cells: shrinkage is the largest, temperature and limit of novelty are
    geometric means weighted by cells.

    Raises:
        StationError: ``bad-merge`` for fewer than two, one twice, or different cell networks;
            ``unknown-maker`` for one that nobody known signed.
    """
    if len(shares) < 2:  # noqa: PLR2004
        raise StationError("bad-merge", "One file of statistics came; expected at least two. Name more.")
    parts = [part for one in shares for part in (one.parts or (one.as_part(),))]
    hashes = [part.sha256 for part in parts]
    if len(set(hashes)) != len(hashes):
        twice = next(part.name for part in parts if hashes.count(part.sha256) > 1)
        sentence = f"The statistics of {shown_name(twice)} came twice, and would count twice. Name them once."
        raise StationError("bad-merge", sentence)
    _check_alike(shares)
    for one in shares:
        if one.trust is not None:
            require_accepted(one.trust, one.name)
    ordered = sorted(shares, key=lambda one: one.sha256)
    total = ordered[0].statistics
    for one in ordered[1:]:
        total = total + one.statistics
    noise = "; ".join(f"{one.name}: {one.noise}" for one in shares if one.noise)
    return SharedStatistics(
        name=name,
        statistics=total,
        scaled=shares[0].scaled,
        settings=_pooled(shares),
        slides=sum(one.slides for one in shares),
        noise=noise[:300],
        parts=tuple(sorted(parts, key=lambda part: part.sha256)),
    )


def removed(whole: SharedStatistics, part: SharedStatistics, *, name: str) -> SharedStatistics:
    """Take the statistics of one site out of merged ones, as if they had never been in.

    Raises:
        StationError: ``bad-merge`` if they are not in them.
    """
    left = tuple(one for one in whole.parts if one.sha256 != part.sha256)
    if len(left) != len(whole.parts) - 1 or not left:
        names = ", ".join(shown_name(one.name) for one in whole.parts) or "one site only"
        sentence = f"These statistics are of {names}; the file {shown_name(part.name)} is not one of them."
        raise StationError("bad-merge", sentence)
    _check_alike((whole, part))
    return dataclasses.replace(
        whole,
        name=name,
        statistics=whole.statistics - part.statistics,
        slides=whole.slides - part.slides,
        parts=left,
        sha256="",
        trust=None,
    )


def head_of(found: SharedStatistics) -> Typer:
    """Return the head of statistics: what pooled fitting with these settings gives."""
    return assembled(found.statistics, **found.settings)


def write_merged_bundle(
    target: Path, found: SharedStatistics, *, base: ModelBundle, key: SigningKey
) -> ModelBundle:
    """Write the model of merged statistics. It names nothing by itself, as nothing was measured.

    Args:
        target: File to write.
        found: Merged.
        base: Model that it stands on.
        key: The station's.

    Raises:
        StationError: If the bundle would be refused on opening.
        OSError: If it cannot be written.
    """
    names = ", ".join(f"{part.name} ({part.cells} cells)" for part in found.parts) or found.name
    counts = dict(zip(found.statistics.types, found.statistics.counts.astype(int).tolist(), strict=True))
    report = {
        "schema": 1,
        "accepted": False,
        "reason": _NOT_MEASURED,
        "learned": {"cells": found.statistics.cells, "by_type": counts, "groups": found.slides},
        "groups": "slides",
    }
    return write_site_bundle(
        target,
        name=found.name,
        version="1",
        typer=head_of(found),
        rule=DecisionRule(min_probability=1.0),
        figures=(),
        facts=SiteFacts(scale_known=found.scaled),
        training={
            "fields": f"statistics of {found.statistics.cells} typed cells of {found.slides} slides: {names}",
            "split": "none: nothing was measured",
            "patients": "",
        },
        limits=[_NOT_MEASURED, _OWN_CELLS, *([f"Noise: {found.noise}"] if found.noise else [])],
        acceptance=report,
        acceptance_text=f"# {found.name}\n\n{_NOT_MEASURED}\n",
        seen=(),
        base=base,
        key=key,
    )


def _settings(typer: Typer) -> Settings:
    return Settings(
        shrinkage=typer.shrinkage,
        temperature=typer.temperature,
        limit=typer.limit,
        not_sure=typer.not_sure,
        network_sha256=typer.network_sha256,
    )


def _pooled(shares: Sequence[SharedStatistics]) -> Settings:
    weights = [one.statistics.cells for one in shares]

    def mean(key: str) -> float:
        logs = [math.log({**one.settings}[key]) for one in shares]  # type: ignore[arg-type]
        return math.exp(math.fsum(map(math.prod, zip(weights, logs, strict=True))) / sum(weights))

    return Settings(
        shrinkage=max(one.settings["shrinkage"] for one in shares),
        temperature=mean("temperature"),
        limit=mean("limit"),
        not_sure=max(one.settings["not_sure"] for one in shares),
        network_sha256=shares[0].network_sha256,
    )


def _check_alike(shares: Sequence[SharedStatistics]) -> None:
    networks = {one.network_sha256 for one in shares}
    if len(networks) > 1 or "" in networks:
        sentence = (
            "The statistics were made with different cell networks, so that their features mean different "
            "things. Let every site export with the same version of the program."
        )
        raise StationError("bad-merge", sentence)
    if len({one.scaled for one in shares}) > 1:
        sentence = (
            "Some of these statistics are of cells whose scale was known, others of cells that were scaled "
            "to their crops: their features cannot be added. Commission every site with a pixel size."
        )
        raise StationError("bad-merge", sentence)
