"""Measures cell network and typer on sets of single cells: ``python -m training.evaluate.cell_typing``.

Nothing that is learned here is kept but figures. Patients are kept apart wherever a set names them.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from allstation.core.metrics import Figure
from allstation.core.statistics import wilson
from allstation.core.typer.discriminant import softmax
from allstation.core.typer.model import cross_validate, fit_typer
from allstation.core.typer.validation import HeldOut, typed_cells
from allstation.inference.cell_network import CellNetwork
from training.evaluate.cell_sets import (
    BASELINES,
    BLAST,
    FEWEST,
    LYMPHOCYTE,
    SCALES,
    CellSet,
    area_figure,
    chosen,
    few_cells,
    few_clicks,
    measured,
    patient_draws,
)
from training.evaluate.results import RESULTS, write_table

SURE: Final = 0.9


def _row(what: str, figure: Figure, aim: str = "") -> str:
    interval = f"{figure.interval.low:.3f} to {figure.interval.high:.3f}" if figure.interval else "none"
    where = f"{figure.n} cells, {figure.patients}"
    return f"| {what} | {figure.value:.3f} | {interval} | {where} | {figure.split} | {aim} |"


def _draw_row(what: str, values: Sequence[float], where: str, split: str, aim: str = "") -> str:
    spread = f"SD {np.std(values, ddof=1):.3f} over {len(values)} draws"
    return f"| {what} | {np.mean(values):.3f} | {spread} | {where} | {split} | {aim} |"


HEAD: Final = ["| figure | value | 95 % interval or spread | n | split | aim |", "|---|---|---|---|---|---|"]


def baltimore_rows(cells: CellSet) -> list[str]:
    """Measure the types of a set whose patients are known."""
    rows = []
    for count, aim in ((8, "0.85"), (None, "")):
        types = cells.most_frequent(count)
        part = cells.of(types)
        for name, select in BASELINES.items():
            sub = chosen(part, select)
            found = cross_validate(
                sub.features, sub.types.tolist(), sub.groups.tolist(), patients=sub.patients
            )
            label = f"{len(types)} types with at least {FEWEST} cells, balanced: {name}"
            rows.append(_row(label, found.balanced, aim if name == "network and numbers" else "baseline"))
            if name == "network and numbers":
                rows += [
                    f"| recall of {kind.type} | {kind.recall:.3f} | {kind.interval} | {kind.cells} cells, "
                    f"{kind.groups} patients | as above | |"
                    for kind in found.types
                ]
    rows += merged_rows(cells.of(cells.most_frequent(8)))
    types = cells.most_frequent(8)
    clicks = few_clicks(cells.of(types), a_type=20, share=0.5)
    where = f"{int(np.isin(cells.types, types).sum())} cells, {cells.patients}"
    split = "20 cells a type of half of the patients, tested on the other half"
    return [*rows, _draw_row("8 types, 20 clicks a type, balanced", clicks, where, split, "0.75")]


MERGED: Final = {"lymphocyte-variant": LYMPHOCYTE, "promyelocyte": BLAST}
"""Types that experts part by degree, and what they are counted as to see what that costs."""


def merged_rows(cells: CellSet) -> list[str]:
    """Measure the same types with neighbours by degree put together, and the sure ones among all."""
    types = [MERGED.get(name, name) for name in cells.types.tolist()]
    found = cross_validate(cells.features, types, cells.groups.tolist(), patients=cells.patients)
    label = "the 8 types, lymphocyte-variant counted as lymphocyte and promyelocyte as blast, balanced"
    values, names, groups = typed_cells(cells.features, cells.types.tolist(), cells.groups.tolist())
    held = HeldOut(values, names, groups)
    shares = softmax(held.chosen_logits())
    sure = shares.max(axis=1) > SURE
    right, n = int((shares.argmax(axis=1) == held.codes)[sure].sum()), int(sure.sum())
    share = f"{right / n:.3f} | {wilson(right, n)} (cells)"
    where = f"{n} of {len(names)} cells, {cells.patients}"
    return [
        _row(label, found.balanced),
        f"| 8 types, named rightly where the probability is above {SURE} | {share} | {where} | as above | |",
    ]


def blast_rows(cells: CellSet) -> list[str]:
    """Measure blast against lymphocyte."""
    both = cells.of([BLAST, LYMPHOCYTE])
    rows = []
    for name, select in BASELINES.items():
        sub = chosen(both, select)
        own = name == "network and numbers"
        rows.append(
            _row(f"blast against lymphocyte, AUROC: {name}", area_figure(sub), "0.985" if own else "baseline")
        )
        found = cross_validate(sub.features, sub.types.tolist(), sub.groups.tolist(), patients=sub.patients)
        rows.append(
            _row(f"blast against lymphocyte, balanced: {name}", found.balanced, "0.95" if own else "baseline")
        )
        draws = list(patient_draws(sub, patients=5, a_type=40))
        clicks = f"{np.mean([clicks for _, _, clicks in draws]):.0f} clicks on average"
        where = f"{len(sub.types)} cells, {sub.patients}; {clicks}"
        split = "up to 40 cells a type (the set has 6 a patient) of 5 patients, tested on all others"
        rows.append(
            _draw_row(f"the same, AUROC: {name}", [area for area, _, _ in draws], where, split,
                      "0.965" if own else "baseline")
        )  # fmt: skip
        rows.append(
            _draw_row(f"the same, balanced, threshold carried: {name}", [rate for _, rate, _ in draws],
                      where, split, "0.90" if own else "baseline")
        )  # fmt: skip
    return rows


def unlike_rows(cells: CellSet) -> list[str]:
    """Measure proposals on types that nobody typed."""
    types = cells.most_frequent(8)
    part = cells.of(types)
    half = np.unique(part.groups)[::2]
    inside = np.isin(part.groups, half)
    typer = fit_typer(part.features[inside], part.types[inside].tolist(), groups=part.groups[inside].tolist())
    rows = []
    for what, values, true in (
        ("typed types, other patients", part.features[~inside], part.types[~inside]),
        ("types never typed", cells.features[~np.isin(cells.types, types)], None),
    ):
        names, _ = typer.propose(values)
        none, n = int((names == "").sum()), len(names)
        rows.append(
            f"| no proposal: {what} | {none / n:.3f} | {wilson(none, n)} (cells) | {n} cells | half of the "
            "patients typed | |"
        )
        if true is not None:
            made = names != ""
            right, n = int((names[made] == true[made]).sum()), int(made.sum())
            share = f"{right / n:.3f} | {wilson(right, n)} (cells)"
            rows.append(
                f"| proposals that are right: {what} | {share} | {n} cells | half of the patients typed | |"
            )
    return rows


def _processor() -> str:
    """Return the processor's name where the system tells it, and how busy the machine is."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text("utf-8").splitlines() if names.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    load = f", load {os.getloadavg()[0]:.0f} on {os.cpu_count()}" if hasattr(os, "getloadavg") else ""
    return f"{name or platform.processor() or 'an unnamed processor'}{load}"


