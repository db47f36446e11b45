"""Rows of the passport: one laboratory left out at a time, simulated sites, the base model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from allstation.core.classes import PATIENTS_UNKNOWN
from allstation.core.statistics import wilson
from allstation.core.typer.statistics import TyperStatistics, gather_statistics
from allstation.imaging.fields.file import read_field
from allstation.imaging.formats.pixel_conversions import squash
from allstation.inference.engine import Engine
from training.evaluate.carrying import (
    MEASURES,
    MODEL,
    VIEWS,
    PassportRow,
    Plan,
    Predictions,
    Rows,
    carried,
    clicked,
    commissioned,
    lent,
    own_cells,
)
from training.evaluate.laboratories import Laboratory, Picture

CARRIED: Final = "carried without labels"
STANDARDISED: Final = "carried without labels, each laboratory standardised"
COMMISSIONED: Final = "commissioned"
BESIDE: Final = "commissioned, with the other laboratories' statistics"
OWN: Final = "all of its own cells"
CLICKS: Final = (5, 10, 20, 40)
_SHORTCUTS: Final = tuple(name for name in VIEWS if name != MODEL)


def laboratory_rows(cells: Laboratory, others: Sequence[Laboratory], question: str) -> list[PassportRow]:
    """Measure all ways on one laboratory.

    Args:
        cells: Of the laboratory that is left out.
        others: The others that have cells of this question.
        question: In words.
    """
    rows: list[PassportRow] = []
    if others:
        apart = f"learned from {', '.join(each.name for each in others)}"
        for way, standardised in ((CARRIED, False), (STANDARDISED, True)):
            told = {
                name: carried(cells, others, view, standardised=standardised) for name, view in VIEWS.items()
            }
            rows += _predicted_rows(told, cells, question, way, apart)
    plan = Plan()
    typed = [clicked(cells, plan, seed=seed) for seed in range(plan.draws)]
    apart = _apart(cells, plan)
    rows += _drawn_rows(cells, typed, question, COMMISSIONED, apart)
    if others:
        rows += _drawn_rows(cells, typed, question, BESIDE, apart, beside=others)
    told = {name: own_cells(cells, view) for name, view in VIEWS.items()}
    groups = len(set(cells.groups.tolist()))
    split = (
        f"cross-validation with {groups} groups kept apart"
        if not cells.own_groups
        else "cross-validation over cells"
    )
    rows += _predicted_rows(told, cells, question, OWN, split)
    return rows


def _apart(cells: Laboratory, plan: Plan) -> str:
    if cells.own_groups:
        return f"up to {plan.a_type} cells a type, at most half of the rarest; tested on the other cells"
    who = "groups" if cells.patients == PATIENTS_UNKNOWN else "patients"
    several = f"{plan.patients} {who} (of each type, where they have one)"
    return f"up to {plan.a_type} cells a type of {several}, tested on all others"


def _predicted_rows(
    told: Mapping[str, Predictions | None], cells: Laboratory, question: str, way: str, split: str
) -> Iterator[PassportRow]:
    """Yield the rows of typers that told all cells once."""
    model = told[MODEL]
    if model is None:
        return
    for measure in MEASURES:
        low, high = model.interval(measure)
        yield PassportRow(
            laboratory=cells.name,
            question=question,
            way=way,
            measure=measure,
            value=model.value(measure),
            low=low,
            high=high,
            cells=len(model.logits),
            clicks=len(cells.types) if way == OWN else 0,
            patients=cells.patients,
            split=split,
            shortcuts={name: _value(told[name], measure) for name in _SHORTCUTS},
            controls=model.controls(measure),
        )


def _value(told: Predictions | None, measure: str) -> float | None:
    return None if told is None else told.value(measure)


def _drawn_rows(
    cells: Laboratory,
    typed: Sequence[tuple[Rows, Rows]],
    question: str,
    way: str,
    split: str,
    *,
    beside: Sequence[Laboratory] = (),
) -> Iterator[PassportRow]:
    """Yield the rows of typers of drawn cells, the mean over draws."""
    found: dict[str, list[tuple[Predictions, int]]] = {}
    for name, view in VIEWS.items():
        seen = (cells, *beside)
        if all(np.isfinite(view(each)).all() for each in seen):
            found[name] = list(commissioned(cells, view, typed, beside=_statistics(beside, name)))
    for measure in MEASURES:
        yield drawn_row(found, cells, question, way, split, measure=measure)


def _statistics(laboratories: Sequence[Laboratory], view: str) -> TyperStatistics | None:
    """Return the statistics of other laboratories' cells, or None where there are no others."""
    total: TyperStatistics | None = None
    for each in laboratories:
        few = lent(each)
        own = gather_statistics(VIEWS[view](few), few.types.tolist())
        total = own if total is None else total + own
    return total


