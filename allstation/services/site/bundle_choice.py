"""Writes the bundle of an accepted site, and holds it against the model in use on the cells of the test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from allstation.core.errors import StationError
from allstation.core.resampling import Resampled, bootstrap, rates
from allstation.core.statistics import Interval, mcnemar_exact
from allstation.core.text import plain_name, shown_name
from allstation.files import free_path

if TYPE_CHECKING:
    from allstation.commissioning.commission import Commissioned
    from allstation.services.site.commissioning_cells import CommissioningCells, TestCells

SUFFIX: Final = ".allmodel"
_LEVEL: Final = 0.05
_MOST_NAMED: Final = 0.5
"""Share of the case's fields named by the model in use, below which a site's model offers more."""


@dataclass(frozen=True, slots=True)
class SavedSite:
    """Site bundle that was written.

    Attributes:
        path: The bundle.
        sha256: Of its file.
        name: Of the model.
        report: Acceptance report, as it is in the bundle.
    """

    path: Path
    sha256: str
    name: str
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteComparison:
    """A site's model and the one in use.

    Attributes:
        active: Name and version of the model in use.
        n: Cells of the test, where both typed them; 0 where the one in use types no cells.
        rows: Name of a figure, its value of the new model and of the one in use, with intervals.
        difference: Accuracy of the new model minus that of the other, 0 to 1; None without such cells.
        interval: Its 95 % interval, slides or patients resampled.
        p_mcnemar: Exact McNemar test.
        fields: Fields of the case that the model in use was asked about.
        named: Of them, those that it named.
        better: Whether the new model is shown to be better, or to do what the other cannot.
    """

    active: str
    n: int = 0
    rows: Sequence[tuple[str, str, str]] = ()
    difference: float | None = None
    interval: Interval | None = None
    p_mcnemar: float = 1.0
    fields: int = 0
    named: int = 0
    better: bool = False


def save_site(found: Commissioned, *, base: Path, folder: Path, name: str) -> SavedSite:
    """Write the bundle of what was accepted, signed by this station.

    Args:
        found: What was accepted.
        base: Bundle of the model in use; where that is a site's, the shipped one is taken.
        folder: Made if it is not there; nothing in it is replaced.
        name: Of the model.

    Raises:
        StationError: ``bad-bundle`` of the base, or ``site-not-written``.
    """
    from allstation.commissioning.commission import write_accepted
    from allstation.inference.bundle import ModelBundle, default_bundle_path
    from allstation.keys.station import station_key

    opened = ModelBundle.open(base)
    if opened.is_site:
        opened = ModelBundle.open(default_bundle_path())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = free_path(folder, plain_name(name) or "site", SUFFIX)
        made = write_accepted(target, found, name=name, base=opened, key=station_key())
    except OSError as error:
        sentence = (
            f"The model could not be written to {shown_name(folder)} ({error.strerror or error}). Make space "
            "there, then press Compare and use again."
        )
        raise StationError("site-not-written", sentence) from error
    return SavedSite(made.path, made.sha256, name, found.given_json())


def compare_sites(cells: CommissioningCells, saved: SavedSite, active: Path) -> SiteComparison:
    """Hold a site's model against the model in use, on the cells of the test that was opened.

    Both are told apart only where the one in use is the model of a site with the same types and of the same
    cell network. Else only what it does with the fields of the case is told.

    Raises:
        StationError: ``bad-bundle``.
    """
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.site_bundle import site_typer

    new, old = ModelBundle.open(saved.path), ModelBundle.open(active)
    title = f"{old.name} {old.version}"
    fields, named = cells.decided_by(old.sha256)
    if not old.is_site:
        better = fields > 0 and named < _MOST_NAMED * fields
        return SiteComparison(active=title, fields=fields, named=named, better=better)
    test, mine, theirs = cells.test_cells(), site_typer(new), site_typer(old)
    if set(mine.types) != set(theirs.types) or mine.network_sha256 != theirs.network_sha256:
        return SiteComparison(active=title, fields=fields, named=named)
    classes = list(mine.types)
    called = [_called(typer.probabilities(test.features), typer.types, classes) for typer in (mine, theirs)]
    return _paired(test, classes, called, title, (fields, named))


def read_acceptance(bundle: Path) -> tuple[str, str, dict[str, Any]]:
    """Return name, SHA-256 and acceptance report of a site bundle.

    Raises:
        StationError: ``bad-bundle``; ``no-acceptance`` if it is of another kind.
    """
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.bundle_kinds import ACCEPTANCE_JSON

    opened = ModelBundle.open(bundle)
    if not opened.is_site:
        sentence = (
            f"{shown_name(opened.name)} is not the model of a site, so that it has no acceptance report. "
            "Commission this laboratory first."
        )
        raise StationError("no-acceptance", sentence)
    report = json.loads(opened.read(ACCEPTANCE_JSON))
    return f"{opened.name} {opened.version}", opened.sha256, report


def _called(shares: NDArray[np.float64], types: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the number, among some classes, of the type that each cell would be called."""
    place = np.array([classes.index(name) for name in types], np.int64)
    return np.asarray(place[shares.argmax(axis=1)])


def _rates(
    true: NDArray[np.int64], called: NDArray[np.int64], weights: NDArray[np.float64], *, classes: int
) -> Resampled:
    return rates(true, called, weights, classes=classes)


def _paired(
    test: TestCells,
    classes: Sequence[str],
    called: Sequence[NDArray[np.int64]],
    title: str,
    decided: tuple[int, int],
) -> SiteComparison:
    true = np.array([classes.index(name) for name in test.types], np.int64)
    one = np.ones((1, len(true)))
    plain = [rates(true, each, one, classes=len(classes)) for each in called]
    right = [each == true for each in called]

    def differences(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        total = weights.sum(axis=1)
        return {"accuracy": (weights @ (right[0].astype(float) - right[1])) / total}

    interval = bootstrap(differences, test.groups)["accuracy"]
    spreads = [bootstrap(partial(_rates, true, each, classes=len(classes)), test.groups) for each in called]
    rows = []
    for name in ("accuracy", "balanced accuracy"):
        texts = [
            f"{found[name][0]:.3f} [{spread[name].low:.3f}, {spread[name].high:.3f}], n = {len(true)}"
            for found, spread in zip(plain, spreads, strict=True)
        ]
        rows.append((name, texts[0], texts[1]))
    p_value = mcnemar_exact(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
    balanced = [found["balanced accuracy"][0] for found in plain]
    return SiteComparison(
        active=title,
        n=len(true),
        rows=rows,
        difference=float(right[0].mean() - right[1].mean()),
        interval=interval,
        p_mcnemar=p_value,
        fields=decided[0],
        named=decided[1],
        better=interval.low > 0 and p_value < _LEVEL and bool(balanced[0] >= balanced[1]),
    )