def report(data: Path, work: Path, *, threads: int) -> str:
    """Measure everything and return the table as Markdown."""
    sets = {name: measured(data / name, work, threads=threads) for name in SCALES}
    smear, normal, delhi = sets["cells-baltimore"], sets["pbc-sample"], sets["cells-delhi"]
    rows = [
        _draw_row(f"8 types of single normal cells, 20 cells a type, balanced: {name}",
                  few_cells(chosen(normal, select), a_type=20, draws=30),
                  f"{len(normal.types)} cells, {normal.patients}", "5 cells a type left for the test",
                  "0.90" if name == "network and numbers" else "baseline")
        for name, select in BASELINES.items()
    ]  # fmt: skip
    rows += baltimore_rows(smear) + blast_rows(smear) + unlike_rows(smear)
    for name, select in BASELINES.items():
        sub = chosen(delhi, select)
        rows.append(_row(f"lymphoblast against normal precursor, AUROC: {name}", area_figure(sub)))
    network = CellNetwork()
    speed = [
        f"{name} {cells.milliseconds[0]:.1f} and {cells.milliseconds[1]:.1f}" for name, cells in sets.items()
    ]
    notes = [
        "# Cell network and typer on single cells",
        "",
        f"`python -m training.evaluate.cell_typing`, {datetime.now(UTC).date().isoformat()}; network "
        f"`{network.sha256[:16]}`, {network.size} features; NumPy {np.__version__}. Cells found and cut out "
        "by the program, background removed. Intervals resample patients; cells where no patients are known.",
        "",
        *HEAD,
        *rows,
        "",
        f"Processor time a cell of finding it, and of crop and features, one thread of {_processor()}, ms: "
        f"{', '.join(speed)}. "
        f"Pictures without a cell in the middle, left out: {sum(cells.unfound for cells in sets.values())}.",
        "",
        (RESULTS / "cell-typing-notes.md").read_text("utf-8"),
    ]
    return "\n".join(notes)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the table."""
    return write_table("cell_typing", report, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