def drawn_row(
    found: Mapping[str, Sequence[tuple[Predictions, int]]],
    cells: Laboratory,
    question: str,
    way: str,
    split: str,
    *,
    measure: str,
) -> PassportRow:
    """Return the mean of a measure over draws, with shortcuts and matched controls beside it.

    Args:
        found: What typers said and how many cells they learned from, by view; a draw each.
        cells: Of the laboratory.
        question: In words.
        way: How the typer was made.
        split: What was kept apart.
        measure: ``AUROC`` or ``balanced accuracy``.
    """
    model = found[MODEL]
    values = [told.value(measure) for told, _ in model]
    controls: dict[str, tuple[float, int] | None] = {}
    for name in ("size-matched", "count-matched"):
        each = [control for told, _ in model if (control := told.controls(measure)[name]) is not None]
        parts = np.array(each, np.float64).reshape(-1, 2)
        controls[name] = (float(parts[:, 0].mean()), round(parts[:, 1].mean())) if each else None
    return PassportRow(
        laboratory=cells.name,
        question=question,
        way=way,
        measure=measure,
        value=_mean(values) if values else None,
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        draws=len(values),
        cells=round(_mean([len(told.logits) for told, _ in model])),
        clicks=round(_mean([count for _, count in model])),
        patients=cells.patients,
        split=split,
        shortcuts={
            name: _mean([told.value(measure) for told, _ in found[name]]) if found.get(name) else None
            for name in _SHORTCUTS
        },
        controls=controls,
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def click_rows(cells: Laboratory, question: str) -> Iterator[PassportRow]:
    """Yield the figures over clicks: 5, 10, 20 and 40 cells a type of five patients, 20 draws of these."""
    for a_type in CLICKS:
        plan = Plan(a_type=a_type)
        typed = [clicked(cells, plan, seed=seed) for seed in range(plan.draws)]
        found = {
            name: list(commissioned(cells, VIEWS[name], typed, any_number=True))
            for name in (MODEL, "size", "mean colour")
        }
        for measure in MEASURES:
            yield drawn_row(
                found, cells, question, f"{a_type} clicks a type", _apart(cells, plan), measure=measure
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """Row of the simulated sites.

    Attributes:
        measure: ``AUROC`` or ``balanced accuracy``.
        sites: Sites that got a typer.
        refused: Sites with too few cells typed.
        mean: Over sites.
        spread: Standard deviation over sites.
        lowest: Of any site.
        tenth: Tenth percentile over sites.
        clicks: Typed cells, the mean over sites.
        wanted: What a site should reach.
        reached: Sites that reach it.
    """

    measure: str
    sites: int
    refused: int
    mean: float
    spread: float
    lowest: float
    tenth: float
    clicks: float
    wanted: float
    reached: int


WANTED: Final = dict(zip(MEASURES, (0.965, 0.90), strict=True))


def site_rows(cells: Laboratory) -> list[SiteRow]:
    """Simulate a site around every patient: this one and four drawn ones are typed, all others are tested."""
    plan = Plan()
    patients = sorted(set(cells.groups.tolist()))
    typed = [clicked(cells, plan, seed=seed, first=patient) for seed, patient in enumerate(patients)]
    told = list(commissioned(cells, VIEWS[MODEL], typed))
    rows = []
    for measure, wanted in WANTED.items():
        values = np.array([each.value(measure) for each, _ in told])
        rows.append(
            SiteRow(
                measure=measure,
                sites=len(values),
                refused=len(patients) - len(values),
                mean=float(values.mean()),
                spread=float(values.std(ddof=1)),
                lowest=float(values.min()),
                tenth=float(np.quantile(values, 0.1)),
                clicks=float(np.mean([count for _, count in told])),
                wanted=wanted,
                reached=int((values >= wanted).sum()),
            )
        )
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRow:
    """Row of the base model on pictures of a laboratory that it never saw.

    Attributes:
        pictures: Which.
        n: How many.
        named: Named with confidence.
        names: How many by each name.
        wrong: Named otherwise than their class, of drawn fields; None where no class is known, as the four
            classes are not those of the set.
        without_cells: In how many no white cell was found.
        novel: How many are beyond the novelty limit.
    """

    pictures: str
    n: int
    named: int
    names: Mapping[str, int]
    wrong: int | None
    without_cells: int
    novel: int

    def share(self) -> str:
        """Return the share that was named, with its 95 % interval."""
        return f"{self.named / max(1, self.n):.3f} ({wilson(self.named, self.n)})"


def base_rows(name_of_set: str, pictures: Sequence[Picture], engine: Engine) -> list[BaseRow]:
    """Classify pictures of one laboratory with the base model as the program does it."""
    names: Counter[str] = Counter()
    wrong = without = novel = 0
    for picture in pictures:
        if picture.path is None:
            made = engine.classify_rgb(squash(picture.pixels(), engine.preprocessing.size))
        else:
            made = engine.classify(picture.path)
        name = made.decision.class_name
        names += Counter([name] if name else [])
        wrong += bool(name) and name != picture.type
        without += made.cell_count == 0
        novel += made.novelty > 1
    known = all(picture.path is None for picture in pictures)
    return [
        BaseRow(
            pictures=name_of_set,
            n=len(pictures),
            named=names.total(),
            names=dict(names),
            wrong=wrong if known else None,
            without_cells=without,
            novel=novel,
        )
    ]


def foreign_fields(data: Path) -> dict[str, list[Picture]]:
    """Return fields of other laboratories; those of TXL-PBC by their frame, which tells its four sources."""
    found: dict[str, list[Picture]] = {}
    for path in sorted((data / "bccd" / "BCCD" / "JPEGImages").glob("*.jpg")):
        found.setdefault("bccd, 640x480", []).append(Picture(type="", group="", path=path))
    for path in sorted((data / "boxes-txl").glob("*.png")):
        header = read_field(path).header
        width = 360 if header.width in {360, 366} else header.width
        name = f"boxes-txl, {width} pixels wide"
        found.setdefault(name, []).append(Picture(type="", group="", path=path))
    return found
