"""Measures commissioning on sets of typed cells: ``python -m training.evaluate.commissioning``.

Everything goes through what a laboratory uses: reading of the table, scale from red cells, choice of
patients, session, test part, rule. Nothing that is learned here is kept but figures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from allstation.commissioning.acceptance import Acceptance, Accepted
from allstation.commissioning.choice import chosen_groups
from allstation.commissioning.commission import Plan, commission
from allstation.commissioning.session import CommissioningSession
from allstation.commissioning.typed_cells import TypedCells, read_typed_cells
from allstation.core.evaluation import evaluate
from allstation.core.statistics import wilson
from allstation.core.typer.held_out import held_out_area, held_out_cells
from allstation.core.typer.model import FEWEST_CELLS, cross_validate, fit_typer
from allstation.core.typer.validation import held_out
from allstation.inference.cell_network import CellNetwork
from training.evaluate.cell_sets import BLAST, DRAWS, FEWEST, LYMPHOCYTE
from training.evaluate.results import write_table

CLICKS: Final = (30, 60, 100)
CURVES: Final = 10
"""Draws of the curve: each types up to a hundred cells one after the other."""
DELHI: Final = "lymphoblast against normal precursor (Delhi)"
POOL: Final = 20
"""Patients that clicks of the curve come from."""


def cells_of(table: Path, work: Path, *, threads: int) -> TypedCells:
    """Read typed cells, or what was kept of them for this network."""
    kept = work / f"commissioning-{table.parent.name}-{CellNetwork().sha256[:12]}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as archive:
            size = float(archive["pixel_size"])
            files = tuple(archive["files"].tolist())
            return TypedCells(
                features=archive["features"],
                types=tuple(archive["types"].tolist()),
                patients=tuple(archive["patients"].tolist()),
                files=files,
                pictures=files,
                network_sha256=CellNetwork().sha256,
                unfound=(),
                pixel_size=size if size > 0 else None,
                pixel_size_source=str(archive["source"]),
                scale_known=bool(archive["scale_known"]),
            )
    found = read_typed_cells(table, threads=threads)
    work.mkdir(parents=True, exist_ok=True)
    np.savez(
        kept,
        features=found.features,
        types=np.array(found.types),
        patients=np.array(found.patients),
        files=np.array(found.files),
        pixel_size=np.array(found.pixel_size or -1.0),
        source=np.array(found.pixel_size_source),
        scale_known=np.array(found.scale_known),
    )
    print(f"{table.parent.name}: {len(found.unfound)} cells not measured", file=sys.stderr)
    return found


def of_types(cells: TypedCells, types: Sequence[str]) -> TypedCells:
    """Return the cells of some types."""
    rows = [row for row, name in enumerate(cells.types) if name in types]
    return replace(
        cells,
        features=cells.features[rows],
        types=tuple(cells.types[row] for row in rows),
        patients=tuple(cells.patients[row] for row in rows),
        files=tuple(cells.files[row] for row in rows),
        pictures=tuple(cells.pictures[row] for row in rows),
    )


def frequent(cells: TypedCells, count: int | None = None) -> list[str]:
    """Return the types with at least 70 cells, the most frequent first."""
    names, counts = np.unique(cells.types, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [str(names[at]) for at in order if counts[at] >= FEWEST][:count]


def all_data(label: str, cells: TypedCells) -> list[str]:
    """Measure with patients kept apart and everything else learned from."""
    values, types, groups = cells.features.astype(np.float64), cells.types, cells.groups
    held = held_out(values, types, groups)
    area = held_out_area(held_out_cells(held), patients=cells.patients_text)
    balanced = cross_validate(values, types, groups, patients=cells.patients_text, held=held).balanced
    return [
        f"| {label}, {name} | {figure.value:.3f} | {figure.interval} | {figure.n} cells, {figure.patients} | "
        f"{figure.split} |"
        for name, figure in (("AUROC", area), ("balanced accuracy", balanced))
    ]


def draws(cells: TypedCells, plan: Plan) -> Iterator[tuple[bool, Acceptance]]:
    """Commission with one seed after the other."""
    for seed in range(DRAWS):
        outcome = commission(cells, replace(plan, seed=seed)).outcome
        if outcome.acceptance is not None:
            yield isinstance(outcome, Accepted), outcome.acceptance


def few_clicks(label: str, cells: TypedCells, plan: Plan) -> list[str]:
    """Measure commissioning from some patients, tested on all others."""
    found = list(draws(cells, plan))
    areas = np.array([each.auroc.value for _, each in found])
    balanced = np.array([each.balanced.value for _, each in found])
    clicks = np.mean([sum(each.learned.values()) for _, each in found])
    named, wrong = sum(each.named for _, each in found), sum(each.wrong for _, each in found)
    tested = sum(each.tested for _, each in found)
    accepted = sum(one for one, _ in found)
    share = f"at most {plan.budget} cells a type ({clicks:.0f} cells on average)"
    split = f"{plan.slides} patients, {share}, all others tested"
    where = f"{len(cells.types)} cells, {cells.patients_text}"
    return [
        f"| {label}, {name} | {values.mean():.3f} | SD {values.std(ddof=1):.3f}, lowest "
        f"{values.min():.3f} over {len(values)} draws | {where} | {split} |"
        for name, values in (("AUROC", areas), ("balanced accuracy, threshold carried", balanced))
    ] + [
        f"| {label}, named by itself | {named / tested:.3f} | {len(found)} draws | {where} | as above |",
        f"| {label}, of these wrongly (wanted: at most {plan.wanted.error_rate:.2f}) | {wrong / named:.3f} | "
        f"{wilson(wrong, named)} (cells, draws overlap) | {named} namings | as above |",
        f"| {label}, accepted (lower limit at least {plan.wanted.lowest_balanced:.2f}) | {accepted} of "
        f"{len(found)} draws | | {where} | as above |",
    ]


def curve(cells: TypedCells) -> list[str]:
    """Compare clicks by the session's proposals with clicks at random, from the same patients."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for seed in range(CURVES):
        learning = chosen_groups(cells.types, cells.groups, count=POOL, budget=max(CLICKS), seed=seed)
        rows = [row for row, group in enumerate(cells.groups) if group in learning]
        shuffled = np.random.default_rng(seed).permutation(rows).tolist()
        for how, order in (("proposed", _proposed(cells, learning, seed)), ("at random", shuffled)):
            for clicks in CLICKS:
                scored = _scores(cells, order[:clicks], learning)
                found.setdefault((how, clicks), []).append(scored)
    lines = ["| clicks | proposed: AUROC | balanced | at random: AUROC | balanced |", "|---|---|---|---|---|"]
    for clicks in CLICKS:
        parts = [
            f"{np.mean(values):.3f} (SD {np.std(values, ddof=1):.3f})"
            for how in ("proposed", "at random")
            for values in zip(*found[how, clicks], strict=True)
        ]
        lines.append(f"| {clicks} | {' | '.join(parts)} |")
    return lines


def _proposed(cells: TypedCells, learning: Sequence[str], seed: int) -> list[int]:
    session = CommissioningSession(
        cells.features, cells.groups, network_sha256=cells.network_sha256, seed=seed, learning=learning
    )
    order: list[int] = []
    while len(order) < max(CLICKS):
        asked = session.next_cells(10)
        if not asked:
            break
        for row in asked:
            session.set_type(row, cells.types[row])
        order += asked
    return order


def _scores(cells: TypedCells, rows: Sequence[int], learning: Sequence[str]) -> tuple[float, float]:
    """Return AUROC and balanced accuracy on all patients that no click came from."""
    values = cells.features.astype(np.float64)
    typer = fit_typer(
        values[list(rows)], [cells.types[row] for row in rows], groups=[cells.groups[row] for row in rows]
    )
    rest = [row for row, group in enumerate(cells.groups) if group not in learning]
    true = np.array([typer.types.index(cells.types[row]) for row in rest], np.int64)
    shares = typer.probabilities(values[rest])
    figures = evaluate(shares, true, classes=typer.types, split="", resamples=1)
    return figures.figure("macro AUC").value, figures.figure("balanced accuracy").value


def refit_seconds(cells: TypedCells, count: int = 5000) -> float:
    """Return the processor time of one standing with so many typed cells, drawn from a set with noise."""
    random = np.random.default_rng(0)
    rows = random.integers(0, len(cells.types), count)
    noise = random.normal(0, 0.1, (count, cells.features.shape[1])) * cells.features.std(axis=0)
    session = CommissioningSession(
        cells.features[rows] + noise,
        [cells.groups[row] for row in rows],
        network_sha256=cells.network_sha256,
        learning=set(sorted(set(cells.groups))[1:]),
    )
    for at, row in enumerate(rows.tolist()):
        session.set_type(at, cells.types[row])
    began = time.process_time()
    session.standing()
    session.next_cells()
    return time.process_time() - began


def report(data: Path, work: Path, *, threads: int) -> str:
    """Measure everything and return the table as Markdown."""
    smear = cells_of(data / "cells-baltimore" / "cells.csv", work, threads=threads)
    delhi = cells_of(data / "cells-delhi" / "cells.csv", work, threads=threads)
    both, eight = of_types(smear, (BLAST, LYMPHOCYTE)), of_types(smear, frequent(smear, 8))
    jobs: list[tuple[Callable[..., list[str]], tuple[object, ...]]] = [
        (all_data, ("blast against lymphocyte, all data", both)),
        (few_clicks, ("blast against lymphocyte, 40 clicks a type", both, Plan(budget=40, slides=5))),
        (all_data, ("8 types, all data", eight)),
        (few_clicks, ("8 types, 40 clicks a type", eight, Plan(budget=40, slides=15))),
        (all_data, (f"{DELHI}, all data", delhi)),
        (few_clicks, (f"{DELHI}, 40 clicks a type", delhi, Plan(budget=40, slides=10))),
        (curve, (both,)),
    ]
    with ProcessPoolExecutor(threads) as pool:
        *parts, clicks = [job.result() for job in [pool.submit(what, *given) for what, given in jobs]]
    rows = [row for part in parts for row in part]
    size = f"{smear.pixel_size:.4f} µm" if smear.pixel_size else "no scale"
    return "\n".join(
        [
            "# Commissioning of a laboratory",
            "",
            f"`python -m training.evaluate.commissioning`, {datetime.now(UTC).date().isoformat()}; network "
            f"`{smear.network_sha256[:16]}`; pixel size of Baltimore's pictures {size} "
            f"({smear.pixel_size_source}), of Delhi's {delhi.pixel_size_source}. "
            "Intervals resample patients. "
            f"Draws: seeds 0 to {DRAWS - 1}; "
            "patients to learn from are drawn so that types meet, all others are tested.",
            "",
            "| figure | value | 95 % interval or spread | n | split |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Clicks one by one, blast against lymphocyte, from {POOL} patients, tested on all others, mean "
            f"of {CURVES} draws; proposed by the session (diverse, then uncertain, few a patient), "
            f"or at random; {FEWEST_CELLS} are needed before anything is fitted:",
            "",
            *clicks,
            "",
            f"Figures of cross-validation and the next cells with 5,000 typed cells of 2 types: "
            f"{refit_seconds(both):.2f} s of processor time, of 8 types {refit_seconds(eight):.2f} s.",
            "",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the table."""
    return write_table("commissioning", report, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
